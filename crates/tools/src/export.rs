//! Writes a tool as other catalogues and [`import`](crate::import) read it.

use serde_json::{Value, json};

use crate::snapshot::ToolsSnapshot;
use crate::tool::Tool;

/// The canonical document of a tool: as it was put, with its tool name written out. Importing it gives the same tool,
/// with the same digest. Cost: a copy.
#[must_use]
pub fn export_tool(tool: &Tool) -> Value {
    let mut body = Value::clone(tool.body());
    if let Some(members) = body.as_object_mut() {
        members.insert("tool_name".to_owned(), json!(tool.tool_name()));
    }
    body
}

impl ToolsSnapshot {
    /// Every tool as [`export_tool`] writes it, by tool name, one after the other as they are asked for.
    pub fn export(&self) -> impl Iterator<Item = Value> {
        self.tools_by_name(None).map(|tool| export_tool(tool))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::import;
    use crate::testing::snapshot;

    #[test]
    fn what_is_exported_imports_as_the_same_tool() {
        let body = json!({"description": "d", "version": 2, "unknown_member": [1], "capabilities": {"c": {"patterns": {
            "p": {"time_estimate_ms": 5, "cost_estimate": "N"}}}}});
        let before = snapshot(&[("b", body.clone()), ("a", body)]);
        let exported: Vec<Value> = before.export().collect();
        assert_eq!(exported.iter().map(|it| &it["tool_name"]).collect::<Vec<_>>(), ["a", "b"]);
        let imported = import(&exported);
        let documents: Vec<_> = imported.tools.iter().map(|it| (it.name.as_str(), it.body.clone())).collect();
        assert_eq!(snapshot(&documents).digest(), before.digest());
    }
}
