//! Tools that are made: new ones, and new versions of those that are there.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use midflight_core::{Change, DocumentId, JsonPointer, Precondition, clip};
use midflight_http::body::JsonBody;
use midflight_http::code::Code;
use midflight_http::conflict::ConflictRetry;
use midflight_http::merge::newest;
use midflight_http::params::precondition;
use midflight_http::principal::Principal;
use midflight_http::problem::ApiError;
use midflight_http::write::{WriteParams, submit};
use midflight_tools::import::canonical_tool;
use midflight_wire::problem::ProblemBody;
use midflight_wire::tools::WriteToolAnswer;
use serde_json::Value;

use super::api::DUPLICATE_TOOL;
use super::app::ToolsApp;
use super::names::{NoDocument, document_for, unreachable};
use super::versions::log_versions;
use super::wire::{ToolBody, version_text};
use super::written::answer_tool;

/// How often a tool is made when others change it meanwhile.
const TRIES_MAX: u32 = 16;

/// Makes a tool, or a new version of one that is there: its `version` must be another then, and that one is served from
/// now on. Capabilities and patterns are in lists with `capability_name` and `pattern_name`, or by name. `created_by`
/// is ignored: the author is the authenticated caller.
#[utoipa::path(post, path = "/api/v1/tools", tag = "tools", request_body = inline(ToolBody), params(WriteParams,
        ("If-Match" = Option<String>, Header, description = "`\"3\"`, `\"r42\"` (unchanged since) or `*`"),
        ("If-None-Match" = Option<String>, Header, description = "`*`: a new tool, never a new version"),
        ("Idempotency-Key" = Option<String>, Header, description = "A repeat within 24 hours is made once")),
    responses((status = 200, body = WriteToolAnswer), (status = 201, body = WriteToolAnswer),
        (status = 202, body = WriteToolAnswer),
        (status = 409, body = ProblemBody), (status = "default", body = ProblemBody)))]
pub(super) async fn create_tool(
    principal: Principal,
    State(app): State<ToolsApp>,
    params: WriteParams,
    headers: HeaderMap,
    JsonBody(mut body): JsonBody<Value>,
) -> Result<Response, ApiError> {
    let asked = precondition(&headers)?;
    if let Some(members) = body.as_object_mut() {
        members.remove("created_by");
        members.remove("updated_by");
    }
    let (name, body) = canonical_tool(&body).map_err(|problems| {
        ApiError::new(Code::INVALID_DOCUMENT, "the tool cannot be read; nothing was changed").with(&problems)
    })?;
    let tool_name = body.get("tool_name").and_then(Value::as_str).unwrap_or_default();
    if let Some(why) = unreachable(tool_name) {
        let error = ApiError::new(Code::INVALID_DOCUMENT, why.clone());
        return Err(error.at(&JsonPointer::root().key("tool_name"), why));
    }
    let document = || {
        let found = document_for(&app.parts.tools.snapshot(), tool_name, &name, &principal);
        found.map_err(|why| match why {
            NoDocument::OutOfScope(error) => error,
            NoDocument::Taken(why) => {
                ApiError::new(DUPLICATE_TOOL, why.clone()).at(&JsonPointer::root().key("tool_name"), why)
            }
        })
    };
    if let Some(submitted) = params.repeated(&app, &principal).await? {
        return answer_tool(&app, &params, submitted, &document()?, StatusCode::CREATED).await;
    }
    let mut retry = ConflictRetry::new("the tool", TRIES_MAX);
    loop {
        let id = document()?;
        let precondition = next_version((&app, &principal), &id, &body, asked).await?;
        let change = Change::put(id.clone(), body.clone()).when(precondition);
        // Where another writer changed the tool, it is checked again whether it may be made on that.
        let submitted = submit(&app, &params, params.edit(&principal, vec![change])).await;
        if let Some(submitted) = retry.settle(submitted)? {
            return answer_tool(&app, &params, submitted, &id, StatusCode::CREATED).await;
        }
    }
}

/// Under what condition the tool may be put: there is none yet, or it is the one whose versions were looked at.
async fn next_version(
    (app, principal): (&ToolsApp, &Principal),
    id: &DocumentId,
    body: &Value,
    asked: Precondition,
) -> Result<Precondition, ApiError> {
    let Some(newest) = newest(app, id, asked).await?.filter(|document| document.body.is_some()) else {
        return Ok(Precondition::Absent);
    };
    let version = version_text(body);
    let versions = log_versions(app, principal, id).await?;
    let mut since_deleted = versions.items.iter().map_while(|it| it.stated.as_ref());
    if since_deleted.any(|stated| stated.version == version) {
        let detail = format!(
            "the tool {:?} has a version {:?}; write another version, or change it with PUT /api/v1/tools/{{name}}",
            clip(id.name.as_str()),
            clip(&version)
        );
        let place = JsonPointer::root().key("version");
        return Err(ApiError::new(DUPLICATE_TOOL, detail).at(&place, "is a version of the tool already"));
    }
    Ok(Precondition::Version(newest.version))
}
