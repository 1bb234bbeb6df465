//! How this replica stands to the log, and which replicas there are.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use midflight_engine::EngineStatus;

use crate::app::App;
use crate::directories;
use crate::problem::{ApiError, ProblemBody};
use crate::wire::{Answering, QuarantinedAnswer, ReplicaAnswer, ReplicaList, StatusAnswer, stamp};

/// Desired, served and last refused, of this replica and of each kind.
#[utoipa::path(get, path = "/api/v1/status", tag = "log",
    responses((status = 200, body = StatusAnswer), (status = "default", body = ProblemBody)))]
pub(super) async fn get_status(State(app): State<App>) -> Json<StatusAnswer> {
    let answering = Answering {
        replica_id: app.replica_id.clone(),
        started_at: stamp(app.started_at),
        directories: directories::answers(&app.directories),
    };
    Json(StatusAnswer::new(&app.engine.status(), answering))
}

/// The replicas that follow the log: this one, since an SQLite file has one.
#[utoipa::path(get, path = "/api/v1/replicas", tag = "log",
    responses((status = 200, body = ReplicaList), (status = "default", body = ProblemBody)))]
pub(super) async fn list_replicas(State(app): State<App>) -> Result<Json<ReplicaList>, ApiError> {
    let status = app.engine.status();
    let this = ReplicaAnswer {
        id: app.replica_id.clone(),
        address: app.address.clone(),
        labels: app.labels.clone(),
        started_at: stamp(app.started_at),
        last_seen: stamp(Timestamp::now()),
        applied_revision: status.served.get(),
        quarantined: QuarantinedAnswer::all(&status),
        lag_ms: lag_ms(&app, &status).await?,
    };
    Ok(Json(ReplicaList { items: vec![this], next_cursor: None }))
}

/// For how long the first revision that is not served yet has been in the log.
async fn lag_ms(app: &App, status: &EngineStatus) -> Result<f64, ApiError> {
    if status.desired <= status.served {
        return Ok(0.0);
    }
    let waiting = app.engine.store().since(status.served, 1).await?;
    let since = waiting.first().map(|one| Timestamp::now().duration_since(one.revision.created_at));
    Ok(since.map_or(0.0, |lag| (lag.as_secs_f64() * 1e3).max(0.0)))
}
