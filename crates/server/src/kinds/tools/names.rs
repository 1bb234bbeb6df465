//! Which tool a path means: by its tool name, else by the name of its document.

use std::sync::Arc;

use midflight_core::{DocumentId, DocumentName, clip};
use midflight_engine::{Interrupted, Work};
use midflight_tools::import::document_name;
use midflight_tools::{Tool, ToolsSnapshot};

use midflight_http::code::Code;
use midflight_http::params::document;
use midflight_http::principal::Principal;
use midflight_http::problem::ApiError;

/// The kind of the documents.
pub(super) const KIND: &str = "tools";

/// The paths below `/api/v1/tools` where a tool of that name could not be read, since something else is.
const TAKEN: [&str; 9] =
    ["health", "import", "export", "reload", "metrics", "select", "evaluate", "lint", "telemetry"];

/// How many names that no tool has get a suggestion each in one request: every suggestion is a comparison with the name
/// of each tool.
const SUGGESTED_MAX: usize = 20;

/// A tool that is served.
///
/// # Errors
/// 403 for one that is not in the scopes of the caller, and 404, with what may have been meant.
pub(super) fn served<'s>(
    tools: &'s ToolsSnapshot,
    name: &str,
    principal: &Principal,
) -> Result<&'s Arc<Tool>, ApiError> {
    let tool = find(tools, name).ok_or_else(|| unknown(tools, name, principal))?;
    // The route has compared the name of the path, which need not be that of the document.
    principal.check_sees(&document(KIND, tool.id())?)?;
    Ok(tool)
}

fn find<'s>(tools: &'s ToolsSnapshot, name: &str) -> Option<&'s Arc<Tool>> {
    tools.by_tool_name(name).or_else(|| tools.tool(name))
}

/// The error for a tool that is not there. Only a caller who sees all tools gets the name of another one.
pub(super) fn unknown(tools: &ToolsSnapshot, name: &str, principal: &Principal) -> ApiError {
    let near = match principal.check_sees_all(KIND) {
        Ok(()) => tools.near_tool(name),
        Err(_) => String::new(),
    };
    ApiError::new(Code::NOT_FOUND, unknown_tool(name, &near))
}

fn unknown_tool(name: &str, near: &str) -> String {
    format!("unknown tool {:?}{near}", clip(name))
}

/// Many tools by their names, each found, or else why not, in their order. They are for callers who see all tools. Where
/// more than [`SUGGESTED_MAX`] are unknown, none gets a suggestion.
///
/// # Errors
/// When `work` is interrupted.
pub(super) fn served_all<'s, 'n>(
    tools: &'s ToolsSnapshot,
    names: impl Iterator<Item = &'n str>,
    work: &Work,
) -> Result<Vec<Result<&'s Arc<Tool>, String>>, Interrupted> {
    let mut found = Vec::new();
    for name in names {
        work.check()?;
        found.push((name, find(tools, name)));
    }
    let is_suggested = found.iter().filter(|(_, tool)| tool.is_none()).count() <= SUGGESTED_MAX;
    let outcome = |(name, tool): (&str, Option<&'s Arc<Tool>>)| match tool {
        Some(tool) => Ok(Ok(tool)),
        None if is_suggested => Ok(Err(unknown_tool(name, &tools.near_tool_within(name, work)?))),
        None => Ok(Err(unknown_tool(name, ""))),
    };
    found.into_iter().map(outcome).collect()
}

/// The document of a tool, whether or not it is there.
///
/// # Errors
/// 404 for a name that no tool can have, and 403 for a document that is not in the scopes of the caller.
pub(super) fn document_of(
    tools: &ToolsSnapshot,
    name: &str,
    principal: &Principal,
) -> Result<DocumentId, ApiError> {
    let id = match find(tools, name) {
        Some(tool) => tool.id().to_owned(),
        None => document_name(name).ok_or_else(|| unknown(tools, name, principal))?.to_string(),
    };
    let id = document(KIND, &id)?;
    // The route has compared the name of the path, which need not be that of the document.
    principal.check_sees(&id)?;
    Ok(id)
}

/// Why there is no document for a tool that is put.
pub(super) enum NoDocument {
    /// The document of its name is not in the scopes of the caller.
    OutOfScope(ApiError),
    /// Another tool was put under that name, and was renamed since: what to do.
    Taken(String),
}

/// The document for a tool that is put: that of the tool of this name, or else a new one of the name that was made of
/// it.
///
/// # Errors
/// [`NoDocument`].
pub(super) fn document_for(
    tools: &ToolsSnapshot,
    tool_name: &str,
    made: &DocumentName,
    principal: &Principal,
) -> Result<DocumentId, NoDocument> {
    let name = tools.by_tool_name(tool_name).map_or(made.as_str(), |known| known.id());
    let id = DocumentId::new(KIND, name).map_err(|error| NoDocument::Taken(error.to_string()))?;
    // Before anything is said of it.
    principal.check_sees(&id).map_err(NoDocument::OutOfScope)?;
    match (tools.by_tool_name(tool_name), tools.tool(made.as_str())) {
        (None, Some(other)) => Err(NoDocument::Taken(format!(
            "the document {:?} is of the tool {:?}; put this tool under another name, with PUT \
                 /api/v1/documents/tools/NAME",
            made.as_str(),
            clip(other.tool_name())
        ))),
        _ => Ok(id),
    }
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

#[cfg(test)]
mod tests {
    use midflight_engine::Kind as _;
    use midflight_engine::testing::edit_snapshot;
    use midflight_tools::Tools;
    use serde_json::json;

    use super::*;

    #[test]
    fn many_names_are_looked_up_within_the_budget_and_suggestions_are_few() {
        let body = json!({"description": "Finds lines."});
        let tools = edit_snapshot(&Tools, &Tools.empty(), &[("grep", body)]).unwrap();
        let mut names = vec!["grp"; SUGGESTED_MAX];
        names.push("grep");
        let look_up = |names: &[&str], work: &Work| {
            let found = served_all(&tools, names.iter().copied(), work)?;
            Ok(found.into_iter().map(|it| it.map(|tool| tool.id().to_owned())).collect::<Vec<_>>())
        };
        let found = look_up(&names, &Work::unbounded()).unwrap();
        assert_eq!(found[0], Err("unknown tool \"grp\"; did you mean \"grep\"?".to_owned()));
        assert_eq!(found[SUGGESTED_MAX], Ok("grep".to_owned()));
        names.push("grp");
        let found = look_up(&names, &Work::unbounded()).unwrap();
        assert_eq!(found[0], Err("unknown tool \"grp\"".to_owned()));
        let work = Work::unbounded();
        work.cancel();
        assert_eq!(look_up(&names, &work), Err(Interrupted::Cancelled));
    }
}
