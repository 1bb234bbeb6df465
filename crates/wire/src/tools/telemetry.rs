//! Observations of uses, and what they add up to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::log::QuarantinedRevisions;

/// One use of a pattern.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ObservationBody {
    /// The tool.
    pub tool_name: String,
    /// Its capability.
    pub capability: String,
    /// The pattern that was used.
    pub pattern: String,
    /// How long it took, in ms.
    pub time_ms: f64,
    /// What it cost, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
    /// Whether it succeeded; true by default.
    #[serde(default = "yes")]
    pub success: bool,
    /// The values of variables with which its estimate is compared; `N`, `pages` and `p95_latency` are 100, 1 and 1000
    /// by default.
    #[serde(default)]
    pub context: BTreeMap<String, f64>,
}

fn yes() -> bool {
    true
}

/// Uses of patterns.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct TelemetryBody {
    /// The uses, 1 to 1,000.
    pub observations: Vec<ObservationBody>,
}

/// The result of observations.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ObservedAnswer {
    /// Whether they were counted before under the same `Idempotency-Key`: nothing was counted again.
    pub repeated: bool,
    /// How many were sent.
    pub observed: usize,
    /// How many of them could be compared with an estimate.
    pub compared: usize,
    /// The revision that the estimates are of.
    pub revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    pub quarantined: QuarantinedRevisions,
}

/// What estimates are multiplied with.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FactorsAnswer {
    /// For the time.
    pub time_factor: f64,
    /// For the cost.
    pub cost_factor: f64,
}

/// What was observed of a pattern, on all replicas together.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PatternTelemetryAnswer {
    /// The name of the document of the tool.
    pub tool: String,
    /// The tool.
    pub tool_name: String,
    /// Its capability.
    pub capability: String,
    /// The pattern.
    pub pattern: String,
    /// How often it was used.
    pub uses: u64,
    /// The share that succeeded, 0 to 1.
    pub success_rate: Option<f64>,
    /// How many times as long as estimated a successful use took: a geometric mean. Null where nothing could be
    /// compared.
    pub time_bias: Option<f64>,
    /// How many times as much as estimated a successful use cost.
    pub cost_bias: Option<f64>,
    /// Half of the uses took at most this long, in ms, to 8 %.
    pub p50_ms: Option<f64>,
    /// 95 % did.
    pub p95_ms: Option<f64>,
    /// The estimate for the default context, in ms, before corrections; null where it has no value.
    pub estimated_time_ms: Option<f64>,
    /// The same for the cost.
    pub estimated_cost: Option<f64>,
    /// The correction in effect.
    pub correction: FactorsAnswer,
    /// The correction that the observations justify; null before there are 20 successful uses.
    pub fitted: Option<FactorsAnswer>,
}

/// A page of what was observed, by tool.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TelemetryList {
    /// The patterns that were used, of the tools of the page.
    pub items: Vec<PatternTelemetryAnswer>,
    /// What to pass as `cursor` for the next page; null on the last.
    pub next_cursor: Option<String>,
    /// Whether observations become corrections by themselves (`learn_corrections` in `settings/selection`).
    pub learns_corrections: bool,
    /// The revision that the tools are of.
    pub revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    pub quarantined: QuarantinedRevisions,
}
