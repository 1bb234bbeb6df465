//! The first documents of an empty log.

use std::path::PathBuf;

use midflight_client::wire::problem::{ProblemBody, ProblemItem};
use midflight_core::{Change, Edit, Trigger, cut_reason};
use midflight_engine::{FirstEdit, FirstEditWhen, Refusal, Refused, StartError};
use midflight_server::{RunningServer, ServeError};
use midflight_source::FileDocument;
use serde_json::Value;

use super::fail::{Failure, RefusedRequest};
use super::files::{self, Documents};
use super::output::eprint_status;

/// The documents of files, for a log that is empty.
#[derive(Debug)]
pub(super) struct FirstDocuments {
    documents: Documents,
    edit: Edit,
}

impl FirstDocuments {
    /// Reads them; none when the files have none.
    pub(super) fn read(paths: &[PathBuf]) -> Result<Option<Self>, Failure> {
        let documents = files::read(paths)?;
        if documents.documents.is_empty() {
            return Ok(None);
        }
        let edit = edit(&documents, paths);
        Ok(Some(Self { documents, edit }))
    }

    /// The edit that the server is to start with.
    pub(super) fn first_edit(&self) -> FirstEdit {
        FirstEdit { edit: self.edit.clone(), when: FirstEditWhen::LogIsEmpty }
    }

    /// Why the server did not start, if that is in these documents, with the places in their files.
    pub(super) fn refused(&self, error: &ServeError) -> Option<Failure> {
        match error {
            ServeError::Engine(StartError::FirstEdit { reason, refused }) if *reason == self.edit.reason => {
                Some(self.documents.placed(failure(refused)))
            }
            _ => None,
        }
    }

    /// Reports that they are in the log of a server that was given them last, if its start put them there.
    pub(super) fn report(&self, server: &RunningServer) {
        if server.service().engine().first_edits().last().is_some_and(Option::is_some) {
            eprint_status(&format!("applied {} initial documents to the empty log", self.edit.changes.len()));
        } else {
            let served = server.service().engine().served();
            eprint_status(&format!(
                "the log has documents (revision {served}); initial documents were not applied"
            ));
        }
    }
}

fn edit(documents: &Documents, paths: &[PathBuf]) -> Edit {
    let from: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
    let put = |document: &FileDocument| Change::put(document.id.clone(), Value::clone(&document.body));
    let reason = cut_reason(format!("initial documents from {}", from.join(", ")));
    Edit { reason, ..Edit::new("startup", Trigger::Startup, documents.documents.iter().map(put)) }
}

fn failure(refused: &Refused) -> Failure {
    let (Refusal::Invalid(problems) | Refusal::Rejected(problems)) = &refused.refusal else {
        return Failure::failed(refused.to_string());
    };
    let item = |problem: &midflight_core::Problem| ProblemItem {
        path: problem.path.as_str().to_owned(),
        message: problem.message.clone(),
        document: problem.document.as_ref().map(ToString::to_string),
        ..ProblemItem::default()
    };
    let problem = ProblemBody {
        kind: "about:blank".to_owned(),
        title: "Initial documents are invalid".into(),
        status: 0,
        code: "".into(),
        detail: String::new(),
        errors: problems.iter().map(item).collect(),
        diff: None,
        reload_id: None,
        first_revision: None,
        retry_after_seconds: None,
        request_id: None,
    };
    Failure::Refused(Box::new(RefusedRequest { problem, places: Vec::new() }))
}
