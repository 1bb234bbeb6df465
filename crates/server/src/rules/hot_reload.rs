//! The seed's hot-reload endpoints that look and switch: status, history, monitoring on and off.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use midflight_core::Outcome;
use midflight_engine::Refresh;

use super::wire::{HotReloadStatus, MonitoringAnswer, RegistryAnswer};
use crate::app::App;
use crate::auth::Author;
use crate::log::reloads::{ReloadParams, page};
use crate::params::Params;
use crate::problem::{ApiError, ProblemBody};
use crate::wire::{ReloadList, stamp};

/// The state of hot reloading.
#[utoipa::path(get, path = "/api/v1/rules/hot-reload/status", tag = "hot-reload",
    responses((status = 200, body = HotReloadStatus), (status = "default", body = ProblemBody)))]
pub(super) async fn status(State(app): State<App>) -> Json<HotReloadStatus> {
    Json(now(&app))
}

/// The state of hot reloading as it is now.
pub(crate) fn now(app: &App) -> HotReloadStatus {
    let status = app.engine.status();
    let ended = status.last_reload.as_ref().map(|event| stamp(ended_at(event)));
    let max_age_seconds = app.hot_reload.max_age_seconds;
    let age = status.last_checked_at.map(|at| Timestamp::now().duration_since(at));
    HotReloadStatus {
        monitoring_active: status.refresh.enabled,
        auto_reload_enabled: app.hot_reload.enabled,
        reload_interval_seconds: status.refresh.period.as_secs(),
        validation_enabled: app.engine.enforces_checks(),
        last_check_time: status.last_checked_at.map(stamp),
        last_reload_time: ended.clone(),
        last_reload_status: status.last_reload.as_ref().map(|event| word(event.outcome)),
        reload_count: reload_count(app),
        registry: registry(app, ended),
        revision: status.served.get(),
        quarantined: app.engine.world().quarantined().into(),
        desired_revision: status.desired.get(),
        fresh: status.store.available && age.is_some_and(|age| age.as_secs_f64() <= max_age_seconds as f64),
        max_age_seconds,
    }
}

/// When a reload ended.
pub(super) fn ended_at(event: &midflight_core::ReloadEvent) -> Timestamp {
    event.started_at.saturating_add(event.took).unwrap_or(event.started_at)
}

/// What is served.
fn registry(app: &App, last_reload: Option<String>) -> RegistryAnswer {
    let rules = app.rules.load();
    RegistryAnswer {
        rule_count: rules.rule_count(),
        ruleset_count: rules.ruleset_count(),
        condition_count: rules.condition_count(),
        version: rules.revision().get(),
        last_reload,
    }
}

/// How many reloads there were: their numbers go on over restarts.
pub(super) fn reload_count(app: &App) -> u64 {
    app.engine.history().last().map_or(0, |event| event.id.0)
}

/// How a reload ended, in the seed's words where it has one.
fn word(outcome: Outcome) -> &'static str {
    if outcome.is_live() { "success" } else { outcome.as_str() }
}

/// The reloads of this replica, newest first.
#[utoipa::path(get, path = "/api/v1/rules/hot-reload/history", tag = "hot-reload", params(ReloadParams),
    responses((status = 200, body = ReloadList), (status = "default", body = ProblemBody)))]
pub(super) async fn history(
    State(app): State<App>,
    Params(params): Params<ReloadParams>,
) -> Result<Json<ReloadList>, ApiError> {
    page(&app, &params).map(Json)
}

/// Looks at the log from time to time again. Edits through this server go live at once either way.
#[utoipa::path(post, path = "/api/v1/rules/hot-reload/monitoring/start", tag = "hot-reload",
    security(("token" = [])),
    responses((status = 200, body = MonitoringAnswer), (status = "default", body = ProblemBody)))]
pub(super) async fn start_monitoring(_author: Author, State(app): State<App>) -> Json<MonitoringAnswer> {
    Json(switch(&app, true))
}

/// Stops looking at the log from time to time. Edits through this server go live at once all the same.
#[utoipa::path(post, path = "/api/v1/rules/hot-reload/monitoring/stop", tag = "hot-reload",
    security(("token" = [])),
    responses((status = 200, body = MonitoringAnswer), (status = "default", body = ProblemBody)))]
pub(super) async fn stop_monitoring(_author: Author, State(app): State<App>) -> Json<MonitoringAnswer> {
    Json(switch(&app, false))
}

fn switch(app: &App, enabled: bool) -> MonitoringAnswer {
    let seconds = app.hot_reload.interval_seconds;
    app.engine.set_refresh(Refresh { enabled, period: Duration::from_secs(seconds) });
    MonitoringAnswer {
        status: if enabled { "started" } else { "stopped" },
        monitoring_active: enabled,
        reload_interval_seconds: seconds,
    }
}
