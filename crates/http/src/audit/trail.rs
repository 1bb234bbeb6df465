//! What waits to be written into the audit, and what writes it.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use metrics::Counter;
use midflight_store::{AuditEntry, Store, StoreError};
use tokio::sync::Notify;

use crate::app::AppState;
use crate::metrics::registry::{MetricsRegistry, label};

/// How many entries may wait. 10,000: what comes in while the store is unavailable for a while; a few MB.
const WAITING_MAX: usize = 10_000;
/// How many of them may be refusals, which callers without a token can cause.
const REFUSALS_MAX: usize = WAITING_MAX / 2;
/// How many are written at once.
const BATCH_MAX: usize = 1_000;
/// How soon they are written.
const WRITE_AFTER: Duration = Duration::from_millis(200);
/// How soon it is tried again when the store did not take them.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// The entries that are not written yet.
pub(crate) struct AuditTrail {
    waiting: Mutex<VecDeque<AuditEntry>>,
    /// One at a time, so that entries are in their order.
    writing: tokio::sync::Mutex<()>,
    arrived: Notify,
    dropped: Counter,
    dropped_refusals: Counter,
}

impl AuditTrail {
    pub(crate) fn new(metrics: &MetricsRegistry) -> Self {
        let dropped = |outcome| {
            let help = "Entries that the audit lost because too many waited, by outcome.";
            metrics.counter("midflight_audit_dropped_total", help, label("outcome", outcome))
        };
        Self {
            waiting: Mutex::default(),
            writing: tokio::sync::Mutex::default(),
            arrived: Notify::new(),
            dropped: dropped("other"),
            dropped_refusals: dropped("refused"),
        }
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<AuditEntry>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an entry, which is written soon. A refusal like the last one is counted with it.
    pub(crate) fn add(&self, entry: AuditEntry) {
        let is_refusal = entry.outcome == "refused";
        let mut waiting = self.waiting();
        if let Some(last) = waiting.back_mut().filter(|last| is_refusal && is_same(last, &entry)) {
            last.count += 1;
            return;
        }
        if waiting.len() >= if is_refusal { REFUSALS_MAX } else { WAITING_MAX } {
            drop(waiting);
            if is_refusal {
                self.dropped_refusals.increment(1);
                return;
            }
            self.dropped.increment(1);
            // What the audit has no room for is in the log of the process at least.
            let AuditEntry { actor, action, target, outcome, .. } = entry;
            tracing::error!(%actor, %action, %target, %outcome, "audit entry lost: too many entries wait for the store");
            return;
        }
        let is_first = waiting.is_empty();
        waiting.push_back(entry);
        drop(waiting);
        if is_first {
            self.arrived.notify_one();
        }
    }

    /// Writes what waits.
    pub(crate) async fn write(&self, store: &dyn Store) -> Result<(), StoreError> {
        let _turn = self.writing.lock().await;
        loop {
            let batch: Vec<_> = self.waiting().iter().take(BATCH_MAX).cloned().collect();
            if batch.is_empty() {
                return Ok(());
            }
            store.add_audit(&batch).await?;
            // Only now: what the store did not take waits on. An entry that was counted up meanwhile stays with the rest of it.
            let mut waiting = self.waiting();
            for written in &batch {
                match waiting.front_mut() {
                    Some(front) if front.count > written.count => front.count -= written.count,
                    _ => drop(waiting.pop_front()),
                }
            }
        }
    }
}

/// Whether two refusals differ in their time and request only.
fn is_same(one: &AuditEntry, other: &AuditEntry) -> bool {
    let of = |entry: &AuditEntry| {
        (
            entry.actor.clone(),
            entry.action.clone(),
            entry.target.clone(),
            entry.outcome.clone(),
            entry.code.clone(),
            entry.from.clone(),
        )
    };
    of(one) == of(other)
}

/// Writes entries as they come, until the server stops; [`AppState::stop`] writes what is left.
pub(crate) async fn run(app: AppState) {
    let store = app.engine.store();
    loop {
        tokio::select! {
            () = app.audit.arrived.notified() => {}
            () = app.stopping.cancelled() => break,
        }
        // Others come meanwhile, and are written with it.
        tokio::select! {
            () = tokio::time::sleep(WRITE_AFTER) => {}
            () = app.stopping.cancelled() => break,
        }
        while let Err(error) = app.audit.write(&**store).await {
            tracing::debug!(%error, "cannot write the audit; trying again");
            tokio::select! {
                () = tokio::time::sleep(TRY_AGAIN) => {}
                () = app.stopping.cancelled() => break,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use midflight_store::{AuditQuery, AuditStore as _, MemoryStore};

    fn entry(actor: &str, outcome: &str) -> AuditEntry {
        AuditEntry {
            at: Timestamp::UNIX_EPOCH,
            replica: "r1".to_owned(),
            actor: actor.to_owned(),
            principal: None,
            role: "viewer".to_owned(),
            action: "POST /api/v1/apply".to_owned(),
            target: "/api/v1/apply".to_owned(),
            outcome: outcome.to_owned(),
            status: 403,
            code: None,
            from: None,
            request_id: None,
            revision: None,
            count: 1,
        }
    }

    #[tokio::test]
    async fn equal_refusals_in_a_row_are_one_entry_and_nothing_else_is() {
        let (trail, store) = (AuditTrail::new(&MetricsRegistry::new()), MemoryStore::new());
        for actor in ["a", "a", "b", "a"] {
            trail.add(entry(actor, "refused"));
        }
        trail.add(entry("a", "success"));
        trail.add(entry("a", "success"));
        trail.write(&store).await.unwrap();
        trail.write(&store).await.unwrap();
        let found = store.audit(AuditQuery { limit: 100, ..AuditQuery::default() }).await.unwrap().items;
        let found: Vec<_> = found.iter().map(|it| (it.entry.actor.as_str(), it.entry.count)).collect();
        assert_eq!(found, [("a", 1), ("a", 1), ("a", 1), ("b", 1), ("a", 2)]);
    }

    #[test]
    fn refusals_leave_room_for_what_was_done() {
        let trail = AuditTrail::new(&MetricsRegistry::new());
        for nth in 0..WAITING_MAX {
            trail.add(entry(&format!("a{nth}"), "refused"));
        }
        assert_eq!(trail.waiting().len(), REFUSALS_MAX);
        for _ in 0..WAITING_MAX {
            trail.add(entry("b", "success"));
        }
        assert_eq!(trail.waiting().len(), WAITING_MAX);
    }
}
