//! A log in memory: for tests and simulations, and for programs whose documents live elsewhere. It forgets everything
//! with its process, so nothing that it acknowledges survives a crash.

mod audit;
mod blobs;
mod deliveries;
mod events;
mod fleet;
mod log;
mod tallies;
mod tokens;

use std::collections::{BTreeMap, VecDeque};
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use async_trait::async_trait;
use jiff::Timestamp;
use midflight_core::{Appended, Digest, Document, DocumentId, LogId, Open, ReloadEvent, Revision, Trigger};

use crate::{AppendError, AuditRecord, KeyedRevision, NewRevision, Replica, Store, StoreError, Token};
use deliveries::Deliveries;
use tallies::Tallies;

/// A log in memory. Cloning it gives another handle on the same log, as another process would have.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    log: Arc<Mutex<MemoryLog>>,
}

#[derive(Debug, Clone)]
struct MemoryLog {
    id: LogId,
    /// Every revision there ever was, by number less one; compacted ones stay, unread.
    revisions: Vec<Revision>,
    /// The kept versions of each document, oldest first.
    documents: BTreeMap<DocumentId, Vec<Document>>,
    /// How many documents are not deleted.
    present: usize,
    /// How many revisions at the front were compacted away.
    compacted: u64,
    blobs: BTreeMap<Digest, Arc<[u8]>>,
    events: VecDeque<ReloadEvent>,
    tokens: BTreeMap<String, Token>,
    token_changes: u64,
    token_uses: BTreeMap<String, Timestamp>,
    audit: VecDeque<AuditRecord>,
    /// The number of the newest entry of the audit.
    audit_number: u64,
    hint_key: Option<[u8; 32]>,
    replicas: BTreeMap<String, (Replica, Instant)>,
    tallies: Tallies,
    deliveries: Deliveries,
    /// The revisions that were made under a key.
    keys: BTreeMap<String, KeyedRevision>,
}

impl Default for MemoryLog {
    fn default() -> Self {
        Self {
            id: random_id(),
            revisions: Vec::new(),
            documents: BTreeMap::new(),
            present: 0,
            compacted: 0,
            blobs: BTreeMap::new(),
            events: VecDeque::new(),
            tokens: BTreeMap::new(),
            token_changes: 0,
            token_uses: BTreeMap::new(),
            audit: VecDeque::new(),
            audit_number: 0,
            hint_key: None,
            replicas: BTreeMap::new(),
            tallies: Tallies::default(),
            deliveries: Deliveries::default(),
            keys: BTreeMap::new(),
        }
    }
}

/// An id that no other log has. The standard library's random state needs no source that may fail.
fn random_id() -> LogId {
    let random = || RandomState::new().build_hasher().finish();
    LogId::new(((u128::from(random()) << 64) | u128::from(random())).to_be_bytes())
}

impl MemoryStore {
    /// An empty log.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A copy of the log as it is now, of the same id, that goes its own way from here: what a backup or a standby has.
    #[must_use]
    pub fn copy(&self) -> Self {
        Self { log: Arc::new(Mutex::new(self.log().clone())) }
    }

    /// Takes a revision as another version of the program would, which may know triggers that this one does not.
    ///
    /// # Errors
    /// [`AppendError`]; the log is then as it was.
    pub fn append_as(&self, new: NewRevision<'_>, trigger: Open<Trigger>) -> Result<Appended, AppendError> {
        let mut log = self.log();
        log.check(&new)?;
        Ok(log.append(&new, trigger))
    }

    fn log(&self) -> MutexGuard<'_, MemoryLog> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn diagnose(&self) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }

    async fn close(&self) {}
}
