//! Tools that are changed in place: some of their members, switched on and off, deprecated.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use midflight_core::{JsonPointer, clip};
use midflight_http::body::JsonBody;
use midflight_http::code::Code;
use midflight_http::merge::{Absent, revise};
use midflight_http::params::{InPath, precondition};
use midflight_http::principal::Principal;
use midflight_http::problem::ApiError;
use midflight_http::write::WriteParams;
use midflight_wire::problem::ProblemBody;
use midflight_wire::tools::WriteToolAnswer;
use serde_json::{Map, Value, json};

use super::app::ToolsApp;
use super::names::document_of;
use super::wire::ToolUpdate;
use super::written::answer_tool;

/// The members that can be changed so, and `updated_by`, which is ignored.
const MEMBERS: [&str; 7] =
    ["description", "status", "enabled", "defaults", "dependencies", "metadata", "updated_by"];

/// Changes members of a tool: `description`, `status`, `enabled`, `defaults`, `dependencies`, `metadata`, each as a
/// whole; what is null is left as it is. `updated_by` is ignored: the author is the authenticated caller. An update
/// without members is 422.
#[utoipa::path(put, path = "/api/v1/tools/{name}", tag = "tools", request_body = inline(ToolUpdate),
    params(("name" = String, Path, description = "The tool"), WriteParams,
        ("If-Match" = Option<String>, Header, description = "`\"3\"`, `\"r42\"` (unchanged since) or `*`"),
        ("Idempotency-Key" = Option<String>, Header, description = "A repeat within 24 hours is made once")),
    responses((status = 200, body = WriteToolAnswer), (status = 202, body = WriteToolAnswer),
        (status = "default", body = ProblemBody)))]
pub(super) async fn update_tool(
    principal: Principal,
    State(app): State<ToolsApp>,
    InPath(name): InPath<String>,
    params: WriteParams,
    headers: HeaderMap,
    JsonBody(body): JsonBody<Map<String, Value>>,
) -> Result<Response, ApiError> {
    let members = updated(body)?;
    let alter = |tool: &mut Value| set(tool, &members);
    altered((&app, &principal), &name, params, &headers, alter).await
}

fn updated(mut body: Map<String, Value>) -> Result<Map<String, Value>, ApiError> {
    let mut error = ApiError::new(Code::INVALID_BODY, "the update has members that cannot be changed so");
    for key in body.keys().filter(|key| !MEMBERS.contains(&key.as_str())) {
        let message = match key.as_str() {
            "capabilities" | "platform" | "category" | "tool_name" | "version" => {
                "is not changed here; make a new version with POST /api/v1/tools, or put the whole document"
            }
            _ => {
                "is not a member of an update; use description, status, enabled, defaults, dependencies, \
                 metadata"
            }
        };
        error = error.at(&JsonPointer::root().key(&clip(key)), message);
    }
    if !error.body().errors.is_empty() {
        return Err(error);
    }
    body.remove("updated_by");
    body.retain(|_, value| !value.is_null());
    if body.is_empty() {
        let detail = "the update is empty; give at least one of description, status, enabled, defaults, dependencies, metadata";
        return Err(
            ApiError::new(Code::INVALID_BODY, detail).at(&JsonPointer::root(), "has nothing to change")
        );
    }
    Ok(body)
}

fn set(tool: &mut Value, members: &Map<String, Value>) {
    if let Some(tool) = tool.as_object_mut() {
        tool.extend(members.iter().map(|(key, value)| (key.clone(), value.clone())));
    }
}

/// Switches a tool on. A status `disabled` or `draft` becomes `active`.
#[utoipa::path(patch, path = "/api/v1/tools/{name}/enable", tag = "tools",
    params(("name" = String, Path, description = "The tool"), WriteParams,
        ("If-Match" = Option<String>, Header, description = "`\"3\"`, `\"r42\"` (unchanged since) or `*`")),
    responses((status = 200, body = WriteToolAnswer), (status = 202, body = WriteToolAnswer),
        (status = "default", body = ProblemBody)))]
pub(super) async fn enable_tool(
    principal: Principal,
    State(app): State<ToolsApp>,
    InPath(name): InPath<String>,
    params: WriteParams,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let alter = |tool: &mut Value| {
        tool["enabled"] = json!(true);
        if tool["status"] == "disabled" || tool["status"] == "draft" {
            tool["status"] = json!("active");
        }
    };
    altered((&app, &principal), &name, params.or_reason("enable".to_owned()), &headers, alter).await
}

/// Switches a tool off: the next selection after the answer does not choose it, on any replica.
#[utoipa::path(patch, path = "/api/v1/tools/{name}/disable", tag = "tools",
    params(("name" = String, Path, description = "The tool"), WriteParams,
        ("If-Match" = Option<String>, Header, description = "`\"3\"`, `\"r42\"` (unchanged since) or `*`")),
    responses((status = 200, body = WriteToolAnswer), (status = 202, body = WriteToolAnswer),
        (status = "default", body = ProblemBody)))]
pub(super) async fn disable_tool(
    principal: Principal,
    State(app): State<ToolsApp>,
    InPath(name): InPath<String>,
    params: WriteParams,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let alter = |tool: &mut Value| tool["enabled"] = json!(false);
    altered((&app, &principal), &name, params.or_reason("disable".to_owned()), &headers, alter).await
}

/// Gives a tool the status `deprecated`: it is kept for those who know it, and not offered any more.
#[utoipa::path(patch, path = "/api/v1/tools/{name}/deprecate", tag = "tools",
    params(("name" = String, Path, description = "The tool"), WriteParams,
        ("If-Match" = Option<String>, Header, description = "`\"3\"`, `\"r42\"` (unchanged since) or `*`")),
    responses((status = 200, body = WriteToolAnswer), (status = 202, body = WriteToolAnswer),
        (status = "default", body = ProblemBody)))]
pub(super) async fn deprecate_tool(
    principal: Principal,
    State(app): State<ToolsApp>,
    InPath(name): InPath<String>,
    params: WriteParams,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let alter = |tool: &mut Value| tool["status"] = json!("deprecated");
    altered((&app, &principal), &name, params.or_reason("deprecate".to_owned()), &headers, alter).await
}

async fn altered(
    (app, principal): (&ToolsApp, &Principal),
    name: &str,
    params: WriteParams,
    headers: &HeaderMap,
    alter: impl Fn(&mut Value),
) -> Result<Response, ApiError> {
    let asked = precondition(headers)?;
    let id = document_of(&app.parts.tools.snapshot(), name, principal)?;
    let submitted = revise(app, principal, &id, &params, (asked, Absent::Refused), alter).await?;
    answer_tool(app, &params, submitted, &id, StatusCode::OK).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn update(body: Value) -> Result<Value, (String, Vec<String>)> {
        let body = body.as_object().cloned().unwrap_or_default();
        updated(body).map(Value::Object).map_err(|error| {
            let error = error.body();
            (error.detail.clone(), error.errors.iter().map(|item| item.path.clone()).collect())
        })
    }

    #[test]
    fn an_update_has_members_that_can_be_changed_and_at_least_one() {
        let body = json!({"description": "d", "enabled": false, "metadata": null, "updated_by": "mallory"});
        assert_eq!(update(body), Ok(json!({"description": "d", "enabled": false})));
        for empty in [json!({}), json!({"updated_by": "x"}), json!({"status": null})] {
            assert!(update(empty).unwrap_err().0.contains("the update is empty"));
        }
        let (_, paths) = update(json!({"platform": "linux", "capabilities": [], "nam": 1})).unwrap_err();
        assert_eq!(paths, ["/capabilities", "/nam", "/platform"]);
    }

    #[test]
    fn a_member_is_replaced_as_a_whole() {
        let mut tool = json!({"defaults": {"a": 1}, "description": "d"});
        set(&mut tool, json!({"defaults": {"b": 2}}).as_object().unwrap());
        assert_eq!(tool, json!({"defaults": {"b": 2}, "description": "d"}));
    }
}
