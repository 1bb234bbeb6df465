//! A place for one value that waits to be fetched. Values that arrive while one waits are merged with it, so a burst is
//! a few wakes and takes no more memory than one value.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Values that become one while they wait.
pub(crate) trait Coalesce {
    /// The two as one.
    fn and(self, later: Self) -> Self;
}

/// The place. One task takes from it; any task may put.
#[derive(Debug)]
pub(crate) struct LatestSlot<T> {
    state: Mutex<SlotState<T>>,
    changed: Notify,
}

#[derive(Debug)]
struct SlotState<T> {
    waiting: Option<T>,
    closed: bool,
}

impl<T: Coalesce> LatestSlot<T> {
    pub(crate) fn new() -> Self {
        Self { state: Mutex::new(SlotState { waiting: None, closed: false }), changed: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, SlotState<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn put(&self, value: T) {
        let mut state = self.lock();
        state.waiting = Some(match state.waiting.take() {
            Some(earlier) => earlier.and(value),
            None => value,
        });
        drop(state);
        self.changed.notify_one();
    }

    /// What waits is still fetched; then it ends.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
    }

    /// What waits now.
    #[cfg(feature = "wire")]
    pub(crate) fn take(&self) -> Option<T> {
        self.lock().waiting.take()
    }

    /// Waits for a value; none once closed. Cancelling the wait loses nothing.
    pub(crate) async fn next(&self) -> Option<T> {
        loop {
            {
                let mut state = self.lock();
                if state.waiting.is_some() || state.closed {
                    return state.waiting.take();
                }
            }
            self.changed.notified().await;
        }
    }
}
