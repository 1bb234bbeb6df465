//! Reload events in memory.

use async_trait::async_trait;
use midflight_core::ReloadEvent;

use super::MemoryStore;
use crate::{EventQuery, EventStore, Page, StoreError};

#[async_trait]
impl EventStore for MemoryStore {
    async fn record_events(&self, events: &[ReloadEvent], keep: u64) -> Result<(), StoreError> {
        let mut log = self.log();
        log.events.extend(events.iter().cloned());
        while log.events.len() as u64 > keep {
            log.events.pop_front();
        }
        Ok(())
    }

    async fn events(&self, query: EventQuery) -> Result<Page<ReloadEvent, u64>, StoreError> {
        let log = self.log();
        let asked = |event: &&ReloadEvent| {
            query.kind.as_ref().is_none_or(|kind| event.kinds.contains(kind))
                && query.trigger.is_none_or(|trigger| event.trigger == trigger)
                && query.outcome.is_none_or(|outcome| event.outcome == outcome)
                && query.before.is_none_or(|before| event.id.0 < before)
        };
        let items = log.events.iter().rev().filter(asked).take(query.limit as usize + 1).cloned().collect();
        Ok(Page::cut(items, query.limit, |event: &ReloadEvent| event.id.0))
    }
}
