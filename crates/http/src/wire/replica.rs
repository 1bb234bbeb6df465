//! The replicas that follow the log, and their reports on its revisions.

use jiff::Timestamp;
use midflight_core::{ReloadEvent, RevisionNumber};
use midflight_engine::{AckState, REPLICA_SILENT_AFTER};
use midflight_store::SeenReplica;
use midflight_wire::replicas::{Ack, NackAnswer, ReplicaAnswer, SilentReplica};

use super::time::{ms, stamp};

/// The report of a replica on a revision.
pub(crate) fn ack(replica_id: String, state: AckState) -> Ack {
    let reason = match state {
        AckState::Serves => None,
        AckState::Refuses(why) => Some(why),
        AckState::Missing => Some("has not acknowledged it yet".to_owned()),
    };
    Ack { replica_id, ack: reason.is_none(), reason }
}

/// The report of this replica after a reload of its own.
pub(crate) fn ack_of_reload(replica_id: &str, event: &ReloadEvent) -> Ack {
    let reason = (!event.outcome.is_live()).then(|| {
        let problem = event.problems.iter().next().map_or_else(String::new, |problem| format!(": {problem}"));
        format!("{}{problem}", event.outcome)
    });
    Ack { replica_id: replica_id.to_owned(), ack: reason.is_none(), reason }
}

/// A replica that has not reported for a while.
pub(crate) fn silent_replica(seen: &SeenReplica) -> SilentReplica {
    SilentReplica { replica_id: seen.replica.id.clone(), last_report_ms: ms(seen.age) }
}

fn nack_answer((revision, reason): (RevisionNumber, String)) -> NackAnswer {
    NackAnswer { revision: revision.get(), reason }
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

/// A replica as it is now by its last report.
pub(crate) fn replica_answer(
    seen: &SeenReplica,
    now: Timestamp,
    missing: Missing,
    inputs_differ: Vec<String>,
) -> ReplicaAnswer {
    let replica = seen.replica.clone();
    let reported_at = now.saturating_sub(seen.age).unwrap_or(now);
    let is_silent = seen.age > REPLICA_SILENT_AFTER;
    let silence = is_silent.then(|| format!("it has reported nothing for {} ms", seen.age.as_millis()));
    let degraded = [silence, replica.degraded].into_iter().flatten().collect::<Vec<_>>().join("; ");
    let lag_ms = match missing {
        Missing::Nothing => Some(0.0),
        Missing::Since(since) if since <= reported_at => {
            Some(ms(reported_at.duration_since(since).unsigned_abs()))
        }
        Missing::Since(_) | Missing::Unknown => None,
    };
    ReplicaAnswer {
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
        quarantined: replica.refused.into_iter().map(nack_answer).collect(),
        inputs_differ,
        degraded: (!degraded.is_empty()).then_some(degraded),
        lag_ms,
    }
}
