//! The seed's way to reload and to look how a reload went.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use midflight_app::Report;
use midflight_core::Trigger;
use serde_json::Value;

use super::app::ConfigApp;
use midflight_http::principal::Principal;
use midflight_http::problem::ProblemBody;

/// Looks what the config of this server is to be, at the log, and at whatever documents refer to, and brings it about. 200 when
/// all of it is in effect, 422 when it is refused or was taken back; the body says what and why, and by its hash which
/// content it is about. However many ask at once, one look after the last of them answers all.
#[utoipa::path(post, path = "/-/reload", tag = "config",
    responses((status = 200, body = Value), (status = 422, body = Value), (status = "default", body = ProblemBody)))]
pub(crate) async fn reload(principal: Principal, State(app): State<ConfigApp>) -> (StatusCode, Json<Value>) {
    let report = app.parts.reloader.reload(Trigger::Manual, principal.name()).await;
    told(&report, StatusCode::UNPROCESSABLE_ENTITY)
}

/// How the config of this server stands: `status` is of the last look, `hash` says which content that was about, and
/// `served_hash` which is in effect. 503 as long as what is wanted is not in effect. A probe must not ask this: a server that
/// refuses a bad edit goes on serving, and restarting it would change that.
#[utoipa::path(get, path = "/health/reload", tag = "health",
    responses((status = 200, body = Value), (status = 503, body = Value)))]
pub(crate) async fn health(State(app): State<ConfigApp>) -> (StatusCode, Json<Value>) {
    told(&app.parts.reloader.report(), StatusCode::SERVICE_UNAVAILABLE)
}

fn told(report: &Report, otherwise: StatusCode) -> (StatusCode, Json<Value>) {
    let status = if report.is_live() { StatusCode::OK } else { otherwise };
    (status, Json(report.to_json()))
}
