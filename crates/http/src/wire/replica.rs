//! The replicas that follow the log, and their reports on its revisions.

use std::collections::BTreeMap;

use jiff::Timestamp;
use midflight_core::ReloadEvent;
use midflight_engine::{AckState as EngineAck, REPLICA_SILENT_AFTER};
use midflight_store::SeenReplica;
use serde::Serialize;
use utoipa::ToSchema;

use super::time::{ms, stamp};

/// The report of a replica on a revision.
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
    /// The report of this replica after a reload of its own.
    pub fn here(replica_id: &str, event: &ReloadEvent) -> Self {
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

/// A replica that has not reported for seven seconds.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SilentReplica {
    /// The replica.
    pub replica_id: String,
    /// How long ago it reported last.
    pub last_report_ms: f64,
}

impl From<&SeenReplica> for SilentReplica {
    fn from(seen: &SeenReplica) -> Self {
        Self { replica_id: seen.replica.id.clone(), last_report_ms: ms(seen.age) }
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
    /// When it last reported. It reports every 500 ms, and within 100 ms of serving another revision.
    pub last_seen: String,
    /// When it last reported, if that is more than 1,000 ms ago: it may be paused, cut off or stopped, and what it
    /// serves is not known. Null while it reports.
    pub silent_since: Option<String>,
    /// How far it had come when it last reported: what it served had everything up to this revision, but for those in
    /// `quarantined`.
    pub applied_revision: u64,
    /// The digest of that revision; null from a program of before.
    pub applied_digest: Option<String>,
    /// Whether it stopped following, since the log is not the one that it followed (`log_diverged`).
    pub log_diverged: bool,
    /// The revisions it does not serve, and why.
    pub quarantined: Vec<NackAnswer>,
    /// The variables (`env:NAME`) and files (`file:PATH`) to which its documents refer and whose contents differ from
    /// most replicas; where no value is the most common, on all of them.
    pub inputs_differ: Vec<String>,
    /// What is wrong with it, as a log that does not answer, or that it reports nothing.
    pub degraded: Option<String>,
    /// For how long a revision had been in the log, when it last reported, that it did not serve then; 0 when it serves
    /// all. Null when that is not known: it has reported nothing since that revision came into the log.
    pub lag_ms: Option<f64>,
}

/// What of the log a replica had not applied when it last reported.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Missing {
    Nothing,
    /// What came into the log at this time, and maybe more.
    Since(Timestamp),
    /// Not known.
    Unknown,
}

impl ReplicaAnswer {
    pub(crate) fn new(
        seen: &SeenReplica,
        now: Timestamp,
        missing: Missing,
        inputs_differ: Vec<String>,
    ) -> Self {
        let replica = seen.replica.clone();
        let reported_at = now.saturating_sub(seen.age).unwrap_or(now);
        let is_silent = seen.age > REPLICA_SILENT_AFTER;
        let silence = is_silent.then(|| format!("it has reported nothing for {} ms", seen.age.as_millis()));
        let degraded = [silence, replica.degraded].into_iter().flatten().collect::<Vec<_>>().join("; ");
        let nack = |(revision, reason): (midflight_core::RevisionNumber, String)| NackAnswer {
            revision: revision.get(),
            reason,
        };
        let lag_ms = match missing {
            Missing::Nothing => Some(0.0),
            Missing::Since(since) if since <= reported_at => {
                Some(ms(reported_at.duration_since(since).unsigned_abs()))
            }
            Missing::Since(_) | Missing::Unknown => None,
        };
        Self {
            id: replica.id,
            address: replica.address,
            labels: replica.labels,
            version: replica.version,
            started_at: stamp(replica.started_at),
            last_seen: stamp(reported_at),
            silent_since: is_silent.then(|| stamp(reported_at)),
            applied_revision: replica.applied.get(),
            applied_digest: replica.applied_digest.map(|digest| digest.to_string()),
            log_diverged: replica.diverged,
            quarantined: replica.refused.into_iter().map(nack).collect(),
            inputs_differ,
            degraded: (!degraded.is_empty()).then_some(degraded),
            lag_ms,
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
