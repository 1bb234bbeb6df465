//! Replicas, a log and a bus on a clock of their own, and everything that can go wrong with them, drawn from a seed:
//! crashes, partitions, delays, lost, repeated, reordered and forged hints, rows added by hand, clocks that jump,
//! replicas of two versions. After every step the invariants are held against a model of the log; the seed of a run
//! that breaks one is printed, and `MIDFLIGHT_SEED=N` runs that one alone, `MIDFLIGHT_SEED=N..M` looks for more.
#![expect(clippy::unwrap_used, reason = "what is not there fails the test")]

mod bus;
mod fleet;
mod model;
mod store;
#[path = "../support/words.rs"]
mod words;

use fleet::Fleet;

/// How many seeds a test run goes through.
const SEEDS: u64 = 2_000;
/// How many things happen in one run.
const STEPS: usize = 60;

fn run(seed: u64) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut fleet = Fleet::new(seed).await;
        for _ in 0..STEPS {
            fleet.step().await;
            fleet.hold_invariants();
        }
        fleet.heal_and_converge().await;
    });
}

/// The seeds to run: those of the environment, or the first [`SEEDS`].
fn seeds() -> std::ops::Range<u64> {
    let Ok(asked) = std::env::var("MIDFLIGHT_SEED") else { return 0..SEEDS };
    let (from, to) = asked.split_once("..").unwrap_or((&asked, ""));
    let from = from.parse().unwrap();
    from..to.parse().unwrap_or(from + 1)
}

#[test]
fn no_seed_breaks_an_invariant() {
    let started = std::time::Instant::now();
    let seeds = seeds();
    for seed in seeds.clone() {
        let ended = std::panic::catch_unwind(|| run(seed));
        assert!(ended.is_ok(), "seed {seed} breaks an invariant: MIDFLIGHT_SEED={seed} runs it alone");
    }
    let (count, took) = (seeds.end - seeds.start, started.elapsed().as_secs_f64());
    println!(
        "{count} seeds of {STEPS} steps in {took:.1} s: {:.0} steps a second",
        (count * STEPS as u64) as f64 / took
    );
}

#[test]
fn a_replica_starts_from_its_copy_while_the_log_is_unavailable_and_catches_up() {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(fleet::start_without_the_log());
}
