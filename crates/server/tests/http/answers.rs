//! Answers are bounded in bytes, each and together, and clients that do not read them are left.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::{DEADLINE, Server, answer, rule, server, server_with};

/// A config of about so many bytes, whose values are all different from those of another seed.
fn numbers(seed: u64, bytes: usize) -> Value {
    json!({ "numbers": (0..bytes as u64 / 8).map(|n| 1_000_000 + (n * 7 + seed) % 8_999_999).collect::<Vec<_>>() })
}

async fn raw(server: &Server) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    // What is sent to it stays with the server.
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(server.running.address()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_diff_is_marked_wherever_it_is_asked_for() {
    let server = server().await;
    let path = "/api/v1/config/long";
    server.put(path, &numbers(1, 900_000)).await;
    let changed = server.put(&format!("{path}?text=true"), &numbers(2, 900_000)).await.ok();
    let compared = server.get("/api/v1/revisions/2/diff?text=true").await.ok();
    let config = server.get("/api/v1/config/long/diff?text=true").await.ok();
    let tried = server.put(&format!("{path}?dry_run=true"), &numbers(3, 900_000)).await.ok();
    for (answered, diff) in [
        (&changed, &changed["diff"][0]),
        (&compared, &compared["documents"][0]),
        (&config, &config["document"]),
        (&tried, &tried["diff"][0]),
    ] {
        assert!(answered.to_string().len() < 300 << 10, "{} bytes", answered.to_string().len());
        assert_eq!((&diff["truncated"], &diff["effect"]), (&json!(true), &json!("change")));
        assert!(diff["old_bytes"].as_u64().unwrap() > 800_000 && diff["new_bytes"].is_u64());
        let versions = server.get(diff["href"].as_str().unwrap()).await.ok();
        assert_eq!(versions["items"].as_array().unwrap().len(), 2);
    }
    assert_eq!((&config["changes"], &config["unlisted"]), (&json!([]), &json!(1)));
    // One number of many is a short diff.
    let mut one = numbers(2, 900_000);
    one["numbers"][7] = json!(1);
    let one = server.put(path, &one).await.ok();
    assert_eq!(one["diff"][0]["patch"], json!([{"op": "replace", "path": "/numbers/7", "value": 1}]));
}

/// All pages of a list: the items, and how many pages there were.
async fn pages(server: &Server, path: &str, items: &str) -> (Vec<Value>, usize) {
    let (mut found, mut count, mut cursor) = (Vec::new(), 0, String::new());
    loop {
        let page = server.get(&format!("{path}{cursor}")).await.ok();
        assert!(page.to_string().len() < 100 << 10, "{path}: {} bytes", page.to_string().len());
        found.extend(page[items].as_array().unwrap().iter().cloned());
        count += 1;
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return (found, count),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_end_by_bytes_and_leave_nothing_out() {
    let server = server_with(|options| {
        options.limits.answer_bytes_max = 64 << 10;
        options.limits.diff_bytes_max = 64 << 10;
    })
    .await;
    let change =
        |n| json!({"op": "put", "kind": "config", "name": format!("c{n:02}"), "body": numbers(n, 20_000)});
    let changes: Vec<_> = (0..10).map(change).collect();
    server.post("/api/v1/apply", &json!({ "changes": changes })).await.ok();
    let names = |found: &[Value]| found.iter().map(|item| item["name"].to_string()).collect::<BTreeSet<_>>();
    for (path, items) in [
        ("/api/v1/documents/config?prefix=c", "items"),
        ("/api/v1/documents/config?at=1", "items"),
        ("/api/v1/revisions/1?limit=500", "documents"),
        ("/api/v1/revisions/1/diff?against=0", "documents"),
    ] {
        let (found, count) = pages(&server, path, items).await;
        assert_eq!((found.len(), names(&found).len()), (10, 10), "{path}");
        assert!(count >= 4, "{path}: {count} pages");
    }
    for n in 1..6 {
        server.put("/api/v1/config/c00", &numbers(100 + n, 20_000)).await.ok();
    }
    let (found, count) = pages(&server, "/api/v1/documents/config/c00/versions?limit=50", "items").await;
    assert_eq!(
        found.iter().map(|it| it["version"].as_u64().unwrap()).collect::<Vec<_>>(),
        [6, 5, 4, 3, 2, 1]
    );
    assert!(count >= 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_patterns_ends_by_bytes_and_a_look_at_all_by_time() {
    let server = server_with(|options| options.limits.answer_bytes_max = 64 << 10).await;
    for id in 0..6 {
        let texts: Vec<_> = (0..25).map(|n| format!("pattern {id} {n} {}", "x".repeat(900))).collect();
        let body = json!({ "any_of": texts, "category": "LONG" });
        assert_eq!(server.put(&format!("/api/v1/patterns/long{id}"), &body).await.status, 201);
    }
    let (found, count) = pages(&server, "/api/v1/patterns?limit=500&category=LONG", "items").await;
    let ids: Vec<_> = found.iter().map(|item| item["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["long0", "long1", "long2", "long3", "long4", "long5"]);
    assert_eq!(count, 3);
    assert!(found.iter().all(|item| item["any_of"].as_array().unwrap().len() == 25));
    // One that is longer than a page by itself is on one.
    let server = server_with(|options| options.limits.answer_bytes_max = 10).await;
    for id in ["a", "b"] {
        server.put(&format!("/api/v1/patterns/{id}"), &json!({ "pattern": id, "category": "SHORT" })).await;
    }
    assert_eq!(pages(&server, "/api/v1/patterns?limit=500", "items").await.1, 2);
    let server = server_with(|options| options.patterns.classify_ms_max = 0).await;
    server.put("/api/v1/patterns/a", &json!({ "pattern": "a", "category": "SHORT" })).await;
    let refused = server.get("/api/v1/patterns?q=none").await.problem(422, "too_expensive");
    assert!(refused["detail"].as_str().unwrap().contains("classify_ms_max"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_does_not_read_is_left_and_what_it_occupied_is_free_again() {
    let server = server_with(|options| {
        options.limits.answers_bytes_max = 0;
        options.limits.write_idle_ms_max = 5_000;
    })
    .await;
    for n in 0..5 {
        server.put(&format!("/api/v1/config/c{n}"), &numbers(n, 900_000)).await;
    }
    let list = "/api/v1/documents/config";
    assert_eq!(server.get(list).await.status, 200);
    let mut idle = raw(&server).await;
    let request = format!("GET {list} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    // More than the system keeps for both ends.
    idle.write_all(request.repeat(8).as_bytes()).await.unwrap();
    let refused = tokio::time::timeout(DEADLINE, async {
        loop {
            let answered = server.get(list).await;
            if answered.status == 503 {
                return answered;
            }
        }
    });
    let refused = refused.await.unwrap();
    assert_eq!(refused.headers["retry-after"], "1");
    let refused = refused.problem(503, "busy");
    assert!(refused["detail"].as_str().unwrap().contains("answers_bytes_max"), "{refused}");
    let known = answer(server.request(Method::GET, list)).await;
    assert_eq!(known.status, 200, "those with a token have their own part");
    let again = tokio::time::timeout(DEADLINE, async { while server.get(list).await.status != 200 {} });
    again.await.unwrap();
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(DEADLINE, idle.read_to_end(&mut rest)).await.unwrap();
    assert!(ended.is_err() || rest.len() < 8 * 3_600_000, "{} bytes came", rest.len());
}

#[cfg(feature = "modules")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_component_is_read_once_there_is_room_for_it() {
    let server = server_with(|options| options.limits.answers_bytes_max = 0).await;
    for n in 0..5 {
        server.put(&format!("/api/v1/config/c{n}"), &numbers(n, 900_000)).await;
    }
    // It fits beside an answer of 4 MB into the 8 MiB, but not with the copy that a store has while it is read.
    let bytes = vec![7; 3_000_000];
    assert_eq!(server.put_blob(&bytes).await.status, 201);
    let path = format!("/api/v1/blobs/{}", midflight_core::Digest::of_bytes(&bytes));
    assert_eq!(server.get(&path).await.status, 200);
    let mut idle = raw(&server).await;
    let request = "GET /api/v1/documents/config HTTP/1.1\r\nhost: localhost\r\n\r\n";
    idle.write_all(request.repeat(8).as_bytes()).await.unwrap();
    let refused = tokio::time::timeout(DEADLINE, async {
        loop {
            let answered = server.get(&path).await;
            if answered.status != 200 {
                return answered.problem(503, "busy");
            }
        }
    });
    let refused = refused.await.unwrap();
    assert!(refused["detail"].as_str().unwrap().contains("answers_bytes_max"), "{refused}");
    assert_eq!(answer(server.anonymous(Method::HEAD, &path)).await.status, 200, "it needs no room");
    drop(idle);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_are_bounded_together() {
    let server = server_with(|options| {
        options.limits.bodies_bytes_max = 0;
        options.limits.body_parsed_bytes_max = 1 << 20;
    })
    .await
    .with_loans()
    .await;
    let execute = "/api/v1/rules/execute";
    let mut slow = raw(&server).await;
    let head = format!("POST {execute} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n", 1 << 20);
    slow.write_all(head.as_bytes()).await.unwrap();
    slow.write_all(&vec![b' '; 800_000]).await.unwrap();
    let body = json!({"data": {"age": 30, "more": "x".repeat(400_000)}});
    let refused = tokio::time::timeout(DEADLINE, async {
        loop {
            let answered = answer(server.anonymous(Method::POST, execute).json(&body)).await;
            if answered.status == 503 {
                return answered;
            }
        }
    });
    let refused = refused.await.unwrap().problem(503, "busy");
    assert!(refused["detail"].as_str().unwrap().contains("bodies_bytes_max"), "{refused}");
    assert_eq!(answer(server.request(Method::POST, execute).json(&body)).await.status, 200);
    drop(slow);
    let again = tokio::time::timeout(DEADLINE, async {
        while answer(server.anonymous(Method::POST, execute).json(&body)).await.status != 200 {}
    });
    again.await.unwrap();
}

/// Sends the head of a request with a token, and the beginning of its body.
async fn begun(server: &Server, path: &str, kind: &str) -> TcpStream {
    let mut stream = raw(server).await;
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\ncontent-type: {kind}\r\n\
         content-length: {}\r\n\r\n",
        server.token,
        1 << 20
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&vec![b' '; 800_000]).await.unwrap();
    stream
}

#[tokio::test]
async fn an_edit_waits_for_no_import_and_for_no_larger_body() {
    let server = server_with(|options| {
        options.limits.bodies_bytes_max = 4 << 20;
        options.limits.import_bytes_max = 1 << 20;
        options.limits.body_parsed_bytes_max = 1 << 20;
    })
    .await
    .with_loans()
    .await;
    let slow = [
        begun(&server, "/api/v1/import", "application/yaml").await,
        begun(&server, "/api/v1/apply", "application/json").await,
    ];
    // Once they occupy what there is for each, a second one of the same finds nothing.
    let large = json!({"changes": [{"op": "put", "kind": "rules", "name": "loans", "body": {"description": "x".repeat(300_000)}}]});
    let full = tokio::time::timeout(DEADLINE, async {
        // 503 for what all callers occupy, 429 for what this one does.
        while !matches!(server.post("/api/v1/apply?dry_run=true", &large).await.status.as_u16(), 429 | 503) {}
    });
    full.await.unwrap();
    server.put("/api/v1/rulesets/loans/rules/R1", &rule(21, 2.0)).await.ok();
    drop(slow);
}

#[tokio::test]
async fn a_refused_import_does_not_repeat_what_was_sent() {
    let server = server().await;
    let document = |n: u64, extra: &str| {
        let text = format!("marker-{n}-{}", "x".repeat(200));
        format!("kind: config\nname: c{n}\nbody:\n  a: {text}\n---\n{extra}")
    };
    let bad = "kind: rules\nname: a\nbody:\n  defualt: true\n---\n";
    let text: String = (0..2000).map(|n| document(n, if n == 1000 { bad } else { "" })).collect();
    let request = server.request(Method::POST, "/api/v1/import").header("content-type", "application/yaml");
    let refused = answer(request.body(text)).await.problem(422, "invalid_document");
    assert_eq!(refused["errors"].as_array().unwrap().len(), 1, "{:#}", refused["errors"]);
    assert!(!refused.to_string().contains("marker-7-"));
}

#[tokio::test]
async fn a_revision_with_many_changes_is_listed_by_its_first() {
    let server = server().await;
    let put = |n| json!({"op": "put", "kind": "config", "name": format!("c{n}"), "body": {"n": n}});
    let changes: Vec<_> = (0..600).map(put).collect();
    server.post("/api/v1/apply", &json!({ "changes": changes })).await.ok();
    let list = server.get("/api/v1/revisions").await.ok();
    let shown = list["items"][0]["changes"].as_array().unwrap().len();
    assert_eq!((shown, &list["items"][0]["changes_count"]), (20, &json!(600)));
    let one = server.get("/api/v1/revisions/1").await.ok();
    assert_eq!(
        (&one["revision"]["changes_count"], one["documents"].as_array().unwrap().len()),
        (&json!(600), 500)
    );
    let next = one["next_cursor"].as_str().unwrap();
    let rest = server.get(&format!("/api/v1/revisions/1?cursor={next}")).await.ok();
    assert_eq!((rest["documents"].as_array().unwrap().len(), &rest["next_cursor"]), (100, &json!(null)));
    server.get("/api/v1/revisions/1?cursor=no").await.problem(400, "invalid_parameter");
}
