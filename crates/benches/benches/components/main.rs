//! How long a component takes from an edit to being served anew, each alone and all together, on a real PostgreSQL and
//! a real Redis; beside what the same connections and clients cost without an engine, in the same run and in turn.
//!
//! Everything shares the machine, so figures are to be read against each other, never alone.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement stops where it fails, and prints"
)]

mod bare;
mod settings;

use std::fmt;
use std::time::{Duration, Instant};

use bare::Bare;
use midflight_testkit::{Postgres, Redis};
use serde_json::Value;
use settings::{Bench, Changes};

const ROUNDS: usize = 200;
/// How many PostgreSQL connections are opened and asked before they are used.
const DATABASE_CONNECTIONS: u32 = 5;
/// How many Redis connections there are.
const REDIS_CONNECTIONS: u32 = 10;

/// What is changed, and what the original took for it at p50, p95 and p99, in milliseconds, as its documentation says.
const MEASURED: [(&str, Changes, [u32; 3]); 6] = [
    ("log level", Changes { log: true, ..NOTHING }, [30, 50, 80]),
    ("database pool", Changes { database: true, ..NOTHING }, [80, 120, 200]),
    ("Redis pool", Changes { redis: true, ..NOTHING }, [50, 80, 150]),
    ("LLM client", Changes { llm: true, ..NOTHING }, [60, 100, 180]),
    ("cache ttl", Changes { cache: true, ..NOTHING }, [0, 0, 0]),
    (
        "everything",
        Changes { log: true, database: true, redis: true, llm: true, cache: true },
        [150, 250, 450],
    ),
];
const NOTHING: Changes = Changes { log: false, database: false, redis: false, llm: false, cache: false };

#[tokio::main]
async fn main() {
    let (postgres, redis) = (Postgres::start(), Redis::start());
    let double = bare::double().await;
    let mut bench = Bench::start(&postgres.database(), redis.port(), double).await;
    println!(
        "{ROUNDS} reloads each; {DATABASE_CONNECTIONS} PostgreSQL and {REDIS_CONNECTIONS} Redis connections, one LLM client; \
         beside: the same without an engine"
    );
    for (what, changes, original) in MEASURED {
        let (mut alone, mut edit, mut bare) = (Times::default(), Times::default(), Times::default());
        let mut libraries = Bare::new(&bench.settings()).await;
        for _ in 0..ROUNDS {
            let took = bench.reload(changes).await;
            alone.add(took.prepared_and_swapped);
            edit.add(took.edit);
            let began = Instant::now();
            let made = libraries.make(changes).await;
            bare.add(began.elapsed());
            libraries.close(made).await;
        }
        println!("{what}\n  {:<18}{bare}", "bare");
        println!("  {:<18}{alone}, {}", "prepared, swapped", alone.over(&bare));
        println!("  {:<18}{edit}, {}", "edit to served", edit.over(&bare));
        if original != [0; 3] {
            let [p50, p95, p99] = original;
            println!("  {:<18}p50 {p50} ms, p95 {p95} ms, p99 {p99} ms", "the original");
        }
    }
    bench.stop().await;
}

/// The settings of one component in a document.
fn of<'a>(body: &'a Value, component: &str) -> &'a Value {
    &body[component]
}

/// How long something took, each time.
#[derive(Default)]
struct Times(Vec<Duration>);

impl Times {
    fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// The time that so many per cent did not exceed.
    fn at(&self, percent: usize) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
    }

    /// How much longer the median is than the other's.
    fn over(&self, other: &Self) -> String {
        let more = self.at(50).as_secs_f64() - other.at(50).as_secs_f64();
        let times = self.at(50).as_secs_f64() / other.at(50).as_secs_f64();
        format!("{:+.3} ms, {times:.2} times the bare", more * 1e3)
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |percent| self.at(percent).as_secs_f64() * 1e3;
        write!(f, "p50 {:.3} ms, p95 {:.3} ms, p99 {:.3} ms", ms(50), ms(95), ms(99))
    }
}
