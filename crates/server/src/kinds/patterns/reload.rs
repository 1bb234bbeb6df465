//! The compatibility endpoint for reloads: this replica and all others look at the log, and report whether they serve
//! it.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use midflight_core::Head;
use midflight_engine::{Kind as _, ReloadScope};
use midflight_http::body::OptionalJsonBody;
use midflight_http::code::Code;
use midflight_http::log::documents::absent;
use midflight_http::params::document;
use midflight_http::principal::Principal;
use midflight_http::problem::ApiError;
use midflight_http::reload::{FleetReload, everywhere, status_of};
use midflight_http::wire::{ms, quarantined_revisions, reload_answer, stamp, statistics_answer};
use midflight_patterns::Patterns;
use midflight_wire::patterns::{HotReloadMetrics, ReloadPatterns, ReloadedPattern, ReloadedPatterns};
use midflight_wire::problem::ProblemBody;
use midflight_wire::replicas::Ack;
use serde_json::Value;

use super::app::PatternsApp;
use super::table::TableLook;
use super::wire::{classification_counts, llm_answer, table_answer};

/// Makes every replica look at the log, and reports which of them serve it. A pattern that is named must be there.
#[utoipa::path(post, path = "/api/v1/patterns/reload", tag = "patterns",
    request_body(content = Option<ReloadPatterns>),
    responses((status = 200, body = ReloadedPatterns), (status = 422, body = ReloadedPatterns),
        (status = 503, body = ReloadedPatterns), (status = "default", body = ProblemBody)))]
pub(super) async fn reload(
    principal: Principal,
    State(app): State<PatternsApp>,
    OptionalJsonBody(body): OptionalJsonBody<ReloadPatterns>,
) -> Result<Response, ApiError> {
    run(&app, &principal, body.unwrap_or_default()).await
}

/// The same under the path of the compatibility API.
#[utoipa::path(post, path = "/api/milhena/patterns/reload", tag = "patterns",
    request_body(content = Option<ReloadPatterns>),
    responses((status = 200, body = ReloadedPatterns), (status = 422, body = ReloadedPatterns),
        (status = 503, body = ReloadedPatterns), (status = "default", body = ProblemBody)))]
pub(super) async fn reload_as_before(
    principal: Principal,
    State(app): State<PatternsApp>,
    OptionalJsonBody(body): OptionalJsonBody<ReloadPatterns>,
) -> Result<Response, ApiError> {
    run(&app, &principal, body.unwrap_or_default()).await
}

async fn run(app: &PatternsApp, principal: &Principal, body: ReloadPatterns) -> Result<Response, ApiError> {
    let pattern_id = match &body.pattern_id {
        None | Some(Value::Null) => None,
        Some(Value::String(id)) => Some(id.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        Some(_) => return Err(ApiError::new(Code::INVALID_BODY, "pattern_id is a string, a number or null")),
    };
    let id = pattern_id.as_deref().map(|pattern| document("patterns", pattern)).transpose()?;
    let mut before = None;
    if let Some(id) = &id {
        before = app.engine.store().document_head(id).await?.filter(|head| !head.deleted);
    }
    let seen = match &app.parts.table {
        Some(table) => Some((table.status().table, table.look(id.clone()).await)),
        None => None,
    };
    let mut pattern = None;
    if let Some(id) = &id {
        pattern = app.engine.store().document_head(id).await?.filter(|head| !head.deleted);
        // A row that is gone is a pattern that was there.
        if before.is_none() && pattern.is_none() {
            return Err(absent(id));
        }
    }
    let FleetReload { event, replicas } = everywhere(app, principal, ReloadScope::New).await?;
    let replicas: Vec<Ack> = replicas.into_iter().map(Ack::from).collect();
    let world = app.engine.world();
    let revision = world.revision();
    let subscribers = replicas.iter().filter(|replica| replica.ack).count();
    let is_left_out = |head: &Head| world.quarantined().contains(&head.revision);
    let pattern_is_served = !pattern.as_ref().is_some_and(is_left_out);
    let table_is_read = seen.as_ref().is_none_or(|(_, seen)| seen.is_ok());
    let success = subscribers == replicas.len() && pattern_is_served && table_is_read;
    let mut message = match subscribers == replicas.len() {
        true => format!("every replica serves revision {revision}"),
        false => format!("{subscribers} of {} replicas serve revision {revision}", replicas.len()),
    };
    message += &match (&pattern_id, &pattern) {
        (None, _) => String::new(),
        (Some(id), None) => format!("; the pattern {id:?} is deleted"),
        (Some(id), Some(head)) if pattern_is_served => {
            format!(
                "; the pattern {id:?} is reloaded: version {} of revision {}",
                head.version, head.revision
            )
        }
        (Some(id), Some(head)) => {
            format!(
                "; the pattern {id:?} is not reloaded: revision {} is left out on this replica",
                head.revision
            )
        }
    };
    message += &match seen {
        None => String::new(),
        Some((table, Ok(TableLook { put: 0, deleted: 0 }))) => format!("; the table {table} says the same"),
        Some((table, Ok(TableLook { put, deleted }))) => {
            format!("; of the table {table} {put} rows were put and {deleted} deleted")
        }
        Some((table, Err(why))) => format!("; the table {table} was not read: {why}"),
    };
    let answer = ReloadedPatterns {
        success,
        message,
        subscribers,
        pattern_id: body.pattern_id,
        pattern: pattern.map(|head| ReloadedPattern { version: head.version, revision: head.revision.get() }),
        replicas,
        outcome: event.outcome.to_string(),
        patterns: app.parts.patterns.load().pattern_count(),
        revision: revision.get(),
        quarantined: quarantined_revisions(world.quarantined()),
        reload_time_ms: ms(event.took),
        timestamp: stamp(event.started_at),
    };
    Ok((status_of(&event), Json(answer)).into_response())
}

/// Reloads of patterns and results of queries, since this replica started.
#[utoipa::path(get, path = "/api/v1/patterns/hot-reload/metrics", tag = "patterns",
    responses((status = 200, body = HotReloadMetrics), (status = "default", body = ProblemBody)))]
pub(super) async fn metrics(State(app): State<PatternsApp>) -> Json<HotReloadMetrics> {
    let kind = Patterns.name();
    let of_patterns = |event: &midflight_core::ReloadEvent| event.kinds.contains(&kind);
    let history = app.engine.history();
    let status = app.engine.status();
    let last = history.select(1, of_patterns);
    let bus = app.bus.status();
    let patterns = app.parts.patterns.load();
    Json(HotReloadMetrics {
        patterns: patterns.pattern_count(),
        categories: patterns.categories().map(|(name, count)| (name.to_owned(), count)).collect(),
        revision: patterns.revision().get(),
        quarantined: quarantined_revisions(patterns.quarantined()),
        desired_revision: status.desired.get(),
        listening: bus.connected,
        reconnects: bus.reconnects,
        reloads: statistics_answer(&history.statistics(of_patterns)),
        last_reload: last.first().map(|event| reload_answer(event)),
        classifications: classification_counts(app.parts.classifier.counts()),
        llm: app.parts.llm.status().map(|status| llm_answer(status, &app.parts.llm.counts())),
        table: app.parts.table.as_ref().map(|table| table_answer(table.status())),
    })
}

/// The same under the path of the compatibility API.
#[utoipa::path(get, path = "/api/milhena/hot-reload/metrics", tag = "patterns",
    responses((status = 200, body = HotReloadMetrics), (status = "default", body = ProblemBody)))]
pub(super) async fn metrics_as_before(state: State<PatternsApp>) -> Json<HotReloadMetrics> {
    metrics(state).await
}
