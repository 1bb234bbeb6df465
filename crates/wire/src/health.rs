//! Health: alive, ready, and the compatibility endpoint for hot reloading.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::log::QuarantinedRevisions;
use crate::status::StoreAnswer;

/// Whether the process answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LiveAnswer {
    /// Always `alive`.
    pub status: Cow<'static, str>,
}

/// Whether requests should be sent here.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReadyAnswer {
    /// `ready`, `stopping`, `nothing_served` while every document of the log is quarantined here, or `stale` when it is not
    /// level with the log for longer than `ready_stale_ms_max`.
    pub status: Cow<'static, str>,
    /// When this replica was last level with the log, if it is not now; null while it is.
    #[serde(default)]
    pub stale_since: Option<String>,
    /// The revision that is served.
    pub revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    pub quarantined: QuarantinedRevisions,
    /// Whether the log answers. Without it the current revision is served.
    pub store_available: bool,
    /// Whether the log is another than the one that was followed. The current revision is served.
    pub log_diverged: bool,
    /// The kinds whose changes are refused here, and why. Their current revision is served.
    pub degraded: Vec<String>,
}

/// The checks of the compatibility endpoint.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Checks {
    /// The log is looked at from time to time.
    pub monitoring_active: bool,
    /// All that was seen of the log is served. An edit that was refused is not in the log and does not count here.
    pub last_reload_successful: bool,
}

/// The health of hot reloading, for the compatibility endpoint.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HotReloadHealth {
    /// `healthy` when every check passes and nothing is wrong, `degraded` when every check passes and `degraded` has
    /// problems, else `unhealthy`.
    pub status: Cow<'static, str>,
    /// Whether the log is polled.
    pub monitoring_active: bool,
    /// The value of `HOT_RELOAD_ENABLED`.
    pub auto_reload_enabled: bool,
    /// When the last reload ended.
    pub last_reload: Option<String>,
    /// How many reloads there were.
    pub reload_count: u64,
    /// `success`, or how it ended.
    pub last_reload_status: Option<String>,
    /// The checks.
    pub checks: Checks,
    /// Whether the log answers and was looked at within `HOT_RELOAD_MAX_AGE_SECONDS`.
    pub fresh: bool,
    /// How long ago the log was last looked at for what is new; null before the first look.
    pub last_looked_ms: Option<f64>,
    /// Revisions that are excluded here, since they are invalid.
    pub quarantined: Vec<u64>,
    /// Whether the log answers.
    pub store_available: bool,
    /// The same, with since when.
    pub store: StoreAnswer,
    /// Whether what is served comes from the local copy, since the log was unavailable at the start.
    pub from_copy: bool,
    /// What carries the hints.
    pub bus: BusAnswer,
    /// Everything that hints come in by: `bus`, and beside Redis or NATS the notifications of a log in PostgreSQL.
    pub hint_sources: Vec<BusAnswer>,
    /// The certificate of this server; null without TLS.
    pub tls: Option<CertificateHealth>,
    /// What is wrong and does not prevent answers.
    pub degraded: Vec<String>,
}

/// The certificate of a server.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CertificateHealth {
    /// The names that it is for.
    pub names: Vec<String>,
    /// Until when it is valid.
    pub not_after: String,
    /// How many whole days that is; negative once it has expired.
    pub days_left: i64,
    /// Why newer files are not in use; null when they are.
    pub error: Option<String>,
}

/// What carries hints that the log moved. Each server is asked after 400 ms of silence, and counts as lost after 500 ms
/// without an answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BusAnswer {
    /// `memory`, `postgres`, `redis` or `nats`.
    pub name: Cow<'static, str>,
    /// Where its server is.
    pub address: String,
    /// Whether hints go out and come in.
    pub connected: bool,
    /// For how long that has been so.
    pub since_ms: f64,
    /// How often it reconnected.
    pub reconnects: u64,
    /// How many hints went out.
    pub published: u64,
    /// How many came in.
    pub heard: u64,
    /// How many messages were not signed with the log's key.
    pub ignored: u64,
    /// Why it is not connected, or was not the last time.
    pub last_error: Option<String>,
}

/// The state of hot reloading. Kinds add members to it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = HotReloadStatus))]
pub struct MonitoringStatus {
    /// Whether the log is polled.
    pub monitoring_active: bool,
    /// The value of `HOT_RELOAD_ENABLED`.
    pub auto_reload_enabled: bool,
    /// How often.
    pub reload_interval_seconds: u64,
    /// Whether stored checks are asked.
    pub validation_enabled: bool,
    /// When the log was last looked at.
    pub last_check_time: Option<String>,
    /// When the last reload ended.
    pub last_reload_time: Option<String>,
    /// `success`, or how it ended.
    pub last_reload_status: Option<String>,
    /// Why the last reload did not end well; null where it did.
    pub last_reload_error: Option<String>,
    /// How many reloads there were, over restarts too.
    pub reload_count: u64,
    /// The revision that is served.
    pub revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    pub quarantined: QuarantinedRevisions,
    /// The newest revision known to be in the log.
    pub desired_revision: u64,
    /// Whether the log answers and was looked at within `max_age_seconds`.
    pub fresh: bool,
    /// The value of `HOT_RELOAD_MAX_AGE_SECONDS`.
    pub max_age_seconds: u64,
}
