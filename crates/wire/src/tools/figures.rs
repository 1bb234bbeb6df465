//! Health and figures of the catalogue.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::log::QuarantinedRevisions;
use crate::reload::StatisticsAnswer;
use crate::status::StoreAnswer;

/// The health of the catalogue.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ToolsHealth {
    /// `healthy`; `unhealthy` while the log is unavailable. The tools are served in both cases.
    pub status: Cow<'static, str>,
    /// `tool-catalog`.
    pub service: Cow<'static, str>,
    /// The version of this server.
    pub version: Cow<'static, str>,
    /// How many tools are served.
    pub tool_count: usize,
    /// `connected` or `unavailable`.
    pub database: Cow<'static, str>,
    /// What is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The revision that is served.
    pub revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    pub quarantined: QuarantinedRevisions,
}

/// What the catalogue has.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ToolFigures {
    /// How many tools.
    pub total: usize,
    /// How many are offered to selections: switched on, and active or in testing.
    pub offered: usize,
    /// How many patterns they have.
    pub patterns: usize,
    /// How many capabilities.
    pub capabilities: usize,
    /// How many tools each platform has.
    pub platforms: BTreeMap<String, usize>,
    /// How many tools each category has.
    pub categories: BTreeMap<String, usize>,
}

/// What was asked of the catalogue since this replica started.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SelectionCounts {
    /// Selections with a candidate.
    pub selected: u64,
    /// Selections without one.
    pub nothing: u64,
    /// Those of `selected` where the best candidates were too close to call.
    pub ambiguous: u64,
    /// Searches.
    pub searches: u64,
    /// Formulas that were evaluated.
    pub evaluations: u64,
}

/// What is counted of the tools.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ToolsMetricsAnswer {
    /// What the catalogue has.
    pub tools: ToolFigures,
    /// What was asked of it since this replica started.
    pub requests: SelectionCounts,
    /// The reloads that are kept and were about tools.
    pub reloads: StatisticsAnswer,
    /// The digest of what agents see of all tools that are offered.
    pub digest: String,
    /// The revision that is served.
    pub revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    pub quarantined: QuarantinedRevisions,
    /// The newest revision known to be in the log.
    pub desired_revision: u64,
}

/// Whether the log answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StoreFigures {
    /// The log.
    pub store: StoreAnswer,
    /// Whether what is served comes from the local copy, since the log was unavailable at the start.
    pub from_copy: bool,
}

/// How many rows of each sort are served.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TableFigures {
    /// Tools.
    pub tools: usize,
    /// Capabilities.
    pub capabilities: usize,
    /// Patterns.
    pub patterns: usize,
    /// Documents of every kind in the log that are not deleted; null while it is unavailable.
    pub documents: Option<u64>,
}

/// How long reloads of tools took.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReloadTimes {
    /// The median; null when there was none.
    pub p50_ms: Option<f64>,
    /// 95 % took at most this long.
    pub p95_ms: Option<f64>,
    /// 99 % took at most this long.
    pub p99_ms: Option<f64>,
}

/// What answers requests, and how large it is.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PerformanceStats {
    /// The connections to the log.
    pub pool: StoreFigures,
    /// What is served from memory: reads never wait for the log.
    pub cache: TableFigures,
    /// How long reloads took that changed tools.
    pub reloads: ReloadTimes,
    /// The revision that is served.
    pub revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    pub quarantined: QuarantinedRevisions,
}
