//! What can go wrong with a log, by what the caller can do next.

use midflight_core::{DocumentId, LogHead, Owner, PreconditionFailed, RevisionNumber};

/// Why the log did not answer.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// It may answer later: busy, or out of reach. Trying again is right.
    #[error("store unavailable: {0}")]
    Unavailable(String),
    /// There is no room left. Trying again is right once there is.
    #[error("the store is full: {0}; free disk space, or compact the log")]
    Full(String),
    /// It may be read but not written.
    #[error("the store is read-only: {0}; check the owner and the mode of the file and of its folder")]
    ReadOnly(String),
    /// What it holds is not what was put there. A person must look.
    #[error("the store is corrupt: {0}; restore it from a backup, or export what can be read")]
    Corrupt(String),
    /// Another process has it.
    #[error("the store is in use: {0}; stop the other server, or give this one another --data-dir")]
    InUse(String),
    /// It was made by a newer version of this program.
    #[error("the store has schema {found}, and this binary knows {known}; use the newer binary")]
    TooNew {
        /// The schema's version in the store.
        found: i64,
        /// The newest that this program knows.
        known: i64,
    },
    /// It was asked for what cannot be. A defect of the caller, so trying again is of no use.
    #[error("rejected by the store: {0}")]
    Invalid(String),
    /// The requested revision was compacted.
    #[error("revision {asked} was compacted away; the log starts at revision {first}")]
    Compacted {
        /// The revision asked for.
        asked: RevisionNumber,
        /// The first revision that can still be read in full.
        first: RevisionNumber,
    },
    /// The asked-for revision is not in the log yet.
    #[error("there is no revision {asked}; the newest is {head}")]
    NoSuchRevision {
        /// The revision asked for.
        asked: RevisionNumber,
        /// The newest there is.
        head: RevisionNumber,
    },
}

/// Why the log did not take a revision. Nothing of it is in the log, but for [`AppendError::Unknown`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// The log moved since the edit was compiled: compile it again on the newer state.
    #[error("the log is at {head}, not at {expected}")]
    Moved {
        /// Where the edit thought it was.
        expected: LogHead,
        /// Where it is.
        head: LogHead,
    },
    /// A document is not what the edit was made on.
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
    /// The log would hold more documents than it may.
    #[error(
        "the log may hold {max} documents and this edit would make it {wanted}; delete some, or raise documents_max"
    )]
    TooManyDocuments {
        /// The bound.
        max: u64,
        /// How many there would be.
        wanted: u64,
    },
    /// The log has its key: an edit under the same key was taken first, and that key still counts.
    #[error("the key was used for revision {revision}")]
    Repeated {
        /// The revision that has the key.
        revision: RevisionNumber,
    },
    /// The log was asked to append it, and no answer was received: it may be in the log, or be appended in a moment.
    #[error("unknown whether the log appended revision {number}: {why}")]
    Unknown {
        /// The number that it has if it was taken.
        number: RevisionNumber,
        /// What happened.
        why: String,
    },
    /// The log did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}
