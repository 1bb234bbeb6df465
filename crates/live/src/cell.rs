//! The cell with the world, and how to wait until it has another one.

use std::fmt;
use std::sync::Arc;

use event_listener::Event;
use midflight_core::RevisionNumber;

use crate::World;
use crate::pointer::{Guard, Pointer};

/// Holds the current world. Many read it, one publishes.
pub struct WorldCell {
    pointer: Pointer,
    changed: Event,
}

impl WorldCell {
    /// A cell that holds `world`.
    #[must_use]
    pub fn new(world: World) -> Arc<Self> {
        Arc::new(Self { pointer: Pointer::new(world), changed: Event::new() })
    }

    pub(crate) fn pointer(&self) -> &Pointer {
        &self.pointer
    }

    #[inline]
    pub(crate) fn guard(&self) -> Guard {
        self.pointer.load()
    }

    /// The current world, to keep as long as you like. Cost: one reference count.
    #[must_use]
    pub fn world(&self) -> Arc<World> {
        self.pointer.load_full()
    }

    /// Makes `world` the current one and answers the one before. Readers that hold the old keep it; a reader that loads
    /// after this returns gets the new. Cost: one pointer swap, then waking those who wait for a change.
    pub fn publish(&self, world: Arc<World>) -> Arc<World> {
        let old = self.pointer.swap(world);
        // After the swap: a reader that is woken must find the new world.
        self.changed.notify(usize::MAX);
        old
    }

    /// Receives every change from now on.
    #[must_use]
    pub fn changes(self: &Arc<Self>) -> Changes {
        Changes { cell: Arc::clone(self), seen: self.world() }
    }
}

impl fmt::Debug for WorldCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorldCell").field("revision", &self.world().revision()).finish_non_exhaustive()
    }
}

/// Waits for worlds other than the last one it saw. Several changes in a row may be seen as one: the newest.
#[derive(Debug)]
pub struct Changes {
    cell: Arc<WorldCell>,
    seen: Arc<World>,
}

impl Changes {
    /// Waits until the cell holds a world that this has not seen, and answers its revision. Nothing that was published
    /// since the last call is missed, and cancelling the wait loses nothing.
    pub async fn changed(&mut self) -> RevisionNumber {
        loop {
            // Listen before looking, so that a world published in between wakes us.
            let listener = self.cell.changed.listen();
            let current = self.cell.world();
            if !Arc::ptr_eq(&current, &self.seen) {
                self.seen = current;
                return self.seen.revision();
            }
            listener.await;
        }
    }

    /// The world that was seen last.
    #[must_use]
    pub fn seen(&self) -> &Arc<World> {
        &self.seen
    }
}
