//! Which tool a path means: by its tool name, else by the name of its document.

use std::sync::Arc;

use midflight_core::{DocumentId, DocumentName, clip};
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

/// The document for a tool that is put: that of the tool of this name, or else a new one of the name that was made of
/// it.
///
/// # Errors
/// Why there can be no such document, and what to do: another tool was put under that name, and was renamed since.
pub(super) fn document_for(
    tools: &ToolsSnapshot,
    tool_name: &str,
    made: &DocumentName,
) -> Result<DocumentId, String> {
    let id = match (tools.by_tool_name(tool_name), tools.tool(made.as_str())) {
        (Some(known), _) => known.id(),
        (None, None) => made.as_str(),
        (None, Some(other)) => {
            return Err(format!(
                "the document {:?} is of the tool {:?}; put this tool under another name, with PUT \
                 /api/v1/documents/tools/NAME",
                made.as_str(),
                clip(other.tool_name())
            ));
        }
    };
    DocumentId::new(KIND, id).map_err(|error| error.to_string())
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
