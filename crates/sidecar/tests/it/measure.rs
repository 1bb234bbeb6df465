//! Figures for people to look at: how long a change takes to be verified, and how much memory the sidecar needs.
//! `SIDECAR_PROGRAM` says of which build.
#![expect(clippy::print_stdout, reason = "the figures are what it is for")]

use std::time::{Duration, Instant};

use crate::double::{Double, DoubleProcess};
use crate::sidecar::Sidecar;
use crate::support::{ConfigMap, INITIAL, breathe, hash, numbered};

const TIMES: u32 = 200;

/// Changes a config many times, and prints how long each took to be verified.
fn measure(how: &str, map: &mut ConfigMap, sidecar: &Sidecar) {
    sidecar.until_verified(&hash(INITIAL));
    println!("{how}: idle with {} KiB", sidecar.memory_kib());
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
    println!(
        "{how}: swap until verified p50 {:?} p95 {:?} p99 {:?} max {:?}",
        at(50),
        at(95),
        at(99),
        at(100)
    );
    println!("{how}: {} KiB after {TIMES} changes", sidecar.memory_kib());
}

#[test]
#[ignore = "no test: prints figures"]
fn a_change_until_it_is_verified_by_http() {
    let dir = tempfile::tempdir().unwrap();
    let mut map = ConfigMap::new(dir.path(), INITIAL);
    let double = Double::start(&map.file());
    let sidecar = Sidecar::beside(&double, &map.file(), &[]);
    measure("http", &mut map, &sidecar);
}

#[test]
#[ignore = "no test: prints figures"]
fn a_change_until_it_is_verified_by_signal() {
    let dir = tempfile::tempdir().unwrap();
    let mut map = ConfigMap::new(dir.path(), INITIAL);
    let (file, double) = (map.file(), DoubleProcess::start("double-measured", &map.file()));
    let (pid, health) = (double.pid(), double.health_url());
    let arguments = ["--watch", file.to_str().unwrap(), "--pid", &pid, "--health-url", &health];
    let sidecar = Sidecar::start(&arguments);
    measure("signal", &mut map, &sidecar);
}
