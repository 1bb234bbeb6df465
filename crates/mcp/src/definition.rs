//! A tool as the protocol writes it.

use std::sync::Arc;

use midflight_tools::Tool;
use rmcp::model::{JsonObject, Tool as McpTool, ToolAnnotations};
use serde_json::Value;

use crate::OwnTool;

/// A tool of the catalogue. Cost: copies the schemas.
pub(crate) fn of_catalogue(tool: &Tool) -> McpTool {
    let mut defined = McpTool::new_with_raw(
        tool.mcp_name().to_owned(),
        Some(tool.description().to_owned().into()),
        object(tool.input_schema()),
    );
    if let Some(title) = tool.title() {
        defined = defined.with_title(title);
    }
    if let Some(schema) = tool.output_schema() {
        defined = defined.with_raw_output_schema(object(schema));
    }
    // What the kind accepts as annotations is what the protocol has.
    let annotations = tool.annotations().and_then(|hints| serde_json::from_value(hints.clone()).ok());
    if let Some(annotations) = annotations {
        defined = defined.with_annotations(annotations);
    }
    defined
}

/// A tool of the server itself.
pub(crate) fn of_own(tool: &OwnTool) -> McpTool {
    let defined = McpTool::new_with_raw(
        tool.name.to_string(),
        Some(tool.description.clone().into()),
        Arc::new(tool.input_schema.clone()),
    );
    let defined = match &tool.output_schema {
        Some(schema) => defined.with_raw_output_schema(Arc::new(schema.clone())),
        None => defined,
    };
    defined.with_annotations(ToolAnnotations::new().read_only(tool.is_read_only).destructive(false))
}

fn object(schema: &Value) -> Arc<JsonObject> {
    Arc::new(schema.as_object().cloned().unwrap_or_default())
}
