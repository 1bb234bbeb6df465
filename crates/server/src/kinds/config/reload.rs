//! The compatibility endpoints that reload and report the result of a reload.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use midflight_app::Report;
use midflight_core::Trigger;
use midflight_http::principal::{MayRead, Principal};
use midflight_wire::problem::ProblemBody;
use serde_json::Value;

use super::app::ConfigApp;

/// Checks what the config of this server should be, by the log and by what documents refer to, and applies it. 200 when
/// all of it is in effect, 422 when it is refused or was rolled back; the body states what and why, and by its hash
/// which content it is about. However many ask at once, one look after the last of them answers all.
#[utoipa::path(post, path = "/-/reload", tag = "config",
    responses((status = 200, body = Value), (status = 422, body = Value), (status = "default", body = ProblemBody)))]
pub(crate) async fn reload(principal: Principal, State(app): State<ConfigApp>) -> (StatusCode, Json<Value>) {
    let report = app.parts.reloader.reload(Trigger::Manual, principal.name()).await;
    message(&report, StatusCode::UNPROCESSABLE_ENTITY)
}

/// What every caller learns of the config. The rest may name people, files and values.
const OPEN_MEMBERS: [&str; 8] =
    ["status", "hash", "served_hash", "revision", "restart_required", "trigger", "at", "took_ms"];

/// The state of the config of this server: `status` is of the last check, `hash` is the content that it was about, and
/// `served_hash` the one in effect. Who asked for the check, its components and its problems are for callers that may
/// read. 503 as long as the desired config is not in effect. A probe must not use this: a
/// server that refuses a bad edit continues to serve, and restarting it would change that.
#[utoipa::path(get, path = "/health/reload", tag = "health",
    responses((status = 200, body = Value), (status = 503, body = Value)))]
pub(crate) async fn health(
    MayRead(may_read): MayRead,
    State(app): State<ConfigApp>,
) -> (StatusCode, Json<Value>) {
    let (status, Json(mut report)) = message(&app.parts.reloader.report(), StatusCode::SERVICE_UNAVAILABLE);
    if let Some(members) = report.as_object_mut().filter(|_| !may_read) {
        members.retain(|name, _| OPEN_MEMBERS.contains(&name.as_str()));
    }
    (status, Json(report))
}

fn message(report: &Report, otherwise: StatusCode) -> (StatusCode, Json<Value>) {
    let status = if report.is_live() { StatusCode::OK } else { otherwise };
    (status, Json(report.to_json()))
}
