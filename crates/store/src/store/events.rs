//! Reload events: what is kept of the reloads of a replica.

use async_trait::async_trait;
use midflight_core::ReloadEvent;

use crate::{EventQuery, Page, StoreError};

/// The reload events of this replica.
#[async_trait]
pub trait EventStore: Send + Sync {
    /// Keeps reload events, and of all events the `keep` newest. They need not survive a crash of the machine.
    async fn record_events(&self, events: &[ReloadEvent], keep: u64) -> Result<(), StoreError>;

    /// Reload events, newest first.
    async fn events(&self, query: EventQuery) -> Result<Page<ReloadEvent, u64>, StoreError>;
}
