//! The log in PostgreSQL: one for as many replicas as follow it.

mod append;
mod audit;
mod deliveries;
mod event;
mod failure;
mod fleet;
mod lead;
mod liveness;
mod open;
mod precedence;
mod read;
mod row;
mod session;
mod tally;
mod tokens;
mod upkeep;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use midflight_core::{
    Digest, Document, DocumentId, DocumentName, Head, LogHead, ReloadEvent, RevisionNumber,
};

use tokio::sync::watch;

use crate::rows::token::NameConflict;
use crate::{
    AppendError, Appended, AttemptEnd, AuditEntry, AuditQuery, AuditRecord, AuditStore, Authorship,
    Availability, BlobStore, ChangedQuery, CursorMove, Delivery, DeliveryCounts, DeliveryQuery,
    DeliveryRetention, DeliveryStore, DocumentQuery, DocumentVersion, EventQuery, EventStore, FleetStore,
    KeyedRevision, Lead, ListedRevision, NewDelivery, NewRevision, Page, Replica, ResendQuery, RevisionLog,
    RevisionQuery, SeenReplica, Store, StoreError, StoredDocument, Tally, TallyQuery, TallyStore, Token,
    TokenStore, query::PageBounds,
};
pub use midflight_postgres::{PostgresUrl, PostgresUrlError};
pub use open::PostgresOptions;
use session::Sessions;

/// The log in a PostgreSQL database (version 13 or newer, encoding UTF8).
///
/// Making one reaches for nothing: the first call that finds the server connects and brings the schema up to date,
/// which is safe however many replicas do so at once. While the server is unavailable every call answers
/// [`StoreError::Unavailable`]. One that refuses connections is asked by every call; one that hangs, or is behind a
/// network that loses everything, is found by a probe ([`PostgresOptions::probe_ms`] and
/// [`PostgresOptions::answer_ms_max`]), which ends the calls that wait for it, and later ones fail at once until the
/// probe is answered. [`Store::availability`] has what it measured. When the server is back calls go through, with
/// nothing to be done here. After a failover it uses the server that then answers at the address, and leaves a server
/// that has become read-only.
///
/// The log has the tables `revisions` and `documents` in the first schema of the `search_path`. People with `psql`
/// write by `SELECT midflight_put(kind, name, body, author, reason)` and `midflight_delete(kind, name, author,
/// reason)`, which answer the revision's number, or by rows of their own in one transaction; either is followed like
/// any other edit. Every revision is notified on the channel `midflight` with its number as the payload when it
/// commits.
///
/// An append whose connection is lost before the answer may have been taken: this asks the log again for
/// `connect_ms_max` whether it was, no longer than until the probe finds it silent, and if that cannot be learnt
/// answers [`AppendError::Unknown`].
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use midflight_store::{PostgresOptions, PostgresStore, RevisionLog as _};
///
/// let url = "postgres://midflight@db.internal/midflight".parse()?;
/// let options = PostgresOptions::new(url, "replica-1");
/// let store = PostgresStore::new(PostgresOptions { statement_ms_max: 5_000, ..options });
/// println!("the log is at {}", store.head().await?);
/// # Ok(())
/// # }
/// ```
pub struct PostgresStore {
    /// The connections in use, which others may replace.
    sessions: RwLock<Arc<Sessions>>,
    /// Whose reload events are kept and read here.
    replica: String,
    /// Reports whether the store is available, whichever connections are in use.
    changes: watch::Sender<()>,
}

impl PostgresStore {
    /// A log that is reached for when it is first used.
    #[must_use]
    pub fn new(options: PostgresOptions) -> Self {
        let replica = storable(&options.replica);
        let changes = watch::Sender::new(());
        let sessions = Sessions::new(&options, changes.clone());
        Self { sessions: RwLock::new(sessions), replica, changes }
    }

    /// Connects with other options beside what is in use, and verifies that the same log is there, as up to date as
    /// this one is known to be. Nothing changes by that: [`PostgresStore::swap`] does it, and dropping what this
    /// answers closes it. The name of the replica stays as it was.
    ///
    /// # Errors
    /// [`StoreError`] when no server answers there, and [`StoreError::Corrupt`] when it is another log.
    pub async fn open_beside(&self, options: &PostgresOptions) -> Result<PostgresSessions, StoreError> {
        let beside = Sessions::new(options, self.changes.clone());
        let key = fleet::hint_key(&mut beside.session().await?).await?;
        if key != self.hint_key().await? {
            let address = &options.url;
            return Err(StoreError::Corrupt(format!("the log at {address} is not the log that is served")));
        }
        Ok(PostgresSessions(beside))
    }

    /// Continues with these connections and answers those that were in use until now, to be swapped back or dropped.
    /// Calls under way finish on the connection they have; every later one takes a new one.
    pub fn swap(&self, sessions: PostgresSessions) -> PostgresSessions {
        let before = {
            let mut in_use = self.sessions.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *in_use, sessions.0)
        };
        self.changes.send_replace(());
        PostgresSessions(before)
    }

    fn sessions(&self) -> Arc<Sessions> {
        Arc::clone(&self.sessions.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Connections to a log that new calls do not take. Dropped, they are closed once the calls that have them are done.
pub struct PostgresSessions(Arc<Sessions>);

impl std::fmt::Debug for PostgresSessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("PostgresSessions").field(&self.0.address).finish()
    }
}

impl std::fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let address = &self.sessions().address;
        f.debug_struct("PostgresStore").field("address", address).field("replica", &self.replica).finish()
    }
}

/// A text as PostgreSQL can keep it: all characters but NUL.
fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

#[async_trait]
impl RevisionLog for PostgresStore {
    async fn head(&self) -> Result<LogHead, StoreError> {
        read::head(&mut self.sessions().session().await?).await
    }

    async fn digests(&self, of: &[RevisionNumber]) -> Result<(LogHead, Vec<Option<Digest>>), StoreError> {
        read::digests(&mut self.sessions().session().await?, of).await
    }

    async fn revision_of_key(&self, key: &str) -> Result<Option<KeyedRevision>, StoreError> {
        read::revision_of_key(&mut self.sessions().session().await?, key).await
    }

    async fn append(&self, new: NewRevision<'_>) -> Result<Appended, AppendError> {
        append::append(&self.sessions(), new).await
    }

    async fn revisions(
        &self,
        query: RevisionQuery,
    ) -> Result<Page<ListedRevision, RevisionNumber>, StoreError> {
        read::revisions(&mut self.sessions().page().await?, query).await
    }

    async fn changed(&self, query: ChangedQuery) -> Result<Page<DocumentId, DocumentId>, StoreError> {
        read::changed(&mut self.sessions().page().await?, query).await
    }

    async fn since(&self, since: RevisionNumber, limit: u32) -> Result<Vec<Appended>, StoreError> {
        read::since(&mut self.sessions().preceding().await?, since, limit).await
    }

    async fn stored_heads(
        &self,
        ids: &[DocumentId],
    ) -> Result<(LogHead, Vec<Option<StoredDocument>>), StoreError> {
        read::stored_heads(&mut self.sessions().preceding().await?, ids).await
    }

    async fn documents(&self, query: DocumentQuery) -> Result<Page<StoredDocument, DocumentId>, StoreError> {
        let sessions = self.sessions();
        let session = if query.for_state { sessions.preceding().await } else { sessions.page().await };
        read::documents(&mut session?, query).await
    }

    async fn document_at(&self, id: &DocumentId, at: RevisionNumber) -> Result<Option<Document>, StoreError> {
        read::document_at(&mut self.sessions().page().await?, id, at).await
    }

    async fn versions(
        &self,
        id: &DocumentId,
        before: Option<u64>,
        limit: u32,
        bytes_max: Option<u64>,
    ) -> Result<Page<DocumentVersion, u64>, StoreError> {
        read::versions(&mut self.sessions().page().await?, id, before, PageBounds::new(limit, bytes_max))
            .await
    }

    async fn authorship(
        &self,
        ids: &[DocumentId],
        at: RevisionNumber,
    ) -> Result<Vec<Option<Authorship>>, StoreError> {
        read::authorship(&mut self.sessions().page().await?, ids, at).await
    }

    async fn document_head(&self, id: &DocumentId) -> Result<Option<Head>, StoreError> {
        read::document_head(&mut self.sessions().session().await?, id).await
    }

    async fn document_count(&self) -> Result<u64, StoreError> {
        read::meta(&mut self.sessions().session().await?, "documents").await
    }

    async fn compact(&self, first: RevisionNumber) -> Result<u64, StoreError> {
        upkeep::compact(&mut self.sessions().session().await?, first).await
    }

    async fn first(&self) -> Result<RevisionNumber, StoreError> {
        let first = read::meta(&mut self.sessions().session().await?, "first_revision").await?;
        Ok(RevisionNumber::new(first))
    }
}

#[async_trait]
impl EventStore for PostgresStore {
    async fn record_events(&self, events: &[ReloadEvent], keep: u64) -> Result<(), StoreError> {
        if events.is_empty() {
            return Ok(());
        }
        event::record(&mut self.sessions().session().await?, &self.replica, events, keep).await
    }

    async fn events(&self, query: EventQuery) -> Result<Page<ReloadEvent, u64>, StoreError> {
        event::select(&mut self.sessions().page().await?, &self.replica, query).await
    }
}

#[async_trait]
impl FleetStore for PostgresStore {
    async fn put_replica(&self, replica: &Replica) -> Result<(), StoreError> {
        fleet::put_replica(&mut self.sessions().session().await?, replica).await
    }

    async fn replicas(&self, within: Duration) -> Result<Vec<SeenReplica>, StoreError> {
        fleet::replicas(&mut self.sessions().session().await?, within).await
    }

    async fn forget_replica(&self, id: &str) -> Result<(), StoreError> {
        fleet::forget_replica(&mut self.sessions().session().await?, id).await
    }

    async fn lead(&self) -> Result<Option<Box<dyn Lead>>, StoreError> {
        self.sessions().lead().await
    }

    async fn hint_key(&self) -> Result<[u8; 32], StoreError> {
        fleet::hint_key(&mut self.sessions().session().await?).await
    }

    async fn now(&self) -> Result<Option<Timestamp>, StoreError> {
        fleet::now(&mut self.sessions().session().await?).await.map(Some)
    }
}

#[async_trait]
impl TokenStore for PostgresStore {
    async fn put_token(&self, token: &Token) -> Result<(), StoreError> {
        tokens::put(&mut self.sessions().session().await?, token, NameConflict::Replace).await.map(drop)
    }

    async fn add_token(&self, token: &Token) -> Result<bool, StoreError> {
        tokens::put(&mut self.sessions().session().await?, token, NameConflict::Keep).await
    }

    async fn replace_token(&self, token: &Token, hash: &str) -> Result<bool, StoreError> {
        tokens::put(&mut self.sessions().session().await?, token, NameConflict::ReplaceOf(hash)).await
    }

    async fn delete_token(&self, name: &str) -> Result<bool, StoreError> {
        tokens::delete(&mut self.sessions().session().await?, name).await
    }

    async fn delete_token_at(&self, name: &str, changes: u64) -> Result<bool, StoreError> {
        tokens::delete_at(&mut self.sessions().session().await?, name, changes).await
    }

    async fn tokens(&self) -> Result<Vec<Token>, StoreError> {
        tokens::all(&mut self.sessions().session().await?).await
    }

    async fn token_changes(&self) -> Result<u64, StoreError> {
        tokens::changes(&mut self.sessions().session().await?).await
    }

    async fn note_token_uses(&self, uses: &[(String, Timestamp)]) -> Result<(), StoreError> {
        tokens::note_uses(&mut self.sessions().session().await?, uses).await
    }

    async fn token_uses(&self) -> Result<Vec<(String, Timestamp)>, StoreError> {
        tokens::uses(&mut self.sessions().session().await?).await
    }
}

#[async_trait]
impl AuditStore for PostgresStore {
    async fn add_audit(&self, entries: &[AuditEntry]) -> Result<(), StoreError> {
        audit::add(&mut self.sessions().session().await?, entries).await
    }

    async fn audit(&self, query: AuditQuery) -> Result<Page<AuditRecord, u64>, StoreError> {
        audit::list(&mut self.sessions().session().await?, &query).await
    }

    async fn forget_audit(&self, before: Timestamp) -> Result<u64, StoreError> {
        audit::forget(&mut self.sessions().session().await?, before).await
    }
}

#[async_trait]
impl DeliveryStore for PostgresStore {
    async fn delivery_cursor(&self, source: &str) -> Result<Option<u64>, StoreError> {
        deliveries::cursor(&mut self.sessions().session().await?, source).await
    }

    async fn add_deliveries(
        &self,
        deliveries: &[NewDelivery],
        cursor: Option<CursorMove<'_>>,
    ) -> Result<bool, StoreError> {
        deliveries::add(&mut self.sessions().session().await?, deliveries, cursor).await
    }

    async fn claim_deliveries(&self, limit: u32, lease: Duration) -> Result<Vec<Delivery>, StoreError> {
        deliveries::claim(&mut self.sessions().session().await?, limit, lease).await
    }

    async fn end_attempt(&self, number: u64, attempt: u32, end: &AttemptEnd) -> Result<bool, StoreError> {
        deliveries::end_attempt(&mut self.sessions().session().await?, number, attempt, end).await
    }

    async fn end_deliveries(&self, webhook: &DocumentName, error: &str) -> Result<u64, StoreError> {
        deliveries::end_all(&mut self.sessions().session().await?, webhook, error).await
    }

    async fn deliveries(&self, query: DeliveryQuery) -> Result<Page<Delivery, u64>, StoreError> {
        deliveries::list(&mut self.sessions().session().await?, &query).await
    }

    async fn resend_deliveries(&self, which: &ResendQuery) -> Result<u64, StoreError> {
        deliveries::resend_all(&mut self.sessions().session().await?, which).await
    }

    async fn delivery_counts(&self) -> Result<DeliveryCounts, StoreError> {
        deliveries::counts(&mut self.sessions().session().await?).await
    }

    async fn deliveries_waiting(&self) -> Result<BTreeMap<DocumentName, u64>, StoreError> {
        deliveries::waiting(&mut self.sessions().session().await?).await
    }

    async fn forget_deliveries(&self, keep: DeliveryRetention) -> Result<u64, StoreError> {
        deliveries::forget(&mut self.sessions().session().await?, keep).await
    }
}

#[async_trait]
impl TallyStore for PostgresStore {
    async fn add_tallies(&self, source: &str, batch: u64, tallies: &[Tally]) -> Result<bool, StoreError> {
        let tallies = crate::tally::batch(source, batch, tallies)?;
        tally::add(&mut self.sessions().session().await?, source, batch, &tallies).await
    }

    async fn tallies(&self, query: TallyQuery) -> Result<Page<Tally, (DocumentName, String)>, StoreError> {
        tally::select(&mut self.sessions().page().await?, query).await
    }
}

#[async_trait]
impl BlobStore for PostgresStore {
    async fn put_blob(&self, digest: &Digest, bytes: &[u8]) -> Result<(), StoreError> {
        fleet::put_blob(&mut self.sessions().session().await?, digest, bytes).await
    }

    async fn blob(&self, digest: &Digest) -> Result<Option<Arc<[u8]>>, StoreError> {
        fleet::blob(&mut self.sessions().session().await?, digest).await
    }

    async fn blob_size(&self, digest: &Digest) -> Result<Option<u64>, StoreError> {
        fleet::blob_size(&mut self.sessions().session().await?, digest).await
    }

    async fn blobs_size(&self) -> Result<u64, StoreError> {
        fleet::blobs_size(&mut self.sessions().session().await?).await
    }
}

#[async_trait]
impl Store for PostgresStore {
    fn availability(&self) -> Option<Availability> {
        self.sessions().liveness.availability()
    }

    fn availability_changes(&self) -> Option<watch::Receiver<()>> {
        Some(self.changes.subscribe())
    }

    async fn diagnose(&self) -> Result<Vec<String>, StoreError> {
        upkeep::diagnose(&mut self.sessions().session().await?).await
    }

    async fn close(&self) {
        self.sessions().close();
    }
}
