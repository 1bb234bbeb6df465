//! Selections. The kind itself reads requests and writes answers, as its checks have them; these describe both.

use std::collections::BTreeMap;

use midflight_wire::log::QuarantinedRevisions;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// What is to be done. At least one of query, capabilities, tool_name, platform and category is needed.
#[derive(Debug, Serialize, ToSchema)]
pub(in super::super) struct SelectBody {
    /// What is to be done, in words, at most 8 KiB. Its keywords choose the mode where none is given.
    query: Option<String>,
    /// The capabilities that are wanted; any of them will do.
    capabilities: Option<Vec<String>>,
    /// The one tool that is wanted.
    tool_name: Option<String>,
    /// The one platform that is wanted.
    platform: Option<String>,
    /// The one category that is wanted.
    category: Option<String>,
    /// What matters: `fast`, `accurate`, `thorough`, `cheap`, `simple` or `balanced`.
    mode: Option<String>,
    /// The values of variables of the formulas. `N`, `pages` and `p95_latency` are 100, 1 and 1000 by default.
    context: Option<BTreeMap<String, f64>>,
    /// Where the tool is to run, as `production`.
    environment: Option<String>,
    /// What the caller is permitted.
    permissions: Option<Vec<String>>,
    /// The highest cost that the caller accepts.
    max_cost: Option<f64>,
    /// How many items each list of the answer has at most; 20 by default, at most 1,000.
    limit: Option<usize>,
}

/// What a selection gives.
#[derive(Debug, Serialize, ToSchema)]
pub(in super::super) struct SelectionAnswer {
    /// What matters, and how that was found: `{name, confidence, found_by, keywords}`.
    #[schema(value_type = Object)]
    mode: Value,
    /// The best candidate; null when there is none.
    #[schema(value_type = Option<Object>)]
    selected: Value,
    /// What can be used, the best first: `{tool, tool_name, capability, pattern, score, features, estimates, policy,
    /// requires_approval, background}` each.
    #[schema(value_type = Vec<Object>)]
    candidates: Value,
    /// What a policy excludes, in the same shape; `policy` has the reason.
    #[schema(value_type = Vec<Object>)]
    excluded: Value,
    /// What could not be compared: `{tool, tool_name, capability, pattern, because}` each.
    #[schema(value_type = Vec<Object>)]
    not_evaluated: Value,
    /// How many there are in each list: `{candidates, excluded, not_evaluated}`.
    #[schema(value_type = Object)]
    total: Value,
    /// Whether there are more candidates than one selection compares.
    truncated: bool,
    /// The best candidates and a question, where they are too close to call: `{gap, question, alternatives}`; else
    /// null.
    #[schema(value_type = Option<Object>)]
    ambiguity: Value,
    /// What the request names and the catalogue does not have, with suggestions.
    notes: Vec<String>,
    /// The revision that it was computed from.
    revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    quarantined: QuarantinedRevisions,
    /// How long it took, in microseconds.
    time_us: f64,
}
