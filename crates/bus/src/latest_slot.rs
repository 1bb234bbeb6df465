//! The one way to wake a task with a value: a place for one value that waits to be fetched. Values that arrive while one
//! waits are merged with it, so a burst is a few wakes and takes no more memory than one value.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Values that become one while they wait.
pub trait Coalesce {
    /// The two as one.
    #[must_use]
    fn and(self, later: Self) -> Self;
}

/// The place. One task takes from it; any task may put. A wake-up without a value is `tokio::sync::Notify::notify_one`,
/// which this is built on.
///
/// ```
/// use midflight_bus::{Coalesce, LatestSlot};
///
/// #[derive(Debug, PartialEq)]
/// struct Newest(u64);
///
/// impl Coalesce for Newest {
///     fn and(self, later: Self) -> Self {
///         Self(self.0.max(later.0))
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let slot = LatestSlot::default();
/// for number in [3, 5, 4] {
///     slot.put(Newest(number));
/// }
/// assert_eq!(slot.next().await, Some(Newest(5)));
/// slot.close();
/// assert_eq!(slot.next().await, None);
/// # }
/// ```
#[derive(Debug)]
pub struct LatestSlot<T> {
    state: Mutex<SlotState<T>>,
    changed: Notify,
}

#[derive(Debug)]
struct SlotState<T> {
    waiting: Option<T>,
    closed: bool,
}

impl<T> Default for LatestSlot<T> {
    /// Empty.
    fn default() -> Self {
        Self { state: Mutex::new(SlotState { waiting: None, closed: false }), changed: Notify::new() }
    }
}

impl<T: Coalesce> LatestSlot<T> {
    fn lock(&self) -> MutexGuard<'_, SlotState<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a value, which is later than what waits.
    pub fn put(&self, value: T) {
        let mut state = self.lock();
        state.waiting = Some(match state.waiting.take() {
            Some(earlier) => earlier.and(value),
            None => value,
        });
        drop(state);
        self.changed.notify_one();
    }

    /// Returns a value that was taken and not used: what came meanwhile is later than it.
    pub fn put_back(&self, value: T) {
        let mut state = self.lock();
        state.waiting = Some(match state.waiting.take() {
            Some(later) => value.and(later),
            None => value,
        });
        drop(state);
        self.changed.notify_one();
    }

    /// What waits is still fetched; then it ends.
    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
    }

    /// Takes what waits now.
    pub fn take(&self) -> Option<T> {
        self.lock().waiting.take()
    }

    /// Waits for a value; none once closed. Cancelling the wait loses nothing.
    pub async fn next(&self) -> Option<T> {
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
