//! Bounds on what runs at the same time, for each caller and in all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// How many of something there may be at the same time.
pub(crate) struct CallerPermits {
    counts: Mutex<PermitCounts>,
    per_caller_max: usize,
    all_max: usize,
}

#[derive(Default)]
struct PermitCounts {
    all: usize,
    by_caller: HashMap<Arc<str>, usize>,
}

/// One of them, until it is dropped.
pub(crate) struct CallerPermit {
    permits: Arc<CallerPermits>,
    caller: Arc<str>,
}

/// There is no room for one more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoRoom {
    /// The caller has as many as one may have.
    Caller(usize),
    /// All callers have as many as there may be.
    All(usize),
}

impl CallerPermits {
    pub(crate) fn new(per_caller_max: usize, all_max: usize) -> Arc<Self> {
        Arc::new(Self { counts: Mutex::default(), per_caller_max, all_max })
    }

    pub(crate) fn acquire(self: &Arc<Self>, caller: &Arc<str>) -> Result<CallerPermit, NoRoom> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.all >= self.all_max {
            return Err(NoRoom::All(self.all_max));
        }
        let count = counts.by_caller.entry(Arc::clone(caller)).or_default();
        if *count >= self.per_caller_max {
            return Err(NoRoom::Caller(self.per_caller_max));
        }
        *count += 1;
        counts.all += 1;
        Ok(CallerPermit { permits: Arc::clone(self), caller: Arc::clone(caller) })
    }

    /// How many there are now.
    pub(crate) fn count(&self) -> usize {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).all
    }
}

impl Drop for CallerPermit {
    fn drop(&mut self) {
        let mut counts = self.permits.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.all = counts.all.saturating_sub(1);
        if let Some(count) = counts.by_caller.get_mut(&self.caller) {
            *count -= 1;
            if *count == 0 {
                counts.by_caller.remove(&self.caller);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_takes_no_more_than_its_share_and_gives_it_back() {
        let permits = CallerPermits::new(2, 3);
        let [ada, bob]: [Arc<str>; 2] = ["ada".into(), "bob".into()];
        let kept = [permits.acquire(&ada), permits.acquire(&ada)].map(Result::ok);
        assert_eq!(permits.acquire(&ada).err(), Some(NoRoom::Caller(2)));
        let of_bob = permits.acquire(&bob).ok();
        assert_eq!(permits.acquire(&bob).err(), Some(NoRoom::All(3)));
        drop((kept, of_bob));
        assert_eq!(permits.count(), 0);
        assert!(permits.counts.lock().unwrap().by_caller.is_empty());
        assert!(permits.acquire(&ada).is_ok());
    }
}
