//! What the tests of the patterns kind share.

use std::path::PathBuf;

use midflight_core::Problems;
use midflight_engine::testing::{edit_snapshot, problem_lines};
use midflight_engine::{Kind, Work};
use midflight_patterns::import::Imported;
use midflight_patterns::{Patterns, PatternsSnapshot};
use serde_json::Value;

/// Puts documents and deletes those whose body is null, on top of a snapshot.
pub(crate) fn edit(
    previous: &PatternsSnapshot,
    documents: &[(&str, Value)],
) -> Result<PatternsSnapshot, Problems> {
    edit_snapshot(&Patterns, previous, documents)
}

/// A snapshot of documents.
pub(crate) fn snapshot(documents: &[(&str, Value)]) -> PatternsSnapshot {
    edit(&Patterns.empty(), documents).unwrap_or_else(|problems| panic!("{problems}"))
}

/// What an edit is refused for: document, path, code and message.
pub(crate) fn refusals(previous: &PatternsSnapshot, documents: &[(&str, Value)]) -> Vec<String> {
    problem_lines(&edit(previous, documents).expect_err("it should be refused"))
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
