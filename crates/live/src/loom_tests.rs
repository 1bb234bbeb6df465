//! Every interleaving of what this crate does around the swap, explored by loom: `make loom`. The swap itself is a
//! mutex there: that `arc-swap` is right is not proved here.

use std::sync::Arc;

use loom::future::block_on;
use loom::thread;
use midflight_core::RevisionNumber;

use crate::{Live, SnapshotSlot, World, WorldBuilder, WorldCell};

fn two_kinds() -> (Arc<WorldCell>, SnapshotSlot, SnapshotSlot) {
    let mut builder = WorldBuilder::new();
    let (a, b) = (builder.add(Arc::new(0_u64)), builder.add(Arc::new(0_u64)));
    (WorldCell::new(builder.build()), a, b)
}

fn publish(cell: &WorldCell, a: SnapshotSlot, b: SnapshotSlot, number: u64) {
    let mut next = cell.world().to_builder();
    next.set(a, Arc::new(number)).set(b, Arc::new(number)).at(RevisionNumber::new(number), Arc::new([]));
    cell.publish(Arc::new(next.build()));
}

fn number(world: &World, slot: SnapshotSlot) -> u64 {
    *world.get(slot).expect("both slots hold a u64")
}

#[test]
fn a_reader_never_sees_a_mix_and_never_goes_back() {
    loom::model(|| {
        let (cell, a, b) = two_kinds();
        let writer = {
            let cell = Arc::clone(&cell);
            thread::spawn(move || (1..=2).for_each(|number| publish(&cell, a, b, number)))
        };
        let live: Live<u64> = Live::of(&cell, a).expect("a u64 is there");
        let mut reader = live.reader();
        let mut last = 0;
        for _ in 0..2 {
            let loaded = live.load();
            let seen = *loaded;
            assert_eq!((seen, seen), (number(loaded.world(), b), loaded.revision().get()));
            assert!(seen >= last);
            let cached = *reader.load();
            assert!(cached >= seen);
            last = cached;
        }
        writer.join().expect("the writer does not panic");
        assert_eq!((*live.load(), *reader.load()), (2, 2));
    });
}

#[test]
fn a_waiter_for_a_change_is_woken_and_finds_it() {
    loom::model(|| {
        let (cell, a, b) = two_kinds();
        let mut changes = cell.changes();
        let writer = {
            let cell = Arc::clone(&cell);
            thread::spawn(move || publish(&cell, a, b, 1))
        };
        let revision = block_on(changes.changed());
        assert_eq!((revision.get(), number(&cell.world(), a)), (1, 1));
        writer.join().expect("the writer does not panic");
    });
}
