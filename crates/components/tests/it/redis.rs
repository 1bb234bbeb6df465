//! The connections to Redis, on a real server.

use std::sync::Arc;

use midflight_components::{Redis, RedisError, RedisSettings};
use midflight_core::Phase;
use midflight_engine::testing::{fail_every_step, try_component};
use midflight_engine::{Component as _, Engine, Faults};
use midflight_testkit::{Proxy, Redis as Server, wait_for};
use redis::{Cmd, cmd, pipe};
use serde_json::{Value, json};

use crate::support::{changed, closed_port, engine, place, put, silent, until, worlds};

const PASSWORD: &str = "correct-horse-battery";

struct Bench {
    server: Server,
    watch: redis::Client,
}

impl Bench {
    fn new() -> Self {
        let server = Server::start();
        let watch = redis::Client::open(server.url()).unwrap();
        Self { server, watch }
    }

    fn settings(&self, more: Value) -> Value {
        self.settings_at(self.server.port(), more)
    }

    fn settings_at(&self, port: u16, more: Value) -> Value {
        let mut redis = json!({ "addr": format!("127.0.0.1:{port}"), "pool_size": 3, "grace_ms": 300 });
        redis.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "redis": redis })
    }

    /// The server's numbers of the connections that are not this question's own.
    fn ids(&self) -> Vec<u64> {
        let mut connection = self.watch.get_connection().unwrap();
        let own: u64 = cmd("CLIENT").arg("ID").query(&mut connection).unwrap();
        let list: String = cmd("CLIENT").arg("LIST").query(&mut connection).unwrap();
        let id = |line: &str| line.split(' ').next()?.strip_prefix("id=")?.parse().ok();
        let mut ids: Vec<u64> = list.lines().filter_map(id).filter(|id| *id != own).collect();
        ids.sort_unstable();
        ids
    }

    /// The same, once nothing is open but what the handle knows of.
    fn settled(&self, redis: &Redis) -> Vec<u64> {
        wait_for("the server to have the connections that there are", || {
            let size = redis.status().map_or(0, |status| status.pool_size as usize);
            Some(self.ids()).filter(|ids| ids.len() == size)
        })
    }
}

async fn started(faults: &Arc<Faults>) -> (Engine, Redis) {
    engine(|builder, slot| {
        let (part, redis) = Redis::new(place(slot, "redis", |app| &app.redis));
        builder.faults(Arc::clone(faults)).component(part);
        redis
    })
    .await
}

fn incr(key: &str) -> Cmd {
    let mut incr = cmd("INCR");
    incr.arg(key);
    incr
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_dropped_or_rolled_back_leaves_the_server_as_it_was() {
    let bench = Bench::new();
    let (empty, full, slot) = worlds(bench.settings(json!({})));
    let (part, redis) = Redis::new(place(slot, "redis", |app| &app.redis));
    let probe = || (redis.status(), bench.settled(&redis));
    try_component(&part, &empty, &full, probe).await.unwrap();
    assert!(matches!(redis.query::<u64>(&incr("n")).await, Err(RedisError::NotConfigured)));
    part.prepare(&empty, &full).await.unwrap().unwrap().commit().retire().await;
    assert_eq!(redis.query::<u64>(&incr("n")).await.unwrap(), 1);
    assert!(part.prepare(&empty, &full).await.unwrap().is_none(), "what is in use is what is wanted");
    let other = changed(&full, slot, bench.settings(json!({ "pool_size": 5 })));
    try_component(&part, &full, &other, probe).await.unwrap();
    part.prepare(&full, &empty).await.unwrap().unwrap().commit().retire().await;
    assert_eq!((bench.settled(&redis).len(), redis.status()), (0, None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_step_can_fail_and_the_same_connections_serve_on() {
    let (bench, faults) = (Bench::new(), Arc::default());
    let (engine, redis) = started(&faults).await;
    engine.apply(put(bench.settings(json!({})))).await.unwrap();
    let next = |n: usize| put(bench.settings(json!({ "pool_size": 4 + n })));
    fail_every_step(&engine, &faults, next, || bench.settled(&redis)).await.unwrap();
    let before = bench.settled(&redis);
    faults.fail_next(Phase::Verify);
    engine.apply(put(bench.settings(json!({ "pool_size": 2 })))).await.unwrap_err();
    redis.query::<u64>(&incr("n")).await.unwrap();
    assert_eq!(bench.settled(&redis), before, "nothing was dialled for the way back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_settings_are_refused_with_their_place_and_cure_and_without_secrets() {
    let bench = Bench::new();
    let (engine, redis) = started(&Arc::default()).await;
    engine.apply(put(bench.settings(json!({})))).await.unwrap();
    let mut watch = bench.watch.get_connection().unwrap();
    let make = cmd("ACL")
        .arg("SETUSER")
        .arg("locked")
        .arg("on")
        .arg(format!(">{PASSWORD}"))
        .arg("~*")
        .arg("+@all")
        .clone();
    make.exec(&mut watch).unwrap();
    drop(watch);
    let before = bench.settled(&redis);
    let ((_silent, silent), closed, port) = (silent(), closed_port(), bench.server.port());
    let locked = json!({ "user": "locked", "password": "hunter2@" });
    let by_url = |url: &str| json!({ "redis": { "url": url, "connect_timeout_ms": 2000 }});
    let cases = [
        (
            bench.settings(json!({ "pool_size": 0 })),
            "/redis/pool_size: redis: invalid pool_size 0: expected 1 to 1000",
        ),
        (bench.settings(json!({ "response_timeout_ms": 0 })), "/redis/response_timeout_ms"),
        (bench.settings(json!({ "addr": "nothing" })), "/redis/addr: redis: addr is missing or invalid"),
        (bench.settings(json!({ "url": "redis://me:hunter2%40@h" })), "/redis/addr: redis: addr is in url"),
        (by_url("me:hunter2%40@h"), "/redis/url: redis: invalid url: expected redis://"),
        (
            bench.settings_at(closed, json!({ "password": "hunter2@" })),
            "/redis/addr: redis: cannot use 127.0.0.1:",
        ),
        (bench.settings_at(silent, json!({ "connect_timeout_ms": 100 })), "did not answer within 100 ms"),
        (bench.settings(locked.clone()), "/redis/password: redis: cannot use 127.0.0.1:"),
        (
            by_url(&format!("redis://locked:hunter2%40@127.0.0.1:{port}")),
            "/redis/url: redis: cannot use 127.0.0.1:",
        ),
        (
            by_url("redis://me:hunter2%40@nowhere.invalid:1"),
            "/redis/url: redis: cannot use nowhere.invalid:1",
        ),
        (bench.settings(json!({ "db": 4000 })), "/redis/db: redis: cannot use 127.0.0.1:"),
    ];
    for (settings, expected) in cases {
        let refused = engine.apply(put(settings.clone())).await.unwrap_err();
        let output = format!("{refused} {:?}", refused.refusal);
        assert!(output.contains(expected), "{settings}: {output}");
        assert!(!output.contains("hunter2"), "{output}");
        assert_eq!(bench.settled(&redis), before, "{settings}");
    }
    let right = bench.settings(json!({ "user": "locked", "password": PASSWORD, "db": 3 }));
    engine.apply(put(right.clone())).await.unwrap();
    let settings: RedisSettings = serde_json::from_value(right["redis"].clone()).unwrap();
    let printed = format!("{settings:?} {redis:?} {:?}", redis.status());
    assert!(!printed.contains(PASSWORD) && printed.contains("***"), "{printed}");
    assert_eq!(redis.query::<u64>(&incr("n")).await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_under_way_has_its_grace_and_is_then_cut() {
    let bench = Bench::new();
    let (engine, redis) = started(&Arc::default()).await;
    let proxy = Proxy::to(bench.server.port());
    engine
        .apply(put(bench.settings_at(proxy.port(), json!({ "pool_size": 1, "grace_ms": 60_000 }))))
        .await
        .unwrap();
    proxy.stall();
    let handle = redis.clone();
    let waiting = tokio::spawn(async move { handle.query::<u64>(&incr("n")).await });
    until("the call to be under way", async || (redis.status()?.calls == 1).then_some(())).await;
    engine.apply(put(bench.settings(json!({ "grace_ms": 10 })))).await.unwrap();
    assert_eq!(redis.query::<u64>(&incr("other")).await.unwrap(), 1, "others go over the new ones");
    proxy.heal();
    assert_eq!(waiting.await.unwrap().unwrap(), 1);
    engine.retired().await;

    engine
        .apply(put(bench.settings_at(proxy.port(), json!({ "pool_size": 1, "grace_ms": 10 }))))
        .await
        .unwrap();
    proxy.stall();
    let handle = redis.clone();
    let waiting = tokio::spawn(async move { handle.query::<u64>(&incr("n")).await });
    until("the call to be under way", async || (redis.status()?.calls == 1).then_some(())).await;
    engine.apply(put(bench.settings(json!({})))).await.unwrap();
    assert!(matches!(waiting.await.unwrap(), Err(RedisError::Cut { grace_ms: 10 })));
    engine.retired().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_broke_is_opened_again_and_a_pipeline_is_one() {
    let mut bench = Bench::new();
    let (engine, redis) = started(&Arc::default()).await;
    engine.apply(put(bench.settings(json!({ "connect_timeout_ms": 1000 })))).await.unwrap();
    let mut both = pipe();
    both.atomic().incr("n", 2).get("n");
    assert_eq!(redis.pipeline::<(u64, u64)>(&both).await.unwrap(), (2, 2));
    let refused = redis.query::<u64>(cmd("INCR").arg("n").arg("too many")).await.unwrap_err();
    assert!(matches!(refused, RedisError::Refused(_)), "{refused}");
    bench.server.stop();
    let removed = until("them to see that their server is gone", async || {
        redis
            .query::<u64>(&incr("n"))
            .await
            .err()
            .filter(|error| matches!(error, RedisError::Unavailable { .. }))
    })
    .await;
    assert!(removed.to_string().contains("cannot use"), "{removed}");
    bench.server.restart();
    for _ in 0..3 {
        until("each of them to be open again", async || redis.query::<u64>(&incr("n")).await.ok()).await;
    }
    assert_eq!(bench.settled(&redis).len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reloads_faster_than_connections_drain_never_have_more_than_two_sets() {
    let bench = Bench::new();
    let (engine, redis) = started(&Arc::default()).await;
    let settings = |n: u64| bench.settings(json!({ "pool_size": 4, "response_timeout_ms": 5000 + n }));
    engine.apply(put(settings(0))).await.unwrap();
    let mut watch = bench.watch.get_multiplexed_async_connection().await.unwrap();
    let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
    let watching = tokio::spawn(async move {
        let mut most = 0;
        while stopped.try_recv().is_err() {
            let list: String = cmd("CLIENT").arg("LIST").query_async(&mut watch).await.unwrap();
            most = most.max(list.lines().count() - 1);
        }
        most
    });
    let handle = redis.clone();
    let counting = tokio::spawn(async move {
        for n in 1..=2000 {
            assert_eq!(handle.query::<u64>(&incr("n")).await.unwrap(), n);
        }
    });
    for n in 1..=40 {
        engine.apply(put(settings(n))).await.unwrap();
    }
    counting.await.unwrap();
    stop.send(()).unwrap();
    let most = watching.await.unwrap();
    assert!((5..=8).contains(&most), "the old ones and the new ones, and no more: {most}");
}
