//! What tools can do, and which tools can do it.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use midflight_http::code::Code;
use midflight_http::long_answer::{json as long_json, room_for_page};
use midflight_http::params::{InPath, basis_headers};
use midflight_http::principal::Principal;
use midflight_http::problem::ApiError;
use midflight_http::wire::quarantined_revisions;
use midflight_live::Pinned;
use midflight_tools::{Capability, Tool, ToolsSnapshot};
use midflight_wire::problem::ProblemBody;
use midflight_wire::tools::{CapabilityItem, CapabilityTool, CapabilityTools};
use serde_json::{Value, json};

use super::app::ToolsApp;
use super::list::{LISTED_MAX, answers, is_listed, listed};

/// The capabilities of the tools that are active and switched on, ascending. The header `x-midflight-revision` is the
/// revision that they are of, and `x-midflight-quarantined` has the revisions up to it that are left out on this replica,
/// separated by commas.
#[utoipa::path(get, path = "/api/v1/tools/capabilities/list", tag = "tools",
    responses((status = 200, body = Vec<CapabilityItem>), (status = "default", body = ProblemBody)))]
pub(super) async fn list_capabilities(
    State(app): State<ToolsApp>,
    principal: Principal,
) -> Result<Response, ApiError> {
    let tools = app.parts.tools.snapshot();
    let room = room_for_page(&app, &principal).await?;
    let basis = basis_headers(tools.revision(), tools.quarantined());
    // Every capability of every tool is in it, so it is made beside the async threads whatever it has.
    let response = long_json(u64::MAX, room, move || items(&tools)).await?;
    Ok((basis, response).into_response())
}

fn items(tools: &Pinned<ToolsSnapshot>) -> Vec<CapabilityItem> {
    let of = |(name, _): (&str, usize)| {
        let (mut names, mut tool_count) = (Vec::new(), 0);
        for tool in tools.with_capability(name).filter(|tool| is_listed(tool)) {
            if tool_count < LISTED_MAX {
                names.push(tool.tool_name().to_owned());
            }
            tool_count += 1;
        }
        (tool_count > 0).then(|| CapabilityItem {
            capability_name: name.to_owned(),
            tool_count,
            tools: names,
        })
    };
    tools.capabilities().filter_map(of).collect()
}

/// The tools that have a capability, with its patterns, of those that are active and switched on. A capability that no
/// tool has is an empty list.
#[utoipa::path(get, path = "/api/v1/tools/capabilities/{capability}/tools", tag = "tools",
    params(("capability" = String, Path, description = "The capability, as `text_search`")),
    responses((status = 200, body = CapabilityTools), (status = "default", body = ProblemBody)))]
pub(super) async fn tools_of_capability(
    State(app): State<ToolsApp>,
    principal: Principal,
    InPath(name): InPath<String>,
) -> Result<Response, ApiError> {
    let snapshot = app.parts.tools.snapshot();
    let (found, total) = listed(snapshot.with_capability(&name));
    let room = room_for_page(&app, &principal).await?;
    let answers = answers(&app, &found, snapshot.revision()).await?;
    let bytes_max = app.limits.answer_bytes_max as u64;
    let bytes: u64 = found.iter().map(|tool| stated(tool, &name).to_string().len() as u64).sum();
    if bytes > bytes_max {
        let detail = format!(
            "the patterns of {total} tools have more than {bytes_max} bytes (answer_bytes_max); read the tools one by one"
        );
        return Err(ApiError::new(Code::TOO_LARGE, detail));
    }
    let answer = move || {
        let tools = answers.into_iter().zip(&found).map(|(answer, tool)| CapabilityTool {
            tool: answer,
            capabilities: tool
                .capability(&name)
                .map(|capability| nested(tool, capability))
                .into_iter()
                .collect(),
        });
        CapabilityTools {
            tools: tools.collect(),
            capability: name,
            total,
            revision: snapshot.revision().get(),
            quarantined: quarantined_revisions(snapshot.quarantined()),
        }
    };
    long_json(bytes, room, answer).await
}

/// What the document of a tool states of a capability.
fn stated<'t>(tool: &'t Tool, capability: &str) -> &'t Value {
    tool.body().get("capabilities").and_then(|all| all.get(capability)).unwrap_or(&Value::Null)
}

/// A capability in the shape of the compatibility API: patterns in a list, each with its name and
/// the variables that it needs.
fn nested(tool: &Arc<Tool>, capability: &Capability) -> Value {
    let stated = stated(tool, &capability.name);
    let patterns: Vec<Value> = capability
        .patterns
        .iter()
        .map(|pattern| {
            let members = stated.get("patterns").and_then(|all| all.get(&*pattern.name));
            let mut members = members.and_then(Value::as_object).cloned().unwrap_or_default();
            members.insert("pattern_name".to_owned(), json!(pattern.name));
            members.insert("variables".to_owned(), json!(pattern.variables()));
            Value::Object(members)
        })
        .collect();
    json!({
        "capability_name": &*capability.name,
        "description": stated.get("description"),
        "patterns": patterns,
    })
}
