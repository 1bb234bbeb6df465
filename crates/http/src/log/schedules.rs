//! What waits for its time: list, read, cancel.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use midflight_engine::{Scheduled, schedule_id};
use midflight_wire::edits::WriteAnswer;
use midflight_wire::problem::ProblemBody;
use midflight_wire::schedules::{ScheduleAnswer, ScheduleList};

use super::documents;
use crate::app::AppState;
use crate::params::{InPath, PageParams, Params};
use crate::principal::Principal;
use crate::problem::ApiError;
use crate::wire::schedule_answer;
use crate::write::WriteParams;

/// What waits for its time, and what was refused at it, by name.
#[utoipa::path(get, path = "/api/v1/schedules", tag = "log", params(PageParams),
    responses((status = 200, body = ScheduleList), (status = "default", body = ProblemBody)))]
pub(super) async fn list_schedules(
    State(app): State<AppState>,
    Params(page): Params<PageParams>,
) -> Result<Json<ScheduleList>, ApiError> {
    let limit = page.limit()? as usize;
    let after = page.text().unwrap_or_default();
    let all = app.engine.schedules();
    let mut rest = all.iter().filter(|scheduled| scheduled.id.name.as_str() > after);
    let mut items = Vec::new();
    let mut last = None;
    for scheduled in rest.by_ref().take(limit) {
        items.extend(message(&app, scheduled).await?);
        last = Some(scheduled.id.name.to_string());
    }
    Ok(Json(ScheduleList { items, next_cursor: last.filter(|_| rest.next().is_some()) }))
}

/// One schedule. Its document, `/api/v1/documents/schedules/{id}`, has what the edit puts.
#[utoipa::path(get, path = "/api/v1/schedules/{id}", tag = "log",
    params(("id" = String, Path, description = "The schedule")),
    responses((status = 200, body = ScheduleAnswer), (status = "default", body = ProblemBody)))]
pub(super) async fn get_schedule(
    State(app): State<AppState>,
    InPath(name): InPath<String>,
) -> Result<Json<ScheduleAnswer>, ApiError> {
    let id = schedule_id(&name)?;
    let found = app.engine.schedules().into_iter().find(|scheduled| scheduled.id == id);
    let message = match found {
        Some(scheduled) => message(&app, &scheduled).await?,
        None => None,
    };
    message.map(Json).ok_or_else(|| documents::absent(&id))
}

/// Cancels a schedule; its versions stay in the log.
#[utoipa::path(delete, path = "/api/v1/schedules/{id}", tag = "log",
    params(("id" = String, Path, description = "The schedule"), WriteParams,
        ("If-Match" = Option<String>, Header, description = "`\"3\"`, `\"r42\"` (unchanged since) or `*`")),
    responses((status = 200, body = WriteAnswer), (status = 202, body = WriteAnswer),
        (status = "default", body = ProblemBody)))]
pub(super) async fn cancel_schedule(
    principal: Principal,
    State(app): State<AppState>,
    InPath(name): InPath<String>,
    params: WriteParams,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    documents::delete(&app, &principal, schedule_id(&name)?, &params, &headers).await
}

/// A schedule with who made it; none when it was done or cancelled in this moment.
async fn message(app: &AppState, scheduled: &Scheduled) -> Result<Option<ScheduleAnswer>, ApiError> {
    let newest = app.engine.store().versions(&scheduled.id, None, 1, None).await?.items.pop();
    let newest = newest.filter(|version| version.document.body.is_some());
    Ok(newest.map(|version| schedule_answer(scheduled, &version)))
}
