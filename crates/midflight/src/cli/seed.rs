//! The first documents of an empty log.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use midflight_bus::MemoryBus;
use midflight_core::{Change, Edit, RevisionNumber, Trigger};
use midflight_engine::{Engine, Limits, Refusal};
use midflight_patterns::Patterns;
use midflight_rules::Rules;
use midflight_source::FileDocument;
use midflight_store::{AppendError, MemoryStore, NewRevision, Store};
use serde_json::Value;

use super::fail::{Failure, ProblemItem, ServerProblem};
use super::files::{self, Documents};
use super::output::talk;

/// Puts the documents of files into a log that is empty, before a server serves it; leaves any other log alone.
pub(super) async fn apply_if_empty(
    store: &dyn Store,
    paths: &[PathBuf],
    limits: Limits,
) -> Result<(), Failure> {
    let unanswered = |error: &dyn std::fmt::Display| Failure::failed(error.to_string());
    let documents = files::read(paths)?;
    let head = store.head().await.map_err(|error| unanswered(&error))?;
    if head.number > RevisionNumber::ZERO || documents.documents.is_empty() {
        return Ok(());
    }
    let edit = edit(&documents, paths);
    try_it(&edit, limits).await.map_err(|failure| documents.placed(failure))?;
    let new = NewRevision {
        edit: &edit,
        created_at: Timestamp::now(),
        expected_head: head,
        documents_max: limits.documents_max,
    };
    match store.append(new).await {
        // Another server that started on it at the same time was faster: it is not empty any more.
        Err(AppendError::Moved { .. }) => return Ok(()),
        taken => taken.map_err(|error| unanswered(&error))?,
    };
    talk(&format!("the log was empty and has {} documents now", edit.changes.len()));
    Ok(())
}

fn edit(documents: &Documents, paths: &[PathBuf]) -> Edit {
    let from: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
    let put = |document: &FileDocument| Change::put(document.id.clone(), Value::clone(&document.body));
    let reason = format!("the first documents, from {}", from.join(", "));
    Edit { reason, ..Edit::new("startup", Trigger::Startup, documents.documents.iter().map(put)) }
}

/// Whether the edit holds on an empty log, asked of an engine of its own: the server's history begins with the server.
async fn try_it(edit: &Edit, limits: Limits) -> Result<(), Failure> {
    let mut builder = Engine::builder(Arc::new(MemoryStore::new()), Arc::new(MemoryBus::new()));
    builder.kind(Rules);
    builder.kind(Patterns);
    builder.limits(limits);
    let engine = builder.start().await.map_err(|error| Failure::failed(error.to_string()))?;
    let tried = engine.dry_run(edit.clone()).await;
    engine.stop().await;
    tried.map(drop).map_err(|refused| failure(&refused.refusal))
}

fn failure(refusal: &Refusal) -> Failure {
    let (Refusal::Invalid(problems) | Refusal::Rejected(problems)) = refusal else {
        return Failure::failed(refusal.to_string());
    };
    let item = |problem: &midflight_core::Problem| ProblemItem {
        path: problem.path.as_str().to_owned(),
        message: problem.message.clone(),
        document: problem.document.as_ref().map(ToString::to_string),
        place: None,
    };
    Failure::Refused(Box::new(ServerProblem {
        title: "The first documents do not hold".to_owned(),
        status: 0,
        code: String::new(),
        detail: String::new(),
        errors: problems.iter().map(item).collect(),
        first_revision: None,
        request_id: None,
    }))
}
