//! The audit: who did what, from where, and what came of it.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::{AuditEntry, AuditQuery, AuditRecord, Page, StoreError};

/// The audit, append-only: no entry is ever changed, and only the oldest are deleted, by [`AuditStore::forget_audit`].
#[async_trait]
pub trait AuditStore: Send + Sync {
    /// Appends entries, all of them or none. It need not survive a crash of the machine.
    async fn add_audit(&self, entries: &[AuditEntry]) -> Result<(), StoreError>;

    /// Entries, newest first; the cursor is the number of the last one.
    async fn audit(&self, query: AuditQuery) -> Result<Page<AuditRecord, u64>, StoreError>;

    /// Deletes the entries from before a time, up to the first that is not. Answers how many.
    async fn forget_audit(&self, before: Timestamp) -> Result<u64, StoreError>;
}
