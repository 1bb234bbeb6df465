//! Reloads of tools in the shape of the compatibility API.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::log::QuarantinedRevisions;
use crate::replicas::Ack;

/// What to reload, for clients that send it in the body.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ReloadToolsBody {
    /// The tool, which must exist.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_name: Option<String>,
    /// Ignored: who triggers a reload is the authenticated caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub triggered_by: Option<String>,
}

/// The result of a reload.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReloadedTools {
    /// Whether every replica serves the log.
    pub success: bool,
    /// What asked for it: `manual`.
    pub trigger: String,
    /// The tool that was named; null when none was.
    pub tool_name: Option<String>,
    /// The authenticated caller.
    pub triggered_by: String,
    /// When it began.
    pub timestamp: String,
    /// How long it took on this replica, in whole ms, rounded up.
    pub duration_ms: u64,
    /// Why it did not succeed; null when it did.
    pub error_message: Option<String>,
    /// The same as `duration_ms`, with its fraction.
    pub took_ms: f64,
    /// How it ended on this replica, as `success` or `unchanged`.
    pub outcome: String,
    /// How many documents it changed.
    pub documents_changed: usize,
    /// The report of each replica.
    pub replicas: Vec<Ack>,
    /// The revision that is served.
    pub revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    pub quarantined: QuarantinedRevisions,
}

/// One reload.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReloadHistoryItem {
    /// Its number on this replica.
    pub id: u64,
    /// What asked for it: `manual`, `api_update`, `periodic`, `webhook`, `startup`, or another word of
    /// `/api/v1/reloads`.
    pub trigger: String,
    /// The tool that it was about; null where it was about several, or about none.
    pub tool_name: Option<String>,
    /// Who asked for it.
    pub triggered_by: Option<String>,
    /// The reason of the revision.
    pub reason: Option<String>,
    /// When it began.
    pub timestamp: String,
    /// Whether it ended well.
    pub success: bool,
    /// Why it did not.
    pub error_message: Option<String>,
    /// How long it took, in whole ms, rounded up.
    pub duration_ms: u64,
    /// The same, with its fraction.
    pub took_ms: f64,
    /// How it ended, as `success`, `unchanged` or `validation_failed`.
    pub outcome: String,
    /// The revision that it was to lead to.
    pub to: u64,
    /// How many documents it changed, of every kind.
    pub documents_changed: usize,
}

/// Reloads, the newest first.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReloadHistory {
    /// The reloads.
    pub history: Vec<ReloadHistoryItem>,
    /// How many are listed.
    pub total: usize,
}

/// What the reloads of this replica add up to, of those that are kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReloadStatistics {
    /// How many there were.
    pub total_reloads: usize,
    /// How many ended well; one without a change did.
    pub successful_reloads: usize,
    /// How many did not.
    pub failed_reloads: usize,
    /// The share that ended well, 0 to 1; 0 when there was none.
    pub success_rate: f64,
    /// How many readers follow a reload by a call: always 1, the catalogue, which every reader loads.
    pub handlers_registered: usize,
    /// Whether the log is looked at from time to time.
    pub periodic_refresh_enabled: bool,
    /// How often, in seconds.
    pub refresh_interval_seconds: u64,
    /// How many ran for which reason.
    pub by_trigger: BTreeMap<String, usize>,
    /// How many ended how.
    pub by_outcome: BTreeMap<String, usize>,
    /// The median time of those that changed something; null when there are none.
    pub p50_ms: Option<f64>,
    /// 95 % took at most this long.
    pub p95_ms: Option<f64>,
    /// 99 % took at most this long.
    pub p99_ms: Option<f64>,
}
