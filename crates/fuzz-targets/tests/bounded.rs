//! Each target with its seeds, with pieces of the seeds put together, and with random bytes: what `cargo fuzz` does,
//! bounded and the same each time.

#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::path::Path;

use midflight_fuzz_targets::TARGETS;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// How many inputs of each sort a target gets, unless the variable says another number: a long run without a fuzzer.
const INPUTS: u32 = 300;
const INPUTS_VARIABLE: &str = "MIDFLIGHT_FUZZ_INPUTS";
/// How long an input of random bytes is at most.
const BYTES_MAX: usize = 512;

fn seeds(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(name);
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} has inputs", folder.display());
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

/// A seed with a part of another one in it, and with some bytes changed.
fn mutated(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let edits = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8);
    let one = prop::sample::select(seeds);
    (one.clone(), one, any::<prop::sample::Index>(), any::<prop::sample::Index>(), edits).prop_map(
        |(mut input, other, from, to, edits)| {
            if !other.is_empty() && !input.is_empty() {
                let at = to.index(input.len());
                input.splice(at..at, other[from.index(other.len())..].iter().copied());
            }
            for (at, byte) in edits {
                if !input.is_empty() {
                    let at = at.index(input.len());
                    input[at] = byte;
                }
            }
            input
        },
    )
}

fn runner() -> TestRunner {
    let inputs = std::env::var(INPUTS_VARIABLE).ok().map(|inputs| inputs.parse().unwrap());
    let config = Config { cases: inputs.unwrap_or(INPUTS), failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[18; 32]))
}

#[test]
fn no_target_panics() {
    for (name, target) in TARGETS {
        let seeds = seeds(name);
        seeds.iter().for_each(|input| target(input));
        let tried = runner().run(&mutated(seeds), |input| {
            target(&input);
            Ok(())
        });
        tried.unwrap_or_else(|error| panic!("{name}: {error}"));
        let random = prop::collection::vec(any::<u8>(), 0..BYTES_MAX);
        let tried = runner().run(&random, |input| {
            target(&input);
            Ok(())
        });
        tried.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn every_target_has_a_program_for_cargo_fuzz() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    for (name, _) in TARGETS {
        let program = std::fs::read_to_string(folder.join(format!("fuzz_targets/{name}.rs"))).unwrap();
        assert!(program.contains(&format!("midflight_fuzz_targets::{name}(")), "{name}");
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name} is not in fuzz/Cargo.toml");
    }
}
