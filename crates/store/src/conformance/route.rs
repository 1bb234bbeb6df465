//! Stores for tests that reach a log in memory by a way that can be disturbed: slow, cut off, with answers that are lost.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use midflight_core::{
    Appended, Digest, Document, DocumentId, DocumentName, Head, LogHead, ReloadEvent, RevisionNumber,
};

use crate::{
    AppendError, AttemptEnd, AuditEntry, AuditQuery, AuditRecord, AuditStore, Authorship, BlobStore,
    ChangedQuery, CursorMove, Delivery, DeliveryCounts, DeliveryQuery, DeliveryRetention, DeliveryStore,
    DocumentQuery, DocumentVersion, EventQuery, EventStore, FleetStore, KeyedRevision, Lead, ListedRevision,
    MemoryStore, NewDelivery, NewRevision, Page, Replica, ResendQuery, RevisionLog, RevisionQuery,
    SeenReplica, Store, StoreError, StoredDocument, Tally, TallyQuery, TallyStore, Token, TokenStore,
};

/// One replica's way to a log. What implements it is a [`Store`].
#[async_trait]
pub trait StoreRoute: Send + Sync + 'static {
    /// The log, unless it cannot be reached now.
    async fn reach(&self) -> Result<MemoryStore, StoreError>;

    /// Brings a revision there, and the answer back.
    async fn send_append(&self, new: NewRevision<'_>) -> Result<Appended, AppendError> {
        self.reach().await?.append(new).await
    }

    /// Brings reload events there.
    async fn send_events(&self, events: &[ReloadEvent], keep: u64) -> Result<(), StoreError> {
        self.reach().await?.record_events(events, keep).await
    }

    /// Brings counts there, and the answer back.
    async fn send_tallies(&self, source: &str, batch: u64, tallies: &[Tally]) -> Result<bool, StoreError> {
        self.reach().await?.add_tallies(source, batch, tallies).await
    }
}

#[async_trait]
impl<R: StoreRoute> RevisionLog for R {
    async fn head(&self) -> Result<LogHead, StoreError> {
        self.reach().await?.head().await
    }

    async fn digests(&self, of: &[RevisionNumber]) -> Result<(LogHead, Vec<Option<Digest>>), StoreError> {
        self.reach().await?.digests(of).await
    }

    async fn revision_of_key(&self, key: &str) -> Result<Option<KeyedRevision>, StoreError> {
        self.reach().await?.revision_of_key(key).await
    }

    async fn append(&self, new: NewRevision<'_>) -> Result<Appended, AppendError> {
        self.send_append(new).await
    }

    async fn revisions(
        &self,
        query: RevisionQuery,
    ) -> Result<Page<ListedRevision, RevisionNumber>, StoreError> {
        self.reach().await?.revisions(query).await
    }

    async fn changed(&self, query: ChangedQuery) -> Result<Page<DocumentId, DocumentId>, StoreError> {
        self.reach().await?.changed(query).await
    }

    async fn since(&self, since: RevisionNumber, limit: u32) -> Result<Vec<Appended>, StoreError> {
        self.reach().await?.since(since, limit).await
    }

    async fn stored_heads(
        &self,
        ids: &[DocumentId],
    ) -> Result<(LogHead, Vec<Option<StoredDocument>>), StoreError> {
        self.reach().await?.stored_heads(ids).await
    }

    async fn documents(&self, query: DocumentQuery) -> Result<Page<StoredDocument, DocumentId>, StoreError> {
        self.reach().await?.documents(query).await
    }

    async fn document_at(&self, id: &DocumentId, at: RevisionNumber) -> Result<Option<Document>, StoreError> {
        self.reach().await?.document_at(id, at).await
    }

    async fn versions(
        &self,
        id: &DocumentId,
        before: Option<u64>,
        limit: u32,
        bytes_max: Option<u64>,
    ) -> Result<Page<DocumentVersion, u64>, StoreError> {
        self.reach().await?.versions(id, before, limit, bytes_max).await
    }

    async fn authorship(
        &self,
        ids: &[DocumentId],
        at: RevisionNumber,
    ) -> Result<Vec<Option<Authorship>>, StoreError> {
        self.reach().await?.authorship(ids, at).await
    }

    async fn document_head(&self, id: &DocumentId) -> Result<Option<Head>, StoreError> {
        self.reach().await?.document_head(id).await
    }

    async fn document_count(&self) -> Result<u64, StoreError> {
        self.reach().await?.document_count().await
    }

    async fn compact(&self, first: RevisionNumber) -> Result<u64, StoreError> {
        self.reach().await?.compact(first).await
    }

    async fn first(&self) -> Result<RevisionNumber, StoreError> {
        self.reach().await?.first().await
    }
}

#[async_trait]
impl<R: StoreRoute> EventStore for R {
    async fn record_events(&self, events: &[ReloadEvent], keep: u64) -> Result<(), StoreError> {
        self.send_events(events, keep).await
    }

    async fn events(&self, query: EventQuery) -> Result<Page<ReloadEvent, u64>, StoreError> {
        self.reach().await?.events(query).await
    }
}

#[async_trait]
impl<R: StoreRoute> FleetStore for R {
    async fn put_replica(&self, replica: &Replica) -> Result<(), StoreError> {
        self.reach().await?.put_replica(replica).await
    }

    async fn replicas(&self, within: Duration) -> Result<Vec<SeenReplica>, StoreError> {
        self.reach().await?.replicas(within).await
    }

    async fn forget_replica(&self, id: &str) -> Result<(), StoreError> {
        self.reach().await?.forget_replica(id).await
    }

    async fn lead(&self) -> Result<Option<Box<dyn Lead>>, StoreError> {
        self.reach().await?.lead().await
    }

    async fn hint_key(&self) -> Result<[u8; 32], StoreError> {
        self.reach().await?.hint_key().await
    }
}

#[async_trait]
impl<R: StoreRoute> TokenStore for R {
    async fn put_token(&self, token: &Token) -> Result<(), StoreError> {
        self.reach().await?.put_token(token).await
    }

    async fn add_token(&self, token: &Token) -> Result<bool, StoreError> {
        self.reach().await?.add_token(token).await
    }

    async fn replace_token(&self, token: &Token, hash: &str) -> Result<bool, StoreError> {
        self.reach().await?.replace_token(token, hash).await
    }

    async fn delete_token(&self, name: &str) -> Result<bool, StoreError> {
        self.reach().await?.delete_token(name).await
    }

    async fn delete_token_at(&self, name: &str, changes: u64) -> Result<bool, StoreError> {
        self.reach().await?.delete_token_at(name, changes).await
    }

    async fn tokens(&self) -> Result<Vec<Token>, StoreError> {
        self.reach().await?.tokens().await
    }

    async fn token_changes(&self) -> Result<u64, StoreError> {
        self.reach().await?.token_changes().await
    }

    async fn note_token_uses(&self, uses: &[(String, Timestamp)]) -> Result<(), StoreError> {
        self.reach().await?.note_token_uses(uses).await
    }

    async fn token_uses(&self) -> Result<Vec<(String, Timestamp)>, StoreError> {
        self.reach().await?.token_uses().await
    }
}

#[async_trait]
impl<R: StoreRoute> AuditStore for R {
    async fn add_audit(&self, entries: &[AuditEntry]) -> Result<(), StoreError> {
        self.reach().await?.add_audit(entries).await
    }

    async fn audit(&self, query: AuditQuery) -> Result<Page<AuditRecord, u64>, StoreError> {
        self.reach().await?.audit(query).await
    }

    async fn forget_audit(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.reach().await?.forget_audit(before).await
    }
}

#[async_trait]
impl<R: StoreRoute> DeliveryStore for R {
    async fn delivery_cursor(&self, source: &str) -> Result<Option<u64>, StoreError> {
        self.reach().await?.delivery_cursor(source).await
    }

    async fn add_deliveries(
        &self,
        deliveries: &[NewDelivery],
        cursor: Option<CursorMove<'_>>,
    ) -> Result<bool, StoreError> {
        self.reach().await?.add_deliveries(deliveries, cursor).await
    }

    async fn claim_deliveries(&self, limit: u32, lease: Duration) -> Result<Vec<Delivery>, StoreError> {
        self.reach().await?.claim_deliveries(limit, lease).await
    }

    async fn end_attempt(&self, number: u64, attempt: u32, end: &AttemptEnd) -> Result<bool, StoreError> {
        self.reach().await?.end_attempt(number, attempt, end).await
    }

    async fn end_deliveries(&self, webhook: &DocumentName, error: &str) -> Result<u64, StoreError> {
        self.reach().await?.end_deliveries(webhook, error).await
    }

    async fn deliveries(&self, query: DeliveryQuery) -> Result<Page<Delivery, u64>, StoreError> {
        self.reach().await?.deliveries(query).await
    }

    async fn resend_deliveries(&self, which: &ResendQuery) -> Result<u64, StoreError> {
        self.reach().await?.resend_deliveries(which).await
    }

    async fn delivery_counts(&self) -> Result<DeliveryCounts, StoreError> {
        self.reach().await?.delivery_counts().await
    }

    async fn deliveries_waiting(&self) -> Result<BTreeMap<DocumentName, u64>, StoreError> {
        self.reach().await?.deliveries_waiting().await
    }

    async fn forget_deliveries(&self, keep: DeliveryRetention) -> Result<u64, StoreError> {
        self.reach().await?.forget_deliveries(keep).await
    }
}

#[async_trait]
impl<R: StoreRoute> TallyStore for R {
    async fn add_tallies(&self, source: &str, batch: u64, tallies: &[Tally]) -> Result<bool, StoreError> {
        self.send_tallies(source, batch, tallies).await
    }

    async fn tallies(&self, query: TallyQuery) -> Result<Page<Tally, (DocumentName, String)>, StoreError> {
        self.reach().await?.tallies(query).await
    }
}

#[async_trait]
impl<R: StoreRoute> BlobStore for R {
    async fn put_blob(&self, digest: &Digest, bytes: &[u8]) -> Result<(), StoreError> {
        self.reach().await?.put_blob(digest, bytes).await
    }

    async fn blob(&self, digest: &Digest) -> Result<Option<Arc<[u8]>>, StoreError> {
        self.reach().await?.blob(digest).await
    }

    async fn blob_size(&self, digest: &Digest) -> Result<Option<u64>, StoreError> {
        self.reach().await?.blob_size(digest).await
    }

    async fn blobs_size(&self) -> Result<u64, StoreError> {
        self.reach().await?.blobs_size().await
    }
}

#[async_trait]
impl<R: StoreRoute> Store for R {
    async fn diagnose(&self) -> Result<Vec<String>, StoreError> {
        self.reach().await?.diagnose().await
    }

    async fn close(&self) {}
}
