//! The trait that every log implements.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use midflight_core::{
    Digest, Document, DocumentId, DocumentName, Head, LogHead, ReloadEvent, RevisionNumber,
};

use tokio::sync::watch;

use crate::{
    AppendError, Appended, Availability, ChangedQuery, DocumentQuery, DocumentVersion, EventQuery, Lead,
    ListedRevision, NewRevision, Page, Replica, RevisionQuery, SeenReplica, StoreError, StoredDocument,
    Tally, TallyQuery, Token,
};

/// The log and what belongs to it.
///
/// An implementation keeps four promises, and `conformance` holds it to them:
/// commit order is number order, so whoever asks "since 41" never misses a 42 that commits after a 43;
/// a revision is in the log wholly or not at all; what was acknowledged survives a crash of the process
/// and of the machine; and a past revision never changes.
///
/// Every method may fail with [`StoreError`], which says by its variant whether trying again is right. Dropping a
/// future before it is done leaves the log as it was or with the whole revision in it, never in between.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// The log's id and its newest revision; [`RevisionNumber::ZERO`] for an empty log. Cost: one small read.
    async fn head(&self) -> Result<LogHead, StoreError>;

    /// The digests of these revisions, in the order asked, with the newest revision of the same moment. Zero has the digest of
    /// the empty log; a number past the newest has none, and neither has one that an older schema compacted. Compaction keeps
    /// digests, so that a replica which was cut off for long still learns whether this is the log that it followed. Cost: one
    /// small read.
    async fn digests(&self, of: &[RevisionNumber]) -> Result<(LogHead, Vec<Option<Digest>>), StoreError>;

    /// The revision that was made under this key, if the log has one ([`midflight_core::Edit::key`]). A key is forgotten when
    /// its revision is compacted.
    async fn revision_of_key(&self, key: &str) -> Result<Option<RevisionNumber>, StoreError>;

    /// Gives an edit the next number, if everything it is conditional on holds.
    ///
    /// Bodies are shared with the edit, not copied. A deletion of a document that is not there is left out; what is left
    /// may be a revision that changes nothing. Cost: one durable write.
    ///
    /// # Errors
    /// [`AppendError`]; the log is then as it was.
    async fn append(&self, new: NewRevision<'_>) -> Result<Appended, AppendError>;

    /// Revisions, newest first, without what they put. Cost: linear in the changes of those that are listed, without
    /// their bodies.
    async fn revisions(
        &self,
        query: RevisionQuery,
    ) -> Result<Page<ListedRevision, RevisionNumber>, StoreError>;

    /// Documents that were changed between two revisions, whether or not they differ now, ordered by kind and name.
    ///
    /// # Errors
    /// [`StoreError::Compacted`] or [`StoreError::NoSuchRevision`] when one of the revisions is not in the log.
    async fn changed(&self, query: ChangedQuery) -> Result<Page<DocumentId, DocumentId>, StoreError>;

    /// The revisions after `since`, oldest first, at most `limit`, with the document versions that each made.
    ///
    /// # Errors
    /// [`StoreError::Compacted`] when one of them cannot be read in full any more.
    async fn since(&self, since: RevisionNumber, limit: u32) -> Result<Vec<Appended>, StoreError>;

    /// The newest version of each of these documents, deleted ones too, in the order asked, and as often; none for one
    /// that never was. All are of one moment, and so is the newest revision that comes with them.
    async fn heads(&self, ids: &[DocumentId]) -> Result<(LogHead, Vec<Option<Document>>), StoreError>;

    /// Every document that is not deleted, as of one moment, with the newest revision then.
    async fn everything(&self) -> Result<(LogHead, Vec<Document>), StoreError>;

    /// Documents that are not deleted, ordered by kind and name. Cost: linear in the page, wherever it begins.
    ///
    /// # Errors
    /// [`StoreError::Compacted`] or [`StoreError::NoSuchRevision`] when `query.at` is not in the log.
    async fn documents(&self, query: DocumentQuery) -> Result<Page<StoredDocument, DocumentId>, StoreError>;

    /// A document as it was at revision `at`: its newest version of that revision or an earlier one, deletions too.
    ///
    /// # Errors
    /// [`StoreError::Compacted`] or [`StoreError::NoSuchRevision`] when `at` is not in the log.
    async fn document_at(&self, id: &DocumentId, at: RevisionNumber) -> Result<Option<Document>, StoreError>;

    /// The versions of a document, newest first, from before version `before`, at most `limit`, and as many as have bodies
    /// of at most `bytes_max` bytes together, but always one.
    async fn versions(
        &self,
        id: &DocumentId,
        before: Option<u64>,
        limit: u32,
        bytes_max: Option<u64>,
    ) -> Result<Page<DocumentVersion, u64>, StoreError>;

    /// The newest version of a document without its body; none when it never was.
    async fn document_head(&self, id: &DocumentId) -> Result<Option<Head>, StoreError>;

    /// How many documents are not deleted.
    async fn document_count(&self) -> Result<u64, StoreError>;

    /// Keeps bytes under their digest. Keeping the same again changes nothing.
    async fn put_blob(&self, bytes: &[u8]) -> Result<Digest, StoreError>;

    /// The bytes of that digest, if they are kept.
    async fn blob(&self, digest: &Digest) -> Result<Option<Arc<[u8]>>, StoreError>;

    /// Keeps reload events, and of all events the `keep` newest. They need not survive a crash of the machine.
    async fn record_events(&self, events: &[ReloadEvent], keep: u64) -> Result<(), StoreError>;

    /// Reload events, newest first.
    async fn events(&self, query: EventQuery) -> Result<Page<ReloadEvent, u64>, StoreError>;

    /// Forgets what was before revision `first`, but never anything of the current state nor of the state at
    /// `first`. Answers how many document versions were forgotten.
    ///
    /// Afterwards `first` itself can still be read in full, so `since(first - 1)` works and `since(first - 2)` is
    /// refused. A `first` that was already forgotten forgets no version.
    ///
    /// The tallies of documents that are deleted now are forgotten too, whatever `first` is.
    ///
    /// # Errors
    /// [`StoreError::NoSuchRevision`] when `first` is past the newest.
    async fn compact(&self, first: RevisionNumber) -> Result<u64, StoreError>;

    /// The first revision that can be read in full; 1 until something was compacted.
    async fn first(&self) -> Result<RevisionNumber, StoreError>;

    /// Keeps a token. One of the same name is replaced.
    async fn put_token(&self, token: &Token) -> Result<(), StoreError>;

    /// Keeps a token unless there is one of its name. Answers whether it was kept: of many who ask at once, one is told
    /// so.
    async fn add_token(&self, token: &Token) -> Result<bool, StoreError>;

    /// Every token.
    async fn tokens(&self) -> Result<Vec<Token>, StoreError>;

    /// The key with which the fleet signs its hints: 32 random bytes, made when somebody first asks for it, and from then
    /// on the same for everybody, however many ask at once.
    async fn hint_key(&self) -> Result<[u8; 32], StoreError>;

    /// Keeps what a replica says of itself, in place of what the one of the same id said before, with the time by the
    /// store's own clock. It need not survive a crash of the machine. Cost: one small write.
    async fn put_replica(&self, replica: &Replica) -> Result<(), StoreError>;

    /// The replicas that were heard of within that time, ordered by id. The others are forgotten.
    async fn replicas(&self, within: Duration) -> Result<Vec<SeenReplica>, StoreError>;

    /// Forgets a replica that stops in order; one that is not there is no error.
    async fn forget_replica(&self, id: &str) -> Result<(), StoreError>;

    /// Adds counts, once. `source` names whoever counts, in 1 to 256 bytes without NUL, and numbers its batches upwards: one
    /// whose number is not above that of its last is known already and changes nothing, so a batch of which it is not known
    /// whether it came may be sent again. Answers whether it was new.
    ///
    /// All of a batch is counted or none of it. What has the same kind, name and counter adds up, in a batch too, and the
    /// latest `last_at` stays. It need not survive a crash of the machine, which takes the counts and the number of their
    /// batch together. A source of which nothing was heard for a day may be forgotten, and its numbers with it, so no batch
    /// is to be sent again that late; a source takes a new name when it starts. Cost: one small write, so count in memory
    /// and send about every second.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for a source or a counter that is none, a number above 2⁶³ - 1, and more than
    /// [`Tally::BATCH_MAX`] tallies; nothing is counted then.
    async fn add_tallies(&self, source: &str, batch: u64, tallies: &[Tally]) -> Result<bool, StoreError>;

    /// Tallies of a kind, ordered by name (as bytes) and counter; only of `names` when given. The tallies of a document that
    /// was deleted are there until the log is compacted.
    async fn tallies(&self, query: TallyQuery) -> Result<Page<Tally, (DocumentName, String)>, StoreError>;

    /// Leads those who follow the log, if nobody does. A leader that is dead is replaced within seconds: ask again about
    /// every second. Cost: one connection as long as it leads, where many share the log.
    async fn lead(&self) -> Result<Option<Box<dyn Lead>>, StoreError>;

    /// The time of the clock that all replicas of the log share, to the microsecond; none where that is the clock of this
    /// machine. Cost: one round trip.
    async fn now(&self) -> Result<Option<Timestamp>, StoreError> {
        Ok(None)
    }

    /// Whether the store answers, as it was measured last, without waiting for it. None for one whose reads are local and
    /// cannot hang, and until something was measured. Cost: a short lock.
    fn availability(&self) -> Option<Availability> {
        None
    }

    /// Says whenever [`Store::availability`] is another one; none for a store that does not measure it.
    fn availability_changes(&self) -> Option<watch::Receiver<()>> {
        None
    }

    /// Looks whether everything can be read and agrees with itself; the problems, in words. Cost: reads all of it.
    async fn diagnose(&self) -> Result<Vec<String>, StoreError>;

    /// Writes what is pending and lets go of files and connections. Nothing else may be called afterwards.
    async fn close(&self);
}
