//! The seed's reload endpoints. A reload serves one whole position of the log: a rule or a ruleset that is named must
//! exist and is echoed, but what is served is never a mix of two revisions.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use midflight_core::{DocumentId, Open, Outcome, Pointer, Trigger};
use midflight_engine::Refusal;
use serde::Deserialize;
use serde_json::Value;
use utoipa::IntoParams;

use super::app::RulesApp;
use super::wire::{FilteredBy, ReloadBody, ReloadDone};
use crate::auth::Author;
use crate::body::OptionalJsonBody;
use crate::events::run::reloaded;
use crate::later::Later;
use crate::monitoring_status::{ended_at, reload_count};
use crate::params::{InPath, Params, document};
use crate::problem::{ApiError, Code, ProblemBody};
use crate::wire::{ReloadAnswer, WriteAnswer, ms, stamp};
use crate::write::{WriteParams, answer, submit_reload};

/// When to reload, if not now.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct LaterParams {
    /// Not now, but from this time on, as `2026-01-31T03:00:00Z`: everything is compiled anew then, on one replica, and
    /// the others look at the log. The answer is 202 with a schedule.
    not_before: Option<String>,
    /// Not now, but when this window is open: a cron expression of its openings, as `0 3 * * *`.
    window: Option<String>,
    /// The IANA time zone that the window is read in, as `Europe/Rome`; `UTC` unless said.
    time_zone: Option<String>,
    /// How long the window stays open, from 60,000 (a minute) to 604,800,000 (a week); an hour unless said.
    window_ms: Option<u64>,
    /// Each time the window opens.
    #[serde(default)]
    repeat: bool,
    /// The name of the schedule, which is not to be there yet; one is made up unless said.
    schedule_id: Option<String>,
    /// Why, for those who read the history.
    #[serde(default)]
    reason: String,
}

/// Looks at the log and serves what it holds.
#[utoipa::path(post, path = "/api/v1/rules/hot-reload/reload", tag = "hot-reload", params(LaterParams),
    request_body(content = Option<ReloadBody>), security(("token" = [])),
    responses((status = 200, body = ReloadDone), (status = 202, body = WriteAnswer),
        (status = 422, body = ReloadDone), (status = 503, body = ReloadDone), (status = "default", body = ProblemBody)))]
pub(super) async fn reload(
    author: Author,
    State(app): State<RulesApp>,
    Params(params): Params<LaterParams>,
    OptionalJsonBody(body): OptionalJsonBody<ReloadBody>,
) -> Result<Response, ApiError> {
    let body = body.unwrap_or_default();
    let ruleset = named(body.ruleset_id.as_ref(), "ruleset_id")?;
    let rule = named(body.rule_id.as_ref(), "rule_id")?;
    exist(&app, ruleset.as_deref(), rule.as_deref()).await?;
    if body.validate {
        hold(&app, &author).await?;
    }
    let later = Later {
        not_before: params.not_before.as_deref(),
        window: params.window.as_deref(),
        time_zone: params.time_zone.as_deref(),
        window_ms: params.window_ms,
        schedule_id: params.schedule_id.as_deref(),
    };
    if later.is_said() || params.repeat {
        let submitted = submit_reload(&app, author, params.reason, later, params.repeat).await?;
        return Ok(answer(&app, &WriteParams::default(), submitted).await);
    }
    let filter = FilteredBy {
        ruleset_id: body.ruleset_id.unwrap_or(Value::Null),
        rule_id: body.rule_id.unwrap_or(Value::Null),
    };
    run(&app, author, body.force, filter).await
}

/// The same, after seeing that the rule exists: its id, or `ruleset%2Frule` where two rulesets have one of that id.
#[utoipa::path(post, path = "/api/v1/rules/hot-reload/reload/rule/{rule_id}", tag = "hot-reload",
    params(("rule_id" = String, Path, description = "The rule")), security(("token" = [])),
    responses((status = 200, body = ReloadDone), (status = "default", body = ProblemBody)))]
pub(super) async fn reload_rule(
    author: Author,
    State(app): State<RulesApp>,
    InPath(rule): InPath<String>,
) -> Result<Response, ApiError> {
    exist(&app, None, Some(&rule)).await?;
    run(&app, author, false, FilteredBy { ruleset_id: Value::Null, rule_id: rule.into() }).await
}

/// The same, after seeing that the ruleset exists.
#[utoipa::path(post, path = "/api/v1/rules/hot-reload/reload/ruleset/{ruleset_id}", tag = "hot-reload",
    params(("ruleset_id" = String, Path, description = "The ruleset")), security(("token" = [])),
    responses((status = 200, body = ReloadDone), (status = "default", body = ProblemBody)))]
pub(super) async fn reload_ruleset(
    author: Author,
    State(app): State<RulesApp>,
    InPath(ruleset): InPath<String>,
) -> Result<Response, ApiError> {
    exist(&app, Some(&ruleset), None).await?;
    run(&app, author, false, FilteredBy { ruleset_id: ruleset.into(), rule_id: Value::Null }).await
}

/// The seed's ids are numbers in one client and text in another.
fn named(value: Option<&Value>, field: &str) -> Result<Option<String>, ApiError> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(Value::Number(number)) if number.is_i64() || number.is_u64() => Ok(Some(number.to_string())),
        Some(_) => {
            let error = ApiError::new(Code::InvalidBody, format!("{field} is a string, an integer or null"));
            Err(error.at(&Pointer::root().key(field), "is neither a string nor an integer"))
        }
    }
}

/// 404 when what is named is not in the log.
async fn exist(app: &RulesApp, ruleset: Option<&str>, rule: Option<&str>) -> Result<(), ApiError> {
    let kind = app.kind.as_str();
    let candidates: Vec<DocumentId> = match (ruleset, rule) {
        (None, None) => return Ok(()),
        (Some(ruleset), None) => vec![document(kind, ruleset)?],
        (Some(ruleset), Some(rule)) => vec![document(kind, &format!("{ruleset}/{rule}"))?],
        (None, Some(rule)) if rule.contains('/') => vec![document(kind, rule)?],
        (None, Some(rule)) => {
            let rules = app.rules.load();
            let names = rules.rulesets().map(|ruleset| format!("{}/{rule}", ruleset.id));
            names.map(|name| document(kind, &name)).collect::<Result<_, _>>()?
        }
    };
    let (_, heads) = app.engine.store().heads(&candidates).await?;
    if heads.into_iter().flatten().any(|head| head.body.is_some()) {
        return Ok(());
    }
    let what = match (ruleset, rule) {
        (Some(ruleset), Some(rule)) => format!("the ruleset {ruleset:?} has no rule {rule:?}"),
        (Some(ruleset), None) => format!("there is no ruleset {ruleset:?}"),
        (None, rule) => format!("there is no rule {:?}", rule.unwrap_or_default()),
    };
    Err(ApiError::new(Code::NotFound, what))
}

/// 422 when something in the log does not hold.
async fn hold(app: &RulesApp, author: &Author) -> Result<(), ApiError> {
    match app.engine.validate(&author.0).await?.problems {
        problems if problems.is_empty() => Ok(()),
        problems => Err(Refusal::Invalid(problems).into()),
    }
}

async fn run(
    app: &RulesApp,
    author: Author,
    anew: bool,
    filtered_by: FilteredBy,
) -> Result<Response, ApiError> {
    let event = app.engine.reload(Trigger::Manual, &author.0, anew).await?;
    if event.outcome.is_live() && !event.kinds.contains(&app.kind) {
        // Compatible clients wait for it, also when nothing changed.
        app.events.send(&[reloaded(&app.kinds, &app.kind, &event)]);
    }
    let rules = app.rules.load();
    let done = ReloadDone {
        status: if event.outcome.is_live() { "success" } else { "failed" },
        timestamp: stamp(ended_at(&event)),
        reload_time_ms: ms(event.took),
        rules_loaded: rules.rule_count(),
        rulesets_loaded: rules.ruleset_count(),
        reload_count: reload_count(app),
        filtered_by,
        outcome: event.outcome.to_string(),
        revision: rules.revision().get(),
        quarantined: rules.quarantined().into(),
        reload: ReloadAnswer::from(&*event),
    };
    let status = match event.outcome {
        outcome if outcome.is_live() => StatusCode::OK,
        Open::Known(Outcome::LoadFailed | Outcome::Cancelled) => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    Ok((status, Json(done)).into_response())
}
