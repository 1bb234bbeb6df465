//! Execution: one load of what is served per request, so an answer or a batch is of one revision.

use std::time::Instant;

use axum::extract::State;
use axum::response::Response;
use midflight_core::DocumentId;
use midflight_engine::{Interrupted, Work};
use midflight_http::agent_function::{AgentFunction, json_of};
use midflight_http::body::JsonBody;
use midflight_http::byte_budget::HeldBytes;
use midflight_http::code::Code;
use midflight_http::compute::{TimeLimit, brief};
use midflight_http::long_answer::of_written;
use midflight_http::params::InPath;
use midflight_http::principal::Principal;
use midflight_http::problem::ApiError;
use midflight_http::wire::{ms, problem_item, quarantined_revisions};
use midflight_rules::{ExecuteError, ExecuteRequest, RulesSnapshot};
use midflight_wire::problem::ProblemBody;
use midflight_wire::rules::{BatchAnswer, BatchBody, BatchItem, BatchSummary, ExecuteBody, ExecutionAnswer};
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};

use super::app::RulesApp;
use super::asked_ruleset::asked_ruleset;
use super::wire::execution_answer;

/// What most answers fit into, in bytes.
const ANSWER_BYTES: usize = 2048;
/// What a rule adds to an answer, in bytes, unless its texts are long: where it is explained, and else where it
/// matched.
const EXPLAINED_BYTES: usize = 512;
const MATCHED_BYTES: usize = 48;
/// How often an answer is in memory while it is made: as values or results of a batch, and as written.
const COPIES: usize = 2;
/// By how many bytes the room of a batch grows at a time.
const ROOM_STEP_BYTES: usize = 256 << 10;

/// Executes a ruleset on an input.
#[utoipa::path(post, path = "/api/v1/rules/execute", tag = "rules", request_body = ExecuteBody,
    responses((status = 200, body = ExecutionAnswer), (status = "default", body = ProblemBody)))]
pub(super) async fn execute(
    State(app): State<RulesApp>,
    principal: Principal,
    JsonBody(body): JsonBody<ExecuteBody>,
) -> Result<Response, ApiError> {
    let ruleset = asked_ruleset(&body)?;
    run(app, principal, ruleset, body).await
}

/// Executes the ruleset that the path names.
#[utoipa::path(post, path = "/api/v1/rulesets/{ruleset}/execute", tag = "rules", request_body = ExecuteBody,
    params(("ruleset" = String, Path, description = "The ruleset")),
    responses((status = 200, body = ExecutionAnswer), (status = "default", body = ProblemBody)))]
pub(super) async fn execute_ruleset(
    State(app): State<RulesApp>,
    principal: Principal,
    InPath(ruleset): InPath<String>,
    JsonBody(body): JsonBody<ExecuteBody>,
) -> Result<Response, ApiError> {
    if asked_ruleset(&body)?.is_some_and(|named| named != ruleset) {
        let detail = "the path and the body name two rulesets; leave it out of the body";
        return Err(ApiError::new(Code::INVALID_BODY, detail));
    }
    run(app, principal, Some(ruleset), body).await
}

/// The same for agents.
pub(super) fn function(app: RulesApp) -> AgentFunction {
    let schema = json!({"type": "object", "additionalProperties": false, "required": ["data"], "properties": {
        "ruleset": {"type": "string", "description": "The ruleset; by default the default one."},
        "data": {"type": "object", "description": "The input, by attribute."},
        "explain": {"type": "boolean", "description": "Report the result of each rule."},
    }});
    let description = "Executes the live rules on an input: which of them match, and their result.";
    let run = move |principal: Principal, body: ExecuteBody| {
        let app = app.clone();
        async move {
            let bytes_max = app.parts.limits.execution_bytes_max;
            let ruleset = asked_ruleset(&body)?;
            json_of(run(app, principal, ruleset, body).await?, bytes_max).await
        }
    };
    AgentFunction::new("execute_rules", description, schema, run)
}

/// The ruleset that is asked for, if the caller may execute it. For a caller with scopes the default one is named, so
/// that it is the one that was looked at.
fn allowed(app: &RulesApp, principal: &Principal, asked: Option<String>) -> Result<Option<String>, ApiError> {
    if principal.scopes().is_none() {
        return Ok(asked);
    }
    let named = asked.or_else(|| app.parts.rules.load().default_ruleset().map(str::to_owned));
    if let Some(named) = &named {
        principal.check_sees(&DocumentId::new("rules", named)?)?;
    }
    Ok(named)
}

/// Executes on this thread if that is brief, else in the pool.
async fn run(
    app: RulesApp,
    principal: Principal,
    ruleset: Option<String>,
    body: ExecuteBody,
) -> Result<Response, ApiError> {
    let ruleset = allowed(&app, &principal, ruleset)?;
    if !is_long(&app, ruleset.as_deref(), &body) {
        match written(&app, ruleset.as_deref(), &body, &brief()) {
            Err(Unanswered::Interrupted(_)) => {}
            Err(Unanswered::Refused(error)) => return Err(error),
            Ok(written) => return Ok(of_written(written, HeldBytes::default())),
        }
    }
    let limit = TimeLimit { ms_max: app.parts.limits.execute_ms_max, name: "execute_ms_max" };
    let bytes_max = app.parts.limits.execution_bytes_max;
    let expected = expected_bytes(&app, ruleset.as_deref(), 1, body.explain || body.dry_run);
    let mut room = app.answers.take(&principal, expected).await?;
    let shared = app.clone();
    let execute = move |work: &Work| written(&shared, ruleset.as_deref(), &body, work);
    let written = app.compute.run_within((&principal).into(), limit, bytes_max, execute).await?;
    let written = written.map_err(|unanswered| match unanswered {
        Unanswered::Interrupted(why) => interrupted(&app, why, limit),
        Unanswered::Refused(error) => error,
    })?;
    if written.len() > bytes_max {
        return Err(too_large(&app));
    }
    app.answers.grow_at_once(&principal, &mut room, written.len())?;
    Ok(of_written(written, room))
}

/// What so many executions occupy, in bytes, unless the texts of their rules are long; never more than what may be
/// written.
fn expected_bytes(app: &RulesApp, ruleset: Option<&str>, executions: usize, explain: bool) -> usize {
    let rules = app.parts.rules.load();
    let ruleset = ruleset.or_else(|| rules.default_ruleset()).and_then(|id| rules.ruleset(id));
    let active = ruleset.map_or(0, |ruleset| ruleset.active_rules);
    let of_rule = if explain { EXPLAINED_BYTES } else { MATCHED_BYTES };
    let one = active.saturating_mul(of_rule).saturating_add(ANSWER_BYTES);
    one.saturating_mul(executions).min(app.parts.limits.execution_bytes_max).saturating_mul(COPIES)
}

/// The error of an execution that its budget ended.
fn interrupted(app: &RulesApp, why: Interrupted, limit: TimeLimit) -> ApiError {
    match why {
        Interrupted::Memory => too_large(app),
        _ => limit.exceeded(),
    }
}

fn too_large(app: &RulesApp) -> ApiError {
    let detail = format!(
        "the answer has more than {} bytes (execution_bytes_max); send fewer inputs at once, name the rules, or leave \
         explain out",
        app.parts.limits.execution_bytes_max
    );
    ApiError::new(Code::TOO_LARGE, detail)
}

/// Whether so many rules are executed that it would only be begun on an async thread.
fn is_long(app: &RulesApp, ruleset: Option<&str>, body: &ExecuteBody) -> bool {
    /// So many are executed through the index in about a millisecond, and explained, which looks at each.
    const RULES_MAX: usize = 200_000;
    const EXPLAINED_MAX: usize = 500;
    let max = if body.explain || body.dry_run { EXPLAINED_MAX } else { RULES_MAX };
    let rules = app.parts.rules.load();
    let id = ruleset.or_else(|| rules.default_ruleset());
    body.rule_ids.is_none() && id.and_then(|id| rules.ruleset(id)).is_some_and(|it| it.active_rules > max)
}

/// Why there is no answer.
enum Unanswered {
    /// It needs more than the budget has.
    Interrupted(Interrupted),
    Refused(ApiError),
}

/// The answer of one execution, written before the snapshot that it borrows from is released.
fn written(
    app: &RulesApp,
    ruleset: Option<&str>,
    body: &ExecuteBody,
    work: &Work,
) -> Result<Vec<u8>, Unanswered> {
    let request = ExecuteRequest {
        ruleset,
        data: &body.data,
        rule_ids: body.rule_ids.as_deref(),
        explain: body.explain || body.dry_run,
    };
    let began = Instant::now();
    let rules = app.parts.rules.load();
    let execution = rules.execute_within(&request, work).map_err(|error| match error {
        ExecuteError::TooExpensive { why, .. } => Unanswered::Interrupted(why),
        error => Unanswered::Refused(refused(&error)),
    })?;
    let answer = execution_answer(execution, ms(began.elapsed()), rules.world());
    let answer = ExecutionAnswer { correlation_id: body.correlation_id.clone(), ..answer };
    app.parts.metrics.executed(began.elapsed());
    let mut written = Vec::with_capacity(ANSWER_BYTES);
    let done = serde_json::to_writer(&mut written, &answer);
    done.map_err(|error| Unanswered::Refused(ApiError::internal(&error)))?;
    Ok(written)
}

/// Executes a ruleset on many inputs, all on one revision. An input that is refused has its error in its place.
#[utoipa::path(post, path = "/api/v1/rules/batch", tag = "rules", request_body = BatchBody,
    responses((status = 200, body = BatchAnswer), (status = "default", body = ProblemBody)))]
pub(super) async fn batch(
    State(app): State<RulesApp>,
    principal: Principal,
    JsonBody(mut body): JsonBody<BatchBody>,
) -> Result<Response, ApiError> {
    body.ruleset = allowed(&app, &principal, body.ruleset)?;
    let (found, max) = (body.data_list.len(), app.parts.limits.batch_items_max);
    if found > max {
        let detail = format!("data_list has {found} inputs and may have {max} (batch_items_max)");
        return Err(ApiError::new(Code::TOO_LARGE, detail));
    }
    // A large batch takes long; other requests must not wait for it.
    let limit = TimeLimit { ms_max: app.parts.limits.batch_ms_max, name: "batch_ms_max" };
    let expected = expected_bytes(&app, body.ruleset.as_deref(), found, body.explain || body.dry_run);
    let room = app.answers.take(&principal, expected.max(COPIES * ROOM_STEP_BYTES)).await?;
    let (share, bytes_max) = ((&principal).into(), app.parts.limits.execution_bytes_max);
    let mut run =
        ExecutionBatch { app: app.clone(), principal, room, results: Vec::with_capacity(found), bytes: 0 };
    let job = move |work: &Work| run.execute(&body, limit, work).map(|written| of_written(written, run.room));
    app.compute.run_within(share, limit, bytes_max, job).await?
}

/// The results of a batch as they are written, and the room that they occupy.
struct ExecutionBatch {
    app: RulesApp,
    principal: Principal,
    room: HeldBytes,
    results: Vec<Box<RawValue>>,
    /// How many bytes the results have.
    bytes: usize,
}

impl ExecutionBatch {
    fn execute(&mut self, body: &BatchBody, limit: TimeLimit, work: &Work) -> Result<Vec<u8>, ApiError> {
        let began = Instant::now();
        let rules = self.app.parts.rules.load();
        let snapshot: &RulesSnapshot = &rules;
        let mut summary = BatchSummary {
            total: body.data_list.len(),
            succeeded: 0,
            failed: 0,
            total_points: 0.0,
            execution_time_ms: 0.0,
        };
        for data in &body.data_list {
            work.check().map_err(|_| limit.exceeded())?;
            let request = ExecuteRequest {
                ruleset: body.ruleset.as_deref(),
                data,
                rule_ids: body.rule_ids.as_deref(),
                explain: body.explain || body.dry_run,
            };
            let one = Instant::now();
            match snapshot.execute_within(&request, work) {
                Ok(execution) => {
                    let answer = execution_answer(execution, ms(one.elapsed()), rules.world());
                    summary.succeeded += 1;
                    summary.total_points += answer.total_points;
                    self.add(&BatchItem { result: Some(answer), error: None })?;
                }
                Err(ExecuteError::TooExpensive { why, .. }) => {
                    return Err(interrupted(&self.app, why, limit));
                }
                // What is wrong with the input is the input's; anything else is wrong for the whole batch.
                Err(error) if is_of_input(&error) => {
                    summary.failed += 1;
                    let error = Some(problem_item(&error.to_problem()));
                    self.add(&BatchItem { result: None, error })?;
                }
                Err(error) => return Err(refused(&error)),
            }
        }
        summary.execution_time_ms = ms(began.elapsed());
        self.app.parts.metrics.executed(began.elapsed());
        let revision = rules.revision().get();
        let quarantined = quarantined_revisions(rules.quarantined());
        let results = std::mem::take(&mut self.results);
        let answer = BatchAnswer { results, summary, registry_version: revision, revision, quarantined };
        let mut written = Vec::with_capacity(self.bytes + ANSWER_BYTES);
        serde_json::to_writer(&mut written, &answer).map_err(|error| ApiError::internal(&error))?;
        Ok(written)
    }

    /// Writes one result, if there is room for it.
    fn add(&mut self, item: &BatchItem<'_>) -> Result<(), ApiError> {
        let written = to_raw_value(item).map_err(|error| ApiError::internal(&error))?;
        self.bytes += written.get().len() + 1;
        if self.bytes > self.app.parts.limits.execution_bytes_max {
            return Err(too_large(&self.app));
        }
        let room = self.bytes.next_multiple_of(ROOM_STEP_BYTES).saturating_mul(COPIES);
        self.app.answers.grow_at_once(&self.principal, &mut self.room, room)?;
        self.results.push(written);
        Ok(())
    }
}

/// Whether an error is of one input, and not of all.
fn is_of_input(error: &ExecuteError) -> bool {
    matches!(
        error,
        ExecuteError::DataNotAnObject { .. }
            | ExecuteError::TextTooLong { .. }
            | ExecuteError::PatternResultTooLong { .. }
    )
}

fn refused(error: &ExecuteError) -> ApiError {
    let code = match error {
        ExecuteError::UnknownRuleset { .. } | ExecuteError::NoDefaultRuleset => Code::NOT_FOUND,
        ExecuteError::TooExpensive { .. } => Code::TOO_EXPENSIVE,
        _ => Code::INVALID_INPUT,
    };
    ApiError::new(code, error.to_string()).with(&error.to_problem().into())
}
