//! Revisions: the entries of the log.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use crate::{Digest, Document, DocumentId, Op, Open, PrincipalId, Trigger};

/// A revision's number. The first is 1; 0 is the empty log, before any revision.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RevisionNumber(u64);

impl RevisionNumber {
    /// The empty log.
    pub const ZERO: Self = Self(0);

    /// The number as it is.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number as an integer.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The number after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for RevisionNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a revision did to one document, without the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeSummary {
    /// The document.
    pub id: DocumentId,
    /// Whether it was put or deleted.
    pub op: Op,
    /// The document's version that this made; the first is 1, and a deletion counts as one.
    pub version: u64,
}

/// One entry of the log: who changed what, why and when. All its changes hold, or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// Its place in the log.
    pub number: RevisionNumber,
    /// Who: the name of an API token, or `file:DIR` for a watched directory.
    pub author: String,
    /// The same by an id, where a caller was authenticated.
    pub principal: Option<PrincipalId>,
    /// Why, in the author's words; may be empty.
    pub reason: String,
    /// What asked for it.
    pub trigger: Open<Trigger>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// The key under which it was made, if it had one.
    pub key: Option<String>,
    /// What it changed, in the order of the edit.
    pub changes: Arc<[ChangeSummary]>,
    /// The digest over its parent's digest and its contents, as the log keeps it.
    pub digest: Digest,
}

/// A revision with all that it put and deleted, as the log took it.
#[derive(Debug, Clone, PartialEq)]
pub struct Appended {
    /// The revision.
    pub revision: Revision,
    /// The new versions of its documents, in the order of its changes.
    pub documents: Vec<Document>,
    /// The digest of the revision before it.
    pub parent: Digest,
}
