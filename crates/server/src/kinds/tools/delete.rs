//! Tools that are deleted, as a whole or at the version that is served.

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use midflight_core::{Change, DocumentId, Precondition, RevisionNumber, clip};
use midflight_http::params::{InPath, Params, REVISION, precondition};
use midflight_http::principal::Principal;
use midflight_http::problem::ApiError;
use midflight_http::write::{Submitted, WriteParams, answer, submit};
use midflight_wire::edits::WriteAnswer;
use midflight_wire::problem::ProblemBody;
use serde::Deserialize;
use utoipa::IntoParams;

use super::api::TOOL_VERSION_KEPT;
use super::app::ToolsApp;
use super::names::{document_of, unknown};
use super::versions::{LogVersions, VersionRef, document_at, log_versions};

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
/// revision.
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
    let precondition = precondition(&headers)?;
    let tools = app.parts.tools.snapshot();
    let id = document_of(&tools, &name)?;
    let change = match params.is_repeated(&app, &principal).await? {
        true => Change::delete(id),
        false => {
            let head = app.engine.store().document_head(&id).await?.filter(|head| !head.deleted);
            let mut newest = head.ok_or_else(|| unknown(&tools, &name))?.version;
            let change = match version {
                None => Change::delete(id),
                Some(version) => {
                    let versions = log_versions(&app, &principal, &id).await?;
                    let served = versions.items.first().filter(|it| it.stated.is_some());
                    newest = served.ok_or_else(|| unknown(&tools, &name))?.version;
                    without_version(&app, id, &version, &versions).await?
                }
            };
            let precondition = match precondition {
                Precondition::None => Precondition::Version(newest),
                asked => asked,
            };
            change.when(precondition)
        }
    };
    let submitted = submit(&app, &params, params.edit(&principal, vec![change])).await?;
    let revision = match &submitted {
        Submitted::Done(accepted, _) if !params.is_dry_run() => {
            accepted.repeats.or_else(|| accepted.revision.as_ref().map(|revision| revision.number))
        }
        _ => return Ok(answer(&app, &params, submitted).await),
    };
    let revision = HeaderValue::from(revision.unwrap_or_else(|| app.engine.served()).get());
    Ok((StatusCode::NO_CONTENT, [(REVISION, revision)]).into_response())
}

/// The change that removes the served version: the version before it is put, or the tool is deleted.
async fn without_version(
    app: &ToolsApp,
    id: DocumentId,
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
        None => Ok(Change::delete(id)),
        Some((_, revision)) => {
            let before = document_at(app, &id, &VersionRef::At(*revision), versions).await?;
            Ok(Change { id, body: before.body, precondition: Precondition::None })
        }
    }
}
