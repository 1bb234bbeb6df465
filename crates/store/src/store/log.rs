//! The log itself: revisions and the documents that they make.

use async_trait::async_trait;
use midflight_core::{Digest, Document, DocumentId, Head, LogHead, RevisionNumber};

use crate::{
    AppendError, Appended, Authorship, ChangedQuery, DocumentQuery, DocumentVersion, KeyedRevision,
    ListedRevision, NewRevision, Page, RevisionQuery, StoreError, StoredDocument, heads_as,
};

/// The revisions of a log, and the documents as of each of them.
///
/// An implementation keeps four promises, and `conformance` tests them: commit order is number order, so a caller that
/// asks "since 41" never misses a 42 that commits after a 43; a revision is in the log completely or not at all; what
/// was acknowledged survives a crash of the process and of the machine; and a past revision never changes.
#[async_trait]
pub trait RevisionLog: Send + Sync {
    /// The log's id and its newest revision; [`RevisionNumber::ZERO`] for an empty log. Cost: one small read.
    async fn head(&self) -> Result<LogHead, StoreError>;

    /// The digests of these revisions, in the order asked, with the newest revision of the same moment. Zero has the
    /// digest of the empty log; a number past the newest has none, and neither has one that an older schema compacted.
    /// Compaction keeps digests, so that a replica which was cut off for long still learns whether this is the log that
    /// it followed. Cost: one small read.
    async fn digests(&self, of: &[RevisionNumber]) -> Result<(LogHead, Vec<Option<Digest>>), StoreError>;

    /// The newest revision that was made under this key, if the log has one ([`midflight_core::Edit::key`]), however
    /// old it is. A key is forgotten when its revision is compacted.
    async fn revision_of_key(&self, key: &str) -> Result<Option<KeyedRevision>, StoreError>;

    /// Gives an edit the next number, if everything it is conditional on holds.
    ///
    /// Bodies are shared with the edit, not copied. A deletion of a document that is not there is left out; what is
    /// left may be a revision that changes nothing. A key that the log has is taken again once it does not count any
    /// more, by the times of the two revisions. Cost: one durable write.
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
    ///
    /// Bodies are the texts that the log keeps: see [`Self::heads`].
    async fn stored_heads(
        &self,
        ids: &[DocumentId],
    ) -> Result<(LogHead, Vec<Option<StoredDocument>>), StoreError>;

    /// [`Self::stored_heads`] with parsed bodies. Cost: linear in the bodies, and many times their bytes.
    async fn heads(&self, ids: &[DocumentId]) -> Result<(LogHead, Vec<Option<Document>>), StoreError> {
        heads_as(self, ids, |stored| stored.parse()).await
    }

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

    /// The versions of a document, newest first, from before version `before`, at most `limit`, and as many as have
    /// bodies of at most `bytes_max` bytes together, but always one.
    async fn versions(
        &self,
        id: &DocumentId,
        before: Option<u64>,
        limit: u32,
        bytes_max: Option<u64>,
    ) -> Result<Page<DocumentVersion, u64>, StoreError>;

    /// Who created each of these documents and who changed it last, as of revision `at`, in the order asked; none for
    /// one that was not there then. Cost: linear in the kept versions of the documents, without their bodies.
    ///
    /// # Errors
    /// [`StoreError::Compacted`] or [`StoreError::NoSuchRevision`] when `at` is not in the log.
    async fn authorship(
        &self,
        ids: &[DocumentId],
        at: RevisionNumber,
    ) -> Result<Vec<Option<Authorship>>, StoreError>;

    /// The newest version of a document without its body; none when it never was.
    async fn document_head(&self, id: &DocumentId) -> Result<Option<Head>, StoreError>;

    /// How many documents are not deleted.
    async fn document_count(&self) -> Result<u64, StoreError>;

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
}
