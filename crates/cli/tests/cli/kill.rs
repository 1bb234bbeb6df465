//! The server is killed in the middle of edits, again and again: every edit that it acknowledged is in the log, and no
//! edit that it refused is.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use midflight_core::RevisionNumber;
use midflight_store::{RevisionLog as _, SqliteOptions, SqliteStore, Store as _};
use serde_json::{Value, json};

use crate::harness::Server;

const EDITS: u64 = 10_000;
const KILLS: u64 = 20;
const WRITERS: u64 = 4;

/// Sends one request; none when the server went away before it answered.
fn send(stream: &mut TcpStream, method: &str, path: &str, token: &str, body: &Value) -> Option<(u16, Value)> {
    let body = body.to_string();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         authorization: Bearer {token}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).ok()?;
    let (mut read, mut buffer) = (Vec::new(), [0; 16 << 10]);
    loop {
        let count = stream.read(&mut buffer).ok().filter(|count| *count > 0)?;
        read.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&read);
        let Some((head, rest)) = text.split_once("\r\n\r\n") else { continue };
        let length = head
            .lines()
            .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if rest.len() >= length? {
            return Some((head.get(9..12)?.parse().ok()?, serde_json::from_str(rest).ok()?));
        }
    }
}

/// What the writers were told.
#[derive(Default)]
struct Told {
    /// Revision and the mark of the edit that became it.
    acknowledged: Mutex<BTreeMap<u64, u64>>,
    /// The marks of edits that were refused.
    refused: Mutex<BTreeSet<u64>>,
    marks: AtomicU64,
}

/// Edits until the server goes away.
fn write(address: &str, token: &str, message: &Told) {
    let Ok(mut stream) = TcpStream::connect(address) else { return };
    loop {
        let mark = message.marks.fetch_add(1, Ordering::Relaxed);
        let weight = if mark % 10 == 3 { -1 } else { 1 };
        let rule = json!({
            "conditions": {"item": {"attribute": "a", "operator": "equal", "constant": mark}},
            "weight": weight, "description": format!("mark {mark}")
        });
        let path = format!("/api/v1/rulesets/set/rules/{}", mark % 50);
        match send(&mut stream, "PUT", &path, token, &rule) {
            Some((200 | 201, answer)) => {
                let revision = answer["revision"].as_u64().unwrap();
                message.acknowledged.lock().unwrap().insert(revision, mark);
            }
            Some((422, _)) => drop(message.refused.lock().unwrap().insert(mark)),
            Some((status, answer)) => panic!("{status} {answer}"),
            None => return,
        }
    }
}

fn mark_of(body: &Value) -> Option<u64> {
    body["description"].as_str()?.strip_prefix("mark ")?.parse().ok()
}

#[test]
fn what_was_acknowledged_is_there_and_what_was_refused_is_not() {
    let mut folder = tempfile::tempdir().unwrap();
    let message = Told::default();
    for round in 0..KILLS {
        let server = Server::start_in(folder, &[]);
        let address = server.url.trim_start_matches("http://").to_owned();
        if round == 0 {
            let mut stream = TcpStream::connect(&address).unwrap();
            let put = send(&mut stream, "PUT", "/api/v1/rulesets/set", &server.token, &json!({}));
            assert_eq!(put.unwrap().0, 201);
        }
        let until = (round + 1) * EDITS / KILLS;
        let token = server.token.clone();
        folder = std::thread::scope(|scope| {
            for _ in 0..WRITERS {
                scope.spawn(|| write(&address, &token, &message));
            }
            while message.marks.load(Ordering::Relaxed) < until {
                std::thread::yield_now();
            }
            // Wherever the writers are: their connections break, and they end.
            server.signal("-KILL").1
        });
    }
    let (acknowledged, refused) =
        (message.acknowledged.into_inner().unwrap(), message.refused.into_inner().unwrap());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let log = runtime.block_on(async {
        let store =
            SqliteStore::open(SqliteOptions::new(folder.path().join("data/midflight.db"))).await.unwrap();
        assert!(store.diagnose().await.unwrap().is_empty());
        let log = store.since(RevisionNumber::ZERO, u32::MAX).await.unwrap();
        store.close().await;
        log
    });
    let mut in_log = BTreeMap::new();
    for appended in &log {
        for body in appended.documents.iter().filter_map(|document| document.body.as_deref()) {
            in_log.extend(mark_of(body).map(|mark| (appended.revision.number.get(), mark)));
        }
    }
    for (revision, mark) in &acknowledged {
        assert_eq!(in_log.get(revision), Some(mark), "revision {revision} was acknowledged for mark {mark}");
    }
    let kept: BTreeSet<_> = in_log.values().collect();
    assert!(refused.iter().all(|mark| !kept.contains(mark)), "a refused edit is in the log");
    println!("{} acknowledged, {} refused, {} in the log", acknowledged.len(), refused.len(), in_log.len());
    assert!(acknowledged.len() as u64 > EDITS / 2 && refused.len() as u64 > EDITS / 20);
}
