//! The watched directories: shown in the status, confirmed by a request.

use std::path::PathBuf;

use axum::Json;
use axum::extract::State;
use midflight_source::{DirectoryHandle, DirectoryStatus};
use midflight_wire::directories::{ConfirmLossBody, DirectoryAnswer};
use midflight_wire::problem::ProblemBody;
use utoipa_axum::routes;

use crate::app::AppState;
use crate::body::JsonBody;
use crate::code::Code;
use crate::principal::Permission::Operate;
use crate::principal::Principal;
use crate::problem::ApiError;
use crate::routes::Routes;
use crate::wire::directory_answer;

/// The routes of watched directories.
pub(crate) fn routes() -> Routes<AppState> {
    Routes::new().at(Operate, routes!(confirm_loss))
}

/// Applies a watched directory to the log, once: the documents that it has lost are deleted, however many they are, and
/// an old copy replaces what is newer. Only the replica that watches it can do so.
#[utoipa::path(post, path = "/api/v1/directories/confirm-loss", tag = "log", request_body = ConfirmLossBody,
    responses((status = 200, body = DirectoryAnswer), (status = "default", body = ProblemBody)))]
async fn confirm_loss(
    principal: Principal,
    State(app): State<AppState>,
    JsonBody(body): JsonBody<ConfirmLossBody>,
) -> Result<Json<DirectoryAnswer>, ApiError> {
    // Paths are compared as such, so that a slash at the end is of no account.
    let path = PathBuf::from(&body.dir);
    let is_wanted = |status: DirectoryStatus| status.name == body.dir || status.dir == path;
    let Some(handle) = app.directories.iter().find(|handle| is_wanted(handle.status())) else {
        let names: Vec<_> = app.directories.iter().map(|handle| flag(&handle.status())).collect();
        let detail = format!(
            "this replica watches no directory {:?}; it watches: {}",
            midflight_core::clip(&body.dir),
            if names.is_empty() { "none".to_owned() } else { names.join(", ") }
        );
        return Err(ApiError::new(Code::NOT_FOUND, detail));
    };
    Ok(Json(directory_answer(&handle.confirm_loss(principal.name()).await)))
}

/// A directory as the flag of a server names it.
fn flag(status: &DirectoryStatus) -> String {
    format!("{}={}", status.name, status.dir.display())
}

/// The state of every directory, for the status page.
pub(crate) fn answers(directories: &[DirectoryHandle]) -> Vec<DirectoryAnswer> {
    directories.iter().map(|handle| directory_answer(&handle.status())).collect()
}

/// What is wrong with the directories, one sentence each; nothing of those that go into the log.
pub(crate) fn degraded(directories: &[DirectoryHandle]) -> impl Iterator<Item = String> {
    directories.iter().map(DirectoryHandle::status).filter(|status| status.blocked).map(|status| {
        let first = status.problems.first().map(ToString::to_string).unwrap_or_default();
        format!("the directory {} is not followed: {first}", status.dir.display())
    })
}
