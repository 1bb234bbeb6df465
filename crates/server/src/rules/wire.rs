//! The rules on the wire: lists, executions, and the seed's shapes.

use midflight_rules::{Execution, RuleEvaluation, RuleInfo, RulesetInfo};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::problem::ProblemItem;
use crate::wire::ReloadAnswer;

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
}

/// An input to execute.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExecuteBody {
    /// The ruleset; the default one without.
    #[serde(default)]
    pub(crate) ruleset: Option<String>,
    /// The input, an object.
    pub(crate) data: Value,
    /// Only these rules.
    #[serde(default)]
    pub(crate) rule_ids: Option<Vec<String>>,
    /// The same as `explain`, as the original called it: nothing is stored by an execution anyway.
    #[serde(default)]
    pub(crate) dry_run: bool,
    /// Say what became of each rule.
    #[serde(default)]
    pub(crate) explain: bool,
}

/// Many inputs to execute on one revision.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BatchBody {
    /// The ruleset; the default one without.
    #[serde(default)]
    pub(crate) ruleset: Option<String>,
    /// The inputs.
    pub(crate) data_list: Vec<Value>,
    /// Only these rules.
    #[serde(default)]
    pub(crate) rule_ids: Option<Vec<String>>,
    /// The same as `explain`.
    #[serde(default)]
    pub(crate) dry_run: bool,
    /// Say what became of each rule.
    #[serde(default)]
    pub(crate) explain: bool,
}

/// What became of a rule. `false`, a missing input and a wrong type are three different outcomes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EvaluationAnswer<'s> {
    rule_id: &'s str,
    rule_name: Option<&'s str>,
    priority: i64,
    /// The conditions in words.
    condition: String,
    /// `matched`, `not_matched`, `missing_input` or `type_error`.
    outcome: &'static str,
    rule_point: f64,
    weight: f64,
    /// Why it did not match.
    detail: Option<String>,
}

impl<'s> From<RuleEvaluation<'s>> for EvaluationAnswer<'s> {
    fn from(evaluation: RuleEvaluation<'s>) -> Self {
        Self {
            rule_id: evaluation.rule_id,
            rule_name: evaluation.rule_name,
            priority: evaluation.priority,
            condition: evaluation.condition,
            outcome: evaluation.outcome.as_str(),
            rule_point: evaluation.rule_point,
            weight: evaluation.weight,
            detail: evaluation.detail,
        }
    }
}

/// The answer of an execution, computed from one revision.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ExecutionAnswer<'s> {
    /// The sum of rule_point times weight over the rules that matched.
    total_points: f64,
    /// The action result of each rule that matched, in order, and `-` for each that did not.
    pattern_result: String,
    /// What the ruleset recommends for exactly that pattern.
    action_recommendation: Option<&'s str>,
    /// How many rules were executed.
    rules_executed: usize,
    /// How many matched.
    rules_matched: usize,
    /// The ids of those that matched, in order.
    matched: Vec<&'s str>,
    /// How long it took.
    execution_time_ms: f64,
    /// The same as `revision`, under the name of the original.
    registry_version: u64,
    /// The revision that it was computed from.
    revision: u64,
    /// The ruleset.
    ruleset: &'s str,
    /// Revisions up to `revision` that are left out on this replica, since they did not hold.
    #[serde(skip_serializing_if = "<[u64]>::is_empty")]
    quarantined: Box<[u64]>,
    /// What became of each rule, with `explain` or `dry_run`.
    #[serde(skip_serializing_if = "Option::is_none")]
    rule_evaluations: Option<Vec<EvaluationAnswer<'s>>>,
}

impl<'s> ExecutionAnswer<'s> {
    pub(crate) fn new(execution: Execution<'s>, took_ms: f64, world: &midflight_live::World) -> Self {
        let evaluations = execution.rule_evaluations;
        Self {
            total_points: execution.total_points,
            pattern_result: execution.pattern_result,
            action_recommendation: execution.action_recommendation,
            rules_executed: execution.rules_executed,
            rules_matched: execution.matched.len(),
            matched: execution.matched,
            execution_time_ms: took_ms,
            registry_version: world.revision().get(),
            revision: world.revision().get(),
            ruleset: execution.ruleset,
            quarantined: world.quarantined().iter().map(|revision| revision.get()).collect(),
            rule_evaluations: evaluations
                .map(|evaluations| evaluations.into_iter().map(EvaluationAnswer::from).collect()),
        }
    }
}

/// One result of a batch: an execution, or why there is none.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BatchItem<'s> {
    /// The answer; null when the input was refused.
    pub(crate) result: Option<ExecutionAnswer<'s>>,
    /// What is wrong with the input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<ProblemItem>,
}

/// What a batch adds up to.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BatchSummary {
    /// How many inputs there were.
    pub(crate) total: usize,
    /// How many were executed.
    pub(crate) succeeded: usize,
    /// How many were refused.
    pub(crate) failed: usize,
    /// The sum of their points.
    pub(crate) total_points: f64,
    /// How long all of it took.
    pub(crate) execution_time_ms: f64,
}

/// The answer of a batch, computed from one revision.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BatchAnswer<'s> {
    /// One per input, in order.
    pub(crate) results: Vec<BatchItem<'s>>,
    /// What they add up to.
    pub(crate) summary: BatchSummary,
    /// The same as `revision`.
    pub(crate) registry_version: u64,
    /// The revision that all were computed from.
    pub(crate) revision: u64,
}

impl ExecutionAnswer<'_> {
    pub(crate) fn points(&self) -> f64 {
        self.total_points
    }
}

/// What is served, in the seed's words.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct RegistryAnswer {
    /// How many rules.
    pub(crate) rule_count: usize,
    /// How many rulesets.
    pub(crate) ruleset_count: usize,
    /// How many conditions.
    pub(crate) condition_count: usize,
    /// The revision that is served.
    pub(crate) version: u64,
    /// When the last reload ended; null before the first.
    pub(crate) last_reload: Option<String>,
}

/// The state of hot reloading, in the seed's words.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct HotReloadStatus {
    /// Whether the log is looked at from time to time without being told.
    pub(crate) monitoring_active: bool,
    /// What `HOT_RELOAD_ENABLED` says.
    pub(crate) auto_reload_enabled: bool,
    /// How often.
    pub(crate) reload_interval_seconds: u64,
    /// Whether stored checks are asked.
    pub(crate) validation_enabled: bool,
    /// When the log was last looked at.
    pub(crate) last_check_time: Option<String>,
    /// When the last reload ended.
    pub(crate) last_reload_time: Option<String>,
    /// `success`, or how it ended.
    pub(crate) last_reload_status: Option<&'static str>,
    /// How many reloads there were, over restarts too.
    pub(crate) reload_count: u64,
    /// What is served.
    pub(crate) registry: RegistryAnswer,
    /// The revision that is served.
    pub(crate) revision: u64,
    /// The newest revision known to be in the log.
    pub(crate) desired_revision: u64,
    /// Whether the log was looked at within `max_age_seconds`.
    pub(crate) fresh: bool,
    /// What `HOT_RELOAD_MAX_AGE_SECONDS` says.
    pub(crate) max_age_seconds: u64,
}

/// What to reload. A reload always serves one whole position of the log, so what is named here must exist and is
/// echoed, but does not narrow the reload.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReloadBody {
    /// A ruleset, as text or as a number.
    #[serde(default)]
    pub(crate) ruleset_id: Option<Value>,
    /// A rule, as text or as a number.
    #[serde(default)]
    pub(crate) rule_id: Option<Value>,
    /// Compile everything anew, whether or not it changed.
    #[serde(default)]
    pub(crate) force: bool,
    /// First look whether all that the log holds is valid, and reload nothing when it is not. Without, what does not
    /// hold is left out of what is served and the rest is reloaded; it never goes live either way.
    #[serde(default)]
    pub(crate) validate: bool,
}

/// What a reload was asked for.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct FilteredBy {
    /// As it was sent.
    pub(crate) ruleset_id: Value,
    /// As it was sent.
    pub(crate) rule_id: Value,
}

/// What became of a reload, in the seed's words.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ReloadDone {
    /// `success` or `failed`.
    pub(crate) status: &'static str,
    /// When it ended.
    pub(crate) timestamp: String,
    /// How long it took.
    pub(crate) reload_time_ms: f64,
    /// How many rules are served now.
    pub(crate) rules_loaded: usize,
    /// How many rulesets are served now.
    pub(crate) rulesets_loaded: usize,
    /// How many reloads there were.
    pub(crate) reload_count: u64,
    /// What it was asked for.
    pub(crate) filtered_by: FilteredBy,
    /// How it ended, as `success` or `unchanged`.
    pub(crate) outcome: &'static str,
    /// The revision that is served now.
    pub(crate) revision: u64,
    /// The reload, with its phases.
    pub(crate) reload: ReloadAnswer,
}

/// A rule, ruleset or condition that does not hold.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct InvalidRule {
    /// The document's name within the kind, as `loans/R1`.
    pub(crate) rule_id: String,
    /// What is wrong.
    pub(crate) error: String,
    /// Where in its body.
    pub(crate) path: String,
}

/// Whether all that the log holds is valid.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ValidationAnswer {
    /// Whether it is.
    pub(crate) valid: bool,
    /// How many documents were looked at.
    pub(crate) total_rules: usize,
    /// How many of them hold.
    pub(crate) valid_rules: usize,
    /// How many do not.
    pub(crate) invalid_rules: usize,
    /// What is wrong.
    pub(crate) errors: Vec<InvalidRule>,
    /// The revision that was looked at.
    pub(crate) revision: u64,
}

/// Whether the log is looked at from time to time.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct MonitoringAnswer {
    /// `started` or `stopped`.
    pub(crate) status: &'static str,
    /// Whether it is.
    pub(crate) monitoring_active: bool,
    /// How often.
    pub(crate) reload_interval_seconds: u64,
}
