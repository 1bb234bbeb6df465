//! What the files contain now, for a task that waits for a change. Changes that come faster than they are taken are
//! one: the last.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::files::WatchedContent;
use crate::hash::Hash;

/// Where the watcher puts what it read.
#[derive(Debug, Default)]
pub(crate) struct Latest {
    content: Mutex<Option<Arc<WatchedContent>>>,
    changed: Condvar,
}

impl Latest {
    fn content(&self) -> MutexGuard<'_, Option<Arc<WatchedContent>>> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn put(&self, content: Arc<WatchedContent>) {
        *self.content() = Some(content);
        self.changed.notify_all();
    }

    /// Reports that the files cannot be read now.
    pub(crate) fn take_back(&self) {
        *self.content() = None;
    }

    /// Waits until there is a content.
    pub(crate) fn first(&self) -> Arc<WatchedContent> {
        let mut content = self.content();
        loop {
            match &*content {
                Some(content) => return Arc::clone(content),
                None => content = self.changed.wait(content).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// Waits for a content other than this one; none when it has not come within `patience`.
    pub(crate) fn other_than(&self, hash: Hash, patience: Duration) -> Option<Arc<WatchedContent>> {
        let content = self.content();
        let is_same = |content: &mut Option<Arc<WatchedContent>>| {
            content.as_ref().is_none_or(|content| content.hash == hash)
        };
        let waited = self.changed.wait_timeout_while(content, patience, is_same);
        waited.unwrap_or_else(PoisonError::into_inner).0.clone().filter(|content| content.hash != hash)
    }

    /// Waits for a content other than this one, or until `patience` has passed and the files can be read; their
    /// contents then. Without a patience it waits for as long as it takes.
    pub(crate) fn next(&self, hash: Hash, patience: Option<Duration>) -> Arc<WatchedContent> {
        if let Some(other) = patience.and_then(|patience| self.other_than(hash, patience)) {
            return other;
        }
        let mut content = self.content();
        loop {
            match &*content {
                Some(content) if patience.is_some() || content.hash != hash => return Arc::clone(content),
                _ => content = self.changed.wait(content).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(hash: Hash) -> Arc<WatchedContent> {
        Arc::new(WatchedContent { hash, files: Default::default(), kept: Default::default() })
    }

    #[test]
    fn only_changes_are_reported_and_only_the_last() {
        let latest = Latest::default();
        let [one, two, three] = [b"1", b"2", b"3"].map(|text| Hash::of(text));
        latest.put(content(one));
        assert_eq!(latest.first().hash, one);
        assert!(latest.other_than(one, Duration::from_millis(1)).is_none());
        latest.put(content(two));
        latest.put(content(three));
        assert_eq!(latest.next(one, None).hash, three);
        std::thread::scope(|scope| {
            scope.spawn(|| latest.put(content(one)));
            assert_eq!(latest.next(three, None).hash, one);
        });
    }

    #[test]
    fn nothing_is_tried_again_while_the_files_cannot_be_read() {
        let latest = Latest::default();
        let one = Hash::of(b"1");
        latest.put(content(one));
        assert_eq!(latest.next(one, Some(Duration::ZERO)).hash, one);
        latest.take_back();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| latest.next(one, Some(Duration::ZERO)).hash);
            latest.put(content(one));
            assert_eq!(waiting.join().unwrap(), one);
        });
    }
}
