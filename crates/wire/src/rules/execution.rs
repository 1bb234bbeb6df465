//! Executions: what is asked, and what is answered.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::log::QuarantinedRevisions;
use crate::problem::ProblemItem;

/// An input to execute.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ExecuteBody {
    /// The ruleset; the default one without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ruleset: Option<String>,
    /// The same as `ruleset`, under the name of the compatibility API: text or a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ruleset_id: Option<Value>,
    /// What the answer is to carry back, at most 256 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// The input, an object.
    pub data: Value,
    /// Only these rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule_ids: Option<Vec<String>>,
    /// The same as `explain`, under the name of the compatibility API: nothing is stored by an execution anyway.
    #[serde(default)]
    pub dry_run: bool,
    /// Report the result of each rule.
    #[serde(default)]
    pub explain: bool,
}

/// Many inputs to execute on one revision.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct BatchBody {
    /// The ruleset; the default one without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ruleset: Option<String>,
    /// The inputs.
    pub data_list: Vec<Value>,
    /// Only these rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule_ids: Option<Vec<String>>,
    /// The same as `explain`.
    #[serde(default)]
    pub dry_run: bool,
    /// Report the result of each rule.
    #[serde(default)]
    pub explain: bool,
}

/// The result of a rule. `false`, a missing input and a wrong type are three different outcomes. An attribute that is
/// only asked `is_null` never counts as missing: what is absent is null.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[expect(
    missing_docs,
    reason = "as in the document of the rule; a description would be in the OpenAPI document too"
)]
pub struct EvaluationAnswer<'s> {
    pub rule_id: Cow<'s, str>,
    pub rule_name: Option<Cow<'s, str>>,
    pub priority: i64,
    /// The conditions in words.
    pub condition: String,
    /// `matched`, `not_matched`, `missing_input` or `type_error`.
    pub outcome: Cow<'static, str>,
    pub rule_point: f64,
    pub weight: f64,
    /// Why it did not match.
    pub detail: Option<String>,
}

/// The answer of an execution, computed from one revision.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ExecutionAnswer<'s> {
    /// The sum of rule_point times weight over the rules that matched.
    pub total_points: f64,
    /// The action result of each rule that matched, in order, and `-` for each that did not.
    pub pattern_result: String,
    /// What the ruleset recommends for exactly that pattern.
    pub action_recommendation: Option<Cow<'s, str>>,
    /// How many rules were executed.
    pub rules_executed: usize,
    /// How many matched.
    pub rules_matched: usize,
    /// The ids of those that matched, in order.
    pub matched: Vec<Cow<'s, str>>,
    /// How long it took.
    pub execution_time_ms: f64,
    /// The same as `revision`, under the name of the compatibility API.
    pub registry_version: u64,
    /// The revision that it was computed from.
    pub revision: u64,
    /// The ruleset.
    pub ruleset: Cow<'s, str>,
    /// Revisions up to `revision` that are left out on this replica.
    pub quarantined: QuarantinedRevisions,
    /// As it was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// The result of each rule, with `explain` or `dry_run`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule_evaluations: Option<Vec<EvaluationAnswer<'s>>>,
}

/// One result of a batch: an execution, or why there is none.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BatchItem<'s> {
    /// The answer; null when the input was refused.
    pub result: Option<ExecutionAnswer<'s>>,
    /// What is wrong with the input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ProblemItem>,
}

/// What a batch adds up to.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BatchSummary {
    /// How many inputs there were.
    pub total: usize,
    /// How many were executed.
    pub succeeded: usize,
    /// How many were refused.
    pub failed: usize,
    /// The sum of their points.
    pub total_points: f64,
    /// How long all of it took.
    pub execution_time_ms: f64,
}

/// The answer of a batch, computed from one revision.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BatchAnswer {
    /// One per input, in order.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<BatchItem>))]
    pub results: Vec<Box<RawValue>>,
    /// What they add up to.
    pub summary: BatchSummary,
    /// The same as `revision`.
    pub registry_version: u64,
    /// The revision that all were computed from.
    pub revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    pub quarantined: QuarantinedRevisions,
}

impl BatchAnswer {
    /// Reads the results. They are kept as they were written, since a server bounds them one by one.
    ///
    /// # Errors
    /// One has another shape than this version knows.
    pub fn items(&self) -> serde_json::Result<Vec<BatchItem<'static>>> {
        self.results.iter().map(|item| serde_json::from_str(item.get())).collect()
    }
}
