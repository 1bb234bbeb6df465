//! The result of an edit or a reload, for the caller.

use std::sync::Arc;

use midflight_core::{
    Diff, Document, DocumentId, KEY_HOURS_MAX, Owner, Plan, PreconditionFailed, Problem, Problems,
    ReloadEvent, Revision, RevisionNumber,
};
use midflight_store::StoreError;

use crate::divergence::Diverged;

/// Why an edit was refused. What was served is served, and nothing of it is in the log, but for [`Refusal::Unknown`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// It is not valid, does not compile, or breaks a check: correct it.
    #[error("the edit is not valid: {0}")]
    Invalid(Problems),
    /// A document is not what the edit was made on: read it again.
    #[error(transparent)]
    Precondition(#[from] PreconditionFailed),
    /// A document has another owner.
    #[error("{id} belongs to {owner}; change it there, or take it over explicitly")]
    Owned {
        /// The document.
        id: DocumentId,
        /// Whose it is.
        owner: Owner,
    },
    /// The log is as full as it may be.
    #[error("{0}")]
    TooManyDocuments(String),
    /// A component could not prepare for it.
    #[error("the edit was rejected: {0}")]
    Rejected(Problems),
    /// It was live, failed verification and was rolled back.
    #[error("the edit was rolled back: {0}")]
    RolledBack(Problems),
    /// Too much is waiting: come back later.
    #[error("{queue_max} requests are waiting ({bound}); try again in a moment")]
    Busy {
        /// How many may wait.
        queue_max: usize,
        /// The name of that bound, as `queue_max` or `dry_runs_max`.
        bound: &'static str,
    },
    /// One caller has too much waiting: let it wait for its answers.
    #[error("{per_caller_max} requests of this caller are waiting ({bound}); wait for their answers")]
    CallerBusy {
        /// How many of one caller may wait.
        per_caller_max: usize,
        /// The name of that bound, as `queue_per_caller_max` or `dry_runs_per_caller_max`.
        bound: &'static str,
    },
    /// The edit was computed from a state of the log that is not the newest any more: compute it again.
    #[error("the edit was computed from revision {computed_at} and the log is at revision {head}; try again")]
    Stale {
        /// The revision that it was computed from.
        computed_at: RevisionNumber,
        /// The newest revision.
        head: RevisionNumber,
    },
    /// Another request was made under its key in the last hours: send this one under a key of its own.
    #[error(
        "revision {revision} was made by another request with the same key; send this one with a new key \
         (key_hours_max: {KEY_HOURS_MAX})"
    )]
    KeyReused {
        /// The revision that has the key.
        revision: RevisionNumber,
    },
    /// The log kept moving under it: try again.
    #[error("conflict with other writers, {tries} times; try again")]
    Contended {
        /// How often it was tried.
        tries: u32,
    },
    /// The engine stops.
    #[error("the engine is stopping")]
    Stopping,
    /// The log was asked to append it, and no answer was received: look at the log before trying again.
    #[error("unknown whether the log appended revision {revision}: {why}")]
    Unknown {
        /// The number that it has if it was taken.
        revision: RevisionNumber,
        /// What happened.
        why: String,
    },
    /// The log is not the one that this replica followed: an operator must look.
    #[error(
        "the log has diverged: {0}; connect this replica to the log that it followed, or adopt the log as it is by \
         `midflight log adopt --reason TEXT`"
    )]
    LogDiverged(Box<Diverged>),
    /// The log did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Refusal {
    /// What is invalid, where that is the reason.
    #[must_use]
    pub fn problems(&self) -> Option<&Problems> {
        match self {
            Self::Invalid(problems) | Self::Rejected(problems) | Self::RolledBack(problems) => Some(problems),
            _ => None,
        }
    }
}

/// What a reload brings in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReloadScope {
    /// What is new in the log.
    New,
    /// Everything in the log, compiled from the beginning whether or not it changed.
    Everything,
}

/// How an edit with invalid documents is handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InvalidPolicy {
    /// It is refused, with all that is wrong with it.
    #[default]
    Refuse,
    /// It is made without them, unless that leaves nothing of it. So are documents that do not compile without those.
    LeaveOut,
}

/// Who is to report that an edit is live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AwaitScope {
    /// This replica, to the caller.
    #[default]
    Here,
    /// Every replica, as soon as it serves it: ask [`crate::Engine::acks`].
    Everywhere,
}

/// What goes live with an edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AppliedExtent {
    /// What it changes.
    #[default]
    Edit,
    /// Everything that a look at the log brings in too: kinds whose inputs changed ([`crate::Kind::is_stale`]), and
    /// components that stayed behind.
    Look,
}

/// How an edit is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EditMode {
    /// How it is handled when some of its documents are invalid.
    pub invalid: InvalidPolicy,
    /// Who is to report that it is live.
    pub reach: AwaitScope,
    /// What goes live with it.
    pub extent: AppliedExtent,
}

/// The result of an edit that was not refused.
#[derive(Debug, Clone)]
pub struct AcceptedEdit {
    /// The revision it became; none when it changed nothing, or was a dry run.
    pub revision: Option<Revision>,
    /// The revision that an edit with the same key had become before, here or on another replica; this one changed
    /// nothing then.
    pub repeats: Option<RevisionNumber>,
    /// The new versions of its documents.
    pub documents: Vec<Document>,
    /// What it changes in the log.
    pub diff: Diff,
    /// The plan that was carried out, or would be.
    pub plan: Option<Plan>,
    /// The reload that made it live here; none for a dry run.
    pub event: Option<Arc<ReloadEvent>>,
    /// With [`InvalidPolicy::LeaveOut`], what is wrong with the documents that were left out: at least one problem of
    /// each. At most 50 times [`Problems::LISTED_MAX`].
    pub left_out: Vec<Problem>,
}

/// An edit that was refused, and what is known of it.
#[derive(Debug, thiserror::Error)]
#[error("{refusal}")]
pub struct Refused {
    /// Why.
    #[source]
    pub refusal: Refusal,
    /// What it would have changed, if it came that far.
    pub diff: Option<Diff>,
    /// The reload that refused it; none for a dry run and for what never began.
    pub event: Option<Arc<ReloadEvent>>,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, diff: None, event: None }
    }
}

/// The result of a look at everything in the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Validated {
    /// The newest revision that was looked at.
    pub revision: RevisionNumber,
    /// The documents that were looked at, checks among them.
    pub documents: Vec<DocumentId>,
    /// What is invalid; empty when everything is valid.
    pub problems: Problems,
}
