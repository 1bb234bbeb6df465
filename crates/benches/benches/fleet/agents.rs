//! How long a change of a tool on one server takes to reach every agent that listens at another.

use std::time::{Duration, Instant};

use midflight_benches::http_client::{Connection, request};
use midflight_server::RunningServer;
use midflight_testkit::{Postgres, Redis};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::watchers::{apply, serve};
use crate::{Times, bare};

const CHANGES: u64 = 50;
/// Between two changes, so that each is announced by itself: a notice follows another after 100 ms at the earliest.
const PAUSE: Duration = Duration::from_millis(150);
/// What stands in a notice before the revision that it is of.
const REVISION: &[u8] = b"\"dev.midflight/revision\":";

pub(crate) async fn message(postgres: &Postgres, redis: &Redis) {
    let (writer, received) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let log = postgres.database();
    let (writer, received) = (serve(&writer, &log, redis).await, serve(&received, &log, redis).await);
    for (listeners, target) in [(1, "p50 5 ms"), (1_000, "20 ms, the last one")] {
        let (changed, acknowledged) = changes(&writer, &received, listeners).await;
        let reference = bare::redis(&redis.url(), listeners, 200).await;
        println!(
            "a change of a tool until list_changed is received through another server, the last of {listeners} \
             listeners (aim {target}): {changed}; since it was acknowledged: {acknowledged}\n    \
             a message through Redis to as many: {reference}; p50 ratio {:.1}",
            changed.over(&reference, 50)
        );
    }
    writer.stop().await;
    received.stop().await;
}

/// Since the change was sent, and since it was acknowledged.
async fn changes(writer: &RunningServer, received: &RunningServer, listeners: usize) -> (Times, Times) {
    let mut connection = Connection::open(&writer.address().to_string()).await.unwrap();
    let (tell, mut message) = mpsc::unbounded_channel();
    let mut streams = Vec::new();
    for _ in 0..listeners {
        streams.push(tokio::spawn(hear(listen(&received.address().to_string()).await, tell.clone())));
    }
    let (mut changed, mut acknowledged) = (Times::default(), Times::default());
    for n in 0..CHANGES {
        tokio::time::sleep(PAUSE).await;
        let pattern = json!({"time_estimate_ms": 1, "cost_estimate": 1});
        let tool = json!({"description": format!("Changed {n} times, {listeners} listen"),
            "capabilities": {"c": {"patterns": {"p": pattern}}}});
        let began = Instant::now();
        let revision = apply(&mut connection, "tools", "changing", &tool).await;
        let (answered, mut last) = (Instant::now(), began);
        for _ in 0..listeners {
            while let Some((seen, at)) = message.recv().await {
                if seen == revision {
                    last = last.max(at);
                    break;
                }
            }
        }
        changed.add(last - began);
        acknowledged.add(last.saturating_duration_since(answered));
    }
    streams.iter().for_each(|stream| stream.abort());
    (changed, acknowledged)
}

/// A subscription that was acknowledged.
async fn listen(address: &str) -> TcpStream {
    let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}});
    let params = json!({"notifications": {"toolsListChanged": true}, "_meta": meta});
    let body =
        json!({"jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen", "params": params}).to_string();
    let request = String::from_utf8(request("POST", "/mcp", None, false, &body)).unwrap();
    let headers = "accept: application/json, text/event-stream\r\nmcp-protocol-version: 2026-07-28\r\n\
                   mcp-method: subscriptions/listen\r\nhost: ";
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.replacen("host: ", headers, 1).as_bytes()).await.unwrap();
    let mut output = Vec::new();
    while !String::from_utf8_lossy(&output).contains("subscriptions/acknowledged") {
        assert!(stream.read_buf(&mut output).await.unwrap() > 0, "{}", String::from_utf8_lossy(&output));
    }
    stream
}

/// Tells of each revision that a stream brings a notice of.
async fn hear(mut stream: TcpStream, tell: mpsc::UnboundedSender<(u64, Instant)>) {
    let mut output = Vec::new();
    while stream.read_buf(&mut output).await.is_ok_and(|read| read > 0) {
        let at = Instant::now();
        while let Some(start) = output.windows(REVISION.len()).position(|window| window == REVISION) {
            let digits = start + REVISION.len();
            let Some(end) = output[digits..].iter().position(|byte| !byte.is_ascii_digit()) else { break };
            let revision = String::from_utf8_lossy(&output[digits..digits + end]).parse().unwrap();
            output.drain(..digits + end);
            if tell.send((revision, at)).is_err() {
                return;
            }
        }
    }
}
