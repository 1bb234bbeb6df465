//! Reloads in the shape of the original.

use std::collections::BTreeMap;

use midflight_wire::log::QuarantinedRevisions;
use midflight_wire::replicas::Ack;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What to reload, for clients that send it in the body.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct ReloadToolsBody {
    /// The tool, which must exist.
    pub(in super::super) tool_name: Option<String>,
    /// Ignored: who triggers a reload is the authenticated caller.
    #[serde(rename = "triggered_by")]
    pub(in super::super) _triggered_by: Option<String>,
}

/// The result of a reload.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct ReloadedTools {
    /// Whether every replica serves the log.
    pub(in super::super) success: bool,
    /// What asked for it: `manual`.
    pub(in super::super) trigger: String,
    /// The tool that was named; null when none was.
    pub(in super::super) tool_name: Option<String>,
    /// The authenticated caller.
    pub(in super::super) triggered_by: String,
    /// When it began.
    pub(in super::super) timestamp: String,
    /// How long it took on this replica, in whole ms, rounded up.
    pub(in super::super) duration_ms: u64,
    /// Why it did not succeed; null when it did.
    pub(in super::super) error_message: Option<String>,
    /// The same as `duration_ms`, with its fraction.
    pub(in super::super) took_ms: f64,
    /// How it ended on this replica, as `success` or `unchanged`.
    pub(in super::super) outcome: String,
    /// How many documents it changed.
    pub(in super::super) documents_changed: usize,
    /// The report of each replica.
    pub(in super::super) replicas: Vec<Ack>,
    /// The revision that is served.
    pub(in super::super) revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    pub(in super::super) quarantined: QuarantinedRevisions,
}

/// One reload.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct ReloadHistoryItem {
    /// Its number on this replica.
    pub(in super::super) id: u64,
    /// What asked for it: `manual`, `api_update`, `periodic`, `webhook`, `startup`, or another word of
    /// `/api/v1/reloads`.
    pub(in super::super) trigger: String,
    /// The tool that it was about; null where it was about several, or about none.
    pub(in super::super) tool_name: Option<String>,
    /// Who asked for it.
    pub(in super::super) triggered_by: Option<String>,
    /// The reason of the revision.
    pub(in super::super) reason: Option<String>,
    /// When it began.
    pub(in super::super) timestamp: String,
    /// Whether it ended well.
    pub(in super::super) success: bool,
    /// Why it did not.
    pub(in super::super) error_message: Option<String>,
    /// How long it took, in whole ms, rounded up.
    pub(in super::super) duration_ms: u64,
    /// The same, with its fraction.
    pub(in super::super) took_ms: f64,
    /// How it ended, as `success`, `unchanged` or `validation_failed`.
    pub(in super::super) outcome: String,
    /// The revision that it was to lead to.
    pub(in super::super) to: u64,
    /// How many documents it changed, of every kind.
    pub(in super::super) documents_changed: usize,
}

/// Reloads, the newest first.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct ReloadHistory {
    /// The reloads.
    pub(in super::super) history: Vec<ReloadHistoryItem>,
    /// How many are listed.
    pub(in super::super) total: usize,
}

/// What the reloads of this replica add up to, of those that are kept.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct ReloadStatistics {
    /// How many there were.
    pub(in super::super) total_reloads: usize,
    /// How many ended well; one without a change did.
    pub(in super::super) successful_reloads: usize,
    /// How many did not.
    pub(in super::super) failed_reloads: usize,
    /// The share that ended well, 0 to 1; 0 when there was none.
    pub(in super::super) success_rate: f64,
    /// How many readers follow a reload by a call: always 1, the catalogue, which every reader loads.
    pub(in super::super) handlers_registered: usize,
    /// Whether the log is looked at from time to time.
    pub(in super::super) periodic_refresh_enabled: bool,
    /// How often, in seconds.
    pub(in super::super) refresh_interval_seconds: u64,
    /// How many ran for which reason.
    pub(in super::super) by_trigger: BTreeMap<String, usize>,
    /// How many ended how.
    pub(in super::super) by_outcome: BTreeMap<String, usize>,
    /// The median time of those that changed something; null when there are none.
    pub(in super::super) p50_ms: Option<f64>,
    /// 95 % took at most this long.
    pub(in super::super) p95_ms: Option<f64>,
    /// 99 % took at most this long.
    pub(in super::super) p99_ms: Option<f64>,
}
