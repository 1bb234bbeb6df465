//! How long an edit on one server takes to reach everybody who watches another.

use std::time::Instant;

use midflight_benches::Shape;
use midflight_benches::http_client::{Connection, request};
use midflight_config::Origin;
use midflight_server::{BusUrl, RunningServer, ServeOptions, StoreUrl, start};
use midflight_testkit::{Postgres, Redis, TOKEN};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::Times;

const WATCHERS: usize = 500;
const EDITS: usize = 50;

pub(crate) async fn served(postgres: &Postgres, redis: &Redis) {
    let (writer, watched) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let log = postgres.database();
    let (writer, watched) = (serve(&writer, &log, redis).await, serve(&watched, &log, redis).await);
    let mut connection = Connection::open(&writer.address().to_string()).await.unwrap();
    apply(&mut connection, "rules", "bench", &json!({"default": true})).await;
    let (message, mut received) = mpsc::unbounded_channel();
    for _ in 0..WATCHERS {
        let stream = watch(&watched.address().to_string()).await;
        tokio::spawn(tell(stream, message.clone()));
    }
    let mut times = Times::default();
    for edit in 0..EDITS {
        let mut rule = Shape::Equality.rule(edit);
        rule["priority"] = json!(edit);
        let revision = apply(&mut connection, "rules", "bench/R1", &rule).await;
        let acknowledged = Instant::now();
        let mut last = acknowledged;
        for _ in 0..WATCHERS {
            // A watcher that was not there yet when the first one began hears of all since.
            while let Some((seen, at)) = received.recv().await {
                if seen == revision {
                    last = last.max(at);
                    break;
                }
            }
        }
        times.add(last - acknowledged);
    }
    println!(
        "acknowledged by one server to the last of {WATCHERS} SSE watchers of another: {times} (aim p50 19 ms)"
    );
    writer.stop().await;
    watched.stop().await;
}

pub(crate) async fn serve(folder: &tempfile::TempDir, log: &str, redis: &Redis) -> RunningServer {
    let token = folder.path().join("token");
    std::fs::write(&token, TOKEN).unwrap();
    let mut options = ServeOptions::new(folder.path());
    options.admin_token_file = Some(token);
    let flag = |name: &str| Origin::Flag(name.to_owned());
    options.config.listen("127.0.0.1:0".parse().unwrap(), flag("--listen"));
    options.config.store(&log.parse::<StoreUrl>().unwrap(), flag("--store"));
    options.config.bus(&redis.url().parse::<BusUrl>().unwrap(), flag("--bus"));
    start(options).await.unwrap()
}

/// Puts a document, and gives its revision.
pub(crate) async fn apply(connection: &mut Connection, kind: &str, name: &str, body: &Value) -> u64 {
    let changes = json!({"changes": [{"op": "put", "kind": kind, "name": name, "body": body}]});
    let request = request("POST", "/api/v1/apply", Some(TOKEN), false, &changes.to_string());
    let (status, answer) = connection.send(&request).await.unwrap();
    assert!((200..300).contains(&status), "{status} {}", String::from_utf8_lossy(answer));
    serde_json::from_slice::<Value>(answer).unwrap()["revision"].as_u64().unwrap()
}

async fn watch(address: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let ask = b"GET /api/v1/watch?since=1 HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n";
    stream.write_all(ask).await.unwrap();
    // The head of the answer: it listens now.
    let mut head = Vec::new();
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        assert!(stream.read_buf(&mut head).await.unwrap() > 0);
    }
    stream
}

/// Tells of each revision that a stream of events brings, by its `id:`.
async fn tell(mut stream: TcpStream, message: mpsc::UnboundedSender<(u64, Instant)>) {
    let mut text = Vec::new();
    while stream.read_buf(&mut text).await.is_ok_and(|read| read > 0) {
        let at = Instant::now();
        while let Some(end) = text.iter().position(|byte| *byte == b'\n') {
            let line: Vec<_> = text.drain(..=end).collect();
            let id = line.strip_prefix(b"id:").map(|id| String::from_utf8_lossy(id).trim().to_owned());
            if let Some(revision) = id.and_then(|id| id.parse().ok())
                && message.send((revision, at)).is_err()
            {
                return;
            }
        }
    }
}
