//! Tools that are deleted, as a whole or at the version that is served.

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use midflight_core::{Change, DocumentId, Precondition, RevisionNumber, clip};
use midflight_http::conflict::ConflictRetry;
use midflight_http::merge::newest;
use midflight_http::params::{InPath, Params, REVISION, precondition};
use midflight_http::principal::Principal;
use midflight_http::problem::ApiError;
use midflight_http::write::{EditEnd, ReplicaReports, Submitted, WriteParams, answer, submit};
use midflight_wire::edits::WriteAnswer;
use midflight_wire::problem::ProblemBody;
use serde::Deserialize;
use utoipa::IntoParams;

use super::api::TOOL_VERSION_KEPT;
use super::app::ToolsApp;
use super::names::{document_of, unknown};
use super::versions::{LogVersions, VersionRef, document_at, log_versions};

/// How often a deletion is made when others change the tool meanwhile.
const TRIES_MAX: u32 = 16;

/// Which version to delete.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct VersionParams {
    /// Only this version. It must be the one that is served; the version before it is served then, or none if there is
    /// none.
    version: Option<String>,
}

/// Which version to delete, and how.
pub(super) struct DeleteParams {
    version: Option<String>,
    write: WriteParams,
}

impl<S: Send + Sync> FromRequestParts<S> for DeleteParams {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Params(VersionParams { version }) = Params::from_request_parts(parts, state).await?;
        Ok(Self { version, write: WriteParams::read(parts, &["version"])? })
    }
}

/// Deletes a tool: no reader finds it after the answer. What it was stays in the log until that is compacted, and can
/// be brought back with a rollback to a revision. The answer has no body, and its header `x-midflight-revision` is the
/// revision. With `wait=all` it is 204 when every replica that is alive serves it; else it is answered as every write
/// is, with the reports.
#[utoipa::path(delete, path = "/api/v1/tools/{name}", tag = "tools",
    params(("name" = String, Path, description = "The tool"), VersionParams, WriteParams,
        ("If-Match" = Option<String>, Header, description = "`\"3\"`, `\"r42\"` (unchanged since) or `*`"),
        ("Idempotency-Key" = Option<String>, Header, description = "A repeat within 24 hours is made once")),
    responses((status = 204, description = "Deleted"), (status = 200, body = WriteAnswer),
        (status = 202, body = WriteAnswer),
        (status = 409, body = ProblemBody), (status = "default", body = ProblemBody)))]
pub(super) async fn delete_tool(
    principal: Principal,
    State(app): State<ToolsApp>,
    InPath(name): InPath<String>,
    DeleteParams { version, write: params }: DeleteParams,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let asked = precondition(&headers)?;
    let id = document_of(&app.parts.tools.snapshot(), &name, &principal)?;
    let submitted = match params.repeated(&app, &principal).await? {
        Some(submitted) => submitted,
        None => {
            let mut retry = ConflictRetry::new("the deletion", TRIES_MAX);
            loop {
                let change = deletion((&app, &principal), &id, &name, version.as_deref(), asked).await?;
                // Where another writer changed the tool, the change is computed again from what the tool is then.
                let submitted = submit(&app, &params, params.edit(&principal, vec![change])).await;
                if let Some(submitted) = retry.settle(submitted)? {
                    break submitted;
                }
            }
        }
    };
    let (accepted, heard) = match submitted {
        Submitted::Done(accepted, heard)
            if !params.is_dry_run() && heard.as_ref().is_none_or(ReplicaReports::is_complete) =>
        {
            (accepted, heard)
        }
        submitted => return Ok(answer(&app, &params, submitted).await),
    };
    let ended = EditEnd::of(&app, &accepted, heard);
    let revision = HeaderValue::from(ended.revision.get());
    let mut response = (StatusCode::NO_CONTENT, [(REVISION, revision)]).into_response();
    ended.mark(&mut response);
    Ok(response)
}

/// The change that deletes a tool, or its served version, on the version of its document that was read.
async fn deletion(
    (app, principal): (&ToolsApp, &Principal),
    id: &DocumentId,
    name: &str,
    version: Option<&str>,
    asked: Precondition,
) -> Result<Change, ApiError> {
    let newest = newest(app, id, asked).await?.filter(|document| document.body.is_some());
    let newest = newest.ok_or_else(|| unknown(&app.parts.tools.snapshot(), name, principal))?;
    let change = match version {
        None => Change::delete(id.clone()),
        Some(version) => {
            let versions = log_versions(app, principal, id).await?;
            without_version(app, id, version, &versions).await?
        }
    };
    Ok(change.when(Precondition::Version(newest.version)))
}

/// The change that removes the served version: the version before it is put, or the tool is deleted.
async fn without_version(
    app: &ToolsApp,
    id: &DocumentId,
    version: &str,
    versions: &LogVersions,
) -> Result<Change, ApiError> {
    let since_deleted: Vec<(&str, RevisionNumber)> = versions
        .items
        .iter()
        .map_while(|it| Some((it.stated.as_ref()?.version.as_str(), it.revision)))
        .collect();
    if !since_deleted.iter().any(|(text, _)| *text == version) {
        let detail = format!("the tool has no version {:?}", clip(version));
        return Err(versions.absent(detail));
    }
    if since_deleted.first().is_some_and(|(text, _)| *text != version) {
        let detail = format!(
            "the version {:?} is not served, and the log keeps what it was; compact the log to forget it",
            clip(version)
        );
        return Err(ApiError::new(TOOL_VERSION_KEPT, detail));
    }
    match since_deleted.iter().find(|(text, _)| *text != version) {
        None => Ok(Change::delete(id.clone())),
        Some((_, revision)) => {
            let before = document_at(app, id, &VersionRef::At(*revision), versions).await?;
            Ok(Change { id: id.clone(), body: before.body, precondition: Precondition::None })
        }
    }
}
