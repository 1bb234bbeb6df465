//! Figures for people to look at: how long a change takes to be verified, and how much memory the sidecar needs.
//! `SIDECAR_PROGRAM` says of which build.

use std::time::{Duration, Instant};

use crate::double::Double;
use crate::sidecar::Sidecar;
use crate::support::{ConfigMap, INITIAL, breathe, hash, numbered};

const TIMES: u32 = 200;

#[test]
#[ignore = "no test: prints figures"]
fn a_change_until_it_is_verified() {
    let dir = tempfile::tempdir().unwrap();
    let mut map = ConfigMap::new(dir.path(), INITIAL);
    let file = map.file();
    let double = Double::start(&file);
    let sidecar = Sidecar::beside(&double, &file, &[]);
    sidecar.until_verified(&hash(INITIAL));
    println!("idle: {} KiB", sidecar.memory_kib());
    let mut took: Vec<Duration> = Vec::new();
    for time in 1..=TIMES {
        let began = Instant::now();
        map.write(&numbered(time));
        while sidecar.successes() < time.into() {
            breathe(0);
        }
        took.push(began.elapsed());
    }
    took.sort_unstable();
    let at = |percent: usize| took[took.len() * percent / 100 - 1];
    println!("swap until verified: p50 {:?}, p95 {:?}, p99 {:?}, max {:?}", at(50), at(95), at(99), at(100));
    println!("after {TIMES} changes: {} KiB", sidecar.memory_kib());
}
