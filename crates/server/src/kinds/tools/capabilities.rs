//! What tools can do, and which tools can do it.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use midflight_core::json_bytes;
use midflight_engine::{Interrupted, Work};
use midflight_http::long_answer::{json, room_for_page};
use midflight_http::params::{InPath, basis_headers};
use midflight_http::principal::Principal;
use midflight_http::problem::ApiError;
use midflight_http::wire::quarantined_revisions;
use midflight_tools::{Capability, Tool, ToolsSnapshot};
use midflight_wire::problem::ProblemBody;
use midflight_wire::tools::{CapabilityItem, CapabilityTool, CapabilityTools};
use serde_json::{Value, json};

use super::app::ToolsApp;
use super::compute::{BRIEF_ITEMS_MAX, ComputeBounds, computed};
use super::list::{LISTED_MAX, is_listed, listed};

/// The capabilities of the tools that are active and switched on, ascending. The header `x-midflight-revision` is the
/// revision that they are of, and `x-midflight-quarantined` has the revisions up to it that are left out on this replica,
/// separated by commas. More than `answer_bytes_max` are refused; read the tools of one capability.
#[utoipa::path(get, path = "/api/v1/tools/capabilities/list", tag = "tools",
    responses((status = 200, body = Vec<CapabilityItem>), (status = "default", body = ProblemBody)))]
pub(super) async fn list_capabilities(
    State(app): State<ToolsApp>,
    principal: Principal,
) -> Result<Response, ApiError> {
    let room = room_for_page(&app, &principal).await?;
    let tools = app.parts.tools.snapshot();
    let basis = basis_headers(tools.revision(), tools.quarantined());
    let bounds = ComputeBounds::of_list(
        &app,
        "read the tools of one capability, with GET /api/v1/tools/capabilities/NAME/tools",
    );
    let is_tried = tools.tool_count() <= BRIEF_ITEMS_MAX;
    let job = move |work: &Work| items(&tools, work);
    let (items, bytes) = computed(&app, &principal, bounds, is_tried, job).await?;
    let response = json(bytes, room, move || items).await?;
    Ok((basis, response).into_response())
}

/// The capabilities, and about how long they are in bytes.
fn items(tools: &ToolsSnapshot, work: &Work) -> Result<(Vec<CapabilityItem>, u64), Interrupted> {
    /// What a name has beside its characters, and a capability beside its names.
    const NAME_BYTES: u64 = 3;
    const ITEM_BYTES: u64 = 64;
    let (mut items, mut bytes) = (Vec::new(), 0);
    let mut take = |more: u64| {
        bytes += more;
        work.charge(more)
    };
    for (name, _) in tools.capabilities() {
        let (mut names, mut tool_count) = (Vec::new(), 0);
        for tool in tools.with_capability(name) {
            work.check()?;
            if !is_listed(tool) {
                continue;
            }
            if tool_count < LISTED_MAX {
                take(tool.tool_name().len() as u64 + NAME_BYTES)?;
                names.push(tool.tool_name().to_owned());
            }
            tool_count += 1;
        }
        if tool_count > 0 {
            take(name.len() as u64 + ITEM_BYTES)?;
            items.push(CapabilityItem { capability_name: name.to_owned(), tool_count, tools: names });
        }
    }
    Ok((items, bytes))
}

/// The tools that have a capability, with its patterns, of those that are active and switched on. A capability that no
/// tool has is an empty list. More than `answer_bytes_max` are refused; read the tools one by one.
#[utoipa::path(get, path = "/api/v1/tools/capabilities/{capability}/tools", tag = "tools",
    params(("capability" = String, Path, description = "The capability, as `text_search`")),
    responses((status = 200, body = CapabilityTools), (status = "default", body = ProblemBody)))]
pub(super) async fn tools_of_capability(
    State(app): State<ToolsApp>,
    principal: Principal,
    InPath(capability): InPath<String>,
) -> Result<Response, ApiError> {
    let room = room_for_page(&app, &principal).await?;
    let tools = app.parts.tools.snapshot();
    let (revision, quarantined) = (tools.revision(), quarantined_revisions(tools.quarantined()));
    let bounds = ComputeBounds::of_list(&app, "read the tools one by one");
    let (name, is_tried) = (capability.clone(), tools.tool_count() <= BRIEF_ITEMS_MAX);
    let job = move |work: &Work| {
        let more = |tool: &Tool| json_bytes(stated(tool, &name), usize::MAX) as u64;
        listed(tools.with_capability(&name), more, work)
    };
    let (found, total) = computed(&app, &principal, bounds, is_tried, job).await?;
    let name = capability.clone();
    let list =
        CapabilityTools { tools: Vec::new(), capability, total, revision: revision.get(), quarantined };
    let item = move |tool: &Tool, answer, _| CapabilityTool {
        tool: answer,
        capabilities: tool.capability(&name).map(|capability| nested(tool, capability)).into_iter().collect(),
    };
    found.answer((&app, room), revision, (list, "tools"), item).await
}

/// What the document of a tool states of a capability.
fn stated<'t>(tool: &'t Tool, capability: &str) -> &'t Value {
    tool.body().get("capabilities").and_then(|all| all.get(capability)).unwrap_or(&Value::Null)
}

/// A capability in the shape of the compatibility API: patterns in a list, each with its name and
/// the variables that it needs.
fn nested(tool: &Tool, capability: &Capability) -> Value {
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
