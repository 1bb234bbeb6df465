//! A place for one value that waits to be fetched. Values that come while one waits become one with it, so a burst is
//! a few wakes and takes no more room than one value.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Values that become one while they wait.
pub(crate) trait Coalesce {
    /// The two as one.
    fn and(self, later: Self) -> Self;
}

/// The place. One task fetches from it; anybody may put.
#[derive(Debug)]
pub(crate) struct Slot<T> {
    state: Mutex<State<T>>,
    changed: Notify,
}

#[derive(Debug)]
struct State<T> {
    waiting: Option<T>,
    closed: bool,
}

impl<T: Coalesce> Slot<T> {
    pub(crate) fn new() -> Self {
        Self { state: Mutex::new(State { waiting: None, closed: false }), changed: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
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

    /// What waits is still fetched; then there is no more.
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
