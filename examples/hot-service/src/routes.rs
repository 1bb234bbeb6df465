//! What the service answers. Each request loads what it needs once, and so never sees half of a change.

use std::fmt::Display;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use midflight::Trigger;
use midflight::app::{App, Report};
use midflight::components::drivers::{redis, sqlx};
use midflight::components::{Database, Redis};
use serde_json::{Value, json};

use crate::settings::Settings;

/// Handles, which follow every change: they are cloned freely, and nothing that they give is kept.
#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) app: App<Settings>,
    pub(crate) database: Database,
    pub(crate) redis: Redis,
}

type Answer = (StatusCode, Json<Value>);

pub(crate) fn routes(service: Service) -> Router {
    Router::new()
        .route("/", get(about))
        .route("/orders", get(orders))
        .route("/visits", get(visits))
        .route("/-/reload", post(reload))
        .route("/health/reload", get(health))
        .route("/health/live", get(async || "live\n"))
        .with_state(service)
}

async fn about(State(service): State<Service>) -> Json<Value> {
    let (settings, revision) = service.app.config().load_with_revision();
    Json(json!({"app": settings.app.name, "log_level": settings.log.level, "revision": revision.get()}))
}

async fn orders(State(service): State<Service>) -> Answer {
    let mut connection = match service.database.acquire().await {
        Ok(connection) => connection,
        Err(error) => return unavailable(&error),
    };
    match sqlx::query_scalar::<_, i32>("SELECT 1").fetch_one(&mut *connection).await {
        Ok(orders) => (StatusCode::OK, Json(json!({"orders": orders}))),
        Err(error) => unavailable(&error),
    }
}

async fn visits(State(service): State<Service>) -> Answer {
    match service.redis.query::<u64>(redis::cmd("INCR").arg("visits")).await {
        Ok(visits) => {
            tracing::debug!(visits, "visit counted");
            (StatusCode::OK, Json(json!({"visits": visits})))
        }
        Err(error) => unavailable(&error),
    }
}

async fn reload(State(service): State<Service>) -> Answer {
    let report = service.app.reload(Trigger::Manual, "http").await;
    message(&report, StatusCode::UNPROCESSABLE_ENTITY)
}

async fn health(State(service): State<Service>) -> Answer {
    message(&service.app.report(), StatusCode::SERVICE_UNAVAILABLE)
}

/// The status of the config, with the hashes by which a sidecar verifies it.
fn message(report: &Report, refused: StatusCode) -> Answer {
    (if report.is_live() { StatusCode::OK } else { refused }, Json(report.to_json()))
}

fn unavailable(error: &dyn Display) -> Answer {
    tracing::warn!(%error, "a request failed");
    (StatusCode::SERVICE_UNAVAILABLE, Json(json!({"error": error.to_string()})))
}
