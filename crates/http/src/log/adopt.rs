//! Following the log as it is now, in place of the one that was followed.

use axum::Json;
use axum::extract::State;
use midflight_core::{Open, Outcome, REASON_BYTES_MAX};
use midflight_wire::log::AdoptRequest;
use midflight_wire::problem::ProblemBody;
use midflight_wire::reload::ReloadAnswer;

use crate::app::AppState;
use crate::body::JsonBody;
use crate::code::Code;
use crate::principal::Principal;
use crate::problem::ApiError;
use crate::wire::reload_answer;

/// Makes this replica follow the log as it is now: everything is read from it, and the served revision may go back. It
/// is for a log that was restored or lost revisions (`log_diverged`), and is done on each replica. The reload event has
/// the trigger `adopt`. If nothing of the log can be served, all stays as it was.
#[utoipa::path(post, path = "/api/v1/log/adopt", tag = "log", request_body = AdoptRequest,
    responses((status = 200, body = ReloadAnswer), (status = "default", body = ProblemBody)))]
pub(super) async fn adopt_log(
    principal: Principal,
    State(app): State<AppState>,
    JsonBody(request): JsonBody<AdoptRequest>,
) -> Result<Json<ReloadAnswer>, ApiError> {
    let reason = request.reason.trim();
    if reason.is_empty() || reason.len() > REASON_BYTES_MAX {
        let detail = format!(
            "reason takes 1 to {REASON_BYTES_MAX} bytes (reason_bytes_max); state the \
                              reason"
        );
        return Err(ApiError::new(Code::INVALID_BODY, detail));
    }
    let event = app.engine.adopt_log(principal.name(), reason).await?;
    if event.outcome.is_live() {
        app.recent.adopted(event.id).await;
    }
    match event.outcome {
        outcome if outcome.is_live() => Ok(Json(reload_answer(&event))),
        Open::Known(Outcome::LoadFailed) => {
            Err(ApiError::new(Code::STORE_UNAVAILABLE, "the log cannot be read; nothing was changed"))
        }
        _ => {
            let detail = "nothing of the log can be served here; nothing was changed";
            Err(ApiError::new(Code::REJECTED, detail).with(&event.problems))
        }
    }
}
