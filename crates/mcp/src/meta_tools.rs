//! The four tools by which a large catalogue is searched and called. They never change.

use midflight_core::Problems;
use midflight_engine::{Interrupted, Work};
use midflight_tools::Tool;
use midflight_tools::selection::{Selection, SelectionError, SelectionRequest};
use rmcp::model::{JsonObject, Tool as McpTool, ToolAnnotations};
use serde_json::{Map, Value, json};

use crate::views::CatalogueView;
use crate::{McpCaller, ToolFailure, ToolOutcome, ToolOutput, UserAnswer, UserQuestion};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The names of the meta-tools. A tool of the catalogue with one of them is not listed, and is called by `call_tool`.
pub const META_TOOLS: [&str; 4] = [CALL_TOOL, DESCRIBE_TOOL, SEARCH_TOOLS, SELECT_TOOL];
pub(crate) const CALL_TOOL: &str = "call_tool";
pub(crate) const DESCRIBE_TOOL: &str = "describe_tool";
pub(crate) const SEARCH_TOOLS: &str = "search_tools";
pub(crate) const SELECT_TOOL: &str = "select_tool";

/// The most tools that a search gives.
const FOUND_MAX: u64 = 50;
/// The tools that a search gives by default.
const FOUND_DEFAULT: u64 = 10;
/// The key of the question which of several candidates is to be used.
const CHOICE: &str = "choice";

/// The definitions of the meta-tools, by name.
pub(crate) fn definitions() -> Vec<McpTool> {
    META_TOOLS.iter().map(|name| definition(name)).collect()
}

/// The input schema of a meta-tool; none for another name.
pub(crate) fn input_schema(name: &str) -> Option<Value> {
    Some(match name {
        SEARCH_TOOLS => json!({
            "type": "object",
            "properties": {
                "query": {"type": "string", "minLength": 1, "maxLength": 8192, "description": "The task, \
                                                                                               in words."},
                "limit": {"type": "integer", "minimum": 1, "maximum": FOUND_MAX, "default": FOUND_DEFAULT,
                    "description": "Maximum number of tools to find."},
            },
            "required": ["query"],
            "additionalProperties": false,
        }),
        DESCRIBE_TOOL => json!({
            "type": "object",
            "properties": {"name": {"type": "string", "description": "The name of the tool, as search_tools gives it."}},
            "required": ["name"],
            "additionalProperties": false,
        }),
        CALL_TOOL => json!({
            "type": "object",
            "properties": {
                "name": {"type": "string", "description": "The name of the tool, as search_tools gives it."},
                "arguments": {"type": "object", "description": "Its arguments, as describe_tool shows its inputSchema."},
            },
            "required": ["name"],
            "additionalProperties": false,
        }),
        SELECT_TOOL => json!({
            "type": "object",
            "properties": {
                "query": {"type": "string", "maxLength": 8192, "description": "The task, in words."},
                "capabilities": {"type": "array", "items": {"type": "string"}, "description": "A \
                                                                                               capability \
                                                                                               that the \
                                                                                               tool must \
                                                                                               have."},
                "platform": {"type": "string", "description": "A platform that it must run on, as linux."},
                "category": {"type": "string", "description": "A category that it must have, as network."},
                "mode": {"type": "string", "description": "The priority, as fast, accurate, thorough, \
                                                           cheap, simple or balanced."},
                "context": {"type": "object", "description": "Values of the variables of estimates, as N.",
                    "additionalProperties": {"type": "number"}},
                "environment": {"type": "string", "description": "Environment of its use, as production."},
                "max_cost": {"type": "number", "minimum": 0, "description": "The highest cost to accept."},
                "limit": {"type": "integer", "minimum": 1, "maximum": 1000, "description": "Maximum number \
                                                                                            of items of \
                                                                                            each list."},
            },
        }),
        _ => return None,
    })
}

fn definition(name: &'static str) -> McpTool {
    let (title, description) = match name {
        SEARCH_TOOLS => (
            "Search the tools",
            "Finds tools for a task, best first, with their names and descriptions. describe_tool shows \
             the arguments of one, call_tool calls it.",
        ),
        DESCRIBE_TOOL => {
            ("Describe a tool", "Shows a tool with the schemas of its arguments and of its result.")
        }
        CALL_TOOL => ("Call a tool", "Calls a tool that search_tools found, with its arguments."),
        _ => (
            "Select a tool",
            "Compares the ways to do something by time, cost, simplicity, accuracy and completeness within the policies of the \
             caller, and gives the best one with its alternatives.",
        ),
    };
    let schema: JsonObject = match input_schema(name) {
        Some(Value::Object(schema)) => schema,
        _ => Map::new(),
    };
    let annotations = match name {
        CALL_TOOL => ToolAnnotations::new(),
        _ => ToolAnnotations::new().read_only(true).open_world(false),
    };
    McpTool::new_with_raw(name, Some(description.into()), Arc::new(schema))
        .with_title(title)
        .with_annotations(annotations)
}

/// `search_tools`.
///
/// # Errors
/// When `work` is interrupted.
pub(crate) fn search(
    view: &CatalogueView,
    arguments: &Map<String, Value>,
    work: &Work,
) -> Result<ToolOutcome, Interrupted> {
    let query = arguments.get("query").and_then(Value::as_str).unwrap_or_default();
    let limit = arguments.get("limit").and_then(Value::as_u64).unwrap_or(FOUND_DEFAULT).min(FOUND_MAX);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let hits = view.search_within(query, limit, Tool::is_offered, work)?;
    let tools: Vec<Value> = hits
        .iter()
        .map(|hit| {
            let mut item = json!({"name": hit.tool.mcp_name(), "description": hit.tool.description(), "score": hit.score});
            if let Some(title) = hit.tool.title() {
                item["title"] = json!(title);
            }
            item
        })
        .collect();
    if tools.is_empty() {
        let message = format!(
            "none of {} tools matches {:?}; use other words, or fewer",
            view.offered_count(),
            midflight_core::clip(query)
        );
        return Ok(ToolOutcome::Done(ToolOutput {
            structured: Some(json!({"tools": []})),
            ..ToolOutput::text(message)
        }));
    }
    Ok(ToolOutcome::structured(json!({"tools": tools})))
}

/// `describe_tool`, of a tool of the catalogue.
pub(crate) fn describe(tool: &Tool) -> ToolOutcome {
    let capabilities: Vec<&str> = tool.capabilities().iter().map(|capability| &*capability.name).collect();
    ToolOutcome::structured(json!({
        "tool": tool.definition(),
        "version": tool.version(),
        "digest": tool.digest().to_string(),
        "capabilities": capabilities,
    }))
}

/// `select_tool`. Where the best candidates are too close to call, the user is asked.
///
/// # Errors
/// When `work` is interrupted.
pub(crate) fn select(
    view: &CatalogueView,
    request: &SelectionRequest,
    answers: &BTreeMap<String, UserAnswer>,
    work: &Work,
) -> Result<ToolOutcome, Interrupted> {
    let selection = match view.select_within(request, work) {
        Ok(selection) => selection,
        Err(SelectionError::Interrupted(interrupted)) => return Err(interrupted),
        Err(error) => return Ok(ToolOutcome::failed("invalid_arguments", error.to_string())),
    };
    Ok(chosen(view, &selection, answers))
}

fn chosen(
    view: &CatalogueView,
    selection: &Selection<'_>,
    answers: &BTreeMap<String, UserAnswer>,
) -> ToolOutcome {
    let mut json = selection.to_json();
    add_names(view, &mut json);
    let Some(ambiguity) = &selection.ambiguity else { return selected(selection, json) };
    let alternatives = labels(selection, ambiguity.alternatives);
    match answers.get(CHOICE).and_then(|answer| answer.content.get("choice")).and_then(Value::as_str) {
        Some(chosen) => match alternatives.iter().position(|label| label == chosen) {
            Some(place) => {
                json["selected"] = json["candidates"].get(place).cloned().unwrap_or_default();
                json["chosen_by"] = json!("user");
                ToolOutcome::structured(json)
            }
            None => ToolOutcome::failed(
                "invalid_choice",
                format!(
                    "{:?} is not one of the alternatives: {}",
                    midflight_core::clip(chosen),
                    alternatives.join(", ")
                ),
            ),
        },
        None => {
            let otherwise = format!(
                "{} Alternatives: {}. Call select_tool again with a mode, or use one of them.",
                ambiguity.question,
                alternatives.join(", ")
            );
            ToolOutcome::Asks(UserQuestion::choice(
                CHOICE,
                ambiguity.question.clone(),
                &alternatives,
                otherwise,
            ))
        }
    }
}

/// What `select_tool` is asked for.
///
/// # Errors
/// All that is wrong with the arguments.
pub(crate) fn read_request(
    caller: &McpCaller,
    mut arguments: Map<String, Value>,
) -> Result<SelectionRequest, Problems> {
    // The caller has the permissions of the token, whatever the arguments are.
    let permissions: Vec<&str> = caller.permissions.iter().map(|permission| &**permission).collect();
    arguments.insert("permissions".to_owned(), json!(permissions));
    SelectionRequest::read(&Value::Object(arguments))
}

fn selected(selection: &Selection<'_>, json: Value) -> ToolOutcome {
    if selection.candidates.is_empty() {
        let failure = ToolFailure::new(
            "nothing_selected",
            "no candidate can be used; excluded, not_evaluated and notes say why",
        );
        return ToolOutcome::Failed(failure.with_details(json));
    }
    ToolOutcome::structured(json)
}

/// The best candidates as `tool/capability/pattern`, which is unique.
fn labels(selection: &Selection<'_>, count: usize) -> Vec<String> {
    let label = |it: &midflight_tools::selection::SelectionCandidate<'_>| {
        format!("{}/{}/{}", it.tool.mcp_name(), it.capability.name, it.pattern.name)
    };
    selection.candidates.iter().take(count).map(label).collect()
}

/// Adds to each candidate the name by which an agent calls it.
fn add_names(view: &CatalogueView, json: &mut Value) {
    let name = |item: &mut Value| {
        let tool = item.get("tool").and_then(Value::as_str).and_then(|id| view.tool(id));
        if let (Some(tool), Some(item)) = (tool, item.as_object_mut()) {
            item.insert("name".to_owned(), json!(tool.mcp_name()));
        }
    };
    for list in ["candidates", "excluded", "not_evaluated"] {
        json.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten().for_each(name);
    }
    json.get_mut("selected").into_iter().for_each(name);
    let alternatives = json.pointer_mut("/ambiguity/alternatives").and_then(Value::as_array_mut);
    alternatives.into_iter().flatten().for_each(name);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_tool_of_a_catalogue_can_have_the_name_of_a_meta_tool() {
        assert!(META_TOOLS.iter().all(|name| midflight_tools::RESERVED_MCP_NAMES.contains(name)));
    }
}
