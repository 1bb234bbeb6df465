//! The compatibility endpoints that show and switch hot reloading: status, history, monitoring on and off.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use midflight_engine::Refresh;
use midflight_http::body::OptionalJsonBody;
use midflight_http::code::Code;
use midflight_http::kind::{Members, add_to, members_of};
use midflight_http::log::reloads::{ReloadListParams, ReloadPage, page};
use midflight_http::monitoring_status::monitoring_status;
use midflight_http::params::Params;
use midflight_http::principal::Principal;
use midflight_http::problem::ApiError;
use midflight_http::wire::reload_answer;
use midflight_wire::health::MonitoringStatus;
use midflight_wire::problem::ProblemBody;
use midflight_wire::rules::{MonitoringAnswer, MonitoringBody, RulesReloadHistory};

use super::api::rules_health;
use super::app::RulesApp;
use super::wire::rules_reload_item;

/// How often the log may be looked at, in seconds.
const INTERVAL_SECONDS: std::ops::RangeInclusive<u64> = 1..=86_400;

/// The state of hot reloading.
#[utoipa::path(get, path = "/api/v1/rules/hot-reload/status", tag = "hot-reload",
    responses((status = 200, body = MonitoringStatus), (status = "default", body = ProblemBody)))]
pub(super) async fn status(State(app): State<RulesApp>) -> Result<Json<Members>, ApiError> {
    let status = app.engine.status();
    let mut answer = members_of(&monitoring_status(&app, &status))?;
    add_to(&mut answer, members_of(&rules_health(&app.parts.rules, &status))?);
    Ok(Json(answer))
}

/// The reloads of this replica, newest first: in the shape of the rule engine as `history`, and as `/api/v1/reloads`
/// has them as `items`.
#[utoipa::path(get, path = "/api/v1/rules/hot-reload/history", tag = "hot-reload", params(ReloadListParams),
    responses((status = 200, body = RulesReloadHistory), (status = "default", body = ProblemBody)))]
pub(super) async fn history(
    State(app): State<RulesApp>,
    Params(params): Params<ReloadListParams>,
) -> Result<Json<RulesReloadHistory>, ApiError> {
    let ReloadPage { events, limit, next_cursor } = page(&app, &params)?;
    Ok(Json(RulesReloadHistory {
        limit,
        count: events.len(),
        history: events.iter().map(|event| rules_reload_item(event)).collect(),
        items: events.iter().map(|event| reload_answer(event)).collect(),
        next_cursor,
    }))
}

/// Looks at the log from time to time again. Edits through this server go live at once either way. The interval may be
/// given in the address or in the body, and holds until the server stops.
#[utoipa::path(post, path = "/api/v1/rules/hot-reload/monitoring/start", tag = "hot-reload", params(MonitoringBody),
    request_body(content = Option<MonitoringBody>),
    responses((status = 200, body = MonitoringAnswer), (status = "default", body = ProblemBody)))]
pub(super) async fn start_monitoring(
    _: Principal,
    State(app): State<RulesApp>,
    Params(params): Params<MonitoringBody>,
    OptionalJsonBody(body): OptionalJsonBody<MonitoringBody>,
) -> Result<Json<MonitoringAnswer>, ApiError> {
    let mut given =
        [body.and_then(|body| body.interval_seconds), params.interval_seconds].into_iter().flatten();
    if let Some(seconds) = given.clone().find(|seconds| !INTERVAL_SECONDS.contains(seconds)) {
        let detail = format!("invalid interval_seconds {seconds}: expected 1 to 86400");
        return Err(ApiError::new(Code::INVALID_PARAMETER, detail));
    }
    let seconds = given.next().unwrap_or(app.hot_reload.interval_seconds);
    Ok(Json(switch(&app, true, seconds)))
}

/// Stops looking at the log from time to time. Edits through this server go live at once all the same.
#[utoipa::path(post, path = "/api/v1/rules/hot-reload/monitoring/stop", tag = "hot-reload",
    responses((status = 200, body = MonitoringAnswer), (status = "default", body = ProblemBody)))]
pub(super) async fn stop_monitoring(_: Principal, State(app): State<RulesApp>) -> Json<MonitoringAnswer> {
    Json(switch(&app, false, app.engine.status().refresh.period.as_secs()))
}

fn switch(app: &RulesApp, enabled: bool, seconds: u64) -> MonitoringAnswer {
    app.engine.set_refresh(Refresh { enabled, period: Duration::from_secs(seconds) });
    MonitoringAnswer {
        status: if enabled { "started" } else { "stopped" }.into(),
        monitoring_active: enabled,
        reload_interval_seconds: seconds,
    }
}
