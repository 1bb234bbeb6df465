//! The state of this replica, and the other replicas.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use midflight_core::RevisionNumber;
use midflight_engine::differing_inputs;
use midflight_store::{RevisionQuery, StoreError};
use midflight_wire::problem::ProblemBody;
use midflight_wire::replicas::{ReplicaAnswer, ReplicaList};
use midflight_wire::status::StatusAnswer;

use crate::app::AppState;
use crate::directories;
use crate::problem::ApiError;
use crate::wire::{AnsweringReplica, Missing, replica_answer, stamp, status_answer};

/// Desired, served and last refused, of this replica and of each kind.
#[utoipa::path(get, path = "/api/v1/status", tag = "log",
    responses((status = 200, body = StatusAnswer), (status = "default", body = ProblemBody)))]
pub(super) async fn get_status(State(app): State<AppState>) -> Json<StatusAnswer> {
    let answering = AnsweringReplica {
        replica_id: app.replica_id.clone(),
        started_at: stamp(app.started_at),
        directories: directories::answers(&app.directories),
    };
    Json(status_answer(&app.engine.status(), answering))
}

/// The replicas that follow the log and reported in the last five minutes. While the log is unavailable: this one.
#[utoipa::path(get, path = "/api/v1/replicas", tag = "log",
    responses((status = 200, body = ReplicaList), (status = "default", body = ProblemBody)))]
pub(super) async fn list_replicas(State(app): State<AppState>) -> Result<Json<ReplicaList>, ApiError> {
    let items = match everyone(&app).await {
        Err(StoreError::Unavailable(_)) => vec![alone(&app)],
        answered => answered?,
    };
    Ok(Json(ReplicaList { items, next_cursor: None }))
}

async fn everyone(app: &AppState) -> Result<Vec<ReplicaAnswer>, StoreError> {
    // Before the ages are asked for: a report is not to seem later than it was, and so to know of a revision that came after it.
    let now = Timestamp::now();
    let seen = app.engine.replicas().await?;
    let head = app.engine.store().head().await?.number;
    let mut items = Vec::with_capacity(seen.len());
    let (mut waiting, mut differing) = (BTreeMap::new(), differing_inputs(&seen));
    for one in &seen {
        let applied = one.replica.applied;
        if applied < head && !waiting.contains_key(&applied) {
            waiting.insert(applied, waiting_since(app, applied).await?);
        }
        let missing = match waiting.get(&applied) {
            None => Missing::Nothing,
            Some(since) => since.map_or(Missing::Unknown, Missing::Since),
        };
        let inputs_differ = differing.remove(&one.replica.id).unwrap_or_default();
        items.push(replica_answer(one, now, missing, inputs_differ));
    }
    Ok(items)
}

/// For how long the replica that is furthest behind had not served a revision when it last reported, of those that
/// report; none while that is unknown. Cost: two reads of the store, and one for each revision that replicas are at.
pub(crate) async fn lag_ms(app: &AppState) -> Result<Option<f64>, StoreError> {
    let reporting: Vec<_> =
        everyone(app).await?.into_iter().filter(|one| one.silent_since.is_none()).collect();
    Ok(reporting.iter().filter_map(|one| one.lag_ms).max_by(f64::total_cmp))
}

/// This replica, while nothing is known of the others nor of the log.
fn alone(app: &AppState) -> ReplicaAnswer {
    replica_answer(&app.engine.this_replica(), Timestamp::now(), Missing::Unknown, Vec::new())
}

/// When the first revision after that one came into the log; none when that cannot be read any more.
async fn waiting_since(app: &AppState, applied: RevisionNumber) -> Result<Option<Timestamp>, StoreError> {
    let before = Some(applied.next().next());
    let query = RevisionQuery { before, limit: 1, changes_max: Some(0), ..RevisionQuery::default() };
    let listed = app.engine.store().revisions(query).await?.items.pop();
    // A replica that was stopped until what it needs was compacted reads everything again.
    Ok(listed.filter(|one| one.revision.number > applied).map(|one| one.revision.created_at))
}
