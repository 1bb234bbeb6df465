//! Which tool a path means: by its tool name, else by the name of its document.

use std::sync::Arc;

use midflight_core::{DocumentId, clip};
use midflight_tools::import::document_name;
use midflight_tools::{Tool, ToolsSnapshot};

use midflight_http::code::Code;
use midflight_http::params::document;
use midflight_http::problem::ApiError;

/// The kind of the documents.
pub(super) const KIND: &str = "tools";

/// The paths below `/api/v1/tools` where a tool of that name could not be read, since something else is.
const TAKEN: [&str; 9] =
    ["health", "import", "export", "reload", "metrics", "select", "evaluate", "lint", "telemetry"];

/// A tool that is served.
///
/// # Errors
/// 404, with what may have been meant.
pub(super) fn served<'s>(tools: &'s ToolsSnapshot, name: &str) -> Result<&'s Arc<Tool>, ApiError> {
    find(tools, name).ok_or_else(|| unknown(tools, name))
}

fn find<'s>(tools: &'s ToolsSnapshot, name: &str) -> Option<&'s Arc<Tool>> {
    tools.by_tool_name(name).or_else(|| tools.tool(name))
}

/// The error for a tool that is not there.
pub(super) fn unknown(tools: &ToolsSnapshot, name: &str) -> ApiError {
    let detail = format!("unknown tool {:?}{}", clip(name), tools.near_tool(name));
    ApiError::new(Code::NOT_FOUND, detail)
}

/// The document of a tool, whether or not it is there.
///
/// # Errors
/// 404 for a name that no tool can have.
pub(super) fn document_of(tools: &ToolsSnapshot, name: &str) -> Result<DocumentId, ApiError> {
    let id = match find(tools, name) {
        Some(tool) => tool.id().to_owned(),
        None => document_name(name).ok_or_else(|| unknown(tools, name))?.to_string(),
    };
    document(KIND, &id)
}

/// Why a tool of this name could not be reached under `/api/v1/tools/{name}`; none for nearly all names.
pub(super) fn unreachable(tool_name: &str) -> Option<String> {
    TAKEN.contains(&tool_name).then(|| {
        format!(
            "/api/v1/tools/{tool_name} is a path of this API; use another tool_name, or put the tool under \
             /api/v1/documents/tools/{tool_name}"
        )
    })
}
