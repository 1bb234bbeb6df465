//! The state of hot reloading: whether the log is looked at, and how the last reload ended.

use jiff::Timestamp;
use midflight_core::{Open, Outcome, ReloadEvent};
use midflight_engine::EngineStatus;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::AppState;
use crate::wire::{QuarantinedRevisions, stamp};

/// The state of hot reloading. Kinds add members to it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = HotReloadStatus)]
pub struct MonitoringStatus {
    /// Whether the log is polled.
    pub(crate) monitoring_active: bool,
    /// The value of `HOT_RELOAD_ENABLED`.
    pub(crate) auto_reload_enabled: bool,
    /// How often.
    pub(crate) reload_interval_seconds: u64,
    /// Whether stored checks are asked.
    pub(crate) validation_enabled: bool,
    /// When the log was last looked at.
    pub(crate) last_check_time: Option<String>,
    /// When the last reload ended.
    pub(crate) last_reload_time: Option<String>,
    /// `success`, or how it ended.
    pub(crate) last_reload_status: Option<String>,
    /// Why the last reload did not end well; null where it did.
    pub(crate) last_reload_error: Option<String>,
    /// How many reloads there were, over restarts too.
    pub(crate) reload_count: u64,
    /// The revision that is served.
    pub(crate) revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    pub(crate) quarantined: QuarantinedRevisions,
    /// The newest revision known to be in the log.
    pub(crate) desired_revision: u64,
    /// Whether the log answers and was looked at within `max_age_seconds`.
    pub(crate) fresh: bool,
    /// The value of `HOT_RELOAD_MAX_AGE_SECONDS`.
    pub(crate) max_age_seconds: u64,
}

impl MonitoringStatus {
    /// As it is now.
    #[must_use]
    pub fn new(app: &AppState, status: &EngineStatus) -> Self {
        let max_age_seconds = app.hot_reload.max_age_seconds;
        let age = status.last_checked_at.map(|at| Timestamp::now().duration_since(at));
        let is_young = age.is_some_and(|age| age.as_secs_f64() <= max_age_seconds as f64);
        Self {
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
            quarantined: app.engine.world().quarantined().into(),
            desired_revision: status.desired.get(),
            fresh: status.store.available && is_young,
            max_age_seconds,
        }
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
