//! What the files say now, for whoever waits for it to be something else. Changes that come faster than they are taken
//! are one: the last.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::files::Content;
use crate::hash::Hash;

/// Where the watcher puts what it read.
#[derive(Debug, Default)]
pub(crate) struct Latest {
    content: Mutex<Option<Arc<Content>>>,
    changed: Condvar,
}

impl Latest {
    fn content(&self) -> MutexGuard<'_, Option<Arc<Content>>> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn put(&self, content: Arc<Content>) {
        *self.content() = Some(content);
        self.changed.notify_all();
    }

    /// Waits until there is a content.
    pub(crate) fn first(&self) -> Arc<Content> {
        let mut content = self.content();
        loop {
            if let Some(content) = &*content {
                return Arc::clone(content);
            }
            content = self.changed.wait(content).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits for a content other than this one; none when it has not come within `patience`. Without a patience it
    /// waits for as long as it takes.
    pub(crate) fn other_than(&self, hash: Hash, patience: Option<Duration>) -> Option<Arc<Content>> {
        let until = patience.map(|patience| Instant::now() + patience);
        let mut content = self.content();
        loop {
            if let Some(content) = content.as_ref().filter(|content| content.hash != hash) {
                return Some(Arc::clone(content));
            }
            content = match until.map(|until| until.saturating_duration_since(Instant::now())) {
                Some(left) if left.is_zero() => return None,
                Some(left) => {
                    self.changed.wait_timeout(content, left).unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.changed.wait(content).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(hash: Hash) -> Arc<Content> {
        Arc::new(Content { hash, files: Default::default(), kept: Default::default() })
    }

    #[test]
    fn only_something_else_is_told_and_only_the_last() {
        let latest = Latest::default();
        let [one, two, three] = [b"1", b"2", b"3"].map(|text| Hash::of(text));
        latest.put(content(one));
        assert_eq!(latest.first().hash, one);
        assert!(latest.other_than(one, Some(Duration::from_millis(1))).is_none());
        latest.put(content(two));
        latest.put(content(three));
        assert_eq!(latest.other_than(one, None).unwrap().hash, three);
        std::thread::scope(|scope| {
            scope.spawn(|| latest.put(content(one)));
            assert_eq!(latest.other_than(three, None).unwrap().hash, one);
        });
    }
}
