//! What the unit tests of this crate share.

use std::sync::Arc;

use midflight_core::DocumentName;
use midflight_engine::{Kind as _, KindChange, Work};
use serde_json::{Value, json};

use crate::read_tool::read_tool;
use crate::tool::Tool;
use crate::{Tools, ToolsSnapshot};

/// A tool of a body, which gets a description if it has none.
pub(crate) fn tool(id: &str, body: &Value) -> Tool {
    let mut body = body.clone();
    if body.get("description").is_none() {
        body["description"] = json!("A tool.");
    }
    read_tool(id, &Arc::new(body)).unwrap_or_else(|problems| panic!("{problems}"))
}

/// The next snapshot, with documents put, and those deleted whose body is null.
pub(crate) fn edit(
    previous: &ToolsSnapshot,
    documents: &[(&str, Value)],
) -> Result<ToolsSnapshot, midflight_core::Problems> {
    let work = Work::unbounded();
    let mut changes = Vec::new();
    for (name, body) in documents {
        let name = DocumentName::new(name).unwrap();
        let document = match body {
            Value::Null => None,
            body => Some(Tools.validate(&name, &Arc::new(body.clone()), &work)?),
        };
        changes.push(KindChange { name, document });
    }
    changes.sort_by(|a, b| a.name.cmp(&b.name));
    Tools.compile(previous, changes, &work)
}

/// A snapshot of documents.
pub(crate) fn snapshot(documents: &[(&str, Value)]) -> ToolsSnapshot {
    edit(&Tools.empty(), documents).unwrap_or_else(|problems| panic!("{problems}"))
}
