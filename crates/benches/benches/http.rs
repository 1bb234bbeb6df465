//! The server under load: its throughput beside an echo, and what reloads do to those who are asking meanwhile.
//!
//! Client and server share the machine, so figures are to be read against each other, never alone.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement stops where it fails, and prints"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use midflight_benches::Shape;
use midflight_benches::http_client::{Connection, request};
use midflight_config::Origin;
use midflight_server::{ServeOptions, start};
use serde_json::{Value, json};

const CONNECTIONS: usize = 16;
const ROUND: Duration = Duration::from_secs(2);
const ROUNDS: usize = 5;
const LOADED: Duration = Duration::from_secs(10);
const LOADED_ROUNDS: usize = 3;
const RELOADS: u32 = 37;
const KEPT_PER_SECOND: u64 = 500;
const FRESH_PER_SECOND: u64 = 300;
const RULES: usize = 1000;

#[tokio::main]
async fn main() {
    let folder = tempfile::TempDir::new().unwrap();
    let token_file = folder.path().join("token");
    let mut options = ServeOptions::new(folder.path());
    let listen = Origin::Flag("--listen".to_owned());
    options.config.listen("127.0.0.1:0".parse().unwrap(), listen);
    options.admin_token_file = Some(token_file.clone());
    let server = start(options).await.unwrap();
    let address = server.url().trim_start_matches("http://").trim_end_matches('/').to_owned();
    let token = std::fs::read_to_string(&token_file).unwrap().trim().to_owned();
    fill(&address, &token).await;

    throughput(&address).await;
    reloads_under_load(&address, &token).await;
    server.stop().await;
}

async fn fill(address: &str, token: &str) {
    let rules = (0..RULES).map(|n| {
        json!({"op": "put", "kind": "rules", "name": format!("bench/{n}"), "body": Shape::Equality.rule(n)})
    });
    let ruleset = json!({"op": "put", "kind": "rules", "name": "bench", "body": {"default": true}});
    let changes: Vec<_> = std::iter::once(ruleset).chain(rules).collect();
    let body = json!({"changes": changes, "reason": "benchmark"}).to_string();
    let mut connection = Connection::open(address).await.unwrap();
    let (status, answer) =
        connection.send(&request("POST", "/api/v1/apply", Some(token), false, &body)).await.unwrap();
    assert!((200..300).contains(&status), "{status} {}", String::from_utf8_lossy(answer));
}

fn question() -> String {
    json!({"data": Shape::Equality.input(RULES - 1)}).to_string()
}

/// In turn: ours, an echo of the question, and an echo of bytes as long as our answer, which shows what of the
/// difference is only its length.
async fn throughput(address: &str) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let echo_address = listener.local_addr().unwrap().to_string();
    let echo = Router::new().route("/", post(|body: Bytes| async move { body }));
    let echo = tokio::spawn(async move { axum::serve(listener, echo).await });

    let ask_execute = request("POST", "/api/v1/rules/execute", None, false, &question());
    let mut connection = Connection::open(address).await.unwrap();
    let answer = String::from_utf8(connection.send(&ask_execute).await.unwrap().1.to_vec()).unwrap();
    let asked = [
        (address, ask_execute),
        (&*echo_address, request("POST", "/", None, false, &question())),
        (&*echo_address, request("POST", "/", None, false, &answer)),
    ];
    let mut found = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        for ((address, ask), found) in asked.iter().zip(&mut found) {
            found.push(per_second(address, ask).await);
        }
    }
    echo.abort();
    let [execute, echo, long_echo] = found.map(|mut figures| median(&mut figures));
    println!(
        "HTTP execute, {RULES} rules, last matches: {execute:.0}/s; axum echo of the same body: {echo:.0}/s; \
         ratio {:.2} (aim 0.80)\n    axum echo of a body as long as the answer ({} bytes): {long_echo:.0}/s; ratio {:.2}",
        execute / echo,
        answer.len(),
        execute / long_echo
    );
}

async fn per_second(address: &str, request: &[u8]) -> f64 {
    let end = Instant::now() + ROUND;
    let askers = (0..CONNECTIONS).map(|_| async {
        let mut connection = Connection::open(address).await.unwrap();
        let mut done = 0_u32;
        while Instant::now() < end {
            let (status, _) = connection.send(request).await.unwrap();
            assert_eq!(status, 200);
            done += 1;
        }
        f64::from(done)
    });
    let done: f64 = futures_util::future::join_all(askers).await.into_iter().sum();
    done / ROUND.as_secs_f64()
}

fn median(figures: &mut [f64]) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

#[derive(Default)]
struct Seen {
    failed: AtomicU64,
    closed: AtomicU64,
}

/// In turn, without reloads and with them; of each percentile the median over the rounds.
async fn reloads_under_load(address: &str, token: &str) {
    let (mut quiet, mut reloading) = (Vec::new(), Vec::new());
    for _ in 0..LOADED_ROUNDS {
        quiet.push(load(address, None).await);
        reloading.push(load(address, Some(token)).await);
    }
    type Pick = fn(&(Percentiles, Percentiles)) -> Percentiles;
    let sorts: [(&str, Pick); 2] = [("kept-alive", |both| both.0), ("fresh", |both| both.1)];
    for (name, pick) in sorts {
        let median_of = |rounds: &[_], percentile: fn(Percentiles) -> f64| {
            median(&mut rounds.iter().map(|round| percentile(pick(round))).collect::<Vec<_>>())
        };
        let [p50, p99] = [|both: Percentiles| both.0, |both: Percentiles| both.1];
        println!(
            "{name}: p50 {:.2} ms and p99 {:.2} ms without reloads, p50 {:.2} ms and p99 {:.2} ms with {RELOADS} in {} s; \
             p99 ratio {:.2} (aim 1.30)",
            median_of(&quiet, p50),
            median_of(&quiet, p99),
            median_of(&reloading, p50),
            median_of(&reloading, p99),
            LOADED.as_secs(),
            median_of(&reloading, p99) / median_of(&quiet, p99)
        );
    }
}

type Percentiles = (f64, f64);

/// Keeps a steady rate of requests on kept connections and on fresh ones, with reloads among them if there is a token.
async fn load(address: &str, token: Option<&str>) -> (Percentiles, Percentiles) {
    let seen = Arc::new(Seen::default());
    let end = Instant::now() + LOADED;
    let kept = kept_alive(address, end, &seen);
    let fresh = fresh(address, end, &seen);
    let reloads = async {
        let Some(token) = token else { return 0 };
        reload(address, token).await
    };
    let (kept, fresh, reloads) = tokio::join!(kept, fresh, reloads);
    let (failed, closed) = (seen.failed.load(Ordering::Relaxed), seen.closed.load(Ordering::Relaxed));
    println!(
        "{} requests on kept connections, {} on fresh ones, {reloads} reloads: failed {failed}, closed {closed}",
        kept.len(),
        fresh.len()
    );
    (percentiles(kept), percentiles(fresh))
}

fn percentiles(mut times: Vec<Duration>) -> Percentiles {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)].as_secs_f64() * 1e3;
    (at(50), at(99))
}

/// Each of ten connections asks fifty times a second, and counts from when it should have asked: a server that stalls
/// is charged for those who wait.
async fn kept_alive(address: &str, end: Instant, seen: &Seen) -> Vec<Duration> {
    const ASKERS: u64 = 10;
    let ask = request("POST", "/api/v1/rules/execute", None, false, &question());
    let askers = (0..ASKERS).map(|_| async {
        let mut connection = Connection::open(address).await.unwrap();
        let mut ticks = tokio::time::interval(Duration::from_micros(1_000_000 * ASKERS / KEPT_PER_SECOND));
        let mut times = Vec::new();
        while Instant::now() < end {
            let due = ticks.tick().await.into_std();
            match connection.send(&ask).await {
                Ok((200, _)) => times.push(due.elapsed()),
                Ok(_) => drop(seen.failed.fetch_add(1, Ordering::Relaxed)),
                Err(_) => {
                    seen.closed.fetch_add(1, Ordering::Relaxed);
                    connection = Connection::open(address).await.unwrap();
                }
            }
        }
        times
    });
    futures_util::future::join_all(askers).await.into_iter().flatten().collect()
}

async fn fresh(address: &str, end: Instant, seen: &Seen) -> Vec<Duration> {
    let ask = request("POST", "/api/v1/rules/execute", None, true, &question());
    let mut ticks = tokio::time::interval(Duration::from_micros(1_000_000 / FRESH_PER_SECOND));
    let mut asked = Vec::new();
    while Instant::now() < end {
        let due = ticks.tick().await.into_std();
        let (address, ask) = (address.to_owned(), ask.clone());
        asked.push(tokio::spawn(async move {
            let mut connection = Connection::open(&address).await.ok()?;
            let (status, _) = connection.send(&ask).await.ok()?;
            (status == 200).then(|| due.elapsed())
        }));
    }
    let mut times = Vec::new();
    for one in asked {
        match one.await.unwrap() {
            Some(time) => times.push(time),
            None => drop(seen.failed.fetch_add(1, Ordering::Relaxed)),
        }
    }
    times
}

/// Has all rules read, validated and recompiled, as often as asked for, evenly over the time.
async fn reload(address: &str, token: &str) -> u32 {
    let body = json!({"force": true, "validate": false}).to_string();
    let forced = request("POST", "/api/v1/rules/hot-reload/reload", Some(token), false, &body);
    let mut connection = Connection::open(address).await.unwrap();
    let mut ticks = tokio::time::interval(LOADED / (RELOADS + 1));
    ticks.tick().await;
    let mut done = 0;
    for _ in 0..RELOADS {
        ticks.tick().await;
        let (status, answer) = connection.send(&forced).await.unwrap();
        let answer: Value = serde_json::from_slice(answer).unwrap();
        assert_eq!((status, &answer["status"]), (200, &json!("success")));
        done += 1;
    }
    done
}
