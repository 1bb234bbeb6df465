//! The world: one snapshot of every kind, all of one revision.

use std::any::Any;
use std::sync::Arc;

use midflight_core::RevisionNumber;

/// A snapshot of some type.
type Snapshot = Arc<dyn Any + Send + Sync>;

/// The place of a kind's snapshot in every world of one cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SnapshotSlot(usize);

/// One snapshot of every kind. Immutable: the next world is made beside it from a [`WorldBuilder`].
#[derive(Debug, Clone)]
pub struct World {
    revision: RevisionNumber,
    quarantined: Arc<[RevisionNumber]>,
    snapshots: Box<[Snapshot]>,
}

impl World {
    /// The revision that all snapshots here are of.
    #[must_use]
    pub fn revision(&self) -> RevisionNumber {
        self.revision
    }

    /// Revisions up to [`Self::revision`] whose documents are left out here, since they did not hold.
    #[must_use]
    pub fn quarantined(&self) -> &[RevisionNumber] {
        &self.quarantined
    }

    /// Both, to be kept with what is computed from this world. Cost: one reference count.
    #[must_use]
    pub fn basis(&self) -> Basis {
        Basis { revision: self.revision, quarantined: Arc::clone(&self.quarantined) }
    }

    /// The snapshot in `slot`; none when its type is another one.
    #[must_use]
    pub fn get<T: Send + Sync + 'static>(&self, slot: SnapshotSlot) -> Option<&T> {
        self.snapshots.get(slot.0)?.downcast_ref()
    }

    /// The snapshot in `slot`, of whatever type it is.
    #[must_use]
    pub fn get_any(&self, slot: SnapshotSlot) -> Option<&(dyn Any + Send + Sync)> {
        self.snapshots.get(slot.0).map(|snapshot| &**snapshot)
    }

    /// The snapshot in `slot`, shared.
    #[must_use]
    pub fn get_shared(&self, slot: SnapshotSlot) -> Option<Snapshot> {
        self.snapshots.get(slot.0).cloned()
    }

    /// A world that begins as this one. Cost: one reference count per kind.
    #[must_use]
    pub fn to_builder(&self) -> WorldBuilder {
        WorldBuilder {
            revision: self.revision,
            quarantined: Arc::clone(&self.quarantined),
            snapshots: self.snapshots.to_vec(),
        }
    }
}

/// What an answer was computed from, to be kept with it: with this, the log has all that went into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Basis {
    /// The revision.
    pub revision: RevisionNumber,
    /// Revisions up to that one whose documents are left out, since they are invalid on this replica.
    pub quarantined: Arc<[RevisionNumber]>,
}

/// A world in the making.
#[derive(Debug, Default, Clone)]
pub struct WorldBuilder {
    revision: RevisionNumber,
    quarantined: Arc<[RevisionNumber]>,
    snapshots: Vec<Snapshot>,
}

impl WorldBuilder {
    /// A world of no kinds at revision 0.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a snapshot in a slot of its own.
    pub fn add(&mut self, snapshot: Arc<dyn Any + Send + Sync>) -> SnapshotSlot {
        self.snapshots.push(snapshot);
        SnapshotSlot(self.snapshots.len() - 1)
    }

    /// Puts another snapshot into a slot. A slot of another cell's worlds is passed over.
    pub fn set(&mut self, slot: SnapshotSlot, snapshot: Arc<dyn Any + Send + Sync>) -> &mut Self {
        if let Some(place) = self.snapshots.get_mut(slot.0) {
            *place = snapshot;
        }
        self
    }

    /// Sets which revision it will be, and which earlier ones are quarantined.
    pub fn at(&mut self, revision: RevisionNumber, quarantined: Arc<[RevisionNumber]>) -> &mut Self {
        self.revision = revision;
        self.quarantined = quarantined;
        self
    }

    /// The world, ready to be published.
    #[must_use]
    pub fn build(self) -> World {
        World {
            revision: self.revision,
            quarantined: self.quarantined,
            snapshots: self.snapshots.into_boxed_slice(),
        }
    }
}
