//! Health and figures in the shape of the original.

use std::collections::BTreeMap;

use midflight_wire::log::QuarantinedRevisions;
use midflight_wire::reload::StatisticsAnswer;
use midflight_wire::status::StoreAnswer;
use serde::Serialize;
use utoipa::ToSchema;

/// The health of the catalogue.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct ToolsHealth {
    /// `healthy`; `unhealthy` while the log is unavailable. The tools are served in both cases.
    pub(in super::super) status: &'static str,
    /// `tool-catalog`.
    pub(in super::super) service: &'static str,
    /// The version of this server.
    pub(in super::super) version: &'static str,
    /// How many tools are served.
    pub(in super::super) tool_count: usize,
    /// `connected` or `unavailable`.
    pub(in super::super) database: &'static str,
    /// What is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) error: Option<String>,
    /// The revision that is served.
    pub(in super::super) revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    pub(in super::super) quarantined: QuarantinedRevisions,
}

/// What the catalogue has.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct ToolFigures {
    /// How many tools.
    pub(in super::super) total: usize,
    /// How many are offered to selections: switched on, and active or in testing.
    pub(in super::super) offered: usize,
    /// How many patterns they have.
    pub(in super::super) patterns: usize,
    /// How many capabilities.
    pub(in super::super) capabilities: usize,
    /// How many tools each platform has.
    pub(in super::super) platforms: BTreeMap<String, usize>,
    /// How many tools each category has.
    pub(in super::super) categories: BTreeMap<String, usize>,
}

/// What was asked of the catalogue since this replica started.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(in super::super) struct SelectionCounts {
    /// Selections with a candidate.
    pub(in super::super) selected: u64,
    /// Selections without one.
    pub(in super::super) nothing: u64,
    /// Those of `selected` where the best candidates were too close to call.
    pub(in super::super) ambiguous: u64,
    /// Searches.
    pub(in super::super) searches: u64,
    /// Formulas that were evaluated.
    pub(in super::super) evaluations: u64,
}

/// What is counted of the tools.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct ToolsMetricsAnswer {
    /// What the catalogue has.
    pub(in super::super) tools: ToolFigures,
    /// What was asked of it since this replica started.
    pub(in super::super) requests: SelectionCounts,
    /// The reloads that are kept and were about tools.
    pub(in super::super) reloads: StatisticsAnswer,
    /// The digest of what agents see of all tools that are offered.
    pub(in super::super) digest: String,
    /// The revision that is served.
    pub(in super::super) revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    pub(in super::super) quarantined: QuarantinedRevisions,
    /// The newest revision known to be in the log.
    pub(in super::super) desired_revision: u64,
}

/// Whether the log answers.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct StoreFigures {
    /// The log.
    pub(in super::super) store: StoreAnswer,
    /// Whether what is served comes from the local copy, since the log was unavailable at the start.
    pub(in super::super) from_copy: bool,
}

/// How many rows of each sort are served.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(in super::super) struct TableFigures {
    /// Tools.
    pub(in super::super) tools: usize,
    /// Capabilities.
    pub(in super::super) capabilities: usize,
    /// Patterns.
    pub(in super::super) patterns: usize,
    /// Documents of every kind in the log that are not deleted; null while it is unavailable.
    pub(in super::super) documents: Option<u64>,
}

/// How long reloads of tools took.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(in super::super) struct ReloadTimes {
    /// The median; null when there was none.
    pub(in super::super) p50_ms: Option<f64>,
    /// 95 % took at most this long.
    pub(in super::super) p95_ms: Option<f64>,
    /// 99 % took at most this long.
    pub(in super::super) p99_ms: Option<f64>,
}

/// What answers requests, and how large it is.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct PerformanceStats {
    /// The connections to the log.
    pub(in super::super) pool: StoreFigures,
    /// What is served from memory: reads never wait for the log.
    pub(in super::super) cache: TableFigures,
    /// How long reloads took that changed tools.
    pub(in super::super) reloads: ReloadTimes,
    /// The revision that is served.
    pub(in super::super) revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    pub(in super::super) quarantined: QuarantinedRevisions,
}
