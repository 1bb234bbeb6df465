//! Execution: one load of what is served per request, so an answer or a batch is of one revision.

use std::time::Instant;

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use midflight_engine::Work;
use midflight_rules::{ExecuteError, ExecuteRequest, RulesSnapshot};
use serde::Serialize;

use super::wire::{BatchAnswer, BatchBody, BatchItem, BatchSummary, ExecuteBody, ExecutionAnswer};
use crate::app::App;
use crate::body::JsonBody;
use crate::compute::{TimeLimit, brief};
use crate::params::InPath;
use crate::problem::{ApiError, Code, ProblemBody, ProblemItem};
use crate::wire::ms;

/// What most answers fit into, in bytes.
const ANSWER_BYTES: usize = 2048;

/// Executes a ruleset on an input.
#[utoipa::path(post, path = "/api/v1/rules/execute", tag = "rules", request_body = ExecuteBody,
    responses((status = 200, body = ExecutionAnswer), (status = "default", body = ProblemBody)))]
pub(super) async fn execute(
    State(app): State<App>,
    JsonBody(body): JsonBody<ExecuteBody>,
) -> Result<Response, ApiError> {
    let ruleset = body.ruleset.clone();
    run(app, ruleset, body).await
}

/// Executes the ruleset that the path names.
#[utoipa::path(post, path = "/api/v1/rulesets/{ruleset}/execute", tag = "rules", request_body = ExecuteBody,
    params(("ruleset" = String, Path, description = "The ruleset")),
    responses((status = 200, body = ExecutionAnswer), (status = "default", body = ProblemBody)))]
pub(super) async fn execute_ruleset(
    State(app): State<App>,
    InPath(ruleset): InPath<String>,
    JsonBody(body): JsonBody<ExecuteBody>,
) -> Result<Response, ApiError> {
    if body.ruleset.as_ref().is_some_and(|named| *named != ruleset) {
        let detail = "the path and the body name two rulesets; leave it out of the body";
        return Err(ApiError::new(Code::InvalidBody, detail));
    }
    run(app, Some(ruleset), body).await
}

/// Executes on this thread if that is brief, else in the pool.
async fn run(app: App, ruleset: Option<String>, body: ExecuteBody) -> Result<Response, ApiError> {
    if !is_long(&app, ruleset.as_deref(), &body) {
        match answer(&app, ruleset.as_deref(), &body, &brief()) {
            Err(Unanswered::TooExpensive) => {}
            Err(Unanswered::Refused(error)) => return Err(error),
            Ok(response) => return Ok(response),
        }
    }
    let limit = TimeLimit { ms_max: app.limits.execute_ms_max, name: "execute_ms_max" };
    let shared = app.clone();
    let execute = move |work: &Work| answer(&shared, ruleset.as_deref(), &body, work);
    app.compute.run(limit, execute).await?.map_err(|unanswered| match unanswered {
        Unanswered::TooExpensive => limit.exceeded(),
        Unanswered::Refused(error) => error,
    })
}

/// Whether so many rules are executed that it would only be begun on an async thread.
fn is_long(app: &App, ruleset: Option<&str>, body: &ExecuteBody) -> bool {
    /// So many are executed through the index in about a millisecond, and explained, which looks at each.
    const RULES_MAX: usize = 200_000;
    const EXPLAINED_MAX: usize = 500;
    let max = if body.explain || body.dry_run { EXPLAINED_MAX } else { RULES_MAX };
    let rules = app.rules.load();
    let id = ruleset.or_else(|| rules.default_ruleset());
    body.rule_ids.is_none() && id.and_then(|id| rules.ruleset(id)).is_some_and(|it| it.active_rules > max)
}

/// Why there is no answer.
enum Unanswered {
    /// It takes longer than the budget.
    TooExpensive,
    Refused(ApiError),
}

fn answer(app: &App, ruleset: Option<&str>, body: &ExecuteBody, work: &Work) -> Result<Response, Unanswered> {
    let request = ExecuteRequest {
        ruleset,
        data: &body.data,
        rule_ids: body.rule_ids.as_deref(),
        explain: body.explain || body.dry_run,
    };
    let began = Instant::now();
    let rules = app.rules.load();
    let execution = rules.execute_within(&request, work).map_err(|error| match error {
        ExecuteError::TooExpensive { .. } => Unanswered::TooExpensive,
        error => Unanswered::Refused(refused(&error)),
    })?;
    let answer = ExecutionAnswer::new(execution, ms(began.elapsed()), rules.world());
    app.metrics.executed(began.elapsed());
    json(&answer).map_err(Unanswered::Refused)
}

/// Executes a ruleset on many inputs, all on one revision. An input that is refused has its error in its place.
#[utoipa::path(post, path = "/api/v1/rules/batch", tag = "rules", request_body = BatchBody,
    responses((status = 200, body = BatchAnswer), (status = "default", body = ProblemBody)))]
pub(super) async fn batch(
    State(app): State<App>,
    JsonBody(body): JsonBody<BatchBody>,
) -> Result<Response, ApiError> {
    let (found, max) = (body.data_list.len(), app.limits.batch_items_max);
    if found > max {
        let detail = format!("data_list has {found} inputs and may have {max} (batch_items_max)");
        return Err(ApiError::new(Code::TooLarge, detail));
    }
    // A large batch takes long; other requests must not wait for it.
    let limit = TimeLimit { ms_max: app.limits.batch_ms_max, name: "batch_ms_max" };
    let shared = app.clone();
    app.compute.run(limit, move |work| run_all(&shared, &body, limit, work)).await?
}

fn run_all(app: &App, body: &BatchBody, limit: TimeLimit, work: &Work) -> Result<Response, ApiError> {
    let began = Instant::now();
    let rules = app.rules.load();
    let snapshot: &RulesSnapshot = &rules;
    let mut summary = BatchSummary {
        total: body.data_list.len(),
        succeeded: 0,
        failed: 0,
        total_points: 0.0,
        execution_time_ms: 0.0,
    };
    let mut results = Vec::with_capacity(body.data_list.len());
    for data in &body.data_list {
        work.go_on().map_err(|_| limit.exceeded())?;
        let request = ExecuteRequest {
            ruleset: body.ruleset.as_deref(),
            data,
            rule_ids: body.rule_ids.as_deref(),
            explain: body.explain || body.dry_run,
        };
        let one = Instant::now();
        match snapshot.execute_within(&request, work) {
            Ok(execution) => {
                let answer = ExecutionAnswer::new(execution, ms(one.elapsed()), rules.world());
                summary.succeeded += 1;
                summary.total_points += answer.points();
                results.push(BatchItem { result: Some(answer), error: None });
            }
            // What is wrong with the input is the input's; anything else is wrong for the whole batch.
            Err(error @ (ExecuteError::DataNotAnObject { .. } | ExecuteError::TextTooLong { .. })) => {
                summary.failed += 1;
                let error = Some(ProblemItem::from(&error.to_problem()));
                results.push(BatchItem { result: None, error });
            }
            Err(ExecuteError::TooExpensive { .. }) => return Err(limit.exceeded()),
            Err(error) => return Err(refused(&error)),
        }
    }
    summary.execution_time_ms = ms(began.elapsed());
    app.metrics.executed(began.elapsed());
    let revision = rules.revision().get();
    let quarantined = rules.quarantined().into();
    json(&BatchAnswer { results, summary, registry_version: revision, revision, quarantined })
}

fn refused(error: &ExecuteError) -> ApiError {
    let code = match error {
        ExecuteError::UnknownRuleset { .. } | ExecuteError::NoDefaultRuleset => Code::NotFound,
        ExecuteError::TooExpensive { .. } => Code::TooExpensive,
        _ => Code::InvalidInput,
    };
    ApiError::new(code, error.to_string()).with(&error.to_problem().into())
}

/// Writes an answer that borrows from a snapshot, before the snapshot is let go.
fn json(answer: &impl Serialize) -> Result<Response, ApiError> {
    let mut bytes = Vec::with_capacity(ANSWER_BYTES);
    serde_json::to_writer(&mut bytes, answer).map_err(|error| ApiError::internal(&error))?;
    let kind = HeaderValue::from_static("application/json");
    Ok(([(header::CONTENT_TYPE, kind)], bytes).into_response())
}
