//! The log in a SQLite file: one process, nothing to install.

mod append;
mod audit;
mod chain;
mod deliveries;
mod event;
mod failure;
mod fleet;
mod lock;
mod mark;
mod open;
mod read;
mod row;
mod tally;
mod tokens;
mod upkeep;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use midflight_core::{
    Digest, Document, DocumentId, DocumentName, Head, LogHead, ReloadEvent, Revision, RevisionNumber,
};
use sqlx::SqlitePool;

use crate::lead::Alone;
use crate::rows::token::NameConflict;
use crate::{
    AppendError, Appended, AttemptEnd, AuditEntry, AuditQuery, AuditRecord, AuditStore, Authorship,
    BlobStore, ChangedQuery, CursorMove, Delivery, DeliveryCounts, DeliveryQuery, DeliveryRetention,
    DeliveryStore, DocumentQuery, DocumentVersion, EventQuery, EventStore, FleetStore, KeyedRevision, Lead,
    ListedRevision, NewDelivery, NewRevision, Page, Replica, ResendQuery, RevisionLog, RevisionQuery,
    SeenReplica, Store, StoreError, StoredDocument, Tally, TallyQuery, TallyStore, Token, TokenStore,
    query::PageBounds,
};
use failure::failure;
use lock::Lock;

/// What an acknowledged edit survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// The loss of power: every edit is on the disk before it is acknowledged (`synchronous=FULL`).
    #[default]
    Machine,
    /// The crash of the process: the system may hold the last edits back from the disk (`synchronous=NORMAL`).
    Process,
}

/// Where and how to open a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqliteOptions {
    /// The file; made, with its folder, when it is not there.
    pub path: PathBuf,
    /// What an acknowledged edit survives.
    pub durability: Durability,
    /// The largest the file may grow, in bytes; none for what the disk holds.
    pub store_bytes_max: Option<u64>,
}

impl SqliteOptions {
    /// The defaults for a file.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), durability: Durability::default(), store_bytes_max: None }
    }
}

/// The log in a SQLite file (WAL). One process at a time has it; readers never wait for the writer.
#[derive(Debug)]
pub struct SqliteStore {
    path: PathBuf,
    /// One connection, so that writers queue here rather than in SQLite's busy handler.
    writer: SqlitePool,
    /// Reload events and the like: not worth waiting for the disk.
    notes: SqlitePool,
    readers: SqlitePool,
    lock: Mutex<Option<Lock>>,
    durability: Durability,
}

impl SqliteStore {
    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives revisions that were added by hand their digest.
    async fn seal(&self) -> Result<(), StoreError> {
        chain::seal(&self.readers, &self.writer).await
    }
}

#[async_trait]
impl RevisionLog for SqliteStore {
    async fn head(&self) -> Result<LogHead, StoreError> {
        self.seal().await?;
        read::head(&self.readers).await
    }

    async fn digests(&self, of: &[RevisionNumber]) -> Result<(LogHead, Vec<Option<Digest>>), StoreError> {
        self.seal().await?;
        chain::digests(&self.readers, of).await
    }

    async fn revision_of_key(&self, key: &str) -> Result<Option<KeyedRevision>, StoreError> {
        read::revision_of_key(&self.readers, key).await
    }

    async fn append(&self, new: NewRevision<'_>) -> Result<Appended, AppendError> {
        let appended = append::append(&self.writer, new).await?;
        // A mark may reach the disk before a revision that is not waited for, and the log would seem cut after a power
        // loss.
        if self.durability == Durability::Machine {
            let Revision { number, digest, .. } = appended.revision;
            mark::write(&self.path, new.expected_head.at(number, digest)).await;
        }
        Ok(appended)
    }

    async fn revisions(
        &self,
        query: RevisionQuery,
    ) -> Result<Page<ListedRevision, RevisionNumber>, StoreError> {
        self.seal().await?;
        read::revisions(&self.readers, query).await
    }

    async fn changed(&self, query: ChangedQuery) -> Result<Page<DocumentId, DocumentId>, StoreError> {
        self.seal().await?;
        read::changed(&self.readers, query).await
    }

    async fn since(&self, since: RevisionNumber, limit: u32) -> Result<Vec<Appended>, StoreError> {
        self.seal().await?;
        read::since(&self.readers, since, limit).await
    }

    async fn stored_heads(
        &self,
        ids: &[DocumentId],
    ) -> Result<(LogHead, Vec<Option<StoredDocument>>), StoreError> {
        self.seal().await?;
        read::stored_heads(&self.readers, ids).await
    }

    async fn documents(&self, query: DocumentQuery) -> Result<Page<StoredDocument, DocumentId>, StoreError> {
        self.seal().await?;
        read::documents(&self.readers, query).await
    }

    async fn document_at(&self, id: &DocumentId, at: RevisionNumber) -> Result<Option<Document>, StoreError> {
        self.seal().await?;
        read::document_at(&self.readers, id, at).await
    }

    async fn versions(
        &self,
        id: &DocumentId,
        before: Option<u64>,
        limit: u32,
        bytes_max: Option<u64>,
    ) -> Result<Page<DocumentVersion, u64>, StoreError> {
        read::versions(&self.readers, id, before, PageBounds::new(limit, bytes_max)).await
    }

    async fn authorship(
        &self,
        ids: &[DocumentId],
        at: RevisionNumber,
    ) -> Result<Vec<Option<Authorship>>, StoreError> {
        self.seal().await?;
        read::authorship(&self.readers, ids, at).await
    }

    async fn document_head(&self, id: &DocumentId) -> Result<Option<Head>, StoreError> {
        read::document_head(&self.readers, id).await
    }

    async fn document_count(&self) -> Result<u64, StoreError> {
        read::document_count(&self.readers).await
    }

    async fn compact(&self, first: RevisionNumber) -> Result<u64, StoreError> {
        upkeep::compact(&self.writer, first).await
    }

    async fn first(&self) -> Result<RevisionNumber, StoreError> {
        let mut reader = self.readers.acquire().await.map_err(failure)?;
        read::first(&mut reader).await
    }
}

#[async_trait]
impl EventStore for SqliteStore {
    async fn record_events(&self, events: &[ReloadEvent], keep: u64) -> Result<(), StoreError> {
        event::record(&self.notes, events, keep).await
    }

    async fn events(&self, query: EventQuery) -> Result<Page<ReloadEvent, u64>, StoreError> {
        event::select(&self.readers, query).await
    }
}

#[async_trait]
impl FleetStore for SqliteStore {
    async fn put_replica(&self, replica: &Replica) -> Result<(), StoreError> {
        fleet::put_replica(&self.notes, replica).await
    }

    async fn replicas(&self, within: Duration) -> Result<Vec<SeenReplica>, StoreError> {
        fleet::replicas(&self.notes, within).await
    }

    async fn forget_replica(&self, id: &str) -> Result<(), StoreError> {
        fleet::forget_replica(&self.notes, id).await
    }

    async fn lead(&self) -> Result<Option<Box<dyn Lead>>, StoreError> {
        Ok(Some(Box::new(Alone)))
    }

    async fn hint_key(&self) -> Result<[u8; 32], StoreError> {
        fleet::hint_key(&self.writer).await
    }
}

#[async_trait]
impl TokenStore for SqliteStore {
    async fn put_token(&self, token: &Token) -> Result<(), StoreError> {
        tokens::put(&self.writer, token, NameConflict::Replace).await.map(drop)
    }

    async fn add_token(&self, token: &Token) -> Result<bool, StoreError> {
        tokens::put(&self.writer, token, NameConflict::Keep).await
    }

    async fn replace_token(&self, token: &Token, hash: &str) -> Result<bool, StoreError> {
        tokens::put(&self.writer, token, NameConflict::ReplaceOf(hash)).await
    }

    async fn delete_token(&self, name: &str) -> Result<bool, StoreError> {
        tokens::delete(&self.writer, name).await
    }

    async fn delete_token_at(&self, name: &str, changes: u64) -> Result<bool, StoreError> {
        tokens::delete_at(&self.writer, name, changes).await
    }

    async fn tokens(&self) -> Result<Vec<Token>, StoreError> {
        tokens::all(&self.readers).await
    }

    async fn token_changes(&self) -> Result<u64, StoreError> {
        tokens::changes(&self.readers).await
    }

    async fn note_token_uses(&self, uses: &[(String, Timestamp)]) -> Result<(), StoreError> {
        tokens::note_uses(&self.notes, uses).await
    }

    async fn token_uses(&self) -> Result<Vec<(String, Timestamp)>, StoreError> {
        tokens::uses(&self.readers).await
    }
}

#[async_trait]
impl AuditStore for SqliteStore {
    async fn add_audit(&self, entries: &[AuditEntry]) -> Result<(), StoreError> {
        audit::add(&self.notes, entries).await
    }

    async fn audit(&self, query: AuditQuery) -> Result<Page<AuditRecord, u64>, StoreError> {
        audit::list(&self.readers, &query).await
    }

    async fn forget_audit(&self, before: Timestamp) -> Result<u64, StoreError> {
        audit::forget(&self.notes, before).await
    }
}

#[async_trait]
impl DeliveryStore for SqliteStore {
    async fn delivery_cursor(&self, source: &str) -> Result<Option<u64>, StoreError> {
        deliveries::cursor(&self.readers, source).await
    }

    async fn add_deliveries(
        &self,
        deliveries: &[NewDelivery],
        cursor: Option<CursorMove<'_>>,
    ) -> Result<bool, StoreError> {
        deliveries::add(&self.notes, deliveries, cursor).await
    }

    async fn claim_deliveries(&self, limit: u32, lease: Duration) -> Result<Vec<Delivery>, StoreError> {
        deliveries::claim(&self.notes, limit, lease).await
    }

    async fn end_attempt(&self, number: u64, attempt: u32, end: &AttemptEnd) -> Result<bool, StoreError> {
        deliveries::end_attempt(&self.notes, number, attempt, end).await
    }

    async fn end_deliveries(&self, webhook: &DocumentName, error: &str) -> Result<u64, StoreError> {
        deliveries::end_all(&self.notes, webhook, error).await
    }

    async fn deliveries(&self, query: DeliveryQuery) -> Result<Page<Delivery, u64>, StoreError> {
        deliveries::list(&self.readers, &query).await
    }

    async fn resend_deliveries(&self, which: &ResendQuery) -> Result<u64, StoreError> {
        deliveries::resend_all(&self.notes, which).await
    }

    async fn delivery_counts(&self) -> Result<DeliveryCounts, StoreError> {
        deliveries::counts(&self.readers).await
    }

    async fn deliveries_waiting(&self) -> Result<BTreeMap<DocumentName, u64>, StoreError> {
        deliveries::waiting(&self.readers).await
    }

    async fn forget_deliveries(&self, keep: DeliveryRetention) -> Result<u64, StoreError> {
        deliveries::forget(&self.notes, keep).await
    }
}

#[async_trait]
impl TallyStore for SqliteStore {
    async fn add_tallies(&self, source: &str, batch: u64, tallies: &[Tally]) -> Result<bool, StoreError> {
        tally::add(&self.notes, source, batch, tallies).await
    }

    async fn tallies(&self, query: TallyQuery) -> Result<Page<Tally, (DocumentName, String)>, StoreError> {
        tally::select(&self.readers, query).await
    }
}

#[async_trait]
impl BlobStore for SqliteStore {
    async fn put_blob(&self, digest: &Digest, bytes: &[u8]) -> Result<(), StoreError> {
        let put = sqlx::query("INSERT INTO blobs (digest, bytes) VALUES (?1, ?2) ON CONFLICT DO NOTHING");
        put.bind(digest.to_string()).bind(bytes).execute(&self.writer).await.map_err(failure)?;
        Ok(())
    }

    async fn blob(&self, digest: &Digest) -> Result<Option<Arc<[u8]>>, StoreError> {
        read::blob(&self.readers, digest).await
    }

    async fn blob_size(&self, digest: &Digest) -> Result<Option<u64>, StoreError> {
        read::blob_size(&self.readers, digest).await
    }

    async fn blobs_size(&self) -> Result<u64, StoreError> {
        read::blobs_size(&self.readers).await
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn diagnose(&self) -> Result<Vec<String>, StoreError> {
        upkeep::diagnose(&self.readers).await
    }

    async fn close(&self) {
        let head = read::head(&self.readers).await;
        self.readers.close().await;
        self.notes.close().await;
        // The last connection moves all revisions into the file, and waits for the disk.
        self.writer.close().await;
        if let Ok(head) = head {
            mark::write(&self.path, head).await;
        }
        drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}
