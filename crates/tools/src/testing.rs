//! What the unit tests of this crate share.

use std::sync::Arc;

use midflight_engine::testing::edit_snapshot;
use midflight_engine::{Kind as _, Work};
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
    read_tool(id, &Arc::new(body), &Work::unbounded()).unwrap_or_else(|problems| panic!("{problems}"))
}

/// The next snapshot, with documents put, and those deleted whose body is null.
pub(crate) fn edit(
    previous: &ToolsSnapshot,
    documents: &[(&str, Value)],
) -> Result<ToolsSnapshot, midflight_core::Problems> {
    edit_snapshot(&Tools, previous, documents)
}

/// A snapshot of documents.
pub(crate) fn snapshot(documents: &[(&str, Value)]) -> ToolsSnapshot {
    edit(&Tools.empty(), documents).unwrap_or_else(|problems| panic!("{problems}"))
}
