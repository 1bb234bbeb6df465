//! The pool of PostgreSQL connections, on a real server.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::support::{changed, closed_port, engine, place, put, silent, until, worlds};
use midflight_components::{Database, DatabaseError, DatabaseFactory, DatabaseSettings, ManagedComponent};
use midflight_core::Problems;
use midflight_engine::testing::{fail_every_step, try_component};
use midflight_engine::{Component as _, Engine, Faults};
use midflight_testkit::{Postgres, Proxy, wait_for};
use serde_json::{Value, json};
use sqlx::Connection as _;

const PASSWORD: &str = "correct-horse-battery";

struct Bench {
    postgres: Arc<Postgres>,
    /// The database, with a name by which its connections are known.
    url: String,
}

impl Bench {
    fn new() -> Self {
        let postgres = Postgres::shared();
        let url = postgres.database();
        Self { postgres, url }
    }

    fn settings(&self, more: Value) -> Value {
        self.settings_at(&format!("{}?application_name=pool", self.url), more)
    }

    fn settings_at(&self, url: &str, more: Value) -> Value {
        let mut database = json!({ "url": url, "max_conns": 3, "connect_timeout_ms": 3000, "grace_ms": 300 });
        database.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "database": database })
    }

    /// The server's numbers of the pool's connections.
    fn pids(&self) -> BTreeSet<i32> {
        let asked = "SELECT pid FROM pg_stat_activity WHERE application_name = 'pool' AND datname = current_database()";
        Postgres::psql(&self.url, asked).unwrap().lines().map(|pid| pid.parse().unwrap()).collect()
    }

    /// The same, once nothing is open but what the handle knows of.
    fn settled(&self, database: &Database) -> BTreeSet<i32> {
        wait_for("the server to have the connections that the pool has", || {
            let size = database.status().map_or(0, |status| status.size);
            Some(self.pids()).filter(|pids| pids.len() == size)
        })
    }

    /// Makes a user whom the server asks for a password, and answers a URL with another one in it.
    fn locked(&self, password: &str) -> String {
        let lines = [
            "host all locked 127.0.0.1/32 scram-sha-256",
            "host all all 127.0.0.1/32 trust",
            "local all all trust",
        ];
        let lines = lines.map(|line| format!("('{line}')")).join(",");
        let hba = Postgres::psql(&self.url, "SHOW hba_file").unwrap();
        let make = format!(
            "DO $$ BEGIN CREATE ROLE locked LOGIN PASSWORD '{PASSWORD}'; EXCEPTION WHEN duplicate_object THEN END $$"
        );
        Postgres::psql(&self.url, &make).unwrap();
        Postgres::psql(&self.url, &format!("COPY (VALUES {lines}) TO '{hba}'")).unwrap();
        Postgres::psql(&self.url, "SELECT pg_reload_conf()").unwrap();
        let url = self.url.replace("postgres@", &format!("locked:{password}@"));
        wait_for("the server to ask for the password", || {
            let asked = Postgres::psql(&self.url.replace("postgres@", "locked:no@"), "SELECT 1").is_err();
            asked.then_some(())
        });
        url
    }
}

async fn started() -> (Engine, Database) {
    engine(|builder, slot| {
        let (part, database) = Database::new(place(slot, "database", |app| &app.database));
        builder.component(part);
        database
    })
    .await
}

async fn pid(database: &Database) -> i32 {
    let mut connection = database.acquire().await.unwrap();
    sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut *connection).await.unwrap()
}

/// What a part says to settings that cannot be used.
async fn refused(settings: &Value) -> Problems {
    let (empty, full, slot) = worlds(settings.clone());
    let (part, _database) = Database::new(place(slot, "database", |app| &app.database));
    let prepared = part.prepare(&empty, &full).await;
    prepared.err().unwrap_or_else(|| panic!("{settings} was taken"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_dropped_or_rolled_back_leaves_the_server_as_it_was() {
    let bench = Bench::new();
    let (empty, full, slot) = worlds(bench.settings(json!({ "min_conns": 3 })));
    let (part, database): (ManagedComponent<DatabaseFactory>, Database) =
        Database::new(place(slot, "database", |app| &app.database));
    // Not the idle ones: the pool takes one for a moment when it looks whether it is still good.
    let probe = || {
        let connections = bench.settled(&database);
        (connections, database.status().map(|status| (status.size, status.max_conns, status.address)))
    };
    try_component(&part, &empty, &full, probe).await.unwrap();
    assert!(matches!(database.acquire().await, Err(DatabaseError::NotConfigured)));
    part.prepare(&empty, &full).await.unwrap().unwrap().commit().retire().await;
    assert_eq!((bench.settled(&database).len(), database.status().unwrap().idle), (3, 3));
    assert!(part.prepare(&empty, &full).await.unwrap().is_none(), "what is in use is what is wanted");
    let other = changed(&full, slot, bench.settings(json!({ "min_conns": 2 })));
    try_component(&part, &full, &other, probe).await.unwrap();
    part.prepare(&full, &empty).await.unwrap().unwrap().commit().retire().await;
    assert_eq!((bench.settled(&database).len(), database.status()), (0, None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_step_can_fail_and_the_same_connections_serve_on() {
    let bench = Bench::new();
    let faults = Arc::new(Faults::default());
    let (engine, database) = engine(|builder, slot| {
        let (part, database) = Database::new(place(slot, "database", |app| &app.database));
        builder.faults(Arc::clone(&faults)).component(part);
        database
    })
    .await;
    engine.apply(put(bench.settings(json!({ "min_conns": 2 })))).await.unwrap();
    let next = |n: usize| put(bench.settings(json!({ "min_conns": 2, "max_conns": 4 + n })));
    fail_every_step(&engine, &faults, next, || bench.settled(&database)).await.unwrap();
    assert_eq!(database.status().unwrap().size, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rollback_reuses_the_old_connections() {
    let bench = Bench::new();
    let faults = Arc::new(Faults::default());
    let (engine, database) = engine(|builder, slot| {
        let (part, database) = Database::new(place(slot, "database", |app| &app.database));
        builder.faults(Arc::clone(&faults)).component(part);
        database
    })
    .await;
    engine.apply(put(bench.settings(json!({ "min_conns": 3 })))).await.unwrap();
    let before = bench.settled(&database);
    faults.fail_next(midflight_core::Phase::Verify);
    engine.apply(put(bench.settings(json!({ "max_conns": 9 })))).await.unwrap_err();
    assert!(before.contains(&pid(&database).await), "what was in use is in use");
    let after = bench.settled(&database);
    assert_eq!((after, database.status().unwrap().max_conns), (before, 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_settings_are_refused_with_their_place_and_cure_and_without_secrets() {
    let bench = Bench::new();
    let (engine, database) = started().await;
    engine.apply(put(bench.settings(json!({ "min_conns": 2 })))).await.unwrap();
    let before = bench.settled(&database);
    let (_silent, silent) = silent();
    let closed = closed_port();
    let locked = bench.locked("hunter2%40");
    let at = |host: &str| format!("postgres://me:hunter2%40@{host}/db");
    let parts = json!({ "database": { "host": "127.0.0.1", "port": bench.postgres.port(), "name": "nowhere", "password": "hunter2@" }});
    let cases = [
        (
            bench.settings(json!({ "max_conns": 0 })),
            "at /database/max_conns: database: invalid max_conns 0: expected 1 to 10000",
        ),
        (
            bench.settings(json!({ "max_conns": 2, "min_conns": 3 })),
            "/database/min_conns: database: invalid min_conns 3: expected 0 to 2",
        ),
        (bench.settings(json!({ "connect_timeout_ms": 0 })), "/database/connect_timeout_ms"),
        (
            bench.settings(json!({ "password": "hunter2@" })),
            "/database/password: database: password is in url",
        ),
        (
            bench.settings_at("hunter2@ is no URL", json!({})),
            "/database/url: database: invalid URL: expected postgres://",
        ),
        (bench.settings_at("", json!({ "host": "h" })), "/database/name: database: name is missing"),
        (
            bench.settings_at(&at(&format!("127.0.0.1:{closed}")), json!({})),
            "/database/url: database: cannot use 127.0.0.1:",
        ),
        (
            bench.settings_at(&at(&format!("127.0.0.1:{silent}")), json!({ "connect_timeout_ms": 100 })),
            "did not answer within 100 ms",
        ),
        (
            bench.settings_at(&at("nowhere.invalid:1"), json!({ "connect_timeout_ms": 2000 })),
            "/database/url: database: cannot use nowhere.invalid:1/db",
        ),
        (
            bench.settings_at(&locked, json!({})),
            "password authentication failed for user \"locked\"; check the user and the password",
        ),
        (parts, "/database/name: database: cannot use 127.0.0.1:"),
    ];
    for (settings, expected) in cases {
        let refused = engine.apply(put(settings.clone())).await.unwrap_err();
        let output = format!("{refused} {:?}", refused.refusal);
        assert!(output.contains(expected), "{settings}: {output}");
        for secret in ["hunter2", "hunter2@", "hunter2%40"] {
            assert!(!output.contains(secret), "{output}");
        }
        assert_eq!(bench.settled(&database), before, "{settings}");
    }
    engine.apply(put(bench.settings_at(&locked.replace("hunter2%40", PASSWORD), json!({})))).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_is_printed_has_a_secret_in_it() {
    let bench = Bench::new();
    let settings: DatabaseSettings = serde_json::from_value(
        bench.settings_at("", json!({ "url": format!("postgres://u:{PASSWORD}@h/d"), "password": PASSWORD }))
            ["database"]
            .clone(),
    )
    .unwrap();
    let (engine, database) = started().await;
    let url = bench.locked(PASSWORD);
    engine.apply(put(bench.settings_at(&url, json!({})))).await.unwrap();
    let connection = database.acquire().await.unwrap();
    let transaction = database.begin().await.unwrap();
    let printed = format!("{settings:?} {database:?} {connection:?} {transaction:?} {:?}", database.status());
    assert!(!printed.contains(PASSWORD) && printed.contains("***"), "{printed}");
    let problems =
        refused(&bench.settings_at(&url.replace("locked:", "unlocked:"), json!({ "max_conns": 0 }))).await;
    assert!(!format!("{problems} {problems:?}").contains(PASSWORD));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_waits_gets_a_connection_of_the_new_pool() {
    let bench = Bench::new();
    let (engine, database) = started().await;
    engine.apply(put(bench.settings(json!({ "max_conns": 1, "grace_ms": 60_000 })))).await.unwrap();
    let mut held = database.acquire().await.unwrap();
    let waiting = tokio::spawn({
        let database = database.clone();
        async move { pid(&database).await }
    });
    engine.apply(put(bench.settings(json!({ "max_conns": 2, "grace_ms": 60_000 })))).await.unwrap();
    let old: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut *held).await.unwrap();
    assert_ne!(waiting.await.unwrap(), old);
    assert_eq!(bench.pids().len(), 2, "what is held of the old pool is open");
    drop(held);
    engine.retired().await;
    assert!(!bench.settled(&database).contains(&old));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_outlives_its_grace_is_cut_at_the_server() {
    let bench = Bench::new();
    let (engine, database) = started().await;
    // One connection and all of them in use: with an idle one to ask for the cut, and without.
    for max_conns in [2, 1] {
        engine.apply(put(bench.settings(json!({ "max_conns": max_conns, "grace_ms": 50 })))).await.unwrap();
        let mut held = database.acquire().await.unwrap();
        let asleep = sqlx::query("SELECT pg_sleep(600)").execute(&mut *held);
        let swap = async {
            let swapped = engine.apply(put(bench.settings(json!({ "max_conns": 5, "grace_ms": 50 })))).await;
            engine.retired().await;
            swapped.unwrap()
        };
        let (cut, _) = tokio::join!(asleep, swap);
        assert!(cut.unwrap_err().to_string().contains("terminating connection"), "the server said why");
        drop(held);
        assert_eq!(bench.settled(&database).len(), database.status().unwrap().size);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_old_server_does_not_keep_a_new_one_from_taking_its_place() {
    let bench = Bench::new();
    let proxy = Proxy::to(bench.postgres.port());
    let (engine, database) = started().await;
    let port = |url: &str, port: u16| url.replace(&bench.postgres.port().to_string(), &port.to_string());
    engine
        .apply(put(bench.settings_at(&port(&bench.url, proxy.port()), json!({ "grace_ms": 50 }))))
        .await
        .unwrap();
    let mut held = database.acquire().await.unwrap();
    proxy.stall();
    let asleep = tokio::spawn(async move { sqlx::query("SELECT 1").execute(&mut *held).await.map(drop) });
    for max_conns in [4, 5, 6] {
        engine.apply(put(bench.settings(json!({ "max_conns": max_conns })))).await.unwrap();
    }
    pid(&database).await;
    assert!(!asleep.is_finished());
    asleep.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reloads_faster_than_pools_drain_never_have_more_than_two() {
    let bench = Bench::new();
    let (engine, database) = started().await;
    let settings = |n: u64| {
        bench.settings(
            json!({ "max_conns": 4, "min_conns": 4, "grace_ms": 100, "idle_timeout_ms": 600_000 + n }),
        )
    };
    engine.apply(put(settings(0))).await.unwrap();
    let mut watch = sqlx::PgConnection::connect(&bench.url).await.unwrap();
    let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
    let watching = tokio::spawn(async move {
        let mut most = 0_i64;
        while stopped.try_recv().is_err() {
            let count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pool' AND datname = current_database()";
            most = most.max(sqlx::query_scalar(count).fetch_one(&mut watch).await.unwrap());
        }
        most
    });
    let mut sleepers = Vec::new();
    for n in 1..=15 {
        for _ in 0..4 {
            let database = database.clone();
            sleepers.push(tokio::spawn(async move {
                let mut connection = database.acquire().await.unwrap();
                sqlx::query("SELECT pg_sleep(0.05)").execute(&mut *connection).await.map(drop)
            }));
        }
        engine.apply(put(settings(n))).await.unwrap();
    }
    for sleeper in sleepers {
        sleeper.await.unwrap().unwrap();
    }
    stop.send(()).unwrap();
    let most = watching.await.unwrap();
    assert!((5..=8).contains(&most), "the old ones and the new ones, and no more: {most}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_left_undone_is_undone_before_the_next_one_has_the_connection() {
    let bench = Bench::new();
    let (engine, database) = started().await;
    engine.apply(put(bench.settings(json!({ "max_conns": 1 })))).await.unwrap();
    let mut kept = database.begin().await.unwrap();
    sqlx::query("CREATE TABLE things (n int8)").execute(&mut *kept).await.unwrap();
    let inner = kept.begin().await.unwrap();
    inner.commit().await.unwrap();
    kept.commit().await.unwrap();
    for ends_by_itself in [true, false] {
        let mut undone = database.begin().await.unwrap();
        sqlx::query("INSERT INTO things VALUES (1)").execute(&mut *undone).await.unwrap();
        if !ends_by_itself {
            undone.rollback().await.unwrap();
        }
    }
    let mut connection = database.acquire().await.unwrap();
    let count: i64 =
        sqlx::query_scalar("SELECT count(*) FROM things").fetch_one(&mut *connection).await.unwrap();
    assert_eq!(count, 0);
    {
        // Dropped in the middle of a statement that goes on at the server.
        let asleep = sqlx::query("SELECT pg_sleep(0.2)").execute(&mut *connection);
        assert!(tokio::time::timeout(Duration::from_millis(20), asleep).await.is_err());
    }
    drop(connection);
    assert_eq!(database.status().unwrap().size, 1);
    pid(&database).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_recovers_and_reports_why_it_cannot() {
    let mut postgres = Postgres::start();
    let url = postgres.database();
    let (engine, database) = started().await;
    let settings =
        json!({ "database": { "url": url, "max_conns": 2, "min_conns": 2, "acquire_timeout_ms": 200 }});
    engine.apply(put(settings)).await.unwrap();
    let (first, second) = (database.acquire().await.unwrap(), database.acquire().await.unwrap());
    let exhausted = database.acquire().await.unwrap_err();
    assert!(
        matches!(exhausted, DatabaseError::Exhausted { max_conns: 2, waited_ms: 200.., .. }),
        "{exhausted}"
    );
    drop((first, second));
    postgres.stop();
    let removed =
        until("the pool to see that its server is gone", async || database.acquire().await.err()).await;
    assert!(matches!(removed, DatabaseError::Unavailable { .. }), "{removed}");
    postgres.restart();
    until("the pool to have a connection again", async || database.acquire().await.ok()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unused_connections_are_closed_down_to_the_minimum() {
    let bench = Bench::new();
    let (engine, database) = started().await;
    engine
        .apply(put(bench.settings(json!({ "max_conns": 4, "min_conns": 1, "idle_timeout_ms": 50 }))))
        .await
        .unwrap();
    let held = [database.acquire().await, database.acquire().await, database.acquire().await];
    assert_eq!(database.status().unwrap().size, 3);
    drop(held);
    until("the idle ones to be closed", async || (database.status()?.size == 1).then_some(())).await;
    let first = pid(&database).await;
    engine.apply(put(bench.settings(json!({ "max_lifetime_ms": 50 })))).await.unwrap();
    until("old ones to be replaced", async || (pid(&database).await != first).then_some(())).await;
}
