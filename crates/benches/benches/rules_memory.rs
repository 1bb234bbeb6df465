//! The memory that a snapshot of 100,000 rules holds, in bytes as they were asked of the allocator.
//!
//! A program of its own, since the counting allocator would slow the other benchmarks down.

use std::alloc::System;

use midflight_benches::{Shape, compiled};
use midflight_engine::Kind as _;
use midflight_rules::Rules;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() {
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    for (title, shape) in [("three equality conditions", Shape::Equality), ("two ranges", Shape::Ranges)] {
        let count = 100_000;
        let documents = shape.documents(count);
        let region = Region::new(ALLOCATOR);
        let snapshot = compiled(&Rules.empty(), &documents);
        let change = region.change();
        let held = change.bytes_allocated - change.bytes_deallocated;
        say(&format!("memory per rule of {count} with {title}: {} bytes (aim 1,024)", held / count));
        drop(snapshot);
    }
}

#[expect(clippy::print_stdout, reason = "a benchmark's result is its output")]
fn say(line: &str) {
    println!("{line}");
}
