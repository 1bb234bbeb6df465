//! Executions: what is asked, and what is answered.

use midflight_http::wire::quarantined_revisions;
use midflight_rules::{Execution, RuleEvaluation};
use midflight_wire::log::QuarantinedRevisions;
use midflight_wire::problem::ProblemItem;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::ToSchema;

/// An input to execute.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExecuteBody {
    /// The ruleset; the default one without.
    #[serde(default)]
    pub(crate) ruleset: Option<String>,
    /// The same as `ruleset`, as the original called it: text or a number.
    #[serde(default)]
    pub(crate) ruleset_id: Option<Value>,
    /// What the answer is to carry back, at most 256 bytes.
    #[serde(default)]
    pub(crate) correlation_id: Option<String>,
    /// The input, an object.
    pub(crate) data: Value,
    /// Only these rules.
    #[serde(default)]
    pub(crate) rule_ids: Option<Vec<String>>,
    /// The same as `explain`, as the original called it: nothing is stored by an execution anyway.
    #[serde(default)]
    pub(crate) dry_run: bool,
    /// Report the result of each rule.
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
    /// Report the result of each rule.
    #[serde(default)]
    pub(crate) explain: bool,
}

/// The result of a rule. `false`, a missing input and a wrong type are three different outcomes. An attribute that is
/// only asked `is_null` never counts as missing: what is absent is null.
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
    /// Revisions up to `revision` that are left out on this replica.
    quarantined: QuarantinedRevisions,
    /// As it was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_id: Option<String>,
    /// The result of each rule, with `explain` or `dry_run`.
    #[serde(skip_serializing_if = "Option::is_none")]
    rule_evaluations: Option<Vec<EvaluationAnswer<'s>>>,
}

impl ExecuteBody {
    /// The longest correlation id, in bytes.
    const CORRELATION_ID_BYTES_MAX: usize = 256;

    /// The ruleset that is asked for, by either name.
    ///
    /// # Errors
    /// What is wrong with the names, or with the correlation id, as a sentence.
    pub(crate) fn asked_ruleset(&self) -> Result<Option<String>, String> {
        if self.correlation_id.as_ref().is_some_and(|id| id.len() > Self::CORRELATION_ID_BYTES_MAX) {
            let max = Self::CORRELATION_ID_BYTES_MAX;
            return Err(format!("invalid correlation_id: expected at most {max} bytes"));
        }
        let id = match &self.ruleset_id {
            None | Some(Value::Null) => None,
            Some(Value::String(id)) => Some(id.clone()),
            Some(Value::Number(id)) => Some(id.to_string()),
            Some(_) => return Err("invalid ruleset_id: expected a string or a number".to_owned()),
        };
        match (self.ruleset.clone(), id) {
            (Some(named), Some(id)) if named != id => {
                Err("ruleset and ruleset_id name two rulesets; write one of them".to_owned())
            }
            (named, id) => Ok(named.or(id)),
        }
    }
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
            quarantined: quarantined_revisions(world.quarantined()),
            correlation_id: None,
            rule_evaluations: evaluations
                .map(|evaluations| evaluations.into_iter().map(EvaluationAnswer::from).collect()),
        }
    }

    /// The same answer with the correlation id of its request.
    pub(crate) fn correlated(self, correlation_id: Option<String>) -> Self {
        Self { correlation_id, ..self }
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
pub(crate) struct BatchAnswer {
    /// One per input, in order.
    #[schema(value_type = Vec<BatchItem>)]
    pub(crate) results: Vec<Box<RawValue>>,
    /// What they add up to.
    pub(crate) summary: BatchSummary,
    /// The same as `revision`.
    pub(crate) registry_version: u64,
    /// The revision that all were computed from.
    pub(crate) revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    pub(crate) quarantined: QuarantinedRevisions,
}

impl ExecutionAnswer<'_> {
    pub(crate) fn points(&self) -> f64 {
        self.total_points
    }
}
