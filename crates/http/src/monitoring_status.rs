//! The state of hot reloading: whether the log is looked at, and how the last reload ended.

use jiff::Timestamp;
use midflight_core::{Open, Outcome, ReloadEvent};
use midflight_engine::EngineStatus;
use midflight_wire::health::MonitoringStatus;

use crate::app::AppState;
use crate::wire::{quarantined_revisions, stamp};

/// The state of hot reloading as it is now. Kinds add members to it.
#[must_use]
pub fn monitoring_status(app: &AppState, status: &EngineStatus) -> MonitoringStatus {
    let max_age_seconds = app.hot_reload.max_age_seconds;
    let age = status.last_checked_at.map(|at| Timestamp::now().duration_since(at));
    let is_young = age.is_some_and(|age| age.as_secs_f64() <= max_age_seconds as f64);
    MonitoringStatus {
        monitoring_active: status.refresh.enabled,
        auto_reload_enabled: app.hot_reload.enabled,
        reload_interval_seconds: status.refresh.period.as_secs(),
        validation_enabled: app.engine.enforces_checks(),
        last_check_time: status.last_checked_at.map(stamp),
        last_reload_time: last_reload_time(status),
        last_reload_status: status.last_reload.as_ref().map(|event| word(event.outcome)),
        last_reload_error: status.last_reload.as_deref().and_then(failure),
        reload_count: reload_count(app),
        revision: status.served.get(),
        quarantined: quarantined_revisions(app.engine.world().quarantined()),
        desired_revision: status.desired.get(),
        fresh: status.store.available && is_young,
        max_age_seconds,
    }
}

/// When the last reload ended; none before the first.
pub fn last_reload_time(status: &EngineStatus) -> Option<String> {
    status.last_reload.as_ref().map(|event| stamp(ended_at(event)))
}

/// When a reload ended.
pub fn ended_at(event: &ReloadEvent) -> Timestamp {
    event.started_at.saturating_add(event.took).unwrap_or(event.started_at)
}

/// How many reloads there were: their numbers continue over restarts.
pub fn reload_count(app: &AppState) -> u64 {
    app.engine.history().last().map_or(0, |event| event.id.0)
}

/// Why a reload did not end well; none where it did.
pub fn failure(event: &ReloadEvent) -> Option<String> {
    (!event.outcome.is_live()).then(|| match event.problems.is_empty() {
        true => event.outcome.to_string(),
        false => format!("{}: {}", event.outcome, event.problems),
    })
}

/// How a reload ended: every way that is live is `success` to compatible clients.
pub fn word(outcome: Open<Outcome>) -> String {
    if outcome.is_live() { Outcome::Success.to_string() } else { outcome.to_string() }
}
