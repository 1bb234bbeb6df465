//! Counts the threads that were abandoned because their work does not end, by the kind whose code runs on them.
//!
//! A kind with too many gets no more work, so that it cannot take all memory and processors; other kinds go on.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use midflight_core::{KindName, Pointer, Problem};
use tokio::sync::Notify;

/// The code of the problem that a kind gets no more work.
pub(crate) const RUNAWAY_LIMIT: &str = "runaway_limit";

/// The abandoned threads that still run.
#[derive(Debug)]
pub(crate) struct Runaways {
    /// By kind; none for code of the engine itself.
    by_kind: Mutex<BTreeMap<Option<KindName>, usize>>,
    /// How many one kind may have.
    max: usize,
    ended: Notify,
}

/// One abandoned thread. Dropping it says that its work ended.
#[derive(Debug)]
pub(crate) struct Runaway {
    runaways: Arc<Runaways>,
    kind: Option<KindName>,
}

impl Runaways {
    pub(crate) fn new(max: usize) -> Self {
        Self { by_kind: Mutex::default(), max, ended: Notify::new() }
    }

    /// Counts one more.
    pub(crate) fn add(runaways: &Arc<Self>, kind: Option<KindName>) -> Runaway {
        *runaways.lock().entry(kind.clone()).or_default() += 1;
        Runaway { runaways: Arc::clone(runaways), kind }
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
            "{count} changes of the kind {kind} left work that does not end, and {} are allowed (runaways_max), so no other \
             change of this kind is taken here; restart this process, and change what took so long",
            self.max
        );
        Some(Problem::new(RUNAWAY_LIMIT, Pointer::root(), message))
    }

    /// Waits until the work on one of them ends.
    pub(crate) async fn ended(&self) {
        self.ended.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Option<KindName>, usize>> {
        self.by_kind.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Runaway {
    fn drop(&mut self) {
        let mut by_kind = self.runaways.lock();
        if let Some(count) = by_kind.get_mut(&self.kind) {
            *count -= 1;
            if *count == 0 {
                by_kind.remove(&self.kind);
            }
        }
        drop(by_kind);
        // Kept for whoever waits next, so that an end is not missed.
        self.runaways.ended.notify_one();
    }
}
