//! One tool.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use midflight_http::params::{InPath, document, etag};
use midflight_http::principal::Principal;
use midflight_http::problem::ApiError;
use midflight_http::wire::quarantined_revisions;
use midflight_wire::problem::ProblemBody;
use midflight_wire::tools::{ToolBasis, ToolDetail};

use super::app::ToolsApp;
use super::authors::authors;
use super::names::{KIND, served};
use super::wire::tool_answer;

/// A tool that is served, without its capabilities: those are in `/api/v1/documents/tools/{document}`. `If-None-Match`
/// with its `ETag` answers 304 while it is unchanged.
#[utoipa::path(get, path = "/api/v1/tools/{name}", tag = "tools",
    params(("name" = String, Path, description = "The tool, by its tool_name or the name of its document"),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of an earlier answer")),
    responses((status = 200, body = ToolDetail), (status = 304, description = "Unchanged"),
        (status = "default", body = ProblemBody)))]
pub(super) async fn get_tool(
    State(app): State<ToolsApp>,
    principal: Principal,
    InPath(name): InPath<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let snapshot = app.parts.tools.snapshot();
    let tool = Arc::clone(served(&snapshot, &name, &principal)?);
    let id = document(KIND, tool.id())?;
    let authors = authors(&app, std::slice::from_ref(&id), snapshot.revision()).await?;
    let authors = authors.into_iter().flatten().next();
    let tag = authors.as_ref().map(|authors| etag(authors.version));
    if let Some(tag) = tag.as_ref().filter(|tag| headers.get(header::IF_NONE_MATCH) == Some(*tag)) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag.clone())]).into_response());
    }
    let detail = ToolDetail {
        tool: tool_answer(tool.id(), tool.body(), authors.as_ref()),
        basis: ToolBasis {
            revision: snapshot.revision().get(),
            quarantined: quarantined_revisions(snapshot.quarantined()),
        },
    };
    let mut response = Json(detail).into_response();
    if let Some(tag) = tag {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}
