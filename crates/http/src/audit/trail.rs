//! What waits to be written into the audit, and what writes it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use metrics::Counter;
use midflight_store::{AuditEntry, AuditStore, StoreError};
use tokio::sync::Notify;

use super::merged::{MergeLimits, MergedEntries};
use crate::app::AppState;
use crate::metrics::registry::MetricsRegistry;

/// How many entries of what known callers did may wait. 10,000: what comes in while the store is unavailable for a while;
/// a few MB.
const WAITING_MAX: usize = 10_000;
/// How many are written at once.
const BATCH_MAX: usize = 1_000;
/// How soon they are written.
const WRITE_AFTER: Duration = Duration::from_millis(200);
/// How soon it is tried again when the store did not take them, and looked again whether what is counted together is due.
const TRY_AGAIN: Duration = Duration::from_secs(1);
/// The bounds of refusals of known callers.
const OF_KNOWN: MergeLimits = MergeLimits {
    entries_max: 2_000,
    rows_burst: 500,
    rows_per_second: 10,
    by_target: true,
    outcome: "refused",
};
/// The bounds of what known callers do that changes nothing. Apart from refusals, so that neither takes the rows of the
/// other.
const UNCHANGING: MergeLimits = MergeLimits { outcome: "unknown", ..OF_KNOWN };
/// The bounds of what callers who are not known cause. One a second: 86,400 rows a day, some 30 MB.
const OF_UNKNOWN: MergeLimits = MergeLimits {
    entries_max: 1_000,
    rows_burst: 100,
    rows_per_second: 1,
    by_target: false,
    outcome: "refused",
};

/// How an entry is bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntryClass {
    /// What a known caller did, or tried: a row of its own.
    Action,
    /// What a known caller did that changes nothing, so that it can be repeated as fast as it is answered: a login, a
    /// log-out, a read, a forwarded call that failed.
    Unchanging,
    /// What a known caller may not, or not so often.
    Refusal,
    /// Whatever a caller caused who is not known.
    Unknown,
}

/// The entries that are not written yet.
struct WaitingEntries {
    actions: VecDeque<AuditEntry>,
    unchanging: MergedEntries,
    refusals: MergedEntries,
    unknown: MergedEntries,
}

impl WaitingEntries {
    /// Those that are counted together, by their class.
    fn merged(&mut self) -> [&mut MergedEntries; 3] {
        [&mut self.unchanging, &mut self.refusals, &mut self.unknown]
    }
}

/// The entries that are not written yet, and what is counted of them.
pub(crate) struct AuditTrail {
    waiting: Mutex<WaitingEntries>,
    /// One at a time, so that entries are in their order.
    writing: tokio::sync::Mutex<()>,
    arrived: Notify,
    dropped: Counter,
    merged: Counter,
}

impl AuditTrail {
    pub(crate) fn new(metrics: &MetricsRegistry) -> Self {
        let now = Instant::now();
        Self {
            waiting: Mutex::new(WaitingEntries {
                actions: VecDeque::new(),
                unchanging: MergedEntries::new(UNCHANGING, now),
                refusals: MergedEntries::new(OF_KNOWN, now),
                unknown: MergedEntries::new(OF_UNKNOWN, now),
            }),
            writing: tokio::sync::Mutex::default(),
            arrived: Notify::new(),
            dropped: metrics.counter(
                "midflight_audit_dropped_total",
                "Entries that the audit lost because too many waited.",
                Vec::new(),
            ),
            merged: metrics.counter(
                "midflight_audit_merged_total",
                "Entries that the audit has only in the count of another one.",
                Vec::new(),
            ),
        }
    }

    fn waiting(&self) -> MutexGuard<'_, WaitingEntries> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an entry, which is written soon.
    pub(crate) fn add(&self, entry: AuditEntry, class: EntryClass) {
        let (now, mut waiting) = (Instant::now(), self.waiting());
        let merged = match class {
            EntryClass::Unchanging => waiting.unchanging.add(entry, now),
            EntryClass::Refusal => waiting.refusals.add(entry, now),
            EntryClass::Unknown => waiting.unknown.add(entry, now),
            EntryClass::Action if waiting.actions.len() >= WAITING_MAX => {
                drop(waiting);
                self.dropped.increment(1);
                // What the audit has no room for is in the log of the process at least.
                let AuditEntry { actor, action, target, outcome, .. } = entry;
                tracing::error!(%actor, %action, %target, %outcome, "audit entry lost: too many entries wait for the store");
                return;
            }
            EntryClass::Action => {
                waiting.actions.push_back(entry);
                false
            }
        };
        drop(waiting);
        match merged {
            true => self.merged.increment(1),
            // One that waits already is known to whoever writes.
            false => self.arrived.notify_one(),
        }
    }

    /// Writes what is due. The caller sees it to its end: one that stops waiting in between may have it written twice.
    async fn write(&self, store: &dyn AuditStore) -> Result<(), StoreError> {
        let _turn = self.writing.lock().await;
        self.write_taken(store, MergedEntries::take).await
    }

    /// Writes all that waits, whatever the bounds say: the server stops.
    pub(crate) async fn write_last(&self, store: &dyn AuditStore) -> Result<(), StoreError> {
        let _turn = self.writing.lock().await;
        self.write_taken(store, |merged, _| merged.take_all()).await
    }

    /// Writes what was done and what `take` takes of the rest, in the order of time.
    async fn write_taken(
        &self,
        store: &dyn AuditStore,
        take: fn(&mut MergedEntries, Instant) -> Vec<AuditEntry>,
    ) -> Result<(), StoreError> {
        loop {
            let (actions, merged) = {
                let (now, mut waiting) = (Instant::now(), self.waiting());
                let actions: Vec<_> = waiting.actions.iter().take(BATCH_MAX).cloned().collect();
                (actions, waiting.merged().map(|entries| take(entries, now)))
            };
            let mut batch = [&actions[..], merged.concat().as_slice()].concat();
            if batch.is_empty() {
                return Ok(());
            }
            batch.sort_by_key(|entry| entry.at);
            let written = store.add_audit(&batch).await;
            let (now, mut waiting) = (Instant::now(), self.waiting());
            if written.is_err() {
                for (entries, taken) in waiting.merged().into_iter().zip(merged) {
                    entries.restore(taken, now);
                }
                return written;
            }
            // Only now: what the store did not take waits on.
            waiting.actions.drain(..actions.len());
            if actions.len() < BATCH_MAX {
                return Ok(());
            }
        }
    }

    /// Whether something waits that no arrival announces again.
    fn has_merged(&self) -> bool {
        self.waiting().merged().iter().any(|entries| !entries.is_empty())
    }
}

/// Writes what is due, for a caller who may leave before it is done: then it is done nevertheless, and once.
pub(super) async fn write_to_the_end(
    trail: &Arc<AuditTrail>,
    store: Arc<dyn AuditStore>,
) -> Result<(), StoreError> {
    let trail = Arc::clone(trail);
    let written = tokio::spawn(async move { trail.write(&*store).await });
    written.await.unwrap_or_else(|error| Err(StoreError::Unavailable(error.to_string())))
}

/// Writes entries as they come, until the server stops; [`AppState::stop`] writes what is left.
pub(crate) async fn run(app: AppState) {
    let store = app.engine.store();
    loop {
        let again = async {
            match app.audit.has_merged() {
                true => tokio::time::sleep(TRY_AGAIN).await,
                false => std::future::pending().await,
            }
        };
        tokio::select! {
            () = app.audit.arrived.notified() => {}
            () = again => {}
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
    use crate::audit::test_entry;
    use async_trait::async_trait;
    use jiff::Timestamp;
    use midflight_store::{AuditQuery, AuditRecord, MemoryStore, Page};

    fn trail() -> AuditTrail {
        AuditTrail::new(&MetricsRegistry::new())
    }

    async fn stored(store: &MemoryStore) -> Vec<(String, u64)> {
        let found = store.audit(AuditQuery { limit: 100_000, ..AuditQuery::default() }).await.unwrap().items;
        found.into_iter().rev().map(|it| (it.entry.actor, it.entry.count)).collect()
    }

    #[tokio::test]
    async fn refusals_are_counted_together_and_what_was_done_is_not() {
        let (trail, store) = (trail(), MemoryStore::new());
        for actor in ["a", "a", "b", "a"] {
            trail.add(test_entry(actor, "refused"), EntryClass::Refusal);
        }
        for _ in 0..2 {
            trail.add(test_entry("a", "success"), EntryClass::Action);
        }
        trail.write(&store).await.unwrap();
        trail.write(&store).await.unwrap();
        let mut found = stored(&store).await;
        found.sort();
        let expected = [("a", 1), ("a", 1), ("a", 3), ("b", 1)].map(|(name, count)| (name.to_owned(), count));
        assert_eq!(found, expected);
    }

    #[tokio::test]
    async fn what_changes_nothing_is_counted_together_and_displaces_no_change() {
        let (trail, store) = (trail(), MemoryStore::new());
        for _ in 0..2 * WAITING_MAX {
            trail.add(test_entry("vera", "success"), EntryClass::Unchanging);
        }
        trail.add(test_entry("vera", "unknown"), EntryClass::Unchanging);
        trail.add(test_entry("anna", "success"), EntryClass::Action);
        trail.write(&store).await.unwrap();
        let mut found = stored(&store).await;
        found.sort();
        let expected = [("anna", 1), ("vera", 1), ("vera", 2 * WAITING_MAX as u64)];
        assert_eq!(found, expected.map(|(name, count)| (name.to_owned(), count)));
    }

    #[tokio::test]
    async fn a_flood_of_unknown_callers_displaces_nothing_and_is_bounded_in_the_store() {
        let (trail, store) = (trail(), MemoryStore::new());
        for nth in 0..3 * WAITING_MAX {
            let from = Some(format!("10.0.{}.{}", nth / 256, nth % 256));
            let entry = AuditEntry { from, ..test_entry("anonymous", "failed") };
            trail.add(entry, EntryClass::Unknown);
            if nth % 3 == 0 {
                trail.add(test_entry("anna", "success"), EntryClass::Action);
            }
        }
        trail.write(&store).await.unwrap();
        let found = stored(&store).await;
        let of = |actor: &str| found.iter().filter(|(it, _)| it == actor).count();
        assert_eq!(of("anna"), WAITING_MAX);
        assert_eq!(found.len(), WAITING_MAX + OF_UNKNOWN.rows_burst as usize);
        trail.write_last(&store).await.unwrap();
        let found = stored(&store).await;
        assert!(found.len() <= WAITING_MAX + OF_UNKNOWN.entries_max + 1, "{}", found.len());
        let counted: u64 = found.iter().filter(|(it, _)| it != "anna").map(|(_, count)| count).sum();
        assert_eq!(counted, 3 * WAITING_MAX as u64, "none is lost");
    }

    /// A store that has taken entries and answers when it may.
    #[derive(Default)]
    struct SlowStore {
        store: MemoryStore,
        taken: Notify,
        may_answer: Notify,
    }

    #[async_trait]
    impl AuditStore for SlowStore {
        async fn add_audit(&self, entries: &[AuditEntry]) -> Result<(), StoreError> {
            self.store.add_audit(entries).await?;
            self.taken.notify_one();
            self.may_answer.notified().await;
            Ok(())
        }

        async fn audit(&self, query: AuditQuery) -> Result<Page<AuditRecord, u64>, StoreError> {
            self.store.audit(query).await
        }

        async fn forget_audit(&self, before: Timestamp) -> Result<u64, StoreError> {
            self.store.forget_audit(before).await
        }
    }

    #[tokio::test]
    async fn a_reader_who_leaves_has_nothing_written_twice() {
        let (trail, store) = (Arc::new(trail()), Arc::new(SlowStore::default()));
        trail.add(test_entry("anna", "success"), EntryClass::Action);
        trail.add(test_entry("eve", "refused"), EntryClass::Refusal);
        let reader = {
            let (trail, store) = (Arc::clone(&trail), Arc::clone(&store));
            tokio::spawn(async move { write_to_the_end(&trail, store).await })
        };
        store.taken.notified().await;
        reader.abort();
        assert!(reader.await.unwrap_err().is_cancelled());
        store.may_answer.notify_one();
        trail.write(&*store).await.unwrap();
        let expected = ["anna", "eve"].map(|name| (name.to_owned(), 1));
        assert_eq!(stored(&store.store).await, expected);
    }
}
