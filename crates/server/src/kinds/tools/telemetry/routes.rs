//! Observations that are sent, and what they add up to.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use midflight_core::{Digest, DocumentName, EditKey, JsonPointer, clip};
use midflight_engine::{Interrupted, Work};
use midflight_http::body::JsonBody;
use midflight_http::code::Code;
use midflight_http::idempotency::RequestKey;
use midflight_http::params::{self, Params};
use midflight_http::principal::Principal;
use midflight_http::problem::ApiError;
use midflight_http::wire::quarantined_revisions;
use midflight_tools::expression::Numeric;
use midflight_tools::limits::REQUEST_ITEMS_MAX;
use midflight_tools::selection::context_variables;
use midflight_tools::telemetry::{Observation, PatternTelemetry};
use midflight_tools::{EstimateCorrection, Tool, ToolPattern, ToolsSnapshot};
use midflight_wire::problem::{ProblemBody, ProblemItem};
use midflight_wire::tools::{
    FactorsAnswer, ObservationBody, ObservedAnswer, PatternTelemetryAnswer, TelemetryBody, TelemetryList,
};
use serde::Deserialize;
use utoipa::IntoParams;

use super::counting::{ObservationCounter, counted_as};
use super::read::{patterns, read};
use crate::kinds::tools::app::ToolsApp;
use crate::kinds::tools::compute::{ComputeBounds, computed};
use crate::kinds::tools::names::{served, served_all};

/// How many observations one request may have.
const OBSERVATIONS_MAX: usize = 1_000;
/// How many patterns one page is about, of however many tools.
const PATTERNS_MAX: usize = 2_000;

/// An observation of a pattern that is served.
struct Observed {
    name: DocumentName,
    tool: Arc<str>,
    observation: Observation,
    /// Whether there was an estimate to compare with.
    is_compared: bool,
}

/// Counts uses of tools: how long they took, what they cost, whether they succeeded. All of them are counted or none.
/// Each is compared with the estimate of its pattern for its context; where that cannot be evaluated, only the use is
/// counted.
#[utoipa::path(post, path = "/api/v1/tools/telemetry", tag = "tools", request_body = TelemetryBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "At most 128 visible characters. \
                                                                       Observations that are sent again \
                                                                       with their key within 24 hours are \
                                                                       counted once: the answer says \
                                                                       `repeated`. Others with the same key \
                                                                       are counted separately")),
    responses((status = 200, body = ObservedAnswer), (status = "default", body = ProblemBody)))]
pub(in super::super) async fn observe(
    principal: Principal,
    State(app): State<ToolsApp>,
    key: Option<RequestKey>,
    JsonBody(body): JsonBody<TelemetryBody>,
) -> Result<Json<ObservedAnswer>, ApiError> {
    if !(1..=OBSERVATIONS_MAX).contains(&body.observations.len()) {
        let detail =
            format!("a request has 1 to {OBSERVATIONS_MAX} observations, not {}", body.observations.len());
        return Err(ApiError::new(Code::INVALID_BODY, detail));
    }
    let tools = app.parts.tools.snapshot();
    let (revision, quarantined) = (tools.revision().get(), quarantined_revisions(tools.quarantined()));
    let bounds = ComputeBounds::of_list(&app, "send fewer observations at once");
    let job = move |work: &Work| resolved(&tools, &body.observations, work);
    let observed = computed(&app, &principal, bounds, true, job).await??;
    let answer = |repeated: bool| ObservedAnswer {
        repeated,
        observed: observed.len(),
        compared: observed.iter().filter(|it| it.is_compared).count(),
        revision,
        quarantined,
    };
    let telemetry = &app.parts.telemetry.0;
    let counted: Vec<_> = observed.iter().map(|it| (it.name.clone(), it.observation)).collect();
    let is_new = match key {
        None => {
            telemetry.counting.count(&counted);
            true
        }
        Some(key) => {
            let key = digest(&key.of_edit(&principal));
            let once = ObservationCounter::count_once(&**app.engine.store(), key, &counted).await;
            once.map_err(|error| {
                tracing::warn!(%error, "cannot count observations of tools under a key");
                let detail =
                    "unknown whether the observations were counted; send them again with the same key";
                ApiError::new(Code::OUTCOME_UNKNOWN, detail)
            })?
        }
    };
    if is_new {
        for Observed { tool, observation, .. } in &observed {
            telemetry.learner.used(tool);
            app.parts.metrics.used(&app.metrics, tool, observation.is_success);
        }
    }
    Ok(Json(answer(!is_new)))
}

/// The identity of a key and the request that was sent with it.
fn digest(EditKey { text, request }: &EditKey) -> Digest {
    let request = request.map_or_else(String::new, |digest| digest.to_string());
    Digest::of_bytes(format!("tools\n{request}\n{text}").as_bytes())
}

/// The patterns that were observed, or all that is wrong with what was sent.
fn resolved(
    tools: &ToolsSnapshot,
    bodies: &[ObservationBody],
    work: &Work,
) -> Result<Result<Vec<Observed>, ApiError>, Interrupted> {
    let found = served_all(tools, bodies.iter().map(|body| body.tool_name.as_str()), work)?;
    let place = JsonPointer::root().key("observations");
    let (mut observed, mut wrong) = (Vec::with_capacity(bodies.len()), Vec::new());
    for (at, (body, tool)) in bodies.iter().zip(found).enumerate() {
        work.check()?;
        match resolve(tool, body, &place.index(at)) {
            Ok(one) => observed.push(one),
            Err(item) => wrong.push(*item),
        }
    }
    if wrong.is_empty() {
        return Ok(Ok(observed));
    }
    let detail = format!("{} of {} observations are invalid; nothing was counted", wrong.len(), bodies.len());
    let mut error = ApiError::new(Code::INVALID_INPUT, detail);
    error.body_mut().errors = wrong;
    Ok(Err(error))
}

fn resolve(
    tool: Result<&Arc<Tool>, String>,
    body: &ObservationBody,
    place: &JsonPointer,
) -> Result<Observed, Box<ProblemItem>> {
    let wrong = |key: &str, code: &str, message: String| {
        Box::new(ProblemItem {
            path: place.key(key).as_str().to_owned(),
            message,
            code: Some(code.to_owned()),
            ..ProblemItem::default()
        })
    };
    let tool = tool.map_err(|message| wrong("tool_name", "unknown_tool", message))?;
    let Some(capability) = tool.capability(&body.capability) else {
        let known = tool.capabilities().iter().map(|capability| &*capability.name);
        let near = midflight_core::hint(&body.capability, known);
        let message = format!("the tool has no capability {:?}{near}", clip(&body.capability));
        return Err(wrong("capability", "unknown_capability", message));
    };
    let Some(pattern) = capability.patterns.iter().find(|pattern| *pattern.name == body.pattern) else {
        let near = midflight_core::hint(&body.pattern, capability.patterns.iter().map(|it| &*it.name));
        let message = format!("the capability has no pattern {:?}{near}", clip(&body.pattern));
        return Err(wrong("pattern", "unknown_pattern", message));
    };
    for (key, amount) in [("time_ms", Some(body.time_ms)), ("cost", body.cost)] {
        if amount.is_some_and(|amount| !(amount.is_finite() && amount >= 0.0)) {
            return Err(wrong(key, "out_of_bounds", format!("{key} is a number of 0 or more")));
        }
    }
    if body.context.len() > REQUEST_ITEMS_MAX {
        let message = format!("context has at most {REQUEST_ITEMS_MAX} variables; give fewer");
        return Err(wrong("context", "too_many", message));
    }
    let unnamed = || wrong("pattern", "bad_name", "the pattern cannot be counted under its name".to_owned());
    let name = counted_as(tool.id(), &body.capability, &body.pattern).ok_or_else(unnamed)?;
    let given: Vec<_> =
        body.context.iter().map(|(name, value)| (name.clone(), Numeric::Float(*value))).collect();
    let (estimated_time_ms, estimated_cost) = estimates(pattern, &given);
    let observation = Observation {
        time_ms: body.time_ms,
        estimated_time_ms,
        cost: body.cost,
        estimated_cost,
        is_success: body.success,
    };
    let is_compared = estimated_time_ms.is_finite();
    Ok(Observed { name, tool: Arc::clone(tool.shared_id()), observation, is_compared })
}

/// What a pattern was estimated to take and cost, before any correction. One without a value is not a number, and is
/// not compared.
pub(super) fn estimates(pattern: &ToolPattern, given: &[(String, Numeric)]) -> (f64, f64) {
    let variables = context_variables(given);
    let value = |formula: &midflight_tools::expression::Formula| {
        formula.evaluate_with(&variables).unwrap_or(f64::NAN)
    };
    (value(&pattern.time_ms), value(&pattern.cost))
}

/// Which observations to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in super::super) struct TelemetryParams {
    /// Only those of this tool.
    tool_name: Option<String>,
    /// How many tools are looked at, at most; 50 by default, at most 500.
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// What was observed of each pattern, on all replicas together, beside what is estimated.
#[utoipa::path(get, path = "/api/v1/tools/telemetry", tag = "tools", params(TelemetryParams),
    responses((status = 200, body = TelemetryList), (status = "default", body = ProblemBody)))]
pub(in super::super) async fn get_telemetry(
    State(app): State<ToolsApp>,
    principal: Principal,
    Params(params): Params<TelemetryParams>,
) -> Result<Json<TelemetryList>, ApiError> {
    let limit = params::limit(params.limit)? as usize;
    let tools = app.parts.tools.snapshot();
    let (wanted, next_cursor) = match &params.tool_name {
        Some(name) => (vec![Arc::clone(served(&tools, name, &principal)?)], None),
        None => page(&tools, params.cursor.as_deref(), limit),
    };
    // So that what was counted here a moment ago is in it.
    app.parts.telemetry.0.counting.flush(&**app.engine.store()).await;
    let names = wanted.iter().flat_map(|tool| patterns(tool)).map(|(name, ..)| name).collect();
    let counted = read(&**app.engine.store(), names).await?;
    let items = wanted.iter().flat_map(|tool| {
        let of_tool = patterns(tool).filter_map(|(name, capability, pattern)| {
            Some(item(&tools, tool, (capability, pattern), counted.get(&name)?))
        });
        of_tool.collect::<Vec<_>>()
    });
    Ok(Json(TelemetryList {
        items: items.collect(),
        next_cursor,
        learns_corrections: tools.settings().learns_corrections(),
        revision: tools.revision().get(),
        quarantined: quarantined_revisions(tools.quarantined()),
    }))
}

/// The tools of a page: at most `limit`, and as many as have [`PATTERNS_MAX`] patterns, but always one.
fn page(tools: &ToolsSnapshot, after: Option<&str>, limit: usize) -> (Vec<Arc<Tool>>, Option<String>) {
    let (mut wanted, mut patterns) = (Vec::<Arc<Tool>>::new(), 0);
    for tool in tools.tools(after) {
        patterns += tool.pattern_count();
        if !wanted.is_empty() && (wanted.len() == limit || patterns > PATTERNS_MAX) {
            let next = wanted.last().map(|last| last.id().to_owned());
            return (wanted, next);
        }
        wanted.push(Arc::clone(tool));
    }
    (wanted, None)
}

fn item(
    tools: &ToolsSnapshot,
    tool: &Tool,
    (capability, pattern): (&str, &str),
    telemetry: &PatternTelemetry,
) -> PatternTelemetryAnswer {
    let stated =
        tool.capability(capability).and_then(|it| it.patterns.iter().find(|it| *it.name == *pattern));
    let variables = context_variables(&[]);
    let estimate = |formula: &midflight_tools::expression::Formula| formula.evaluate_with(&variables).ok();
    let factors = |correction: EstimateCorrection| FactorsAnswer {
        time_factor: correction.time_factor,
        cost_factor: correction.cost_factor,
    };
    PatternTelemetryAnswer {
        tool: tool.id().to_owned(),
        tool_name: tool.tool_name().to_owned(),
        capability: capability.to_owned(),
        pattern: pattern.to_owned(),
        uses: telemetry.count(),
        success_rate: telemetry.success_rate(),
        time_bias: telemetry.time_bias(),
        cost_bias: telemetry.cost_bias(),
        p50_ms: telemetry.time_quantile_ms(0.5),
        p95_ms: telemetry.time_quantile_ms(0.95),
        estimated_time_ms: stated.and_then(|it| estimate(&it.time_ms)),
        estimated_cost: stated.and_then(|it| estimate(&it.cost)),
        correction: factors(tools.correction(tool.id(), capability, pattern)),
        fitted: telemetry.correction().map(factors),
    }
}
