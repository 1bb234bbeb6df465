//! The reloads of this replica, and what they add up to.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use midflight_core::{Open, Outcome, ReloadEvent, Trigger};
use midflight_wire::problem::ProblemBody;
use midflight_wire::reload::{ReloadList, StatisticsAnswer};
use serde::Deserialize;
use utoipa::IntoParams;

use super::known_kind;
use crate::app::AppState;
use crate::params::{self, Params};
use crate::problem::ApiError;
use crate::wire::{reload_answer, statistics_answer};

/// Which reloads to list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ReloadListParams {
    /// Only those about this kind.
    pub(crate) kind: Option<String>,
    /// Only those that ran for this reason, as `api_update`.
    trigger: Option<String>,
    /// Only those that ended so, as `validation_failed`.
    outcome: Option<String>,
    /// How many at most; 50 by default, at most 500.
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// The reloads of this replica, newest first.
#[utoipa::path(get, path = "/api/v1/reloads", tag = "log", params(ReloadListParams),
    responses((status = 200, body = ReloadList), (status = "default", body = ProblemBody)))]
pub(super) async fn list_reloads(
    State(app): State<AppState>,
    Params(params): Params<ReloadListParams>,
) -> Result<Json<ReloadList>, ApiError> {
    known_kind::filter(&app, params.kind.as_deref()).await?;
    let ReloadPage { events, next_cursor, .. } = page(&app, &params)?;
    Ok(Json(ReloadList { items: events.iter().map(|event| reload_answer(event)).collect(), next_cursor }))
}

/// A page of reloads, newest first.
#[derive(Debug)]
pub struct ReloadPage {
    /// The reloads.
    pub events: Vec<Arc<ReloadEvent>>,
    /// How many there could be.
    pub limit: usize,
    /// What to pass as `cursor` for the next page; none on the last.
    pub next_cursor: Option<String>,
}

/// Selects a page of the reloads of this replica. Cost: looks through all that are kept.
///
/// # Errors
/// `invalid_parameter` for a word, a limit or a cursor that is none.
pub fn page(app: &AppState, asked: &ReloadListParams) -> Result<ReloadPage, ApiError> {
    let kind = params::kind(asked.kind.as_deref())?;
    let trigger: Option<Open<Trigger>> = params::word(asked.trigger.as_deref(), "trigger")?;
    let outcome: Option<Open<Outcome>> = params::word(asked.outcome.as_deref(), "outcome")?;
    let before = params::number_cursor(asked.cursor.as_deref())?;
    let limit = params::limit(asked.limit)? as usize;
    let wanted = |event: &ReloadEvent| {
        kind.as_ref().is_none_or(|kind| event.kinds.contains(kind))
            && trigger.is_none_or(|trigger| event.trigger == trigger)
            && outcome.is_none_or(|outcome| event.outcome == outcome)
            && before.is_none_or(|before| event.id.0 < before)
    };
    let mut events = app.engine.history().select(limit + 1, wanted);
    let more = events.len() > limit;
    events.truncate(limit);
    let next_cursor = events.last().filter(|_| more).map(|last| last.id.0.to_string());
    Ok(ReloadPage { events, limit, next_cursor })
}

/// Counts and times of the reloads that are kept.
#[utoipa::path(get, path = "/api/v1/reloads/statistics", tag = "log",
    responses((status = 200, body = StatisticsAnswer), (status = "default", body = ProblemBody)))]
pub(super) async fn statistics(State(app): State<AppState>) -> Json<StatisticsAnswer> {
    Json(statistics_answer(&app.engine.history().statistics(|_| true)))
}
