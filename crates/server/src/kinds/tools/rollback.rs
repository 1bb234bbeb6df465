//! Tools that are brought back to an earlier version.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use midflight_core::{Change, DocumentId, JsonPointer, Precondition, RevisionNumber};
use midflight_http::body::JsonBody;
use midflight_http::code::Code;
use midflight_http::conflict::ConflictRetry;
use midflight_http::merge::newest;
use midflight_http::params::{InPath, precondition};
use midflight_http::principal::Principal;
use midflight_http::problem::ApiError;
use midflight_http::write::{WriteParams, submit};
use midflight_wire::problem::ProblemBody;
use midflight_wire::tools::{RollbackBody, WriteToolAnswer};

use super::app::ToolsApp;
use super::names::{document_of, unknown};
use super::versions::{VersionRef, document_at, log_versions};
use super::written::answer_tool;

/// How often a rollback is made when others change the tool meanwhile.
const TRIES_MAX: u32 = 16;

/// Brings a tool back to an earlier version by a new revision that has the document of then. A version that is not
/// valid any more, as one whose tool_name another tool has by now, is refused with its problems.
#[utoipa::path(post, path = "/api/v1/tools/{name}/rollback", tag = "tools", request_body = RollbackBody,
    params(("name" = String, Path, description = "The tool"), WriteParams,
        ("If-Match" = Option<String>, Header, description = "`\"3\"`, `\"r42\"` (unchanged since) or `*`"),
        ("Idempotency-Key" = Option<String>, Header, description = "A repeat within 24 hours is made once")),
    responses((status = 200, body = WriteToolAnswer), (status = 202, body = WriteToolAnswer),
        (status = 409, body = ProblemBody), (status = "default", body = ProblemBody)))]
pub(super) async fn rollback_tool(
    principal: Principal,
    State(app): State<ToolsApp>,
    InPath(name): InPath<String>,
    params: WriteParams,
    headers: HeaderMap,
    JsonBody(body): JsonBody<RollbackBody>,
) -> Result<Response, ApiError> {
    let (wanted, output) = match (body.version, body.revision) {
        (Some(version), None) => {
            let output = format!("roll back to version {version}");
            (VersionRef::Text(version), output)
        }
        (None, Some(revision)) => {
            let output = format!("roll back to revision {revision}");
            (VersionRef::At(RevisionNumber::new(revision)), output)
        }
        _ => {
            let detail = "a rollback names a version or a revision, and not both";
            let place = JsonPointer::root().key("version");
            return Err(ApiError::new(Code::INVALID_BODY, detail).at(&place, detail));
        }
    };
    let asked = precondition(&headers)?;
    let id = document_of(&app.parts.tools.snapshot(), &name, &principal)?;
    let reason = if body.reason.is_empty() { midflight_core::cut_reason(output) } else { body.reason };
    let params = params.or_reason(reason);
    if let Some(submitted) = params.repeated(&app, &principal).await? {
        return answer_tool(&app, &params, submitted, &id, StatusCode::OK).await;
    }
    let mut retry = ConflictRetry::new("the rollback", TRIES_MAX);
    loop {
        let change = restored((&app, &principal), &id, &name, &wanted, asked).await?;
        // Where another writer changed the tool, what the version is may have changed too: it is read again.
        let submitted = submit(&app, &params, params.edit(&principal, vec![change])).await;
        if let Some(submitted) = retry.settle(submitted)? {
            return answer_tool(&app, &params, submitted, &id, StatusCode::OK).await;
        }
    }
}

/// The change that puts the document of a version over the newest one that was read, which may be a deletion.
async fn restored(
    (app, principal): (&ToolsApp, &Principal),
    id: &DocumentId,
    name: &str,
    wanted: &VersionRef,
    asked: Precondition,
) -> Result<Change, ApiError> {
    let newest = newest(app, id, asked).await?;
    let newest = newest.ok_or_else(|| unknown(&app.parts.tools.snapshot(), name, principal))?;
    let versions = log_versions(app, principal, id).await?;
    let then = document_at(app, id, wanted, &versions).await?;
    let version = if newest.body.is_some() { newest.version } else { 0 };
    Ok(Change { id: id.clone(), body: then.body, precondition: Precondition::Version(version) })
}
