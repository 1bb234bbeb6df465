//! The whole of it under load: clients that never see a failed query and lines that are never lost, while pools,
//! timeouts, level and format change 200 times, a tenth of that to servers that are not there.
#![cfg(all(feature = "postgres", feature = "redis", feature = "llm", feature = "log", feature = "cache"))]
#![expect(clippy::unwrap_used, reason = "a test stops where it fails")]

mod clients;
#[path = "../it/support.rs"]
#[expect(dead_code, reason = "the other tests need more of it")]
mod support;
mod watch;

use std::sync::Arc;

use clients::Clients;
use midflight_components::{Database, LogSettings, Logger, Redis};
use midflight_core::Outcome;
use midflight_engine::Engine;
use midflight_testkit::{Postgres, Redis as RedisServer};
use serde_json::{Value, json};
use support::{Lines, closed_port, engine, place, put, silent};
use watch::{Bounds, Watch};

const RELOADS: usize = 200;
const CLIENTS: usize = 64;

/// Where the servers are, and where there are none.
struct Places {
    database: String,
    locked: String,
    redis: u16,
    silent: u16,
    closed: u16,
}

/// Settings, and how many connections they let there be.
struct Wanted {
    body: Value,
    database: usize,
    redis: usize,
    is_good: bool,
}

impl Places {
    fn wanted(&self, n: usize) -> Wanted {
        let (database, redis) = (4 + n % 7, 2 + n % 3);
        let level = ["info", "info,show=debug", "warn,show=info"][n % 3];
        let format = ["text", "json"][n / 2 % 2];
        let mut wanted = json!({
            "log": { "level": level, "format": format },
            "database": {
                "url": format!("{}?application_name=show", self.database),
                "max_conns": database, "min_conns": n % 3,
                "acquire_timeout_ms": 30_000 + n, "connect_timeout_ms": 5_000, "grace_ms": 30_000,
            },
            "redis": {
                "addr": format!("127.0.0.1:{}", self.redis), "pool_size": redis,
                "response_timeout_ms": 20_000 + n, "grace_ms": 30_000,
            },
        });
        let bad = (n % 10 == 9).then_some(n / 10 % 5);
        match bad {
            Some(0) => {
                wanted["database"]["url"] = json!(format!("postgres://me@127.0.0.1:{}/x", self.closed))
            }
            Some(1) => {
                wanted["database"]["url"] = json!(format!("postgres://me@127.0.0.1:{}/x", self.silent));
                wanted["database"]["connect_timeout_ms"] = json!(100);
            }
            Some(2) => wanted["database"]["url"] = json!(format!("{}?application_name=show", self.locked)),
            Some(3) => wanted["redis"]["addr"] = json!(format!("127.0.0.1:{}", self.closed)),
            Some(_) => wanted["redis"]["password"] = json!("wrong"),
            None => {}
        }
        Wanted { body: wanted, database, redis, is_good: bad.is_none() }
    }
}

/// A user whom the server asks for a password, with another one.
fn locked(url: &str) -> String {
    let lines = [
        "host all locked 127.0.0.1/32 scram-sha-256",
        "host all all 127.0.0.1/32 trust",
        "local all all trust",
    ];
    let lines = lines.map(|line| format!("('{line}')")).join(",");
    let hba = Postgres::psql(url, "SHOW hba_file").unwrap();
    Postgres::psql(url, "CREATE ROLE locked LOGIN PASSWORD 'right'").unwrap();
    Postgres::psql(url, &format!("COPY (VALUES {lines}) TO '{hba}'")).unwrap();
    Postgres::psql(url, "SELECT pg_reload_conf()").unwrap();
    url.replace("postgres@", "locked:wrong@")
}

async fn started(lines: &Lines) -> (Engine, (Database, Redis)) {
    let logger = Logger::install(LogSettings::default(), lines.clone()).unwrap();
    engine(|builder, slot| {
        let (database_part, database) = Database::new(place(slot, "database", |app| &app.database));
        let (redis_part, redis) = Redis::new(place(slot, "redis", |app| &app.redis));
        builder.component(logger.part(place(slot, "log", |app| &app.log)));
        builder.component(database_part).component(redis_part);
        (database, redis)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_fails_and_no_line_is_lost_while_everything_is_swapped() {
    let (postgres, redis_server) = (Postgres::start(), RedisServer::start());
    let database_url = postgres.database();
    Postgres::psql(&database_url, "CREATE TABLE ledger (client int8, entry int8)").unwrap();
    let (_silent, silent) = silent();
    let places = Places {
        locked: locked(&database_url),
        database: database_url,
        redis: redis_server.port(),
        silent,
        closed: closed_port(),
    };
    let lines = Lines::default();
    let (engine, (database, redis)) = started(&lines).await;
    let mut in_use = places.wanted(0);
    engine.apply(put(in_use.body.clone())).await.unwrap();
    let bounds = Arc::new(Bounds::default());
    bounds.set(in_use.database, in_use.redis);
    let watch = Watch::start(&places.database, &redis_server.url(), &bounds).await;
    let clients = Clients::start(CLIENTS, &database, &redis);
    clients.warm().await;

    let (mut refused, mut leaving) = (0, (0, 0));
    for n in 1..=RELOADS {
        let wanted = places.wanted(n + 9);
        // What is in use, and the larger of what is being let go of and what is being prepared.
        let beside = (wanted.database.max(leaving.0), wanted.redis.max(leaving.1));
        bounds.set(in_use.database + beside.0, in_use.redis + beside.1);
        if wanted.is_good {
            let reloaded = engine.apply(put(wanted.body.clone())).await.unwrap();
            assert_eq!(reloaded.event.unwrap().outcome, Outcome::Success);
            leaving = (in_use.database, in_use.redis);
            in_use = wanted;
            continue;
        }
        let pids = watch.settled(&database).await;
        let reason = engine.apply(put(wanted.body)).await.unwrap_err();
        assert!(!reason.to_string().contains("wrong@"), "{reason}");
        assert_eq!(database.status().unwrap().max_conns as usize, in_use.database, "{reason}");
        assert!(watch.pids().await.is_superset(&pids), "{reason}: the same connections are in use");
        leaving = (wanted.database, wanted.redis);
        refused += 1;
    }
    let (totals, message) = clients.stop().await;
    engine.retired().await;
    let (most, samples) = watch.stop().await;
    println!(
        "{RELOADS} reloads, {refused} of them refused; {} queries, {} transactions, {} Redis commands, {} lines; {samples} \
         samples, at most {} PostgreSQL and {} Redis connections",
        totals.queries,
        totals.transactions,
        totals.commands,
        message.iter().sum::<u64>(),
        most.0,
        most.1
    );
    assert_eq!(refused, RELOADS / 10);
    let count = Postgres::psql(&places.database, "SELECT count(*) FROM ledger").unwrap();
    assert_eq!(count, totals.committed.to_string(), "what was committed is there, and what was not is not");
    lines.check(&message);
}
