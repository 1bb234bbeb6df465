//! What the tests of the rules kind share.

use midflight_core::Problems;
use midflight_engine::Kind as _;
use midflight_engine::testing::{edit_snapshot, problem_lines};
use midflight_rules::{Rules, RulesSnapshot};
use serde_json::Value;

/// Puts documents and deletes those whose body is null, on top of a snapshot.
pub(crate) fn edit(previous: &RulesSnapshot, documents: &[(&str, Value)]) -> Result<RulesSnapshot, Problems> {
    edit_snapshot(&Rules, previous, documents)
}

/// A snapshot of documents.
pub(crate) fn snapshot(documents: &[(&str, Value)]) -> RulesSnapshot {
    edit(&Rules.empty(), documents).unwrap_or_else(|problems| panic!("{problems}"))
}

/// What an edit is refused for: document, path, code and message.
pub(crate) fn refusals(previous: &RulesSnapshot, documents: &[(&str, Value)]) -> Vec<String> {
    problem_lines(&edit(previous, documents).expect_err("it should be refused"))
}
