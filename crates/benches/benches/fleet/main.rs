//! A fleet in one process, on a real PostgreSQL and a real Redis: how long an edit takes to be served by all, how many
//! fit into a second, how long a start takes; each beside the bare servers in the same run.
//!
//! Everything shares the machine, so figures are to be read against each other, never alone.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement stops where it fails, and prints"
)]

mod agents;
mod bare;
mod learned;
mod replicas;
mod spread;
mod start;
mod watchers;

use std::fmt;
use std::time::Duration;

use midflight_testkit::{Postgres, Redis};

#[tokio::main]
async fn main() {
    let (postgres, redis) = (Postgres::start(), Redis::start());
    spread::by_redis(&postgres, &redis).await;
    spread::by_postgres(&postgres).await;
    spread::sustained(&postgres, &redis).await;
    watchers::served(&postgres, &redis).await;
    agents::message(&postgres, &redis).await;
    learned::by_one(&postgres, &redis).await;
    start::of_a_replica(&postgres).await;
}

/// How long something took, each time.
#[derive(Default)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    pub(crate) fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// The time that so many per cent did not exceed.
    pub(crate) fn at(&self, percent: usize) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
    }

    /// This one as so many times the other, at that percentage.
    pub(crate) fn over(&self, other: &Self, percent: usize) -> f64 {
        self.at(percent).as_secs_f64() / other.at(percent).as_secs_f64()
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |percent| self.at(percent).as_secs_f64() * 1e3;
        write!(f, "p50 {:.2} ms, p99 {:.2} ms", ms(50), ms(99))
    }
}
