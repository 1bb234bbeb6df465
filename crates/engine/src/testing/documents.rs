//! Documents on a snapshot of a kind, without an engine.

use std::sync::Arc;

use midflight_core::{DocumentName, JsonPointer, Problem, Problems};
use serde_json::Value;

use crate::{Kind, KindChange, Work};

/// Puts documents on top of a snapshot, and deletes those whose body is null, as one edit does: each validated by
/// itself, then compiled together.
///
/// ```
/// use midflight_engine::Kind as _;
/// use midflight_engine::testing::{Greetings, edit_snapshot};
/// use serde_json::json;
///
/// let kind = Greetings;
/// let snapshot = edit_snapshot(&kind, &kind.empty(), &[("en", json!({"text": "hello"}))])?;
/// assert!(edit_snapshot(&kind, &snapshot, &[("en", json!({"text": 1}))]).is_err());
/// # Ok::<_, midflight_core::Problems>(())
/// ```
///
/// # Errors
/// The problems of the first document that is invalid by itself, or of all together; a name that is none.
pub fn edit_snapshot<K: Kind>(
    kind: &K,
    previous: &K::Snapshot,
    documents: &[(&str, Value)],
) -> Result<K::Snapshot, Problems> {
    let work = Work::unbounded();
    let mut changes = Vec::with_capacity(documents.len());
    for (name, body) in documents {
        let name = DocumentName::new(name)
            .map_err(|error| Problem::new("bad_name", JsonPointer::root(), error.to_string()))?;
        let document = match body {
            Value::Null => None,
            body => Some(kind.validate(&name, &Arc::new(body.clone()), &work)?),
        };
        changes.push(KindChange { name, document });
    }
    changes.sort_by(|a, b| a.name.cmp(&b.name));
    kind.compile(previous, changes, &work)
}

/// Each problem in a line: document, path, code and message.
#[must_use]
pub fn problem_lines(problems: &Problems) -> Vec<String> {
    let line = |problem: &Problem| {
        let document = problem.document.as_ref().map_or("-", |id| id.name.as_str());
        format!("{document} {} {}: {}", problem.path, problem.code, problem.message)
    };
    problems.iter().map(line).collect()
}
