//! Lists of rulesets, rules and conditions, as they are served.

use midflight_rules::{RuleInfo, RulesetInfo};
use midflight_wire::log::QuarantinedRevisions;
use serde::Serialize;
use utoipa::ToSchema;

/// A ruleset as it is served.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct RulesetInfoAnswer {
    /// Its id.
    pub(crate) ruleset: String,
    /// What people call it.
    name: Option<String>,
    /// Where it is in its life; only an `active` one executes.
    status: String,
    /// Whether it executes when a request names none.
    default: bool,
    /// How many rules it has.
    rule_count: usize,
    /// How many of them execute.
    active_rule_count: usize,
}

impl From<RulesetInfo<'_>> for RulesetInfoAnswer {
    fn from(info: RulesetInfo<'_>) -> Self {
        Self {
            ruleset: info.id.to_owned(),
            name: info.name.map(str::to_owned),
            status: info.status.to_string(),
            default: info.default,
            rule_count: info.rules,
            active_rule_count: info.active_rules,
        }
    }
}

/// A page of rulesets.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct RulesetList {
    /// The rulesets.
    pub(crate) items: Vec<RulesetInfoAnswer>,
    /// What to pass as `cursor` for the next page; null on the last.
    pub(crate) next_cursor: Option<String>,
    /// The revision it was read from.
    pub(crate) revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    pub(crate) quarantined: QuarantinedRevisions,
}

/// A rule as it is served.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct RuleInfoAnswer {
    /// Its id.
    rule_id: String,
    /// What people call it.
    rule_name: Option<String>,
    /// Where it is in its life.
    status: String,
    /// Rules execute in ascending priority.
    priority: i64,
    /// What a match is worth.
    rule_point: f64,
    /// What its points are multiplied with.
    weight: f64,
    /// Its conditions in words.
    condition: String,
}

impl From<RuleInfo<'_>> for RuleInfoAnswer {
    fn from(info: RuleInfo<'_>) -> Self {
        Self {
            rule_id: info.id.to_owned(),
            rule_name: info.name.map(str::to_owned),
            status: info.status.to_string(),
            priority: info.priority,
            rule_point: info.rule_point,
            weight: info.weight,
            condition: info.condition,
        }
    }
}

/// A page of rules, in execution order.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct RuleList {
    /// The rules.
    pub(crate) items: Vec<RuleInfoAnswer>,
    /// What to pass as `cursor` for the next page; null on the last.
    pub(crate) next_cursor: Option<String>,
    /// Their ruleset.
    pub(crate) ruleset: String,
    /// The revision it was read from.
    pub(crate) revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    pub(crate) quarantined: QuarantinedRevisions,
}

/// A condition as it is served.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ConditionInfoAnswer {
    /// Its id.
    pub(crate) condition_id: String,
    /// How many rules name it.
    pub(crate) used_by: usize,
}

/// A page of conditions.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ConditionList {
    /// The conditions.
    pub(crate) items: Vec<ConditionInfoAnswer>,
    /// What to pass as `cursor` for the next page; null on the last.
    pub(crate) next_cursor: Option<String>,
    /// The revision it was read from.
    pub(crate) revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    pub(crate) quarantined: QuarantinedRevisions,
}
