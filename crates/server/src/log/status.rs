//! How this replica stands to the log, and which replicas there are.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use midflight_core::RevisionNumber;
use midflight_store::{SeenReplica, StoreError};

use crate::app::App;
use crate::directories;
use crate::problem::{ApiError, ProblemBody};
use crate::wire::{Answering, ReplicaAnswer, ReplicaList, StatusAnswer, stamp};

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

/// The replicas that follow the log and were heard of in the last five minutes. While the log is away: this one.
#[utoipa::path(get, path = "/api/v1/replicas", tag = "log",
    responses((status = 200, body = ReplicaList), (status = "default", body = ProblemBody)))]
pub(super) async fn list_replicas(State(app): State<App>) -> Result<Json<ReplicaList>, ApiError> {
    let (seen, head) = match everyone(&app).await {
        Err(StoreError::Unavailable(_)) => (vec![app.engine.this_replica()], app.engine.status().desired),
        answered => answered?,
    };
    let (mut items, now) = (Vec::with_capacity(seen.len()), Timestamp::now());
    let mut waiting = BTreeMap::new();
    for one in &seen {
        let applied = one.replica.applied;
        if applied < head && !waiting.contains_key(&applied) {
            waiting.insert(applied, waiting_since(&app, applied).await?);
        }
        let since = waiting.get(&applied).copied().flatten();
        items.push(ReplicaAnswer::new(one, now, since));
    }
    Ok(Json(ReplicaList { items, next_cursor: None }))
}

async fn everyone(app: &App) -> Result<(Vec<SeenReplica>, RevisionNumber), StoreError> {
    let seen = app.engine.replicas().await?;
    Ok((seen, app.engine.store().head().await?.number))
}

/// When the first revision after that one came into the log.
async fn waiting_since(app: &App, applied: RevisionNumber) -> Result<Option<Timestamp>, ApiError> {
    let waiting = app.engine.store().since(applied, 1).await;
    match waiting {
        Ok(waiting) => Ok(waiting.first().map(|one| one.revision.created_at)),
        // One that was away for so long that what it waits for is compacted: it will read everything anew.
        Err(StoreError::Compacted { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
