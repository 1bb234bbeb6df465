//! Reading a live value, beside what it is made of.
#![expect(clippy::print_stdout, reason = "it prints what it measured")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::{ArcSwap, Cache};
use midflight_live::Live;

const READS: u32 = 1_000_000;
const ROUNDS: usize = 31;

/// The fastest of many rounds, in ns a read: what the code costs when nothing else runs.
fn measure(round: &mut dyn FnMut()) -> f64 {
    let started = Instant::now();
    round();
    started.elapsed().as_secs_f64() * 1e9 / f64::from(READS)
}

fn compare(name: &str, target: f64, ours: &mut dyn FnMut(), reference: &mut dyn FnMut()) {
    let (mut best, mut best_reference) = (f64::MAX, f64::MAX);
    for _ in 0..ROUNDS {
        best = best.min(measure(ours));
        best_reference = best_reference.min(measure(reference));
    }
    println!(
        "{name}: {best:.2} ns, reference {best_reference:.2} ns, ratio {:.2} (aim {target})",
        best / best_reference
    );
}

fn main() {
    let (_publisher, live) = Live::new([7_u64; 8]);
    let swap = Arc::new(ArcSwap::from_pointee([7_u64; 8]));
    compare(
        "Live::load and read, beside ArcSwap::load and read",
        1.1,
        &mut || {
            (0..READS).for_each(|_| {
                black_box(black_box(&live).load()[0]);
            })
        },
        &mut || {
            (0..READS).for_each(|_| {
                black_box(black_box(&swap).load()[0]);
            })
        },
    );
    let mut reader = live.reader();
    let mut cache = Cache::new(Arc::clone(&swap));
    compare(
        "Reader::load, beside arc_swap::Cache::load",
        1.1,
        &mut || {
            (0..READS).for_each(|_| {
                black_box(black_box(&mut reader).load()[0]);
            })
        },
        &mut || {
            (0..READS).for_each(|_| {
                black_box(black_box(&mut cache).load()[0]);
            })
        },
    );
}
