//! The memory that a snapshot of 1,000,000 exact patterns holds, beside a bare `HashMap` of their keys, in bytes as
//! they were asked of the allocator.
//!
//! A program of its own, since the counting allocator would slow the other benchmarks down.

use std::alloc::System;
use std::collections::HashMap;

use midflight_benches::patterns::{automata, exact, key};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() {
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let count = 1_000_000;
    let (ours, bare) =
        (held(|| exact(count)), held(|| (0..count).map(|n| (key(n), n)).collect::<HashMap<_, _>>()));
    say(&format!(
        "memory per exact pattern of {count}: {} bytes (reference: {} in a HashMap of keys and numbers)",
        ours / count,
        bare / count
    ));
    let (substrings, regexes) = (held(|| automata(10_000, 0)), held(|| automata(0, 1_000)));
    say(&format!(
        "memory per substring of 10,000: {} bytes; per regex of 1,000: {} bytes",
        substrings / 10_000,
        regexes / 1_000
    ));
}

/// What is held by what `make` makes.
fn held<T>(make: impl FnOnce() -> T) -> usize {
    let region = Region::new(ALLOCATOR);
    let made = make();
    let change = region.change();
    drop(made);
    change.bytes_allocated - change.bytes_deallocated
}

#[expect(clippy::print_stdout, reason = "a benchmark's result is its output")]
fn say(line: &str) {
    println!("{line}");
}
