//! Which webhooks have too many deliveries that wait.
//!
//! A receiver that is unavailable for days must not stop the events of other webhooks. So the log and the audit are read
//! further, and what is new for that webhook alone becomes a dead letter, which can be sent again later.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use midflight_core::DocumentName;

/// How many deliveries of one webhook may wait. 2,000: what a receiver that works gets in minutes. It is compared at each
/// look, so what one look finds may be beyond it.
pub(super) const WAITING_OF_ONE_MAX: u64 = 2_000;

/// The webhooks that are over their bound, with how many deliveries of each wait. A clone is the same.
#[derive(Debug, Clone, Default)]
pub(super) struct OverBound(Arc<Mutex<BTreeMap<DocumentName, u64>>>);

impl OverBound {
    fn all(&self) -> MutexGuard<'_, BTreeMap<DocumentName, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Compares how many deliveries wait of each webhook.
    pub(super) fn set(&self, waiting: &BTreeMap<DocumentName, u64>) {
        let over = waiting.iter().filter(|(_, waiting)| **waiting >= WAITING_OF_ONE_MAX);
        let over: BTreeMap<_, _> = over.map(|(webhook, waiting)| (webhook.clone(), *waiting)).collect();
        let mut all = self.all();
        for webhook in over.keys().filter(|webhook| !all.contains_key(*webhook)) {
            tracing::warn!(%webhook, deliveries_waiting_max = WAITING_OF_ONE_MAX,
                "too many deliveries of a webhook wait; its new events become dead letters");
        }
        *all = over;
    }

    /// Why a new event for a webhook is a dead letter at once, if it is.
    pub(super) fn refusal(&self, webhook: &DocumentName) -> Option<String> {
        let waiting = *self.all().get(webhook)?;
        Some(format!("{waiting} deliveries waited already (deliveries_waiting_max is {WAITING_OF_ONE_MAX})"))
    }

    /// What to report of each of them.
    pub(super) fn report(&self) -> Vec<String> {
        let report = |(webhook, waiting): (&DocumentName, &u64)| {
            format!(
                "webhook {webhook} has {waiting} deliveries that wait (deliveries_waiting_max is {WAITING_OF_ONE_MAX}); its new \
                 events become dead letters until some were made"
            )
        };
        self.all().iter().map(report).collect()
    }
}
