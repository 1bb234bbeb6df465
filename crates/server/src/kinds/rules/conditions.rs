//! The catalogue of conditions that rules refer to by name.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use midflight_core::DocumentId;
use serde_json::Value;

use super::app::RulesApp;
use super::wire::{ConditionInfoAnswer, ConditionList};
use crate::body::JsonBody;
use crate::log::documents::{delete, put, read};
use crate::params::{InPath, PageParams, Params, document};
use crate::principal::Principal;
use crate::problem::{ApiError, ProblemBody};
use crate::wire::{DocumentAnswer, WriteAnswer};
use crate::write::WriteParams;

/// The conditions that are served, by id, with the rules that name them.
#[utoipa::path(get, path = "/api/v1/conditions", tag = "rules", params(PageParams),
    responses((status = 200, body = ConditionList), (status = "default", body = ProblemBody)))]
pub(super) async fn list_conditions(
    State(app): State<RulesApp>,
    Params(page): Params<PageParams>,
) -> Result<Json<ConditionList>, ApiError> {
    let limit = page.limit()? as usize;
    let rules = app.parts.rules.load();
    let after = rules.conditions().filter(|id| page.text().is_none_or(|cursor| *id > cursor));
    let info =
        |id: &str| ConditionInfoAnswer { condition_id: id.to_owned(), used_by: rules.users(id).count() };
    let mut items: Vec<_> = after.take(limit + 1).map(info).collect();
    let more = items.len() > limit;
    items.truncate(limit);
    Ok(Json(ConditionList {
        next_cursor: items.last().filter(|_| more).map(|last| last.condition_id.clone()),
        items,
        revision: rules.revision().get(),
        quarantined: rules.quarantined().into(),
    }))
}

/// A condition's document.
#[utoipa::path(get, path = "/api/v1/conditions/{condition_id}", tag = "rules",
    params(("condition_id" = String, Path, description = "The condition")),
    responses((status = 200, body = DocumentAnswer), (status = "default", body = ProblemBody)))]
pub(super) async fn get_condition(
    State(app): State<RulesApp>,
    principal: Principal,
    InPath(condition): InPath<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    read((&app, &principal), &id(&app, &condition)?, &headers).await
}

/// Puts a condition; every rule that names it follows.
#[utoipa::path(put, path = "/api/v1/conditions/{condition_id}", tag = "rules",
    params(("condition_id" = String, Path, description = "The condition"), WriteParams,
        ("If-Match" = Option<String>, Header, description = "`\"3\"`, `\"r42\"` (unchanged since) or `*`"),
        ("If-None-Match" = Option<String>, Header, description = "`*`: create, never change")),
    request_body = Value,
    responses((status = 200, body = WriteAnswer), (status = 201, body = WriteAnswer),
        (status = 202, body = WriteAnswer), (status = "default", body = ProblemBody)))]
pub(super) async fn put_condition(
    principal: Principal,
    State(app): State<RulesApp>,
    InPath(condition): InPath<String>,
    Params(params): Params<WriteParams>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<Value>,
) -> Result<Response, ApiError> {
    put(&app, &principal, id(&app, &condition)?, &params, &headers, body).await
}

/// Deletes a condition; refused while a rule names it.
#[utoipa::path(delete, path = "/api/v1/conditions/{condition_id}", tag = "rules",
    params(("condition_id" = String, Path, description = "The condition"), WriteParams,
        ("If-Match" = Option<String>, Header, description = "`\"3\"`, `\"r42\"` (unchanged since) or `*`")),
    responses((status = 200, body = WriteAnswer), (status = 202, body = WriteAnswer),
        (status = "default", body = ProblemBody)))]
pub(super) async fn delete_condition(
    principal: Principal,
    State(app): State<RulesApp>,
    InPath(condition): InPath<String>,
    Params(params): Params<WriteParams>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    delete(&app, &principal, id(&app, &condition)?, &params, &headers).await
}

fn id(app: &RulesApp, condition: &str) -> Result<DocumentId, ApiError> {
    document(app.parts.kind.as_str(), &format!("conditions/{}", super::items::segment(condition)?))
}
