//! How long an edit takes to be served by every replica, and how many edits fit into a second.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use midflight_bus::{Bus, PostgresBus, PostgresBusOptions, RedisBus, RedisOptions, Seal};
use midflight_testkit::{Postgres, Redis};

use crate::Times;
use crate::bare::{self, ROUNDS};
use crate::replicas::{Replicas, change, edit, everything};

const REPLICAS: usize = 8;
const RULES: usize = 100;
/// About what an edit of one rule is long as a hint.
const MESSAGE_BYTES: usize = 900;
const SUSTAINED: Duration = Duration::from_secs(5);

fn redis_bus(url: &str, seal: &Seal) -> Arc<dyn Bus> {
    Arc::new(RedisBus::new(RedisOptions::new(url), seal).unwrap())
}

/// How long edits took to be served by all.
struct Spread {
    /// From the writer's acknowledgement.
    acknowledged: Times,
    /// From the writer's call.
    called: Times,
}

async fn spread(replicas: &mut Replicas) -> Spread {
    let first = replicas.engines[0].apply(edit(everything(RULES))).await.unwrap();
    replicas.all_serve(first.revision.unwrap().number).await;
    let mut spread = Spread { acknowledged: Times::default(), called: Times::default() };
    for round in 0..ROUNDS {
        let called = Instant::now();
        let accepted =
            replicas.engines[0].apply(edit(vec![change(round % RULES, round + 1000)])).await.unwrap();
        let acknowledged = Instant::now();
        let last = replicas.all_serve(accepted.revision.unwrap().number).await;
        spread.acknowledged.add(last.saturating_duration_since(acknowledged));
        spread.called.add(last - called);
    }
    spread
}

pub(crate) async fn by_redis(postgres: &Postgres, redis: &Redis) {
    let mut replicas =
        Replicas::start(REPLICAS, &postgres.database(), |seal| redis_bus(&redis.url(), seal)).await;
    let ours = spread(&mut replicas).await.acknowledged;
    replicas.stop().await;
    let bare = bare::redis(&redis.url(), REPLICAS, MESSAGE_BYTES).await;
    println!(
        "Redis, acknowledged to served by the last of {REPLICAS}: {ours}; bare PUBLISH to the last of {REPLICAS}: {bare}; \
         p50 {:.1}x (aim 3), p99 {:.1}x (aim 5)",
        ours.over(&bare, 50),
        ours.over(&bare, 99)
    );
}

pub(crate) async fn by_postgres(postgres: &Postgres) {
    let log = postgres.database();
    let bus = |seal: &Seal| -> Arc<dyn Bus> {
        Arc::new(PostgresBus::new(PostgresBusOptions::new(&log), seal).unwrap())
    };
    let mut replicas = Replicas::start(REPLICAS, &log, bus).await;
    let ours = spread(&mut replicas).await;
    replicas.stop().await;
    let bare = bare::postgres(&postgres.database(), REPLICAS, MESSAGE_BYTES).await;
    println!(
        "PostgreSQL alone, call to served by the last of {REPLICAS}: {}, of that after the acknowledgement: {}; bare \
         insert + NOTIFY + select: {bare}; p50 {:.2}x (aim 1.5), p99 {:.2}x",
        ours.called,
        ours.acknowledged,
        ours.called.over(&bare, 50),
        ours.called.over(&bare, 99)
    );
}

/// Edits that are acknowledged in a second, of one writer after the other and of many at once, while others follow.
pub(crate) async fn sustained(postgres: &Postgres, redis: &Redis) {
    let mut replicas = Replicas::start(3, &postgres.database(), |seal| redis_bus(&redis.url(), seal)).await;
    let first = replicas.engines[0].apply(edit(everything(RULES))).await.unwrap();
    replicas.all_serve(first.revision.unwrap().number).await;
    for (writers, engines) in [(1, 1), (16, 1), (12, 3)] {
        let end = Instant::now() + SUSTAINED;
        let write = |writer: usize| {
            let engine = replicas.engines[writer % engines].clone();
            async move {
                let mut edits = 0_u32;
                while Instant::now() < end {
                    // Lost races are tried again by the engine; one that lost too often is not counted.
                    let priority = 2000 + edits as usize * 16 + writer;
                    edits += u32::from(engine.apply(edit(vec![change(writer, priority)])).await.is_ok());
                }
                edits
            }
        };
        let edits: u32 = join_all((0..writers).map(write)).await.into_iter().sum();
        let per_second = f64::from(edits) / SUSTAINED.as_secs_f64();
        println!("edits sustained, {writers} writers on {engines} of 3 replicas: {per_second:.0}/s");
    }
    replicas.stop().await;
    println!("bare insert + NOTIFY, one after the other: {:.0}/s", bare_per_second(postgres).await);
}

async fn bare_per_second(postgres: &Postgres) -> f64 {
    let times = bare::postgres(&postgres.database(), 0, MESSAGE_BYTES).await;
    1.0 / times.at(50).as_secs_f64()
}
