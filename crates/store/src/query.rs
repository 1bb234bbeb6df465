//! What is asked of a log, and what it answers.

use jiff::Timestamp;
use midflight_core::{Document, DocumentId, Edit, KindName, LogHead, Outcome, RevisionNumber, Trigger};

/// A revision that the log is to take: an edit, when it was accepted, and what it was compiled on.
#[derive(Debug, Clone, Copy)]
pub struct NewRevision<'a> {
    /// The edit. A deletion of a document that is not there is left out of the revision.
    pub edit: &'a Edit,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// The newest revision that the edit was compiled on; the log takes it only if that is still the newest.
    pub expected_head: LogHead,
    /// How many documents that are not deleted the log may hold after it.
    pub documents_max: u64,
}

/// One page of a longer list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T, C> {
    /// The items.
    pub items: Vec<T>,
    /// What to ask for the next page with; none on the last.
    pub next: Option<C>,
}

impl<T, C> Page<T, C> {
    /// Cuts a list that was read with one item too many, and says what to go on with.
    pub(crate) fn cut(mut items: Vec<T>, limit: u32, cursor: impl Fn(&T) -> C) -> Self {
        let limit = limit as usize;
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(cursor);
        Self { items, next }
    }
}

/// Which revisions to list, newest first.
#[derive(Debug, Clone, Default)]
pub struct RevisionQuery {
    /// Only those that changed a document of this kind.
    pub kind: Option<KindName>,
    /// Only those before this one.
    pub before: Option<RevisionNumber>,
    /// At most this many.
    pub limit: u32,
}

/// Which documents to list, ordered by kind and name.
#[derive(Debug, Clone, Default)]
pub struct DocumentQuery {
    /// Only of this kind.
    pub kind: Option<KindName>,
    /// Only those whose name starts with this text.
    pub name_prefix: String,
    /// Only those after this one.
    pub after: Option<DocumentId>,
    /// As they were at this revision; none for the newest.
    pub at: Option<RevisionNumber>,
    /// At most this many.
    pub limit: u32,
}

/// A version of a document together with what its revision says of it.
#[derive(Debug, Clone, PartialEq)]
pub struct DocumentVersion {
    /// The version.
    pub document: Document,
    /// Who made it.
    pub author: String,
    /// Why.
    pub reason: String,
    /// When.
    pub created_at: Timestamp,
}

/// Which reload events to list, newest first.
#[derive(Debug, Clone, Default)]
pub struct EventQuery {
    /// Only those with changed documents of this kind.
    pub kind: Option<KindName>,
    /// Only those with this trigger.
    pub trigger: Option<Trigger>,
    /// Only those that ended so.
    pub outcome: Option<Outcome>,
    /// Only those before the one with this number.
    pub before: Option<u64>,
    /// At most this many.
    pub limit: u32,
}

/// An API token, as far as the store knows it: never the token itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its name, which is the author of what it changes.
    pub name: String,
    /// What it may do.
    pub role: String,
    /// The hash of the token, as 64 hexadecimal digits.
    pub hash: String,
    /// When it was made.
    pub created_at: Timestamp,
}
