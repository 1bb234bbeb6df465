//! Observations of uses, and what they add up to.

use std::collections::BTreeMap;

use midflight_wire::log::QuarantinedRevisions;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One use of a pattern.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct ObservationBody {
    /// The tool.
    pub(in super::super) tool_name: String,
    /// Its capability.
    pub(in super::super) capability: String,
    /// The pattern that was used.
    pub(in super::super) pattern: String,
    /// How long it took, in ms.
    pub(in super::super) time_ms: f64,
    /// What it cost, if that is known.
    pub(in super::super) cost: Option<f64>,
    /// Whether it succeeded; true by default.
    #[serde(default = "yes")]
    pub(in super::super) success: bool,
    /// The values of variables with which its estimate is compared; `N`, `pages` and `p95_latency` are 100, 1 and 1000
    /// by default.
    #[serde(default)]
    pub(in super::super) context: BTreeMap<String, f64>,
}

fn yes() -> bool {
    true
}

/// Uses of patterns.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct TelemetryBody {
    /// The uses, 1 to 1,000.
    pub(in super::super) observations: Vec<ObservationBody>,
}

/// The result of observations.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct ObservedAnswer {
    /// Whether they were counted before under the same `Idempotency-Key`: nothing was counted again.
    pub(in super::super) repeated: bool,
    /// How many were sent.
    pub(in super::super) observed: usize,
    /// How many of them could be compared with an estimate.
    pub(in super::super) compared: usize,
    /// The revision that the estimates are of.
    pub(in super::super) revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    pub(in super::super) quarantined: QuarantinedRevisions,
}

/// What estimates are multiplied with.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(in super::super) struct FactorsAnswer {
    /// For the time.
    pub(in super::super) time_factor: f64,
    /// For the cost.
    pub(in super::super) cost_factor: f64,
}

/// What was observed of a pattern, on all replicas together.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct PatternTelemetryAnswer {
    /// The name of the document of the tool.
    pub(in super::super) tool: String,
    /// The tool.
    pub(in super::super) tool_name: String,
    /// Its capability.
    pub(in super::super) capability: String,
    /// The pattern.
    pub(in super::super) pattern: String,
    /// How often it was used.
    pub(in super::super) uses: u64,
    /// The share that succeeded, 0 to 1.
    pub(in super::super) success_rate: Option<f64>,
    /// How many times as long as estimated a successful use took: a geometric mean. Null where nothing could be
    /// compared.
    pub(in super::super) time_bias: Option<f64>,
    /// How many times as much as estimated a successful use cost.
    pub(in super::super) cost_bias: Option<f64>,
    /// Half of the uses took at most this long, in ms, to 8 %.
    pub(in super::super) p50_ms: Option<f64>,
    /// 95 % did.
    pub(in super::super) p95_ms: Option<f64>,
    /// The estimate for the default context, in ms, before corrections; null where it has no value.
    pub(in super::super) estimated_time_ms: Option<f64>,
    /// The same for the cost.
    pub(in super::super) estimated_cost: Option<f64>,
    /// The correction in effect.
    pub(in super::super) correction: FactorsAnswer,
    /// The correction that the observations justify; null before there are 20 successful uses.
    pub(in super::super) fitted: Option<FactorsAnswer>,
}

/// A page of what was observed, by tool.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct TelemetryList {
    /// The patterns that were used, of the tools of the page.
    pub(in super::super) items: Vec<PatternTelemetryAnswer>,
    /// What to pass as `cursor` for the next page; null on the last.
    pub(in super::super) next_cursor: Option<String>,
    /// Whether observations become corrections by themselves (`learn_corrections` in `settings/selection`).
    pub(in super::super) learns_corrections: bool,
    /// The revision that the tools are of.
    pub(in super::super) revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    pub(in super::super) quarantined: QuarantinedRevisions,
}
