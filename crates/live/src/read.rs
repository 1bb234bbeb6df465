//! What a reader holds: for one unit of work, for as long as it likes, or on one thread in a loop.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use midflight_core::RevisionNumber;

use crate::pointer::{Cache, Guard};
use crate::{Basis, SnapshotSlot, World, WorldCell};

/// The value in a slot whose type was looked at when the handle was made.
#[inline]
fn value<T: Send + Sync + 'static>(world: &World, slot: SnapshotSlot) -> &T {
    match world.get(slot) {
        Some(value) => value,
        None => unreachable!("a cell's worlds have the same types in the same slots"),
    }
}

/// The current value, for one unit of work on one thread.
///
/// It is not `Send`, so a spawned task that held it across an `.await` does not compile: a task that sleeps with it
/// would keep an old world alive. Use [`crate::Live::snapshot`] there.
///
/// ```compile_fail
/// # use midflight_live::Live;
/// fn spawn<F: Future + Send>(_: F) {}
/// let live = Live::constant(1_u32);
/// spawn(async move {
///     let one = live.load();
///     std::future::ready(()).await;
///     drop(one);
/// });
/// ```
pub struct Loaded<T> {
    guard: Guard,
    slot: SnapshotSlot,
    // A raw pointer is not Send; nothing is ever pointed at.
    not_send: PhantomData<*const T>,
}

impl<T> Loaded<T> {
    #[inline]
    pub(crate) fn new(guard: Guard, slot: SnapshotSlot) -> Self {
        Self { guard, slot, not_send: PhantomData }
    }

    /// The world it is of, for what else is to be read of the same revision.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.guard
    }

    /// The revision it is of.
    #[must_use]
    pub fn revision(&self) -> RevisionNumber {
        self.guard.revision()
    }

    /// Revisions up to [`Self::revision`] whose documents are left out, since they are invalid on this replica.
    #[must_use]
    pub fn quarantined(&self) -> &[RevisionNumber] {
        self.guard.quarantined()
    }

    /// The revision and what is left out of it, to be kept with what is computed from the value.
    #[must_use]
    pub fn basis(&self) -> Basis {
        self.guard.basis()
    }
}

impl<T: Send + Sync + 'static> Deref for Loaded<T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        value(&self.guard, self.slot)
    }
}

/// A value to keep: it stays what it is while the world changes.
pub struct Pinned<T> {
    world: Arc<World>,
    slot: SnapshotSlot,
    kind: PhantomData<fn() -> T>,
}

impl<T> Pinned<T> {
    pub(crate) fn new(world: Arc<World>, slot: SnapshotSlot) -> Self {
        Self { world, slot, kind: PhantomData }
    }

    /// The world it is of, for what else is to be read of the same revision.
    #[must_use]
    pub fn world(&self) -> &Arc<World> {
        &self.world
    }

    /// The revision it is of.
    #[must_use]
    pub fn revision(&self) -> RevisionNumber {
        self.world.revision()
    }

    /// Revisions up to [`Self::revision`] whose documents are left out, since they are invalid on this replica.
    #[must_use]
    pub fn quarantined(&self) -> &[RevisionNumber] {
        self.world.quarantined()
    }

    /// The revision and what is left out of it, to be kept with what is computed from the value.
    #[must_use]
    pub fn basis(&self) -> Basis {
        self.world.basis()
    }
}

impl<T: Send + Sync + 'static> Pinned<T> {
    /// Whether both are one value in memory, whatever else of their worlds differs.
    pub(crate) fn is_same_value(&self, other: &Self) -> bool {
        std::ptr::eq(&raw const **self, &raw const **other)
    }
}

impl<T> Clone for Pinned<T> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.world), self.slot)
    }
}

impl<T: Send + Sync + 'static> Deref for Pinned<T> {
    type Target = T;
    fn deref(&self) -> &T {
        value(&self.world, self.slot)
    }
}

/// A thread's own copy of the pointer: reading costs a comparison while nothing changes. It keeps the world of its
/// last load alive, so do not leave one lying idle.
pub struct Reader<T> {
    cache: Cache,
    slot: SnapshotSlot,
    /// The address of the world that `value` is of. The cache keeps that world until a load finds the next, so no
    /// other world has its address meanwhile.
    of: usize,
    value: Arc<T>,
}

impl<T: Send + Sync + 'static> Reader<T> {
    pub(crate) fn new(cell: Arc<WorldCell>, slot: SnapshotSlot) -> Self {
        let mut cache = Cache::new(cell);
        let world = cache.load();
        let (of, value) = (address(world), shared(world, slot));
        Self { cache, slot, of, value }
    }

    /// The current value.
    #[inline]
    pub fn load(&mut self) -> &T {
        let world = self.cache.load();
        if address(world) != self.of {
            (self.of, self.value) = (address(world), shared(world, self.slot));
        }
        &self.value
    }
}

#[inline]
fn address(world: &Arc<World>) -> usize {
    Arc::as_ptr(world).addr()
}

/// The value in a slot, shared: looked up once per world, so that a load need not.
#[cold]
fn shared<T: Send + Sync + 'static>(world: &World, slot: SnapshotSlot) -> Arc<T> {
    match world.get_shared(slot).map(Arc::downcast) {
        Some(Ok(value)) => value,
        _ => unreachable!("a cell's worlds have the same types in the same slots"),
    }
}

macro_rules! debug_with_revision {
    ($($name:ident),+) => {$(
        impl<T> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).field("revision", &self.revision()).finish_non_exhaustive()
            }
        }
    )+};
}
debug_with_revision!(Loaded, Pinned);

impl<T> fmt::Debug for Reader<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").finish_non_exhaustive()
    }
}
