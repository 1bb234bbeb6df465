//! The verdict of a pattern's policy on a use of it: each rule with its verdict.

use super::request::SelectionRequest;
use crate::expression::{EvaluationError, FormulaVariables, Numeric};
use crate::status::ToolStatus;
use crate::tool::{Tool, ToolPattern};

/// A rule of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PolicyRule {
    /// The tool is offered; one in testing is, but not in production.
    Status,
    /// The environment is one of `allowed_environments`.
    Environment,
    /// In production, `production_safe` is true.
    ProductionSafe,
    /// The caller has every one of `required_permissions`.
    Permissions,
    /// The cost is at most `max_cost` of the policy.
    MaxCost,
    /// The cost is at most `max_cost` of the request.
    RequestMaxCost,
    /// `requires_approval`.
    Approval,
    /// `requires_background_if`.
    BackgroundCondition,
    /// `N` is at most `max_N_immediate`.
    ImmediateN,
    /// The time is at most `max_execution_time`.
    ExecutionTime,
}

const RULES: [(PolicyRule, &str); 10] = [
    (PolicyRule::Status, "status"),
    (PolicyRule::Environment, "allowed_environments"),
    (PolicyRule::ProductionSafe, "production_safe"),
    (PolicyRule::Permissions, "required_permissions"),
    (PolicyRule::MaxCost, "max_cost"),
    (PolicyRule::RequestMaxCost, "request_max_cost"),
    (PolicyRule::Approval, "requires_approval"),
    (PolicyRule::BackgroundCondition, "requires_background_if"),
    (PolicyRule::ImmediateN, "max_N_immediate"),
    (PolicyRule::ExecutionTime, "max_execution_time"),
];

impl PolicyRule {
    /// The word for it in answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        RULES.iter().find(|(rule, _)| *rule == self).map_or("status", |(_, word)| word)
    }
}

/// The verdict of a rule on a use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum PolicyVerdict {
    /// The rule is not part of this policy, or of this request.
    #[default]
    NotApplied,
    /// It allows it.
    Passed,
    /// It allows it once a person agrees.
    RequiresApproval,
    /// It allows it in the background.
    Background,
    /// It does not allow it.
    Excluded,
}

impl PolicyVerdict {
    /// The word for it in answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotApplied => "not_applied",
            Self::Passed => "passed",
            Self::RequiresApproval => "requires_approval",
            Self::Background => "background",
            Self::Excluded => "excluded",
        }
    }
}

/// The verdict of every rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PolicyVerdicts([PolicyVerdict; RULES.len()]);

impl PolicyVerdicts {
    /// The rules that apply, in a fixed order, each with its verdict.
    pub fn iter(&self) -> impl Iterator<Item = (PolicyRule, PolicyVerdict)> {
        let all = RULES.iter().zip(self.0).map(|((rule, _), verdict)| (*rule, verdict));
        all.filter(|(_, verdict)| *verdict != PolicyVerdict::NotApplied)
    }

    /// Whether some rule has this verdict.
    #[must_use]
    pub fn has(&self, verdict: PolicyVerdict) -> bool {
        self.0.contains(&verdict)
    }

    fn set(&mut self, rule: PolicyRule, verdict: PolicyVerdict) {
        self.0[rule as usize] = verdict;
    }

    /// Notes the verdict of a rule that applies.
    fn apply(&mut self, rule: PolicyRule, passes: bool, otherwise: PolicyVerdict) {
        self.set(rule, if passes { PolicyVerdict::Passed } else { otherwise });
    }
}

/// The verdict of the policy on a use at these estimates.
///
/// # Errors
/// [`EvaluationError`] when its condition has no value.
pub(super) fn judge(
    tool: &Tool,
    pattern: &ToolPattern,
    request: &SelectionRequest,
    variables: &FormulaVariables,
    (time_ms, cost): (f64, f64),
) -> Result<PolicyVerdicts, EvaluationError> {
    let policy = &pattern.policy;
    let mut verdicts = PolicyVerdicts::default();
    let is_production = request.is_production();
    let is_offered = tool.is_offered() && !(is_production && tool.status == ToolStatus::Testing);
    verdicts.apply(PolicyRule::Status, is_offered, PolicyVerdict::Excluded);
    if !policy.allowed_environments.is_empty() {
        let is_allowed = |environment: &str| {
            policy.allowed_environments.iter().any(|allowed| allowed.eq_ignore_ascii_case(environment))
        };
        let passes = request.environment.as_deref().is_some_and(is_allowed);
        verdicts.apply(PolicyRule::Environment, passes, PolicyVerdict::Excluded);
    }
    if is_production {
        verdicts.apply(
            PolicyRule::ProductionSafe,
            policy.production_safe == Some(true),
            PolicyVerdict::Excluded,
        );
    }
    if !policy.required_permissions.is_empty() {
        let passes = missing_permissions(pattern, request).next().is_none();
        verdicts.apply(PolicyRule::Permissions, passes, PolicyVerdict::Excluded);
    }
    if let Some(max_cost) = policy.max_cost {
        verdicts.apply(PolicyRule::MaxCost, cost <= max_cost, PolicyVerdict::Excluded);
    }
    if let Some(max_cost) = request.max_cost {
        verdicts.apply(PolicyRule::RequestMaxCost, cost <= max_cost, PolicyVerdict::Excluded);
    }
    if policy.requires_approval {
        verdicts.set(PolicyRule::Approval, PolicyVerdict::RequiresApproval);
    }
    if let Some(condition) = &policy.requires_background_if {
        let is_required = condition.is_true(variables)?;
        verdicts.apply(PolicyRule::BackgroundCondition, !is_required, PolicyVerdict::Background);
    }
    if let Some(max_n) = policy.max_n_immediate {
        let n = variables.get("N").map_or(0.0, Numeric::as_f64);
        verdicts.apply(PolicyRule::ImmediateN, n <= max_n, PolicyVerdict::Background);
    }
    if let Some(max_ms) = policy.max_execution_time_ms {
        verdicts.apply(PolicyRule::ExecutionTime, time_ms <= max_ms, PolicyVerdict::Background);
    }
    Ok(verdicts)
}

fn missing_permissions<'p>(
    pattern: &'p ToolPattern,
    request: &SelectionRequest,
) -> impl Iterator<Item = &'p str> {
    let has = |wanted: &str| request.permissions.iter().any(|permission| permission == wanted);
    pattern.policy.required_permissions.iter().map(|wanted| &**wanted).filter(move |wanted| !has(wanted))
}

/// Why a rule did not simply pass, as a sentence; for one that passed, what it looked at.
pub(super) fn because(
    rule: PolicyRule,
    tool: &Tool,
    pattern: &ToolPattern,
    request: &SelectionRequest,
    (time_ms, cost): (f64, f64),
) -> String {
    let policy = &pattern.policy;
    let environment = request.environment.as_deref().unwrap_or("not given");
    match rule {
        PolicyRule::Status if !tool.enabled => "the tool is switched off (enabled is false)".to_owned(),
        PolicyRule::Status => format!("the status of the tool is {}", tool.status.as_str()),
        PolicyRule::Environment => {
            format!("allowed in {}; the environment is {environment}", policy.allowed_environments.join(", "))
        }
        PolicyRule::ProductionSafe => match policy.production_safe {
            Some(is_safe) => format!("production_safe is {is_safe}"),
            None => "production_safe is not stated; set it to true if it is".to_owned(),
        },
        PolicyRule::Permissions => {
            let missing: Vec<_> = missing_permissions(pattern, request).collect();
            match missing.as_slice() {
                [] => "every required permission was given".to_owned(),
                missing => format!("the permission {} was not given", missing.join(", ")),
            }
        }
        PolicyRule::MaxCost => {
            format!("the cost is {cost} and may be {}", policy.max_cost.unwrap_or_default())
        }
        PolicyRule::RequestMaxCost => {
            format!("the cost is {cost} and the request allows {}", request.max_cost.unwrap_or_default())
        }
        PolicyRule::Approval => "a person has to approve it".to_owned(),
        PolicyRule::BackgroundCondition => {
            let condition = policy.requires_background_if.as_ref().map_or("", |condition| condition.text());
            format!("it runs in the background if {condition}")
        }
        PolicyRule::ImmediateN => {
            let n = request.formula_variables().get("N").map_or(0.0, Numeric::as_f64);
            format!("N is {n} and may be {} in the foreground", policy.max_n_immediate.unwrap_or_default())
        }
        PolicyRule::ExecutionTime => format!(
            "it takes {time_ms} ms and may take {} ms in the foreground",
            policy.max_execution_time_ms.unwrap_or_default()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_its_place_and_its_word() {
        for (at, (rule, word)) in RULES.iter().enumerate() {
            assert_eq!((*rule as usize, rule.as_str()), (at, *word));
        }
    }
}
