//! What is asked of a log, and what it answers.

use std::sync::Arc;

use jiff::Timestamp;
use midflight_core::{
    Digest, Document, DocumentId, Edit, KindName, LogHead, Open, Outcome, Owner, PrincipalId, Revision,
    RevisionNumber, Trigger,
};

use crate::StoreError;

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

/// The revision that was made under a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyedRevision {
    /// The revision.
    pub revision: RevisionNumber,
    /// When it was accepted; [`midflight_core::is_key_valid`] tests whether its key still counts.
    pub created_at: Timestamp,
    /// The digest of the request that was sent under the key, if it was given.
    pub request: Option<Digest>,
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
    /// Cuts a list that was read with one item too many, and answers what to continue with.
    pub(crate) fn cut(mut items: Vec<T>, limit: u32, cursor: impl Fn(&T) -> C) -> Self {
        let limit = limit as usize;
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(cursor);
        Self { items, next }
    }

    /// A page of which `found` items could be read, and the first of them were.
    pub(crate) fn of(items: Vec<T>, found: usize, cursor: impl Fn(&T) -> C) -> Self {
        let next = items.last().filter(|_| found > items.len()).map(cursor);
        Self { items, next }
    }
}

/// How much of a list a page has: its first items, as many as `limit` and `bytes_max` allow, and one at least.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PageBounds {
    pub(crate) limit: u32,
    pub(crate) bytes_max: u64,
}

impl PageBounds {
    pub(crate) fn new(limit: u32, bytes_max: Option<u64>) -> Self {
        Self { limit, bytes_max: bytes_max.unwrap_or(u64::MAX) }
    }

    /// Takes the first items, each with its bytes, and answers how many it looked at.
    pub(crate) fn take<T>(self, items: impl Iterator<Item = (T, u64)>) -> (Vec<T>, usize) {
        let (mut taken, mut bytes) = (Vec::new(), 0_u64);
        for (item, more) in items {
            bytes = bytes.saturating_add(more);
            let is_full = taken.len() >= self.limit as usize || bytes > self.bytes_max;
            if is_full && !taken.is_empty() {
                let found = taken.len() + 1;
                return (taken, found);
            }
            taken.push(item);
        }
        let found = taken.len();
        (taken, found)
    }
}

/// A version of a document whose body is the text that the log keeps, for those who pass it on: nothing is parsed, so
/// it costs as many bytes as it has.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredDocument {
    /// The document.
    pub id: DocumentId,
    /// Counts this document's changes; the first is 1.
    pub version: u64,
    /// The revision that made this version.
    pub revision: RevisionNumber,
    /// Who alone may change it, if anyone.
    pub owner: Option<Owner>,
    /// Its body, as JSON; none when this version is a deletion.
    pub body: Option<Arc<str>>,
}

impl StoredDocument {
    /// The same with its body parsed. Cost: linear in the body, and many times its bytes.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when the body is not JSON.
    pub fn parse(&self) -> Result<Document, StoreError> {
        let wrong = |error: serde_json::Error| {
            StoreError::Corrupt(format!("version {} of {} is not JSON: {error}", self.version, self.id))
        };
        let body = self.body.as_deref().map(serde_json::from_str).transpose().map_err(wrong)?;
        Ok(Document {
            id: self.id.clone(),
            version: self.version,
            revision: self.revision,
            owner: self.owner.clone(),
            body: body.map(Arc::new),
        })
    }

    /// The digest of the body by value; none for a deletion, and for what is not JSON. Cost: parses the body.
    #[must_use]
    pub fn digest(&self) -> Option<Digest> {
        self.parse().ok()?.digest()
    }

    /// How long the body is, in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.body.as_ref().map_or(0, |body| body.len() as u64)
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
    /// At most this many changes of each, the first ones; none for all.
    pub changes_max: Option<u32>,
}

/// A revision in a list, with the first of its changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedRevision {
    /// The revision; its changes are the first ones.
    pub revision: Revision,
    /// How many changes it has of each kind, by kind.
    pub kinds: Vec<(KindName, u64)>,
}

impl ListedRevision {
    /// How many changes it has in all.
    #[must_use]
    pub fn changes_count(&self) -> u64 {
        self.kinds.iter().map(|(_, count)| count).sum()
    }
}

/// Which documents were changed, ordered by kind and name.
#[derive(Debug, Clone, Default)]
pub struct ChangedQuery {
    /// By a revision after this one.
    pub after: RevisionNumber,
    /// By this revision or an earlier one.
    pub upto: RevisionNumber,
    /// Only of this kind.
    pub kind: Option<KindName>,
    /// Only those whose name starts with this text.
    pub name_prefix: String,
    /// Only those after this one.
    pub after_id: Option<DocumentId>,
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
    /// Instead: the versions that this revision made, deletions too.
    pub made_by: Option<RevisionNumber>,
    /// At most this many.
    pub limit: u32,
    /// As many as have bodies of at most this many bytes together, but always one; none for no such bound.
    pub bytes_max: Option<u64>,
    /// Part of a state that a replica reads for itself: it does not wait for pages of callers.
    pub for_state: bool,
}

/// A version of a document together with the metadata of its revision.
#[derive(Debug, Clone, PartialEq)]
pub struct DocumentVersion {
    /// The version.
    pub document: StoredDocument,
    /// Who made it.
    pub author: String,
    /// The same by an id, where a caller was authenticated.
    pub principal: Option<PrincipalId>,
    /// Why.
    pub reason: String,
    /// When.
    pub created_at: Timestamp,
}

/// Who made a document what it is, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorship {
    /// The version of the document.
    pub version: u64,
    /// The revision that made that version.
    pub revision: RevisionNumber,
    /// Who created it: the author of its first version since it was last deleted. Once that was compacted, of the first
    /// that is kept.
    pub created_by: String,
    /// When.
    pub created_at: Timestamp,
    /// Who made the version.
    pub updated_by: String,
    /// When.
    pub updated_at: Timestamp,
}

/// Which reload events to list, newest first.
#[derive(Debug, Clone, Default)]
pub struct EventQuery {
    /// Only those with changed documents of this kind.
    pub kind: Option<KindName>,
    /// Only those with this trigger.
    pub trigger: Option<Open<Trigger>>,
    /// Only those that ended so.
    pub outcome: Option<Open<Outcome>>,
    /// Only those before the one with this number.
    pub before: Option<u64>,
    /// At most this many.
    pub limit: u32,
}
