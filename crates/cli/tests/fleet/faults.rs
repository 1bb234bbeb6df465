//! Bad days: what carries the hints is away, the log is away, a replica is. Each time: nothing is lost, whoever asks is
//! answered, the health says what is wrong, and it mends itself. `MIDFLIGHT_FAULT_SECONDS=60` makes each as long, and
//! each prints how long a replica was behind after it ended and what it cost meanwhile.

use std::sync::Arc;
use std::time::{Duration, Instant};

use midflight_testkit::{Midflight, Nats, Postgres, Proxy, Redis, pause};
use serde_json::{Value, json};

use crate::harness::{Asker, adults, binary, condition, flags, serve, until};

/// How long the fault lasts, beyond what it takes to be seen.
fn fault_time() -> Duration {
    Duration::from_secs_f64(
        std::env::var("MIDFLIGHT_FAULT_SECONDS").map_or(0.5, |seconds| seconds.parse().unwrap()),
    )
}

/// Waits until the health of a server says so.
async fn until_health(ask: &Asker, url: &str, says: impl Fn(&Value) -> bool) {
    until(|| async { says(&ask.get(url, "/health/hot-reload").await.ok()?).then_some(()) }).await;
}

/// Lets the fault last, and answers what share of a processor a server took meanwhile, in per cent.
async fn last(server: &mut Midflight) -> f64 {
    let (before, began) = (server.process().cpu(), Instant::now());
    let time = fault_time();
    tokio::task::spawn_blocking(move || pause(time)).await.unwrap();
    let took = server.process().cpu().saturating_sub(before);
    100.0 * took.as_secs_f64() / began.elapsed().as_secs_f64()
}

fn tell(fault: &str, behind: Option<Instant>, cpu: f64) {
    let behind = behind.map_or_else(|| "-".to_owned(), |since| format!("{} ms", since.elapsed().as_millis()));
    eprintln!(
        "| {fault} | lasted {:?} | behind afterwards {behind} | {cpu:.1} % of a processor |",
        fault_time()
    );
}

/// Stops a server, and prints how long that took.
fn stop(fault: &str, server: &mut Midflight) {
    let began = Instant::now();
    assert!(server.stop().success(), "{}", server.log());
    eprintln!("| {fault} | stopped in {} ms |", began.elapsed().as_millis());
}

/// One that writes and one that follows, on a log in the shared PostgreSQL.
struct Two {
    ask: Asker,
    writer: Midflight,
    follower: Midflight,
    log: String,
    _postgres: Arc<Postgres>,
}

impl Two {
    /// With hints through `bus`.
    async fn new(bus: &str) -> Self {
        let postgres = Postgres::shared();
        let (ask, log) = (Asker::new(), postgres.database());
        let (writer, follower) = (serve(&flags(&log, bus)), serve(&flags(&log, bus)));
        let revision = adults(&ask, writer.url()).await;
        ask.until_served(follower.url(), revision).await;
        Self { ask, writer, follower, log, _postgres: postgres }
    }
}

/// What carries the hints goes away and comes back by `fault` and `end`. Answers what the follower logged.
async fn hints_go_away(what: &str, bus: &str, fault: impl FnOnce(), end: impl FnOnce()) -> String {
    let Two { ask, writer, mut follower, _postgres, .. } = Two::new(bus).await;
    until_health(&ask, follower.url(), |health| health["bus"]["connected"] == true).await;
    tokio::task::block_in_place(fault);
    let edited = ask.edit(writer.url(), "conditions/old", &condition(30)).await;
    until_health(&ask, follower.url(), |health| {
        health["status"] == "degraded" && health["bus"]["connected"] == false
    })
    .await;
    let metrics = reqwest::get(format!("{}/metrics", follower.url())).await.unwrap().text().await.unwrap();
    assert!(metrics.contains("midflight_bus_connected 0"), "{metrics}");
    assert!(ask.recommended(follower.url(), 29).await.is_some(), "it goes on answering");
    // What the log says by itself is heard all the same, and health lists it.
    ask.until_served(follower.url(), edited).await;
    let sources = ask.health(follower.url()).await["hint_sources"].clone();
    let connected = |name: &str| {
        sources.as_array().unwrap().iter().find(|it| it["name"] == name).unwrap()["connected"].clone()
    };
    assert_eq!(connected("postgres"), true, "{sources}");
    let cpu = last(&mut follower).await;
    let ended = Instant::now();
    tokio::task::block_in_place(end);
    until_health(&ask, follower.url(), |health| health["status"] == "healthy").await;
    tell(what, Some(ended), cpu);
    follower.log()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_goes_away() {
    let redis = std::cell::RefCell::new(Redis::start());
    let url = redis.borrow().url();
    hints_go_away("Redis stopped", &url, || redis.borrow_mut().stop(), || redis.borrow_mut().restart()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_does_not_answer() {
    let redis = std::cell::RefCell::new(Redis::start());
    let url = redis.borrow().url();
    let (pause, resume) = (|| redis.borrow_mut().process().pause(), || redis.borrow_mut().process().resume());
    hints_go_away("Redis paused", &url, pause, resume).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nats_goes_away() {
    let nats = std::cell::RefCell::new(Nats::start());
    let url = nats.borrow().url();
    let log =
        hints_go_away("NATS stopped", &url, || nats.borrow_mut().stop(), || nats.borrow_mut().restart())
            .await;
    assert!(!log.contains("ERROR"), "an outage that ends by itself is no error: {log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nats_does_not_answer() {
    let nats = std::cell::RefCell::new(Nats::start());
    let url = nats.borrow().url();
    let (pause, resume) = (|| nats.borrow_mut().process().pause(), || nats.borrow_mut().process().resume());
    hints_go_away("NATS paused", &url, pause, resume).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_is_not_there_at_the_start() {
    let mut redis = Redis::start();
    let bus = redis.url();
    redis.stop();
    let postgres = Postgres::shared();
    let log = postgres.database();
    let ask = Asker::new();
    let (writer, mut follower) = (serve(&flags(&log, &bus)), serve(&flags(&log, &bus)));
    let revision = adults(&ask, writer.url()).await;
    let degraded = |health: &Value| health["status"] != "healthy" && health["bus"]["connected"] == false;
    until_health(&ask, follower.url(), degraded).await;
    let cpu = last(&mut follower).await;
    let ended = Instant::now();
    redis.restart();
    ask.until_served(follower.url(), revision).await;
    tell("Redis away at the start", Some(ended), cpu);
    redis.stop();
    stop("Redis away for ever", &mut follower);
}

/// Two on a PostgreSQL of their own, reached through a network that can break.
struct Away {
    postgres: Postgres,
    network: Proxy,
    ask: Asker,
    flags: [String; 4],
    follower: Midflight,
    revision: u64,
}

impl Away {
    async fn new() -> Self {
        let postgres = tokio::task::spawn_blocking(Postgres::start).await.unwrap();
        let network = Proxy::to(postgres.port());
        let log = postgres.database().replace(&postgres.port().to_string(), &network.port().to_string());
        let (ask, flags) = (Asker::new(), flags(&log, "postgres"));
        let follower = serve(&flags);
        let revision = adults(&ask, follower.url()).await;
        until_health(&ask, follower.url(), |health| health["status"] == "healthy").await;
        Self { postgres, network, ask, flags, follower, revision }
    }

    async fn until_degraded(&self) {
        until_health(&self.ask, self.follower.url(), |health| {
            health["status"] == "degraded" && health["store_available"] == false
        })
        .await;
        let answer = self.ask.recommended(self.follower.url(), 17).await;
        assert_eq!(answer, Some((self.revision, json!("send home"))), "it goes on answering");
        let put = self.ask.put(self.follower.url(), "conditions/old", &condition(99), "").await.unwrap();
        assert_eq!((put.0, &put.1["code"]), (503, &json!("store_unavailable")), "{}", put.1);
    }

    /// After it ended: what was there is, and it takes edits again.
    async fn mends(&self, fault: &str, ended: Instant, cpu: f64) {
        until_health(&self.ask, self.follower.url(), |health| health["store_available"] == true).await;
        tell(fault, Some(ended), cpu);
        // What was said to be unavailable was not taken.
        let edited = until(|| async {
            let put = self.ask.put(self.follower.url(), "conditions/old", &condition(40), "").await.ok()?;
            (put.0 == 200).then(|| put.1["revision"].as_u64())?
        })
        .await;
        assert!(edited > self.revision);
        until_health(&self.ask, self.follower.url(), |health| health["status"] == "healthy").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_is_restarted() {
    let mut unavailable = Away::new().await;
    tokio::task::block_in_place(|| unavailable.postgres.stop());
    unavailable.until_degraded().await;
    let cpu = last(&mut unavailable.follower).await;
    tokio::task::block_in_place(|| unavailable.postgres.restart());
    unavailable.mends("PostgreSQL stopped", Instant::now(), cpu).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_does_not_answer() {
    let mut unavailable = Away::new().await;
    unavailable.network.stall();
    until_health(&unavailable.ask, unavailable.follower.url(), |health| health["status"] == "degraded").await;
    let cpu = last(&mut unavailable.follower).await;
    unavailable.network.heal();
    unavailable.mends("PostgreSQL paused", Instant::now(), cpu).await;
    unavailable.network.stall();
    stop("PostgreSQL paused", &mut unavailable.follower);
}

/// Asks and answers how long that took.
async fn timed<T>(asking: impl Future<Output = T>) -> (T, u128) {
    let began = Instant::now();
    (asking.await, began.elapsed().as_millis())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_waits_for_a_log_that_hangs() {
    let postgres = tokio::task::spawn_blocking(Postgres::start).await.unwrap();
    let (ask, flags) = (Asker::new(), flags(&postgres.database(), "postgres"));
    let server = serve(&flags);
    let url = server.url();
    adults(&ask, url).await;
    until_health(&ask, url, |health| health["status"] == "healthy").await;
    let healthy = ask.health(url).await;
    assert_eq!(
        (&healthy["store"]["available"], &healthy["fresh"]),
        (&json!(true), &json!(true)),
        "{healthy}"
    );
    assert!(healthy["store"]["last_answer_ms"].is_number(), "{healthy}");

    // Its processes are stopped: every connection stays open, and nothing comes back.
    postgres.pause();
    let document = "/api/v1/documents/rules/adults?at=1";
    let ((output, by_health), read, replicas, edit) = tokio::join!(
        timed(until(|| async {
            let health = ask.get(url, "/health/hot-reload").await.ok()?;
            (health["store_available"] == false && health["fresh"] == false).then_some(health)
        })),
        timed(ask.get(url, document)),
        timed(ask.get(url, "/api/v1/replicas")),
        timed(async { ask.put(url, "conditions/old", &condition(44), "").await }),
    );
    let (edited, edit_ms) = edit;
    let (status, edited) = edited.unwrap();
    eprintln!(
        "| PostgreSQL hangs | health says so after {by_health} ms, a read is answered after {} ms, the replicas after {} ms, \
         an edit after {edit_ms} ms |",
        read.1, replicas.1
    );
    assert_eq!(output["status"], "degraded", "{output}");
    let degraded = output["degraded"].to_string();
    assert!(degraded.contains("last response") && !degraded.contains("within"), "{degraded}");
    assert_eq!(read.0.unwrap()["code"], "store_unavailable");
    assert_eq!(replicas.0.unwrap()["items"][0]["address"], url, "it knows of itself");
    let known = ["store_unavailable", "outcome_unknown"];
    assert!(status == 503 && known.iter().any(|code| edited["code"] == *code), "{edited}");
    let metrics = reqwest::get(format!("{url}/metrics")).await.unwrap().text().await.unwrap();
    assert!(metrics.contains("midflight_store_available 0"), "{metrics}");

    postgres.resume();
    until_health(&ask, url, |health| health["status"] == "healthy" && health["fresh"] == true).await;
    assert!(ask.edit(url, "conditions/old", &condition(45)).await > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_is_reported_at_once_with_what_it_serves() {
    let Two { ask, writer, follower, _postgres, .. } = Two::new("postgres").await;
    let mut slowest = 0;
    for age in 0..10 {
        let edited = ask.edit(writer.url(), "conditions/old", &condition(20 + age)).await;
        ask.until_served(follower.url(), edited).await;
        let ((), took) = timed(until(|| async {
            let output = ask.get(writer.url(), "/api/v1/replicas").await.ok()?;
            let items = output["items"].as_array()?;
            items.iter().all(|one| one["applied_revision"] == edited && one["lag_ms"] == 0.0).then_some(())
        }))
        .await;
        slowest = slowest.max(took);
    }
    eprintln!("| replicas | listed at what they serve after at most {slowest} ms |");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_is_not_there_at_the_start() {
    let mut unavailable = Away::new().await;
    tokio::task::block_in_place(|| {
        unavailable.postgres.stop();
        unavailable.follower.restart();
    });
    unavailable.until_degraded().await;
    let health = unavailable.ask.health(unavailable.follower.url()).await;
    assert_eq!(health["from_copy"], true, "{health}");
    let cpu = last(&mut unavailable.follower).await;
    tokio::task::block_in_place(|| unavailable.postgres.restart());
    unavailable.mends("PostgreSQL away at the start", Instant::now(), cpu).await;

    // One that never ran here has nothing to start from, and waits.
    tokio::task::block_in_place(|| unavailable.postgres.stop());
    let mut fresh = {
        let mut fresh = Midflight::start(binary(), &[]);
        fresh.begin_restart(&unavailable.flags.iter().map(String::as_str).collect::<Vec<_>>());
        fresh
    };
    until(|| async { fresh.log().contains("waiting for the log").then_some(()) }).await;
    tokio::task::block_in_place(|| {
        unavailable.postgres.restart();
        fresh.until_it_answers();
    });
    assert!(unavailable.ask.served(fresh.url()).await >= Some(unavailable.revision));
    stop("waiting for the log", &mut unavailable.follower);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_is_paused() {
    let Two { ask, writer, mut follower, _postgres, .. } = Two::new("postgres").await;
    // Each reports every half second, and soon after it serves another revision.
    until(|| async {
        let output = ask.get(writer.url(), "/api/v1/replicas").await.ok()?;
        let replicas = output["items"].as_array()?;
        (replicas.len() == 2 && replicas.iter().all(|one| one["lag_ms"] == 0.0)).then_some(())
    })
    .await;
    follower.process().pause();
    let (status, output) =
        ask.put(writer.url(), "conditions/old", &condition(30), "?wait=all&timeout_ms=300").await.unwrap();
    assert_eq!((status, &output["outcome"]), (202, &json!("pending")), "{output}");
    let missing = output["acks"].as_array().unwrap().iter().filter(|ack| ack["ack"] == false).count();
    assert_eq!(missing, 1, "{output}");
    let edited = output["revision"].as_u64().unwrap();
    // It is said to be silent, and of what it does not serve nothing is claimed.
    let paused = Instant::now();
    let listed = until(|| async {
        let output = ask.get(writer.url(), "/api/v1/replicas").await.ok()?;
        let silent = output["items"].as_array()?.iter().find(|one| one["silent_since"].is_string())?;
        Some(silent.clone())
    })
    .await;
    assert_eq!(listed["address"], follower.url());
    assert!(listed["degraded"].as_str().unwrap().contains("reported nothing"), "{listed}");
    assert!(listed["lag_ms"].is_null() && listed["applied_revision"].as_u64() < Some(edited), "{listed}");
    eprintln!("| a replica paused | listed as silent after {} ms |", paused.elapsed().as_millis());
    let cpu = last(&mut follower).await;
    // One that does not say anything is left out of what is waited for, until it does.
    let (status, output) =
        ask.put(writer.url(), "conditions/old", &condition(31), "?wait=all&timeout_ms=60000").await.unwrap();
    assert_eq!((status, &output["outcome"]), (200, &json!("success")), "{output}");
    let ended = Instant::now();
    follower.process().resume();
    ask.until_served(follower.url(), edited + 1).await;
    tell("a replica paused", Some(ended), cpu);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unauthenticated_messages_mislead_no_follower() {
    let redis = Redis::start();
    let Two { ask, writer, follower, _postgres, .. } = Two::new(&redis.url()).await;
    until_health(&ask, follower.url(), |health| health["bus"]["connected"] == true).await;
    let served = ask.served(follower.url()).await;
    let forged = json!({"head": 999_999, "action": "reload"}).to_string();
    let output = ["".to_owned(), "{".to_owned(), "null".to_owned(), forged, "x".repeat(3 << 20)];
    for _ in 0..20 {
        for message in &output {
            redis.publish("midflight", message);
        }
    }
    until_health(&ask, follower.url(), |health| health["bus"]["ignored"].as_u64() >= Some(100)).await;
    assert_eq!(ask.served(follower.url()).await, served);
    let edited = ask.edit(writer.url(), "conditions/old", &condition(33)).await;
    ask.until_served(follower.url(), edited).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_orders_of_older_programs_are_a_few_looks() {
    let redis = Redis::start();
    let postgres = Postgres::shared();
    let log = postgres.database();
    let mut with_channel = flags(&log, &redis.url()).to_vec();
    with_channel.extend(["--redis-legacy-channel".to_owned(), "pattern_reload".to_owned()]);
    let (ask, server) = (Asker::new(), serve(&with_channel));
    adults(&ask, server.url()).await;
    until_health(&ask, server.url(), |health| health["bus"]["connected"] == true).await;
    let order = json!({"action": "reload", "pattern_id": "42"}).to_string();
    for _ in 0..1000 {
        redis.publish("pattern_reload", &order);
    }
    let looked = async || {
        let health = ask.health(server.url()).await;
        (health["bus"]["heard"].as_u64() >= Some(1000)).then_some(())
    };
    until(|| async { looked().await }).await;
    let reloads = ask.get(server.url(), "/api/v1/reloads?trigger=notify").await.unwrap();
    assert!(reloads["items"].as_array().unwrap().len() < 20, "{reloads}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invalid_row_added_by_hand_is_quarantined_by_every_replica() {
    let Two { ask, writer, follower, log, _postgres } = Two::new("postgres").await;
    let put = |name: &str, body: &str| {
        let put = format!("SELECT midflight_put('rules', '{name}', '{body}', 'anna')");
        Postgres::psql(&log, &put).unwrap().parse::<u64>().unwrap()
    };
    let wrong = put("conditions/old", r#"{"attribute": 7}"#);
    let good = put("conditions/other", &condition(5).to_string());
    for server in [&writer, &follower] {
        ask.until_served(server.url(), good).await;
        let health = ask.health(server.url()).await;
        assert_eq!((&health["quarantined"], &health["status"]), (&json!([wrong]), &json!("unhealthy")));
        assert_eq!(ask.recommended(server.url(), 17).await.unwrap().1, json!("send home"));
    }
    let nacks = until(|| async {
        let output = ask.get(writer.url(), "/api/v1/replicas").await.ok()?;
        let nack = |of: &Value| of["quarantined"][0]["revision"] == wrong;
        output["items"].as_array()?.iter().all(nack).then_some(output)
    })
    .await;
    assert!(nacks.to_string().contains("conditions/old"), "{nacks}");
    let mended = put("conditions/old", &condition(21).to_string());
    for server in [&writer, &follower] {
        ask.until_served(server.url(), mended).await;
        until_health(&ask, server.url(), |health| health["status"] == "healthy").await;
    }
    // What only a newer program knows is left out, and does not stop what comes after it.
    Postgres::psql(&log, "SELECT midflight_put('holograms', 'x', '{}', 'anna')").unwrap();
    let after = put("conditions/old", &condition(22).to_string());
    ask.until_served(follower.url(), after).await;
    assert_eq!(ask.recommended(follower.url(), 21).await.unwrap(), (after, json!("send home")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_copy_cannot_be_written() {
    let Two { ask, writer, mut follower, _postgres, .. } = Two::new("postgres").await;
    let copy = follower.folder().join("data/last-good");
    until(|| async { copy.is_file().then_some(()) }).await;
    // A folder in its place is what a full disk is to it: writing fails, and all else goes on.
    tokio::task::block_in_place(|| {
        follower.stop();
        std::fs::remove_file(&copy).unwrap();
        std::fs::create_dir(&copy).unwrap();
        std::fs::write(copy.join("in-the-way"), "").unwrap();
        follower.restart();
    });
    let edited = ask.edit(writer.url(), "conditions/old", &condition(50)).await;
    ask.until_served(follower.url(), edited).await;
    until_health(&ask, follower.url(), |health| {
        health["status"] == "degraded" && health["degraded"].to_string().contains("copy")
    })
    .await;
    std::fs::remove_dir_all(&copy).unwrap();
    until_health(&ask, follower.url(), |health| health["status"] == "healthy").await;
}
