//! The rules of a ruleset.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use midflight_core::DocumentId;
use midflight_engine::Work;
use midflight_live::Live;
use midflight_rules::RulesSnapshot;
use serde_json::Value;

use super::app::RulesApp;
use super::wire::{RuleInfoAnswer, RuleList};
use crate::body::JsonBody;
use crate::code::Code;
use crate::compute::{Share, TimeLimit};
use crate::log::documents::{delete, put, read};
use crate::params::{InPath, PageParams, Params, document};
use crate::principal::Principal;
use crate::problem::{ApiError, ProblemBody};
use crate::wire::{DocumentAnswer, WriteAnswer};
use crate::write::WriteParams;

/// The rules of a ruleset that are served, in the order they execute in, all statuses. The cursor is a position, so a
/// page that is read after an edit may shift; each page says its revision.
#[utoipa::path(get, path = "/api/v1/rulesets/{ruleset}/rules", tag = "rules",
    params(("ruleset" = String, Path, description = "The ruleset"), PageParams),
    responses((status = 200, body = RuleList), (status = "default", body = ProblemBody)))]
pub(super) async fn list_rules(
    State(app): State<RulesApp>,
    principal: Principal,
    InPath(ruleset): InPath<String>,
    Params(page): Params<PageParams>,
) -> Result<Json<RuleList>, ApiError> {
    let (limit, skip) = (page.limit()? as usize, page.number()?.unwrap_or(0) as usize);
    let rules = app.parts.rules.clone();
    // All rules of the ruleset are put in order for each page: that takes milliseconds of many thousands.
    let time = TimeLimit { ms_max: app.parts.limits.execute_ms_max, name: "execute_ms_max" };
    let list = move |_: &Work| list(&rules, ruleset, skip, limit);
    app.compute.run(Share::from(&principal), time, list).await?.map(Json)
}

fn list(
    rules: &Live<RulesSnapshot>,
    ruleset: String,
    skip: usize,
    limit: usize,
) -> Result<RuleList, ApiError> {
    let snapshot = rules.load();
    let unknown = || ApiError::new(Code::NOT_FOUND, format!("there is no ruleset {ruleset:?}"));
    let rules = snapshot.rules(&ruleset).ok_or_else(unknown)?;
    let total = rules.len();
    let items: Vec<_> = rules.into_iter().skip(skip).take(limit).map(RuleInfoAnswer::from).collect();
    let end = skip.saturating_add(items.len());
    Ok(RuleList {
        items,
        next_cursor: (end < total).then(|| end.to_string()),
        ruleset,
        revision: snapshot.revision().get(),
        quarantined: snapshot.quarantined().into(),
    })
}

/// A rule's document.
#[utoipa::path(get, path = "/api/v1/rulesets/{ruleset}/rules/{rule_id}", tag = "rules",
    params(("ruleset" = String, Path, description = "The ruleset"),
        ("rule_id" = String, Path, description = "The rule")),
    responses((status = 200, body = DocumentAnswer), (status = "default", body = ProblemBody)))]
pub(super) async fn get_rule(
    State(app): State<RulesApp>,
    principal: Principal,
    InPath((ruleset, rule)): InPath<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    read((&app, &principal), &id(&app, &ruleset, &rule)?, &headers).await
}

/// Puts a rule: the next execution after the answer uses it.
#[utoipa::path(put, path = "/api/v1/rulesets/{ruleset}/rules/{rule_id}", tag = "rules",
    params(("ruleset" = String, Path, description = "The ruleset"),
        ("rule_id" = String, Path, description = "The rule"), WriteParams,
        ("If-Match" = Option<String>, Header, description = "`\"3\"`, `\"r42\"` (unchanged since) or `*`"),
        ("If-None-Match" = Option<String>, Header, description = "`*`: create, never change")),
    request_body = Value,
    responses((status = 200, body = WriteAnswer), (status = 201, body = WriteAnswer),
        (status = 202, body = WriteAnswer), (status = "default", body = ProblemBody)))]
pub(super) async fn put_rule(
    principal: Principal,
    State(app): State<RulesApp>,
    InPath((ruleset, rule)): InPath<(String, String)>,
    Params(params): Params<WriteParams>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<Value>,
) -> Result<Response, ApiError> {
    put(&app, &principal, id(&app, &ruleset, &rule)?, &params, &headers, body).await
}

/// Deletes a rule.
#[utoipa::path(delete, path = "/api/v1/rulesets/{ruleset}/rules/{rule_id}", tag = "rules",
    params(("ruleset" = String, Path, description = "The ruleset"),
        ("rule_id" = String, Path, description = "The rule"), WriteParams,
        ("If-Match" = Option<String>, Header, description = "`\"3\"`, `\"r42\"` (unchanged since) or `*`")),
    responses((status = 200, body = WriteAnswer), (status = 202, body = WriteAnswer),
        (status = "default", body = ProblemBody)))]
pub(super) async fn delete_rule(
    principal: Principal,
    State(app): State<RulesApp>,
    InPath((ruleset, rule)): InPath<(String, String)>,
    Params(params): Params<WriteParams>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    delete(&app, &principal, id(&app, &ruleset, &rule)?, &params, &headers).await
}

fn id(app: &RulesApp, ruleset: &str, rule: &str) -> Result<DocumentId, ApiError> {
    let name = format!("{}/{}", segment(ruleset)?, segment(rule)?);
    document(app.parts.kind.as_str(), &name)
}

/// One part of a name: an escaped slash in an address must not reach another sort of document.
pub(super) fn segment(text: &str) -> Result<&str, ApiError> {
    if text.contains('/') {
        return Err(ApiError::new(Code::INVALID_NAME, format!("{text:?} has a slash; an id has none")));
    }
    Ok(text)
}
