//! The stream of revisions: nothing missed, nothing twice, whatever happens to the connection.

use std::sync::Arc;

use futures_util::StreamExt;
use jiff::Timestamp;
use midflight_core::{Change, DocumentId, Edit, Trigger};
use midflight_store::{MemoryStore, NewRevision, RevisionLog as _};
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::support::{DEADLINE, Server, answer, rule, server, server_on, server_with};

struct Stream {
    body: futures_util::stream::BoxStream<'static, Vec<u8>>,
    text: String,
}

/// A server-sent event: its name, its id and its data.
type Event = (String, Option<u64>, Value);

impl Stream {
    async fn open(server: &Server, query: &str, last: Option<u64>) -> Self {
        let mut request = server.anonymous(Method::GET, &format!("/api/v1/watch{query}"));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response: Response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let body = response.bytes_stream().map(|chunk| chunk.unwrap().to_vec()).boxed();
        Self { body, text: String::new() }
    }

    /// The next event; none at the end.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    let mut lines = block.lines();
                    lines.find_map(|line| Some(line.strip_prefix(name)?.trim().to_owned()))
                };
                let event = field("event:").map(|event| {
                    let data = serde_json::from_str(&field("data:").unwrap()).unwrap();
                    (event, field("id:").map(|id| id.parse().unwrap()), data)
                });
                self.text = rest.to_owned();
                match event {
                    Some(event) => return Some(event),
                    None => continue,
                }
            }
            let chunk = tokio::time::timeout(DEADLINE, self.body.next()).await.unwrap()?;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    async fn number(&mut self) -> u64 {
        let (name, id, data) = self.next().await.unwrap();
        assert_eq!((name.as_str(), &data["number"]), ("revision", &json!(id)));
        id.unwrap()
    }
}

#[tokio::test]
async fn a_watcher_learns_that_it_is_connected_before_anything_happens() {
    let server = server().await;
    let mut stream = Stream::open(&server, "", None).await;
    let first = tokio::time::timeout(DEADLINE, stream.body.next()).await.unwrap().unwrap();
    assert_eq!(String::from_utf8_lossy(&first), ": watching\n\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quarantined_revision_is_marked_and_its_release_is_reported() {
    let store = MemoryStore::new();
    let server = server_on(Arc::new(store.clone())).await.with_loans().await;
    let mut stream = Stream::open(&server, "?since=0", None).await;
    let live = [stream.next().await.unwrap(), stream.next().await.unwrap()];
    assert!(live.iter().all(|(_, _, data)| data["quarantined"] == false && data.get("problems").is_none()));
    let id = DocumentId::new("rules", "loans/R1").unwrap();
    let edit = Edit::new("psql", Trigger::Manual, [Change::put(id, json!({"rule_name": 3}))]);
    let (created_at, expected_head) = (Timestamp::now(), store.head().await.unwrap());
    let new = NewRevision { edit: &edit, created_at, expected_head, documents_max: 100 };
    store.append(new).await.unwrap();
    assert_eq!(server.post("/api/v1/rules/hot-reload/reload", &json!({"validate": false})).await.status, 422);
    assert_eq!(server.put("/api/v1/rulesets/cards", &json!({})).await.status, 201);
    let (name, id, data) = stream.next().await.unwrap();
    assert_eq!((name.as_str(), id, &data["quarantined"]), ("revision", Some(3), &json!(true)), "{data}");
    assert!(data["problems"][0]["code"].is_string(), "{data}");
    assert_eq!(stream.number().await, 4);
    let (name, _, data) = stream.next().await.unwrap();
    let left_out = json!({"position": 4, "quarantined": [3], "released": []});
    assert_eq!((name.as_str(), &data), ("quarantine_changed", &left_out));
    // Whoever comes later hears of it at the beginning.
    let mut later = Stream::open(&server, "", None).await;
    assert_eq!(later.next().await.unwrap().2, left_out);
    server.put("/api/v1/rulesets/loans/rules/R1", &rule(18, 5.0)).await.ok();
    for stream in [&mut stream, &mut later] {
        assert_eq!(stream.number().await, 5);
        let (name, _, data) = stream.next().await.unwrap();
        let released = json!({"position": 5, "quarantined": [], "released": [3]});
        assert_eq!((name.as_str(), data), ("quarantine_changed", released));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_that_is_cut_off_again_and_again_misses_nothing() {
    let server = server().await.with_loans().await;
    let last_revision = 202;
    let writers = async {
        for i in 0..50_u64 {
            // Four edits at a time; each makes a revision of its own.
            let edit = |k: u64| {
                let path = format!("/api/v1/rulesets/loans/rules/W{k}");
                let body = rule(18, (i * 4 + k) as f64);
                let server = &server;
                async move { assert!(server.put(&path, &body).await.status.is_success()) }
            };
            tokio::join!(edit(0), edit(1), edit(2), edit(3));
        }
    };
    let watcher = async {
        let mut seen = Vec::new();
        while seen.last() != Some(&last_revision) {
            let last = seen.last().copied();
            let mut stream = Stream::open(&server, "?since=0", last).await;
            for _ in 0..7 {
                if seen.last() == Some(&last_revision) {
                    break;
                }
                seen.push(stream.number().await);
            }
        }
        seen
    };
    let ((), seen) = tokio::join!(writers, watcher);
    assert_eq!(seen, (1..=last_revision).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_watcher_receives_what_it_requested() {
    let server = server().await.with_loans().await;
    let mut from_now = Stream::open(&server, "", None).await;
    let mut of_another_kind = Stream::open(&server, "?kind=patterns&since=0", None).await;
    server.put("/api/v1/rulesets/loans/rules/R1?reason=why", &rule(18, 3.0)).await.ok();
    let (_, id, data) = from_now.next().await.unwrap();
    assert_eq!((id, &data["author"], &data["reason"]), (Some(3), &json!("admin"), &json!("why")));
    assert_eq!(data["changes"][0]["name"], "loans/R1");
    server.running.stop().await;
    assert_eq!(from_now.next().await.unwrap().0, "stopping");
    assert!(from_now.next().await.is_none());
    assert_eq!(of_another_kind.next().await.unwrap(), ("stopping".to_owned(), None, json!({"position": 3})));
}

#[tokio::test]
async fn a_watcher_is_notified_of_another_log_even_of_the_same_length() {
    let server = server().await.with_loans().await;
    let mut behind = Stream::open(&server, "?since=0", None).await;
    let mut up_to_date = Stream::open(&server, "", None).await;
    let adopt = server.post("/api/v1/log/adopt", &json!({"reason": "a restored log"})).await;
    assert_eq!(adopt.status, 200, "{}", adopt.json);
    let last = ("log_adopted".to_owned(), None, json!({"position": 2}));
    assert_eq!(up_to_date.next().await.unwrap(), last);
    assert!(up_to_date.next().await.is_none());
    // What was sent before is read before.
    while let Some((name, ..)) = behind.next().await {
        assert!(name == "revision" || name == "log_adopted", "{name}");
    }
    let mut again = Stream::open(&server, "?since=0", None).await;
    assert_eq!((again.number().await, again.number().await), (1, 2));
}

#[tokio::test]
async fn a_watch_that_cannot_begin_is_refused() {
    let server = server_with(|options| options.limits.watchers_max = 1).await.with_loans().await;
    server.get("/api/v1/watch?since=9").await.problem(404, "not_found");
    let bad = server.anonymous(Method::GET, "/api/v1/watch").header("last-event-id", "x");
    answer(bad).await.problem(400, "invalid_header");
    server.get("/api/v1/watch?kind=Rules").await.problem(400, "invalid_parameter");
    let mut only = Stream::open(&server, "?since=0", None).await;
    assert_eq!(only.number().await, 1);
    let full = server.get("/api/v1/watch").await.problem(503, "busy");
    assert!(full["detail"].as_str().unwrap().contains("watchers_max"));
}
