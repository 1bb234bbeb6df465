//! What the tests of the rules kind share.

use std::sync::Arc;

use midflight_core::{DocumentName, Problems};
use midflight_engine::{Kind, KindChange, Work};
use midflight_rules::{Rules, RulesSnapshot};
use serde_json::Value;

/// Puts documents and deletes those whose body is null, on top of a snapshot.
pub(crate) fn edit(previous: &RulesSnapshot, documents: &[(&str, Value)]) -> Result<RulesSnapshot, Problems> {
    let work = Work::unbounded();
    let mut changes = Vec::new();
    for (name, body) in documents {
        let name = DocumentName::new(name).expect("a name");
        let document = match body {
            Value::Null => None,
            body => Some(Rules.validate(&name, &Arc::new(body.clone()), &work)?),
        };
        changes.push(KindChange { name, document });
    }
    changes.sort_by(|a, b| a.name.cmp(&b.name));
    Rules.compile(previous, changes, &work)
}

/// A snapshot of documents.
pub(crate) fn snapshot(documents: &[(&str, Value)]) -> RulesSnapshot {
    edit(&Rules.empty(), documents).unwrap_or_else(|problems| panic!("{problems}"))
}

/// What an edit is refused for: document, path, code and message.
pub(crate) fn refusals(previous: &RulesSnapshot, documents: &[(&str, Value)]) -> Vec<String> {
    let problems = edit(previous, documents).expect_err("it should be refused");
    let messages = problems.iter().map(|problem| {
        let document = problem.document.as_ref().map_or("-", |id| id.name.as_str()).to_owned();
        format!("{document} {} {}: {}", problem.path, problem.code, problem.message)
    });
    messages.collect()
}
