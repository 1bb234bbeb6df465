//! Counts the threads that were abandoned because their work does not end, by the kind whose code runs on them.
//!
//! A kind with too many gets no more work, so that it cannot take all memory and processors; other kinds continue.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use midflight_core::{JsonPointer, KindName, Problem};
use tokio::sync::Notify;

/// The code of the problem that a kind gets no more work.
pub(crate) const RUNAWAY_LIMIT: &str = "runaway_limit";

/// The abandoned threads that still run.
#[derive(Debug)]
pub(crate) struct LeakedThreads {
    /// By kind; none for code of the engine itself.
    by_kind: Mutex<BTreeMap<Option<KindName>, usize>>,
    /// How many one kind may have.
    max: usize,
    ended: Notify,
}

/// One abandoned thread. Dropping it reports that its work ended.
#[derive(Debug)]
pub(crate) struct LeakedThread {
    runaways: Arc<LeakedThreads>,
    kind: Option<KindName>,
}

impl LeakedThreads {
    pub(crate) fn new(max: usize) -> Self {
        Self { by_kind: Mutex::default(), max, ended: Notify::new() }
    }

    /// Counts one more.
    pub(crate) fn add(runaways: &Arc<Self>, kind: Option<KindName>) -> LeakedThread {
        *runaways.lock().entry(kind.clone()).or_default() += 1;
        LeakedThread { runaways: Arc::clone(runaways), kind }
    }

    /// How many there are of all kinds.
    pub(crate) fn total(&self) -> usize {
        self.lock().values().sum()
    }

    /// The kinds that get no more work, with how many each has.
    pub(crate) fn blocked(&self) -> BTreeMap<KindName, usize> {
        let by_kind = self.lock();
        let blocked = by_kind.iter().filter(|(_, count)| **count >= self.max);
        blocked.filter_map(|(kind, count)| Some((kind.clone()?, *count))).collect()
    }

    /// Why a kind gets no more work; none when it does.
    pub(crate) fn refusal(&self, kind: &KindName) -> Option<Problem> {
        let count = self.blocked().get(kind).copied()?;
        let message = format!(
            "{count} changes of the kind {kind} left threads that do not end, and {} are allowed \
             (runaways_max); further changes of this kind are refused here; restart this process, and \
             change what took too long",
            self.max
        );
        Some(Problem::new(RUNAWAY_LIMIT, JsonPointer::root(), message))
    }

    /// Waits until the work on one of them ends.
    pub(crate) async fn ended(&self) {
        self.ended.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Option<KindName>, usize>> {
        self.by_kind.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for LeakedThread {
    fn drop(&mut self) {
        let mut by_kind = self.runaways.lock();
        if let Some(count) = by_kind.get_mut(&self.kind) {
            *count -= 1;
            if *count == 0 {
                by_kind.remove(&self.kind);
            }
        }
        drop(by_kind);
        // Kept for the next waiter, so that an end is not missed.
        self.runaways.ended.notify_one();
    }
}
