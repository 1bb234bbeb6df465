//! The reload of the originals: this replica and all others look at the log, and say whether they serve it.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use midflight_bus::Hint;
use midflight_core::{Open, Outcome, Trigger};
use midflight_engine::Kind as _;
use midflight_patterns::Patterns;
use serde_json::Value;

use super::app::PatternsApp;
use super::wire::{HotReloadMetrics, ReloadPatterns, ReloadedPatterns};
use crate::auth::Author;
use crate::body::OptionalJsonBody;
use crate::log::documents::absent;
use crate::params::document;
use crate::problem::{ApiError, Code, ProblemBody};
use crate::wire::{Ack, ReloadAnswer, ms, stamp};

/// How long the other replicas have to say that they serve it.
const HEARD_MAX: Duration = Duration::from_secs(5);

/// Has every replica look at the log, and tells which of them serve it. A pattern that is named must be there.
#[utoipa::path(post, path = "/api/v1/patterns/reload", tag = "patterns",
    request_body(content = Option<ReloadPatterns>), security(("token" = [])),
    responses((status = 200, body = ReloadedPatterns), (status = 422, body = ReloadedPatterns),
        (status = 503, body = ReloadedPatterns), (status = "default", body = ProblemBody)))]
pub(super) async fn reload(
    author: Author,
    State(app): State<PatternsApp>,
    OptionalJsonBody(body): OptionalJsonBody<ReloadPatterns>,
) -> Result<Response, ApiError> {
    run(&app, &author, body.unwrap_or_default()).await
}

/// The same under the path of the originals.
#[utoipa::path(post, path = "/api/milhena/patterns/reload", tag = "patterns",
    request_body(content = Option<ReloadPatterns>), security(("token" = [])),
    responses((status = 200, body = ReloadedPatterns), (status = 422, body = ReloadedPatterns),
        (status = 503, body = ReloadedPatterns), (status = "default", body = ProblemBody)))]
pub(super) async fn reload_as_before(
    author: Author,
    State(app): State<PatternsApp>,
    OptionalJsonBody(body): OptionalJsonBody<ReloadPatterns>,
) -> Result<Response, ApiError> {
    run(&app, &author, body.unwrap_or_default()).await
}

async fn run(app: &PatternsApp, author: &Author, body: ReloadPatterns) -> Result<Response, ApiError> {
    let pattern_id = match &body.pattern_id {
        None | Some(Value::Null) => None,
        Some(Value::String(id)) => Some(id.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        Some(_) => return Err(ApiError::new(Code::InvalidBody, "pattern_id is a string, a number or null")),
    };
    if let Some(pattern) = &pattern_id {
        let id = document("patterns", pattern)?;
        let head = app.engine.store().document_head(&id).await?;
        head.filter(|head| !head.deleted).ok_or_else(|| absent(&id))?;
    }
    let event = app.engine.reload(Trigger::Manual, &author.0, false).await?;
    let world = app.engine.world();
    let revision = world.revision();
    let mut replicas = vec![Ack::here(&app.replica_id, &event)];
    if app.backend.is_shared() {
        // The others look too, and say what they serve. That they cannot be told delays them and loses nothing.
        if let Err(error) = app
            .backend
            .buses
            .bus
            .publish(Hint { head: revision, said: None, change: None, awaited: true })
            .await
        {
            tracing::warn!(%error, "the other replicas will look by their period");
        }
        let acks = app.engine.acks(revision, HEARD_MAX).await?;
        replicas.extend(acks.into_iter().filter(|(id, _)| *id != app.replica_id).map(Ack::from));
    }
    let subscribers = replicas.iter().filter(|replica| replica.ack).count();
    let success = subscribers == replicas.len();
    let status = match event.outcome {
        outcome if outcome.is_live() => StatusCode::OK,
        Open::Known(Outcome::LoadFailed | Outcome::Cancelled) => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let message = match success {
        true => format!("every replica serves revision {revision}"),
        false => format!("{subscribers} of {} replicas serve revision {revision}", replicas.len()),
    };
    let answer = ReloadedPatterns {
        success,
        message,
        subscribers,
        pattern_id: body.pattern_id,
        replicas,
        outcome: event.outcome.to_string(),
        patterns: app.patterns.load().pattern_count(),
        revision: revision.get(),
        quarantined: world.quarantined().into(),
        reload_time_ms: ms(event.took),
        timestamp: stamp(event.started_at),
    };
    Ok((status, Json(answer)).into_response())
}

/// How reloads of patterns go, and what comes of queries, since this replica started.
#[utoipa::path(get, path = "/api/v1/patterns/hot-reload/metrics", tag = "patterns",
    responses((status = 200, body = HotReloadMetrics), (status = "default", body = ProblemBody)))]
pub(super) async fn metrics(State(app): State<PatternsApp>) -> Json<HotReloadMetrics> {
    let kind = Patterns.name();
    let of_patterns = |event: &midflight_core::ReloadEvent| event.kinds.contains(&kind);
    let history = app.engine.history();
    let status = app.engine.status();
    let last = history.select(1, of_patterns);
    let bus = app.backend.buses.bus.status();
    let patterns = app.patterns.load();
    Json(HotReloadMetrics {
        patterns: patterns.pattern_count(),
        categories: patterns.categories().map(|(name, count)| (name.to_owned(), count)).collect(),
        revision: patterns.revision().get(),
        quarantined: patterns.quarantined().into(),
        desired_revision: status.desired.get(),
        listening: bus.connected,
        reconnects: bus.reconnects,
        reloads: history.statistics(of_patterns).into(),
        last_reload: last.first().map(|event| ReloadAnswer::from(&**event)),
        classifications: app.classifier.counts().into(),
        llm: app.llm.status().map(|status| (status, app.llm.counts()).into()),
    })
}
