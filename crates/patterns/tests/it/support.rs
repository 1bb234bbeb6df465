//! What the tests of the patterns kind share.

use std::path::PathBuf;
use std::sync::Arc;

use midflight_core::{DocumentName, Problems};
use midflight_engine::{Kind, KindChange, Work};
use midflight_patterns::import::Imported;
use midflight_patterns::{Patterns, PatternsSnapshot};
use serde_json::Value;

/// Puts documents and deletes those whose body is null, on top of a snapshot.
pub(crate) fn edit(
    previous: &PatternsSnapshot,
    documents: &[(&str, Value)],
) -> Result<PatternsSnapshot, Problems> {
    let work = Work::unbounded();
    let mut changes = Vec::new();
    for (name, body) in documents {
        let name = DocumentName::new(name).expect("a name");
        let document = match body {
            Value::Null => None,
            body => Some(Patterns.validate(&name, &Arc::new(body.clone()), &work)?),
        };
        changes.push(KindChange { name, document });
    }
    changes.sort_by(|a, b| a.name.cmp(&b.name));
    Patterns.compile(previous, changes, &work)
}

/// A snapshot of documents.
pub(crate) fn snapshot(documents: &[(&str, Value)]) -> PatternsSnapshot {
    edit(&Patterns.empty(), documents).unwrap_or_else(|problems| panic!("{problems}"))
}

/// What an edit is refused for: document, path, code and message.
pub(crate) fn refusals(previous: &PatternsSnapshot, documents: &[(&str, Value)]) -> Vec<String> {
    let problems = edit(previous, documents).expect_err("it should be refused");
    let messages = problems.iter().map(|problem| {
        let document = problem.document.as_ref().map_or("-", |id| id.name.as_str()).to_owned();
        format!("{document} {} {}: {}", problem.path, problem.code, problem.message)
    });
    messages.collect()
}

/// The id of the pattern that answers a query.
pub(crate) fn id(snapshot: &PatternsSnapshot, query: &str) -> Option<String> {
    let found = snapshot.classify_within(query, None, &Work::unbounded()).unwrap().found;
    found.map(|found| found.pattern.id().to_owned())
}

/// What was imported, as documents for an edit.
pub(crate) fn borrowed(imported: &Imported) -> Vec<(&str, Value)> {
    imported.documents.iter().map(|(name, body)| (name.as_str(), body.clone())).collect()
}

/// The text of one of the original's files; none, said aloud, where they are not at hand.
pub(crate) fn original(file: &str) -> Option<String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/patterns").join(file);
    let text = std::fs::read_to_string(&path).ok();
    if text.is_none() {
        eprintln!("SKIPPED: the original's file {file} is not at {}", path.display());
    }
    text
}
