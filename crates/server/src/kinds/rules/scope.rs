//! The compatibility endpoints for reloads. A reload serves one whole position of the log: a rule or a ruleset that is
//! named must exist and is echoed, but what is served is never a mix of two revisions.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use midflight_core::{DocumentId, JsonPointer, Trigger};
use midflight_engine::{Refusal, ReloadScope};
use midflight_http::body::OptionalJsonBody;
use midflight_http::code::Code;
use midflight_http::events::run::reloaded;
use midflight_http::monitoring_status::{ended_at, reload_count};
use midflight_http::params::{InPath, Params, document};
use midflight_http::principal::Principal;
use midflight_http::problem::ApiError;
use midflight_http::reload::{LaterParams, status_of};
use midflight_http::wire::{ms, quarantined_revisions, reload_answer, stamp};
use midflight_http::write::{WriteParams, answer};
use midflight_wire::edits::WriteAnswer;
use midflight_wire::problem::ProblemBody;
use midflight_wire::rules::{FilteredBy, ReloadBody, ReloadDone};
use serde_json::Value;

use super::app::RulesApp;

/// Looks at the log and serves what it holds.
#[utoipa::path(post, path = "/api/v1/rules/hot-reload/reload", tag = "hot-reload", params(LaterParams),
    request_body(content = Option<ReloadBody>),
    responses((status = 200, body = ReloadDone), (status = 202, body = WriteAnswer),
        (status = 422, body = ReloadDone), (status = 503, body = ReloadDone), (status = "default", body = ProblemBody)))]
pub(super) async fn reload(
    principal: Principal,
    State(app): State<RulesApp>,
    Params(params): Params<LaterParams>,
    OptionalJsonBody(body): OptionalJsonBody<ReloadBody>,
) -> Result<Response, ApiError> {
    let body = body.unwrap_or_default();
    let ruleset = named(body.ruleset_id.as_ref(), "ruleset_id")?;
    let rule = named(body.rule_id.as_ref(), "rule_id")?;
    exist(&app, ruleset.as_deref(), rule.as_deref()).await?;
    if body.validate {
        hold(&app, &principal).await?;
    }
    if let Some(scheduled) = params.schedule(&app, &principal).await? {
        return Ok(answer(&app, &WriteParams::default(), scheduled).await);
    }
    let filter = FilteredBy {
        ruleset_id: body.ruleset_id.unwrap_or(Value::Null),
        rule_id: body.rule_id.unwrap_or(Value::Null),
    };
    run(&app, &principal, body.force, filter).await
}

/// The same, after seeing that the rule exists: its id, or `ruleset%2Frule` where two rulesets have one of that id.
#[utoipa::path(post, path = "/api/v1/rules/hot-reload/reload/rule/{rule_id}", tag = "hot-reload",
    params(("rule_id" = String, Path, description = "The rule")),
    responses((status = 200, body = ReloadDone), (status = "default", body = ProblemBody)))]
pub(super) async fn reload_rule(
    principal: Principal,
    State(app): State<RulesApp>,
    InPath(rule): InPath<String>,
) -> Result<Response, ApiError> {
    exist(&app, None, Some(&rule)).await?;
    run(&app, &principal, false, FilteredBy { ruleset_id: Value::Null, rule_id: rule.into() }).await
}

/// The same, after seeing that the ruleset exists.
#[utoipa::path(post, path = "/api/v1/rules/hot-reload/reload/ruleset/{ruleset_id}", tag = "hot-reload",
    params(("ruleset_id" = String, Path, description = "The ruleset")),
    responses((status = 200, body = ReloadDone), (status = "default", body = ProblemBody)))]
pub(super) async fn reload_ruleset(
    principal: Principal,
    State(app): State<RulesApp>,
    InPath(ruleset): InPath<String>,
) -> Result<Response, ApiError> {
    exist(&app, Some(&ruleset), None).await?;
    run(&app, &principal, false, FilteredBy { ruleset_id: ruleset.into(), rule_id: Value::Null }).await
}

/// Ids of the compatibility API are numbers in one client and text in another.
fn named(value: Option<&Value>, field: &str) -> Result<Option<String>, ApiError> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(Value::Number(number)) if number.is_i64() || number.is_u64() => Ok(Some(number.to_string())),
        Some(_) => {
            let error = ApiError::new(Code::INVALID_BODY, format!("{field} is a string, an integer or null"));
            Err(error.at(&JsonPointer::root().key(field), "is neither a string nor an integer"))
        }
    }
}

/// 404 when what is named is not in the log.
async fn exist(app: &RulesApp, ruleset: Option<&str>, rule: Option<&str>) -> Result<(), ApiError> {
    let kind = app.parts.kind.as_str();
    let candidates: Vec<DocumentId> = match (ruleset, rule) {
        (None, None) => return Ok(()),
        (Some(ruleset), None) => vec![document(kind, ruleset)?],
        (Some(ruleset), Some(rule)) => vec![document(kind, &format!("{ruleset}/{rule}"))?],
        (None, Some(rule)) if rule.contains('/') => vec![document(kind, rule)?],
        (None, Some(rule)) => {
            let rules = app.parts.rules.load();
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
        (Some(ruleset), None) => format!("unknown ruleset {ruleset:?}"),
        (None, rule) => format!("unknown rule {:?}", rule.unwrap_or_default()),
    };
    Err(ApiError::new(Code::NOT_FOUND, what))
}

/// 422 when something in the log is invalid.
async fn hold(app: &RulesApp, principal: &Principal) -> Result<(), ApiError> {
    match app.engine.validate(principal.name()).await?.problems {
        problems if problems.is_empty() => Ok(()),
        problems => Err(Refusal::Invalid(problems).into()),
    }
}

async fn run(
    app: &RulesApp,
    principal: &Principal,
    full: bool,
    filtered_by: FilteredBy,
) -> Result<Response, ApiError> {
    let scope = if full { ReloadScope::Everything } else { ReloadScope::New };
    let event = app.engine.reload(Trigger::Manual, principal.name(), scope).await?;
    if event.outcome.is_live() && !event.kinds.contains(&app.parts.kind) {
        // Compatible clients wait for it, also when nothing changed.
        app.events.send(&[reloaded(&app.kinds, &app.parts.kind, &event)]);
    }
    let rules = app.parts.rules.load();
    let done = ReloadDone {
        status: if event.outcome.is_live() { "success" } else { "failed" }.into(),
        timestamp: stamp(ended_at(&event)),
        reload_time_ms: ms(event.took),
        rules_loaded: rules.rule_count(),
        rulesets_loaded: rules.ruleset_count(),
        reload_count: reload_count(app),
        filtered_by,
        outcome: event.outcome.to_string(),
        revision: rules.revision().get(),
        quarantined: quarantined_revisions(rules.quarantined()),
        reload: reload_answer(&event),
    };
    Ok((status_of(&event), Json(done)).into_response())
}
