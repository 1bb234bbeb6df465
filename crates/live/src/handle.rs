//! The typed handles: [`Live`] on a kind's snapshot, [`Projection`] on a part of one, [`Publisher`] for a standalone
//! value.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use midflight_core::RevisionNumber;

use crate::{Changes, Loaded, Pinned, Reader, SnapshotSlot, WorldBuilder, WorldCell};

/// A handle on a value that changes while it is used. Cloning it is cheap, and every clone follows the same value.
pub struct Live<T> {
    cell: Arc<WorldCell>,
    slot: SnapshotSlot,
    kind: PhantomData<fn() -> T>,
}

impl<T: Send + Sync + 'static> Live<T> {
    /// The snapshot in `slot` of the worlds in `cell`; none when a `T` is not what is there.
    #[must_use]
    pub fn of(cell: &Arc<WorldCell>, slot: SnapshotSlot) -> Option<Self> {
        cell.world().get::<T>(slot)?;
        Some(Self { cell: Arc::clone(cell), slot, kind: PhantomData })
    }

    /// A standalone value, outside of any world, and the one handle that may change it.
    #[must_use]
    pub fn new(value: T) -> (Publisher<T>, Self) {
        let mut builder = WorldBuilder::new();
        let slot = builder.add(Arc::new(value));
        let cell = WorldCell::new(builder.build());
        let live = Self { cell, slot, kind: PhantomData };
        (Publisher { live: live.clone() }, live)
    }

    /// A value that never changes, so that code which reads a live value can be tested without an engine.
    #[must_use]
    pub fn constant(value: T) -> Self {
        Self::new(value).1
    }

    /// The current value, for one unit of work. Cost: one `arc_swap` load; no allocation, no lock.
    #[inline]
    #[must_use]
    pub fn load(&self) -> Loaded<T> {
        Loaded::new(self.cell.guard(), self.slot)
    }

    /// The current value, to keep across `.await`. Cost: a load and a reference count.
    #[must_use]
    pub fn snapshot(&self) -> Pinned<T> {
        Pinned::new(self.cell.world(), self.slot)
    }

    /// Takes the current value into `seen`, if it is another one than that. True when it was. For a loop that does
    /// something of its own with a new value; a change of another kind in the same world is no change here. Cost: that
    /// of [`Self::snapshot`] and a comparison.
    pub fn load_if_changed(&self, seen: &mut Pinned<T>) -> bool {
        let current = self.snapshot();
        let is_changed = !current.is_same_value(seen);
        if is_changed {
            *seen = current;
        }
        is_changed
    }

    /// Waits until the value is another one than `seen`, and takes it into that. Several changes in a row may be seen
    /// as one: the newest. None is missed, and cancelling the wait loses nothing.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// use midflight_live::Live;
    /// use midflight_core::RevisionNumber;
    ///
    /// let (publisher, level) = Live::new("info");
    /// let mut seen = level.snapshot();
    /// publisher.publish(RevisionNumber::new(1), "debug");
    /// level.changed(&mut seen).await;
    /// assert_eq!(*seen, "debug");
    /// # }
    /// ```
    pub async fn changed(&self, seen: &mut Pinned<T>) {
        let mut changes = self.changes();
        while !self.load_if_changed(seen) {
            changes.changed().await;
        }
    }

    /// A thread's own copy of the pointer, for a loop that reads very often.
    #[must_use]
    pub fn reader(&self) -> Reader<T> {
        Reader::new(Arc::clone(&self.cell), self.slot)
    }

    /// A handle on a part of the value.
    #[must_use]
    pub fn project<U, F>(&self, part: F) -> Projection<T, U, F>
    where
        F: Fn(&T) -> &U,
    {
        Projection { live: self.clone(), part, kind: PhantomData }
    }

    /// Receives every change from now on. A change of another kind in the same world is one too.
    #[must_use]
    pub fn changes(&self) -> Changes {
        self.cell.changes()
    }
}

impl<T> Clone for Live<T> {
    fn clone(&self) -> Self {
        Self { cell: Arc::clone(&self.cell), slot: self.slot, kind: PhantomData }
    }
}

impl<T> fmt::Debug for Live<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").field("cell", &self.cell).finish_non_exhaustive()
    }
}

/// A handle on a part of a live value, so that code need not know the whole.
pub struct Projection<T, U, F> {
    live: Live<T>,
    part: F,
    kind: PhantomData<fn() -> U>,
}

impl<T, U, F> Projection<T, U, F>
where
    T: Send + Sync + 'static,
    F: Fn(&T) -> &U,
{
    /// Calls `read` with the current part. Cost: that of [`Live::load`].
    pub fn with<R>(&self, read: impl FnOnce(&U) -> R) -> R {
        read((self.part)(&self.live.load()))
    }
}

impl<T, U, F> fmt::Debug for Projection<T, U, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Projection").field("live", &self.live).finish_non_exhaustive()
    }
}

/// The one handle that may change a standalone value.
#[derive(Debug)]
pub struct Publisher<T> {
    live: Live<T>,
}

impl<T: Send + Sync + 'static> Publisher<T> {
    /// Makes `value` the current one, as of `revision`.
    pub fn publish(&self, revision: RevisionNumber, value: T) {
        let mut builder = self.live.cell.world().to_builder();
        builder.set(self.live.slot, Arc::new(value)).at(revision, Arc::new([]));
        self.live.cell.publish(Arc::new(builder.build()));
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn revision(number: u64) -> RevisionNumber {
        RevisionNumber::new(number)
    }

    #[test]
    fn every_way_of_reading_sees_what_was_published() {
        let (publisher, live) = Live::new((1, "one"));
        let kept = live.snapshot();
        let mut reader = live.reader();
        let name = live.project(|pair| &pair.1);
        assert_eq!((*reader.load(), name.with(|name| *name)), ((1, "one"), "one"));
        publisher.publish(revision(7), (2, "two"));
        assert_eq!((*live.load(), *reader.load(), name.with(|name| *name)), ((2, "two"), (2, "two"), "two"));
        assert_eq!((*kept, kept.revision(), live.load().revision()), ((1, "one"), revision(0), revision(7)));
    }

    #[test]
    fn kinds_in_one_world_change_in_one_store() {
        let mut builder = WorldBuilder::new();
        let (words, counts) = (builder.add(Arc::new("zero")), builder.add(Arc::new(0_u32)));
        let cell = WorldCell::new(builder.build());
        let live: Live<&str> = Live::of(&cell, words).unwrap();
        assert!(Live::<String>::of(&cell, words).is_none(), "a wrong type is no handle");
        let mut next = cell.world().to_builder();
        next.set(words, Arc::new("one")).set(counts, Arc::new(1_u32)).at(revision(1), Arc::new([]));
        let before = live.load();
        cell.publish(Arc::new(next.build()));
        assert_eq!((*before, before.world().get(counts)), ("zero", Some(&0_u32)));
        let after = live.load();
        assert_eq!((*after, after.world().get(counts)), ("one", Some(&1_u32)));
        let mut next = cell.world().to_builder();
        next.at(revision(3), Arc::new([revision(2)]));
        cell.publish(Arc::new(next.build()));
        let (loaded, kept) = (live.load(), live.snapshot());
        assert_eq!((loaded.quarantined(), kept.quarantined()), (&[revision(2)][..], &[revision(2)][..]));
        assert_eq!((loaded.basis(), kept.basis().revision), (kept.basis(), revision(3)));
    }

    #[tokio::test]
    async fn a_change_wakes_all_waiters_and_none_is_missed() {
        let (publisher, live) = Live::new(0);
        let mut changes = live.changes();
        publisher.publish(revision(1), 1);
        publisher.publish(revision(2), 2);
        assert_eq!(changes.changed().await, revision(2));
        let waiting = tokio::spawn(async move { changes.changed().await });
        tokio::task::yield_now().await;
        publisher.publish(revision(3), 3);
        assert_eq!(waiting.await.unwrap(), revision(3));
    }

    #[tokio::test]
    async fn a_change_of_another_kind_is_no_change_of_this_one() {
        let mut builder = WorldBuilder::new();
        let (words, counts) = (builder.add(Arc::new("zero")), builder.add(Arc::new(0_u32)));
        let cell = WorldCell::new(builder.build());
        let live: Live<&str> = Live::of(&cell, words).unwrap();
        let mut seen = live.snapshot();
        let publish = |change: &dyn Fn(&mut WorldBuilder)| {
            let mut next = cell.world().to_builder();
            change(&mut next);
            cell.publish(Arc::new(next.build()));
        };
        publish(&|next| {
            next.set(counts, Arc::new(1_u32));
        });
        assert!(!live.load_if_changed(&mut seen));
        let waiting = {
            let (live, mut seen) = (live.clone(), seen.clone());
            tokio::spawn(async move {
                live.changed(&mut seen).await;
                *seen
            })
        };
        tokio::task::yield_now().await;
        publish(&|next| {
            next.set(counts, Arc::new(2_u32));
        });
        tokio::task::yield_now().await;
        publish(&|next| {
            next.set(words, Arc::new("one"));
        });
        assert_eq!(waiting.await.unwrap(), "one");
        assert!(live.load_if_changed(&mut seen) && !live.load_if_changed(&mut seen));
        assert_eq!(*seen, "one");
    }

    #[test]
    fn the_old_value_is_dropped_with_its_last_reader() {
        let value = Arc::new(());
        let (publisher, live) = Live::new(Arc::clone(&value));
        let kept = live.snapshot();
        publisher.publish(revision(1), Arc::new(()));
        assert_eq!(Arc::strong_count(&value), 2);
        drop(kept);
        assert_eq!(Arc::strong_count(&value), 1);
    }
}
