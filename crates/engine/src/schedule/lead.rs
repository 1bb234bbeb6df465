//! Whether this replica leads. The store is asked at most every second, however often the question comes.

use midflight_store::{Lead, Store};
use tokio::time::Instant;

use super::timetable::LOOK;

#[derive(Default)]
pub(super) struct Leading {
    lead: Option<Box<dyn Lead>>,
    asked_at: Option<Instant>,
}

impl Leading {
    /// Whether this replica leads, taking the lead if it is free.
    pub(super) async fn leads(&mut self, store: &dyn Store) -> bool {
        if self.asked_at.is_some_and(|asked_at| asked_at.elapsed() < LOOK) {
            return self.lead.is_some();
        }
        self.asked_at = Some(Instant::now());
        // Out of `self` while it is asked: if this is dropped meanwhile, the lead is released rather than assumed.
        if let Some(mut lead) = self.lead.take()
            && lead.holds().await
        {
            self.lead = Some(lead);
            return true;
        }
        match store.lead().await {
            Ok(lead) => self.lead = lead,
            Err(error) => tracing::debug!(%error, "cannot determine the leader"),
        }
        self.lead.is_some()
    }

    /// Leaves the lead to others.
    pub(super) fn release(&mut self) {
        *self = Self::default();
    }
}
