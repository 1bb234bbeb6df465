//! The state of this replica: desired, served and last refused, each by its name.

use std::collections::BTreeMap;

use midflight_core::RevisionNumber;
use midflight_engine::{EngineStatus, KindStatus, LastRefused, Quarantined, StoreStatus};
use serde::Serialize;
use utoipa::ToSchema;

use super::directory::DirectoryAnswer;
use super::problem::{ProblemItem, items};
use super::reload::ReloadAnswer;
use super::time::{ms, stamp};

/// How one kind is served.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct KindStatusAnswer {
    /// The kind.
    pub kind: String,
    /// The newest revision known to be in the log.
    pub desired_revision: u64,
    /// The revision that is served.
    pub served_revision: u64,
    /// How many of its documents are served.
    pub documents: usize,
    /// The kind's own figures.
    pub figures: BTreeMap<&'static str, u64>,
}

/// The last thing that was wanted and did not go live.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RefusedAnswer {
    /// The revision; null when it was an edit that never became one.
    pub revision: Option<u64>,
    /// When.
    pub at: String,
    /// How it ended.
    pub outcome: &'static str,
    /// Why.
    pub problems: Vec<ProblemItem>,
    /// The kinds it was about.
    pub kinds: Vec<String>,
}

impl From<&LastRefused> for RefusedAnswer {
    fn from(refused: &LastRefused) -> Self {
        Self {
            revision: refused.revision.map(RevisionNumber::get),
            at: stamp(refused.at),
            outcome: refused.outcome.as_str(),
            problems: items(&refused.problems),
            kinds: refused.kinds.iter().map(ToString::to_string).collect(),
        }
    }
}

/// A revision that this replica leaves out, since it did not hold here.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct QuarantinedAnswer {
    /// The revision.
    pub revision: u64,
    /// Why.
    pub problems: Vec<ProblemItem>,
    /// Its documents, which stay at their last good version.
    pub documents: Vec<String>,
}

impl QuarantinedAnswer {
    fn new((revision, quarantined): (&RevisionNumber, &Quarantined)) -> Self {
        Self {
            revision: revision.get(),
            problems: items(&quarantined.problems),
            documents: quarantined.documents.iter().map(ToString::to_string).collect(),
        }
    }

    /// All that are left out.
    fn all(status: &EngineStatus) -> Vec<Self> {
        status.quarantined.iter().map(Self::new).collect()
    }
}

/// Whether the log answers. A log in PostgreSQL is asked when nothing was answered for 300 ms, and counts as
/// unavailable after 500 ms without an answer.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct StoreAnswer {
    /// Whether it answers.
    pub available: bool,
    /// For how long that is so; null where it is not measured: a log in a file is in no network.
    pub since_ms: Option<f64>,
    /// How long ago it last answered; null if it never did.
    pub last_answer_ms: Option<f64>,
}

impl From<&StoreStatus> for StoreAnswer {
    fn from(status: &StoreStatus) -> Self {
        let (since_ms, last_answer_ms) = (status.since.map(ms), status.answered.map(ms));
        Self { available: status.available, since_ms, last_answer_ms }
    }
}

/// The state of this replica against the log.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct StatusAnswer {
    /// This replica.
    pub replica_id: String,
    /// The version of the program.
    pub version: &'static str,
    /// Since when the server runs.
    pub started_at: String,
    /// The newest revision known to be in the log.
    pub desired_revision: u64,
    /// The revision that is served.
    pub served_revision: u64,
    /// Since when.
    pub served_since: String,
    /// When the log was last looked at with success.
    pub last_checked_at: Option<String>,
    /// What was last refused.
    pub last_refused: Option<RefusedAnswer>,
    /// What is left out here.
    pub quarantined: Vec<QuarantinedAnswer>,
    /// Whether the log answers.
    pub store_available: bool,
    /// The same, with since when.
    pub store: StoreAnswer,
    /// The id of the log that is followed; null until it was read.
    pub log_id: Option<String>,
    /// The revision up to which the log was followed.
    pub position: Option<u64>,
    /// The digest of that revision.
    pub digest: Option<String>,
    /// How the log differs from the one that was followed; null when it does not. Nothing is followed while it does.
    pub log_diverged: Option<String>,
    /// The last reload that was about what the log holds.
    pub last_reload: Option<ReloadAnswer>,
    /// Threads that were lost to work that does not end.
    pub runaways: usize,
    /// The kinds whose changes are refused here because of it (`runaways_max`), with how many threads each lost.
    pub blocked_kinds: BTreeMap<String, usize>,
    /// The kinds.
    pub kinds: Vec<KindStatusAnswer>,
    /// The watched directories.
    pub directories: Vec<DirectoryAnswer>,
}

/// Who answers, beside the status of its engine.
#[derive(Debug, Clone)]
pub(crate) struct AnsweringReplica {
    pub(crate) replica_id: String,
    pub(crate) started_at: String,
    pub(crate) directories: Vec<DirectoryAnswer>,
}

impl StatusAnswer {
    pub(crate) fn new(status: &EngineStatus, answering: AnsweringReplica) -> Self {
        let (desired, served) = (status.desired.get(), status.served.get());
        let kind = |kind: &KindStatus| KindStatusAnswer {
            kind: kind.kind.to_string(),
            desired_revision: desired,
            served_revision: served,
            documents: kind.documents,
            figures: kind.figures.iter().copied().collect(),
        };
        Self {
            replica_id: answering.replica_id,
            version: env!("CARGO_PKG_VERSION"),
            started_at: answering.started_at,
            desired_revision: desired,
            served_revision: served,
            served_since: stamp(status.served_since),
            last_checked_at: status.last_checked_at.map(stamp),
            last_refused: status.last_refused.as_ref().map(RefusedAnswer::from),
            quarantined: QuarantinedAnswer::all(status),
            store_available: status.store.available,
            store: StoreAnswer::from(&status.store),
            log_id: status.position.map(|head| head.log.to_string()),
            position: status.position.map(|head| head.number.get()),
            digest: status.position.map(|head| head.digest.to_string()),
            log_diverged: status.diverged.as_ref().map(ToString::to_string),
            last_reload: status.last_reload.as_deref().map(ReloadAnswer::from),
            runaways: status.runaways,
            blocked_kinds: status
                .blocked_kinds
                .iter()
                .map(|(kind, lost)| (kind.to_string(), *lost))
                .collect(),
            kinds: status.kinds.iter().map(kind).collect(),
            directories: answering.directories,
        }
    }
}
