//! Lists of rulesets, rules and conditions, as they are served.

use serde::{Deserialize, Serialize};

use crate::log::QuarantinedRevisions;

/// A ruleset as it is served.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RulesetInfoAnswer {
    /// Its id.
    pub ruleset: String,
    /// What people call it.
    pub name: Option<String>,
    /// Where it is in its life; only an `active` one executes.
    pub status: String,
    /// Whether it executes when a request names none.
    pub default: bool,
    /// How many rules it has.
    pub rule_count: usize,
    /// How many of them execute.
    pub active_rule_count: usize,
}

/// A page of rulesets.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RulesetList {
    /// The rulesets.
    pub items: Vec<RulesetInfoAnswer>,
    /// What to pass as `cursor` for the next page; null on the last.
    pub next_cursor: Option<String>,
    /// The revision it was read from.
    pub revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    pub quarantined: QuarantinedRevisions,
}

/// A rule as it is served.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RuleInfoAnswer {
    /// Its id.
    pub rule_id: String,
    /// What people call it.
    pub rule_name: Option<String>,
    /// Where it is in its life.
    pub status: String,
    /// Rules execute in ascending priority.
    pub priority: i64,
    /// What a match is worth.
    pub rule_point: f64,
    /// What its points are multiplied with.
    pub weight: f64,
    /// Its conditions in words.
    pub condition: String,
}

/// A page of rules, in execution order.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RuleList {
    /// The rules.
    pub items: Vec<RuleInfoAnswer>,
    /// What to pass as `cursor` for the next page; null on the last.
    pub next_cursor: Option<String>,
    /// Their ruleset.
    pub ruleset: String,
    /// The revision it was read from.
    pub revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    pub quarantined: QuarantinedRevisions,
}

/// A condition as it is served.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConditionInfoAnswer {
    /// Its id.
    pub condition_id: String,
    /// How many rules name it.
    pub used_by: usize,
}

/// A page of conditions.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConditionList {
    /// The conditions.
    pub items: Vec<ConditionInfoAnswer>,
    /// What to pass as `cursor` for the next page; null on the last.
    pub next_cursor: Option<String>,
    /// The revision it was read from.
    pub revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    pub quarantined: QuarantinedRevisions,
}
