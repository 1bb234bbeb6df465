//! The seed's hot-reload endpoints that look and switch: status, history, monitoring on and off.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use midflight_engine::Refresh;

use super::api::RulesHealth;
use super::app::RulesApp;
use super::wire::MonitoringAnswer;
use midflight_http::kind::{Members, add_to, members_of};
use midflight_http::log::reloads::{ReloadParams, page};
use midflight_http::monitoring_status::MonitoringStatus;
use midflight_http::params::Params;
use midflight_http::principal::Principal;
use midflight_http::problem::{ApiError, ProblemBody};
use midflight_http::wire::ReloadList;

/// The state of hot reloading.
#[utoipa::path(get, path = "/api/v1/rules/hot-reload/status", tag = "hot-reload",
    responses((status = 200, body = MonitoringStatus), (status = "default", body = ProblemBody)))]
pub(super) async fn status(State(app): State<RulesApp>) -> Result<Json<Members>, ApiError> {
    let status = app.engine.status();
    let mut answer = members_of(&MonitoringStatus::new(&app, &status))?;
    add_to(&mut answer, members_of(&RulesHealth::new(&app.parts.rules, &status))?);
    Ok(Json(answer))
}

/// The reloads of this replica, newest first.
#[utoipa::path(get, path = "/api/v1/rules/hot-reload/history", tag = "hot-reload", params(ReloadParams),
    responses((status = 200, body = ReloadList), (status = "default", body = ProblemBody)))]
pub(super) async fn history(
    State(app): State<RulesApp>,
    Params(params): Params<ReloadParams>,
) -> Result<Json<ReloadList>, ApiError> {
    page(&app, &params).map(Json)
}

/// Looks at the log from time to time again. Edits through this server go live at once either way.
#[utoipa::path(post, path = "/api/v1/rules/hot-reload/monitoring/start", tag = "hot-reload",
    responses((status = 200, body = MonitoringAnswer), (status = "default", body = ProblemBody)))]
pub(super) async fn start_monitoring(_: Principal, State(app): State<RulesApp>) -> Json<MonitoringAnswer> {
    Json(switch(&app, true))
}

/// Stops looking at the log from time to time. Edits through this server go live at once all the same.
#[utoipa::path(post, path = "/api/v1/rules/hot-reload/monitoring/stop", tag = "hot-reload",
    responses((status = 200, body = MonitoringAnswer), (status = "default", body = ProblemBody)))]
pub(super) async fn stop_monitoring(_: Principal, State(app): State<RulesApp>) -> Json<MonitoringAnswer> {
    Json(switch(&app, false))
}

fn switch(app: &RulesApp, enabled: bool) -> MonitoringAnswer {
    let seconds = app.hot_reload.interval_seconds;
    app.engine.set_refresh(Refresh { enabled, period: Duration::from_secs(seconds) });
    MonitoringAnswer {
        status: if enabled { "started" } else { "stopped" },
        monitoring_active: enabled,
        reload_interval_seconds: seconds,
    }
}
