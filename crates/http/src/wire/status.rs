//! The state of this replica: desired, served and last refused, each by its name.

use midflight_core::RevisionNumber;
use midflight_engine::{EngineStatus, KindStatus, LastRefused, Quarantined, StoreStatus};
use midflight_wire::directories::DirectoryAnswer;
use midflight_wire::status::{KindStatusAnswer, QuarantinedAnswer, RefusedAnswer, StatusAnswer, StoreAnswer};

use super::problem::problem_items;
use super::reload::reload_answer;
use super::time::{ms, stamp};

/// How many documents of a quarantined revision are named: there may be thousands, and many such revisions.
const DOCUMENTS_MAX: usize = 100;

fn refused_answer(refused: &LastRefused) -> RefusedAnswer {
    RefusedAnswer {
        revision: refused.revision.map(RevisionNumber::get),
        at: stamp(refused.at),
        outcome: refused.outcome.as_str().into(),
        problems: problem_items(&refused.problems),
        kinds: refused.kinds.iter().map(ToString::to_string).collect(),
    }
}

fn quarantined_answer((revision, quarantined): (&RevisionNumber, &Quarantined)) -> QuarantinedAnswer {
    QuarantinedAnswer {
        revision: revision.get(),
        problems: problem_items(&quarantined.problems),
        documents: quarantined.documents.iter().take(DOCUMENTS_MAX).map(ToString::to_string).collect(),
        document_count: quarantined.documents.len(),
    }
}

/// Whether the log answers.
pub fn store_answer(status: &StoreStatus) -> StoreAnswer {
    let (since_ms, last_answer_ms) = (status.since.map(ms), status.answered.map(ms));
    StoreAnswer { available: status.available, since_ms, last_answer_ms }
}

/// Who answers, beside the status of its engine.
#[derive(Debug, Clone)]
pub(crate) struct AnsweringReplica {
    pub(crate) replica_id: String,
    pub(crate) started_at: String,
    pub(crate) directories: Vec<DirectoryAnswer>,
}

/// The state of a replica against the log.
pub(crate) fn status_answer(status: &EngineStatus, answering: AnsweringReplica) -> StatusAnswer {
    let (desired, served) = (status.desired.get(), status.served.get());
    let kind = |kind: &KindStatus| KindStatusAnswer {
        kind: kind.kind.to_string(),
        desired_revision: desired,
        served_revision: served,
        documents: kind.documents,
        figures: kind.figures.iter().map(|(name, figure)| ((*name).to_owned(), *figure)).collect(),
    };
    let blocked = status.blocked_kinds.iter();
    StatusAnswer {
        replica_id: answering.replica_id,
        version: env!("CARGO_PKG_VERSION").into(),
        started_at: answering.started_at,
        desired_revision: desired,
        served_revision: served,
        served_since: stamp(status.served_since),
        last_checked_at: status.last_checked_at.map(stamp),
        last_refused: status.last_refused.as_ref().map(refused_answer),
        quarantined: status.quarantined.iter().map(quarantined_answer).collect(),
        store_available: status.store.available,
        store: store_answer(&status.store),
        log_id: status.position.map(|head| head.log.to_string()),
        position: status.position.map(|head| head.number.get()),
        digest: status.position.map(|head| head.digest.to_string()),
        log_diverged: status.diverged.as_ref().map(ToString::to_string),
        last_reload: status.last_reload.as_deref().map(reload_answer),
        runaways: status.runaways,
        blocked_kinds: blocked.map(|(kind, lost)| (kind.to_string(), *lost)).collect(),
        kinds: status.kinds.iter().map(kind).collect(),
        directories: answering.directories,
    }
}
