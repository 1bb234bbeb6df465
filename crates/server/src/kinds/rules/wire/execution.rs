//! Answers of executions.

use std::borrow::Cow;

use midflight_http::wire::quarantined_revisions;
use midflight_live::World;
use midflight_rules::{Execution, RuleEvaluation};
use midflight_wire::rules::{EvaluationAnswer, ExecutionAnswer};

/// An execution, which borrows from the snapshot that it was computed from.
pub(crate) fn execution_answer<'s>(
    execution: Execution<'s>,
    took_ms: f64,
    world: &World,
) -> ExecutionAnswer<'s> {
    let evaluations = execution.rule_evaluations;
    ExecutionAnswer {
        total_points: execution.total_points,
        pattern_result: execution.pattern_result,
        action_recommendation: execution.action_recommendation.map(Cow::Borrowed),
        rules_executed: execution.rules_executed,
        rules_matched: execution.matched.len(),
        matched: execution.matched.into_iter().map(Cow::Borrowed).collect(),
        execution_time_ms: took_ms,
        registry_version: world.revision().get(),
        revision: world.revision().get(),
        ruleset: Cow::Borrowed(execution.ruleset),
        quarantined: quarantined_revisions(world.quarantined()),
        correlation_id: None,
        rule_evaluations: evaluations.map(|all| all.into_iter().map(evaluation_answer).collect()),
    }
}

fn evaluation_answer(evaluation: RuleEvaluation<'_>) -> EvaluationAnswer<'_> {
    EvaluationAnswer {
        rule_id: Cow::Borrowed(evaluation.rule_id),
        rule_name: evaluation.rule_name.map(Cow::Borrowed),
        priority: evaluation.priority,
        condition: evaluation.condition,
        outcome: evaluation.outcome.as_str().into(),
        rule_point: evaluation.rule_point,
        weight: evaluation.weight,
        detail: evaluation.detail,
    }
}
