//! The audit in memory.

use async_trait::async_trait;
use jiff::Timestamp;

use super::MemoryStore;
use crate::{AuditEntry, AuditQuery, AuditRecord, AuditStore, Page, StoreError};

#[async_trait]
impl AuditStore for MemoryStore {
    async fn add_audit(&self, entries: &[AuditEntry]) -> Result<(), StoreError> {
        let mut log = self.log();
        for entry in entries {
            log.audit_number += 1;
            let record = AuditRecord { number: log.audit_number, entry: entry.clone() };
            log.audit.push_back(record);
        }
        Ok(())
    }

    async fn audit(&self, query: AuditQuery) -> Result<Page<AuditRecord, u64>, StoreError> {
        let log = self.log();
        let wanted = log.audit.iter().rev().filter(|record| query.wants(record));
        let items = wanted.take(query.limit as usize + 1).cloned().collect();
        Ok(Page::cut(items, query.limit, |record: &AuditRecord| record.number))
    }

    async fn forget_audit(&self, before: Timestamp) -> Result<u64, StoreError> {
        let mut log = self.log();
        let old = log.audit.iter().take_while(|record| record.entry.at < before).count();
        log.audit.drain(..old);
        Ok(old as u64)
    }
}
