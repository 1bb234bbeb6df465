//! Selections.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::log::QuarantinedRevisions;

/// What is to be done. At least one of query, capabilities, tool_name, platform and category is needed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SelectBody {
    /// What is to be done, in words, at most 8 KiB. Its keywords choose the mode where none is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// The capabilities that are wanted; any of them will do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<Vec<String>>,
    /// The one tool that is wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_name: Option<String>,
    /// The one platform that is wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// The one category that is wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// What matters: `fast`, `accurate`, `thorough`, `cheap`, `simple` or `balanced`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// The values of variables of the formulas. `N`, `pages` and `p95_latency` are 100, 1 and 1000 by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<BTreeMap<String, f64>>,
    /// Where the tool is to run, as `production`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// What the caller is permitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permissions: Option<Vec<String>>,
    /// The highest cost that the caller accepts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_cost: Option<f64>,
    /// How many items each list of the answer has at most; 20 by default, at most 1,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

/// What a selection gives.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SelectionAnswer {
    /// What matters, and how that was found: `{name, confidence, found_by, keywords}`.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub mode: Value,
    /// The best candidate; null when there is none.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub selected: Value,
    /// What can be used, the best first: `{tool, tool_name, capability, pattern, score, features, estimates, policy,
    /// requires_approval, background}` each.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<Object>))]
    pub candidates: Value,
    /// What a policy excludes, in the same shape; `policy` has the reason.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<Object>))]
    pub excluded: Value,
    /// What could not be compared: `{tool, tool_name, capability, pattern, because}` each.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<Object>))]
    pub not_evaluated: Value,
    /// How many there are in each list: `{candidates, excluded, not_evaluated}`.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub total: Value,
    /// Whether there are more candidates than one selection compares.
    pub truncated: bool,
    /// The best candidates and a question, where they are too close to call: `{gap, question, alternatives}`; else
    /// null.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
    pub ambiguity: Value,
    /// What the request names and the catalogue does not have, with suggestions.
    pub notes: Vec<String>,
    /// The revision that it was computed from.
    pub revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    pub quarantined: QuarantinedRevisions,
    /// How long it took, in microseconds.
    pub time_us: f64,
}
