//! The replicas that follow the log, and what they say of its revisions.

use std::collections::BTreeMap;

use jiff::Timestamp;
use midflight_core::ReloadEvent;
use midflight_engine::Ack as EngineAck;
use midflight_store::SeenReplica;
use serde::Serialize;
use utoipa::ToSchema;

use super::{ms, stamp};

/// What a replica says of a revision.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Ack {
    /// The replica.
    pub replica_id: String,
    /// Whether the revision is served and verified there.
    pub ack: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Ack {
    /// What this replica says after a reload of its own.
    pub(crate) fn here(replica_id: &str, event: &ReloadEvent) -> Self {
        let reason = (!event.outcome.is_live()).then(|| {
            let problem =
                event.problems.iter().next().map_or_else(String::new, |problem| format!(": {problem}"));
            format!("{}{problem}", event.outcome)
        });
        Self { replica_id: replica_id.to_owned(), ack: reason.is_none(), reason }
    }
}

impl From<(String, EngineAck)> for Ack {
    fn from((replica_id, ack): (String, EngineAck)) -> Self {
        let reason = match ack {
            EngineAck::Serves => None,
            EngineAck::Refuses(why) => Some(why),
            EngineAck::Missing => Some("has not acknowledged it yet".to_owned()),
        };
        Self { replica_id, ack: reason.is_none(), reason }
    }
}

/// A revision that a replica does not serve, and why: its nack.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct NackAnswer {
    /// The revision.
    pub revision: u64,
    /// Why.
    pub reason: String,
}

/// One replica.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ReplicaAnswer {
    /// Its id.
    pub id: String,
    /// Where it answers.
    pub address: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The version of its program.
    pub version: String,
    /// Since when it runs.
    pub started_at: String,
    /// When it was last heard of.
    pub last_seen: String,
    /// How far it came: what it serves has everything up to this revision, but for those in `quarantined`.
    pub applied_revision: u64,
    /// The digest of that revision; null from a program of before.
    pub applied_digest: Option<String>,
    /// Whether it stopped following, since the log is not the one that it followed (`log_diverged`).
    pub log_diverged: bool,
    /// The revisions it does not serve, and why.
    pub quarantined: Vec<NackAnswer>,
    /// What is wrong with it while it goes on serving, as a log that does not answer.
    pub degraded: Option<String>,
    /// For how long a revision has been in the log that it does not serve yet; 0 when it is level with the log.
    pub lag_ms: f64,
}

impl ReplicaAnswer {
    /// `waiting_since` is when the first revision that it does not serve yet came into the log.
    pub(crate) fn new(seen: &SeenReplica, now: Timestamp, waiting_since: Option<Timestamp>) -> Self {
        let replica = seen.replica.clone();
        let nack = |(revision, reason): (midflight_core::RevisionNumber, String)| NackAnswer {
            revision: revision.get(),
            reason,
        };
        let lag = waiting_since.map(|since| now.duration_since(since).unsigned_abs());
        Self {
            id: replica.id,
            address: replica.address,
            labels: replica.labels,
            version: replica.version,
            started_at: stamp(replica.started_at),
            last_seen: stamp(now.saturating_sub(seen.age).unwrap_or(now)),
            applied_revision: replica.applied.get(),
            applied_digest: replica.applied_digest.map(|digest| digest.to_string()),
            log_diverged: replica.diverged,
            quarantined: replica.refused.into_iter().map(nack).collect(),
            degraded: replica.degraded,
            lag_ms: lag.map_or(0.0, ms),
        }
    }
}

/// The replicas that follow the log.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ReplicaList {
    /// The replicas.
    pub items: Vec<ReplicaAnswer>,
    /// Always null: there is one page.
    pub next_cursor: Option<String>,
}
