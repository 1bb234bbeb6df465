//! The order in which edits have their turns: small ones do not wait for large ones that wait, and edits of one
//! document are made in the order in which they came.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use midflight_core::{Change, DocumentId, Edit, json_bytes};
use tokio::sync::mpsc;

/// From about how many bytes on an edit is large. 64 KiB: a reload of that takes milliseconds, one of a megabyte a
/// hundred.
const LARGE_BYTES: usize = 64 << 10;
/// What a change costs beside its body, in bytes of it.
const CHANGE_BYTES: usize = 256;
/// How many of those that came after a large edit go before it.
const OVERTAKING_MAX: u64 = 16;

/// Which documents the edits in the lane of the large ones change.
#[derive(Debug, Default)]
pub(crate) struct LargeEdits(Mutex<HashMap<DocumentId, usize>>);

/// An edit in the lane of the large ones, until it is dropped.
pub(crate) struct InLargeLane {
    edits: Arc<LargeEdits>,
    ids: Vec<DocumentId>,
}

impl LargeEdits {
    /// Whether an edit goes into the lane of the large ones: because it is large, or behind one there that changes one
    /// of its documents.
    pub(crate) fn enter(self: &Arc<Self>, edit: &Edit) -> Option<InLargeLane> {
        let is_large = is_large(&edit.changes);
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_behind = || edit.changes.iter().any(|change| waiting.contains_key(&change.id));
        if !is_large && (waiting.is_empty() || !is_behind()) {
            return None;
        }
        let ids: Vec<_> = edit.changes.iter().map(|change| change.id.clone()).collect();
        for id in &ids {
            *waiting.entry(id.clone()).or_default() += 1;
        }
        Some(InLargeLane { edits: Arc::clone(self), ids })
    }
}

impl Drop for InLargeLane {
    fn drop(&mut self) {
        let mut waiting = self.edits.0.lock().unwrap_or_else(PoisonError::into_inner);
        for id in &self.ids {
            if let Some(count) = waiting.get_mut(id) {
                *count -= 1;
                if *count == 0 {
                    waiting.remove(id);
                }
            }
        }
    }
}

fn is_large(changes: &[Change]) -> bool {
    let mut left = LARGE_BYTES.checked_sub(changes.len().saturating_mul(CHANGE_BYTES));
    for body in changes.iter().filter_map(|change| change.body.as_deref()) {
        left = left.and_then(|left| left.checked_sub(json_bytes(body, left)));
    }
    left.is_none()
}

/// What waits, with how many small ones came before it.
pub(crate) struct Numbered<T> {
    number: u64,
    item: T,
}

impl<T> Numbered<T> {
    pub(crate) fn item_mut(&mut self) -> &mut T {
        &mut self.item
    }
}

/// Gives everything that comes its number: only small ones count, so that the difference of two numbers is how many of
/// them came between, however many large ones did.
#[derive(Default)]
pub(crate) struct Numbers(AtomicU64);

impl Numbers {
    pub(crate) fn of_small<T>(&self, item: T) -> Numbered<T> {
        Numbered { number: self.0.fetch_add(1, Ordering::Relaxed), item }
    }

    pub(crate) fn of_large<T>(&self, item: T) -> Numbered<T> {
        Numbered { number: self.0.load(Ordering::Relaxed), item }
    }
}

/// What waits for its turn, in two lanes.
pub(crate) struct Lanes<T> {
    small: Lane<T>,
    large: Lane<T>,
}

struct Lane<T> {
    /// The first, as far as it was looked at.
    first: VecDeque<Numbered<T>>,
    others: mpsc::Receiver<Numbered<T>>,
    /// The number of the one that was taken last.
    taken: u64,
}

impl<T> Lane<T> {
    fn new(waiting: mpsc::Receiver<Numbered<T>>) -> Self {
        Self { first: VecDeque::new(), others: waiting, taken: 0 }
    }

    /// The number of the first that waits.
    fn number(&mut self) -> Option<u64> {
        if self.first.is_empty() {
            self.first.extend(self.others.try_recv().ok());
        }
        self.first.front().map(|first| first.number)
    }

    fn take(&mut self) -> Option<T> {
        let first = self.first.pop_front()?;
        self.taken = first.number;
        Some(first.item)
    }
}

impl<T> Lanes<T> {
    pub(crate) fn new(small: mpsc::Receiver<Numbered<T>>, large: mpsc::Receiver<Numbered<T>>) -> Self {
        Self { small: Lane::new(small), large: Lane::new(large) }
    }

    /// The next, if one waits: a small one, unless so many came after the large one that waits first.
    ///
    /// The large ones are looked at first: whatever came before one that is found is found too.
    pub(crate) fn next_waiting(&mut self) -> Option<T> {
        let large = self.large.number();
        let is_large = match (self.small.number(), large) {
            (Some(small), Some(large)) => small >= large.saturating_add(OVERTAKING_MAX),
            (small, _) => small.is_none(),
        };
        if is_large { self.large.take() } else { self.small.take() }
    }

    /// The next; none when no sender is left. Nothing is lost when the future is dropped.
    pub(crate) async fn next(&mut self) -> Option<T> {
        if let Some(next) = self.next_waiting() {
            return Some(next);
        }
        tokio::select! {
            biased;
            Some(next) = self.small.others.recv() => self.small.first.push_back(next),
            Some(next) = self.large.others.recv() => self.large.first.push_back(next),
            else => return None,
        }
        // A small one may have come before the large one that was found.
        self.next_waiting()
    }

    /// Puts the large one that was taken last back to its place, or behind the first small one. Answers it when no
    /// small one waits.
    pub(crate) fn put_back(&mut self, item: T) -> Option<T> {
        let Some(small) = self.small.number() else { return Some(item) };
        // However many went before it already, that one may too.
        let number = self.large.taken.max((small + 1).saturating_sub(OVERTAKING_MAX));
        self.large.first.push_front(Numbered { number, item });
        None
    }
}

#[cfg(test)]
mod tests {
    use midflight_core::Trigger;
    use serde_json::json;

    use super::*;

    fn put(name: &str, length: usize) -> Change {
        let id = DocumentId::new("rules", name).unwrap();
        Change::put(id, json!({ "text": "x".repeat(length) }))
    }

    fn edit(changes: impl IntoIterator<Item = Change>) -> Edit {
        Edit::new("anna", Trigger::ApiUpdate, changes)
    }

    #[test]
    fn edits_are_large_by_their_bodies_or_by_their_number() {
        assert!(!is_large(&[put("a", 60_000)]) && is_large(&[put("a", 66_000)]));
        assert!(is_large(&[put("a", 33_000), put("b", 33_000)]));
        let removed = |count| -> Vec<_> { (0..count).map(|n| put(&format!("d{n}"), 0)).collect() };
        assert!(!is_large(&removed(200)) && is_large(&removed(300)));
    }

    #[test]
    fn edits_of_one_document_stay_in_one_lane() {
        let large = Arc::<LargeEdits>::default();
        let first = large.enter(&edit([put("a", 100_000)])).unwrap();
        assert!(large.enter(&edit([put("b", 1)])).is_none());
        let behind = large.enter(&edit([put("a", 1), put("b", 1)])).unwrap();
        drop(first);
        assert!(large.enter(&edit([put("b", 1)])).is_some(), "another one of it is there still");
        drop(behind);
        assert!(large.enter(&edit([put("a", 1)])).is_none());
        assert!(large.0.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn small_edits_go_first_but_few_of_the_later_ones() {
        let (small, small_lane) = mpsc::channel(200);
        let (large, large_lane) = mpsc::channel(200);
        let (mut lanes, numbers) = (Lanes::new(small_lane, large_lane), Numbers::default());
        let send_small = |what| small.try_send(numbers.of_small(what)).ok().unwrap();
        let send_large = |what| large.try_send(numbers.of_large(what)).ok().unwrap();
        (0..30).for_each(|_| send_small("before"));
        send_large("large");
        (0..40).for_each(|_| send_small("after"));
        let order: Vec<_> = std::iter::from_fn(|| lanes.next_waiting()).collect();
        assert_eq!((order.len(), order.iter().position(|next| *next == "large")), (71, Some(46)));

        (0..100).for_each(|_| send_large("large"));
        send_small("small");
        assert_eq!(lanes.next().await, Some("small"), "it waits for none of the large ones");
        assert_eq!(std::iter::from_fn(|| lanes.next_waiting()).count(), 100);

        send_large("large");
        assert_eq!(lanes.next().await, Some("large"), "it does not wait for small ones that do not come");
        assert_eq!(lanes.put_back("large"), Some("large"), "nor when it is tried again");
        // So many went before it by now that it is its turn, but one more may go before each further attempt.
        for _ in 0..OVERTAKING_MAX {
            numbers.of_small(());
        }
        for round in 0..30 {
            send_small("small");
            send_small("later");
            assert_eq!(lanes.put_back("large"), None);
            let order = [lanes.next().await, lanes.next().await, lanes.next().await];
            assert_eq!(order, [Some("small"), Some("large"), Some("later")], "{round}");
        }
        drop((small, large));
        assert_eq!(lanes.next().await, None);
    }
}
