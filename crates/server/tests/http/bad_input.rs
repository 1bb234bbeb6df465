//! Bad input: each class has a clear error and changes nothing.

use std::sync::Arc;

use midflight_store::{SqliteOptions, SqliteStore};
use reqwest::{Body, Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{DEADLINE, Server, answer, rule, server, server_on, server_with};

const R1: &str = "/api/v1/rulesets/loans/rules/R1";

async fn raw(server: &Server, kind: &str, body: impl Into<Body>) -> crate::support::Answer {
    answer(server.request(Method::PUT, R1).header("content-type", kind).body(body)).await
}

#[tokio::test]
async fn bodies_that_cannot_be_read_change_nothing() {
    let server = server().await.with_loans().await;
    let before = server.revision().await;
    let broken = raw(&server, "application/json", "{\"rule_name\": }").await.problem(400, "malformed_body");
    assert!(broken["detail"].as_str().unwrap().contains("line 1 column 15"), "{broken}");
    raw(&server, "application/json", "").await.problem(400, "malformed_body");
    raw(&server, "application/json", "{\"rule_point\": NaN}").await.problem(400, "malformed_body");
    raw(&server, "application/json", "[".repeat(100_000)).await.problem(400, "malformed_body");
    raw(&server, "application/json", vec![0xff_u8, 0xfe]).await.problem(400, "malformed_body");
    raw(&server, "text/plain", "{}").await.problem(415, "unsupported_media_type");
    raw(&server, "application/x-www-form-urlencoded", "{}").await.problem(415, "unsupported_media_type");
    raw(&server, "application/json", "3").await.problem(422, "invalid_document");
    let large = raw(&server, "application/json", " ".repeat((1 << 20) + 1)).await.problem(413, "too_large");
    assert!(large["detail"].as_str().unwrap().contains("body_bytes_max"));
    let unsized_body = futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b' '; 1 << 16]));
    let chunks = futures_util::StreamExt::take(unsized_body, 40);
    raw(&server, "application/json", Body::wrap_stream(chunks)).await.problem(413, "too_large");
    assert_eq!((server.revision().await, &server.get(R1).await.json["version"]), (before, &json!(1)));
}

#[tokio::test]
async fn compressed_bodies_are_refused() {
    let server = server().await;
    for encoding in ["gzip", "br", "identity, gzip"] {
        let put = server.request(Method::PUT, "/api/v1/rulesets/a").header("content-encoding", encoding);
        answer(put.json(&json!({}))).await.problem(415, "unsupported_media_type");
    }
    let put = server.request(Method::PUT, "/api/v1/rulesets/a").header("content-encoding", "identity");
    assert_eq!(answer(put.json(&json!({}))).await.status, 201);
}

#[tokio::test]
async fn shapes_that_are_wrong_are_named_with_their_place() {
    let server = server().await.with_loans().await;
    let execute = |body: Value| {
        let request = server.anonymous(Method::POST, "/api/v1/rules/execute").json(&body);
        async move { answer(request).await.problem(422, "invalid_body")["errors"][0]["path"].clone() }
    };
    assert_eq!(execute(json!({"data": {}, "ruleset": 7})).await, "/ruleset");
    assert_eq!(execute(json!({"data": {}, "author": "me"})).await, "/author");
    assert_eq!(execute(json!({"data": {}, "rule_ids": ["a", 1]})).await, "/rule_ids/1");
    assert_eq!(execute(json!({})).await, "");
    let apply = json!({"changes": [], "author": "somebody else"});
    server.post("/api/v1/apply", &apply).await.problem(422, "invalid_body");
}

#[tokio::test]
async fn invalid_rules_are_refused_with_every_reason() {
    let server = server().await.with_loans().await;
    let refused = async |item: Value| {
        let mut body = rule(18, 2.0);
        body["conditions"] = json!({ "item": item });
        server.put(R1, &body).await.problem(422, "invalid_document")["errors"][0].clone()
    };
    let operator = refused(json!({"attribute": "a", "operator": "greater_then", "constant": 1})).await;
    assert_eq!(operator["path"], "/conditions/item/operator");
    let unknown = refused(json!("no_such_condition")).await;
    assert_eq!(unknown["path"], "/conditions/item");
    assert!(unknown["message"].as_str().unwrap().contains("no_such_condition"), "{unknown}");
    let regex = refused(json!({"attribute": "a", "operator": "regex", "constant": "a(b"})).await;
    assert_eq!((&regex["path"], &regex["code"]), (&json!("/conditions/item/constant"), &json!("bad_regex")));
    let bomb =
        refused(json!({"attribute": "a", "operator": "regex", "constant": "((a{500}){500}){500}"})).await;
    assert_eq!(bomb["code"], "regex_too_big");
    let mut unknown_field = rule(18, 2.0);
    unknown_field["wieght"] = json!(1);
    let field = server.put(R1, &unknown_field).await.problem(422, "invalid_document");
    assert_eq!(
        (&field["errors"][0]["path"], &field["errors"][0]["document"]),
        (&json!("/wieght"), &json!("rules/loans/R1"))
    );
    assert!(field["reload_id"].is_u64());
    server.put("/api/v1/rulesets/nope/rules/R1", &rule(1, 1.0)).await.problem(422, "invalid_document");
    assert_eq!(server.get(R1).await.json["version"], 1);
    let health = server.get("/health/hot-reload").await;
    assert_eq!(health.status, StatusCode::OK, "an edit that was refused does not make it unhealthy");
}

#[tokio::test]
async fn paths_and_methods_that_are_not_there_are_problems_too() {
    let server = server().await;
    server.get("/api/v2/rules").await.problem(404, "no_such_path");
    let method = answer(server.request(Method::PATCH, R1)).await;
    assert!(method.headers["allow"].to_str().unwrap().contains("PUT"));
    method.problem(405, "method_not_allowed");
    server.put("/api/v1/rulesets/..%2Fx", &json!({})).await.problem(400, "invalid_name");
    server.put("/api/v1/rulesets/a%00b", &json!({})).await.problem(400, "invalid_name");
    server.put("/api/v1/rulesets/%FF", &json!({})).await.problem(400, "invalid_name");
}

#[tokio::test]
async fn bounds_that_are_set_are_named_when_they_are_met() {
    let server = server_with(|options| {
        options.rules.batch_items_max = 2;
        options.limits.import_bytes_max = 64;
        options.engine_limits.documents_max = 2;
        options.limits.restore_documents_max = 1;
    })
    .await
    .with_loans()
    .await;
    let batch = json!({"data_list": [{}, {}, {}]});
    let batch = server.post("/api/v1/rules/batch", &batch).await.problem(413, "too_large");
    assert!(batch["detail"].as_str().unwrap().contains("batch_items_max"));
    let import = server.post("/api/v1/import", &json!("x".repeat(100))).await.problem(413, "too_large");
    assert!(import["detail"].as_str().unwrap().contains("import_bytes_max"));
    let full = server.put("/api/v1/rulesets/more", &json!({})).await.problem(422, "too_many_documents");
    assert!(full["detail"].as_str().unwrap().contains("documents_max"));
    let back = server.post("/api/v1/revisions/0/restore", &json!({})).await.problem(413, "too_large");
    assert!(back["detail"].as_str().unwrap().contains("restore_documents_max"));
}

#[tokio::test]
async fn a_restore_of_more_than_may_be_brought_back_is_refused() {
    let server = server_with(|options| options.limits.restore_bytes_max = 5000).await.with_loans().await;
    let mut long = rule(18, 2.0);
    long["description"] = json!("x".repeat(6000));
    assert_eq!(server.put("/api/v1/rulesets/loans/rules/R2", &long).await.status, 201);
    // What is taken away needs nothing.
    server.post("/api/v1/revisions/2/restore", &json!({})).await.ok();
    let back = server.post("/api/v1/revisions/3/restore", &json!({})).await.problem(413, "too_large");
    assert!(back["detail"].as_str().unwrap().contains("5000 bytes of memory (restore_bytes_max)"), "{back}");
    let preview = server.post("/api/v1/revisions/1/restore?dry_run=true", &json!({"name": "loans/R1"})).await;
    assert_eq!(preview.ok()["diff"][0]["effect"], "remove");
}

#[tokio::test]
async fn a_reason_that_is_too_long_is_refused_everywhere() {
    let server = server().await.with_loans().await;
    let (fits, long) = ("x".repeat(1024), "x".repeat(1025));
    let changes = json!([{"op": "put", "kind": "rules", "name": "cards", "body": {}}]);
    for refused in [
        server.put(&format!("{R1}?reason={long}"), &rule(20, 2.0)).await,
        server.put(&format!("{R1}?reason={long}&dry_run=true"), &rule(20, 2.0)).await,
        server.post("/api/v1/apply", &json!({"changes": changes, "reason": long})).await,
        server.post("/api/v1/revisions/1/restore", &json!({ "reason": long })).await,
    ] {
        let refused = refused.problem(422, "invalid_document");
        assert_eq!(refused["errors"][0]["path"], "/reason");
        assert!(refused["errors"][0]["message"].as_str().unwrap().contains("1024 (reason_bytes_max)"));
    }
    server.put(&format!("{R1}?reason={fits}"), &rule(20, 2.0)).await.ok();
    assert_eq!(server.get("/api/v1/revisions").await.json["items"][0]["reason"], fits);
}

#[tokio::test]
async fn a_body_whose_values_need_far_more_memory_than_its_text_is_refused() {
    let server = server_with(|options| {
        options.limits.body_parsed_bytes_max = 100_000;
        options.limits.import_parsed_bytes_max = 100_000;
    })
    .await
    .with_loans()
    .await;
    let objects = |count: usize| format!("[{}]", vec!["{\"\":0}"; count].join(","));
    let execute = async |count: usize| {
        let body = format!("{{\"data\": {{\"age\": 30, \"more\": {}}}}}", objects(count));
        let request = server.anonymous(Method::POST, "/api/v1/rules/execute");
        answer(request.header("content-type", "application/json").body(body)).await
    };
    assert_eq!(execute(100).await.ok()["rules_matched"], 1);
    let refused = execute(1000).await.problem(413, "too_large");
    assert!(refused["detail"].as_str().unwrap().contains("body_parsed_bytes_max"), "{refused}");
    raw(&server, "application/json", objects(1000)).await.problem(413, "too_large");
    let import = async |kind: &str, body: String| {
        let request = server.request(Method::POST, "/api/v1/import").header("content-type", kind);
        answer(request.body(body)).await.problem(413, "too_large")
    };
    let json = import("application/json", objects(1000)).await;
    assert!(json["detail"].as_str().unwrap().contains("import_parsed_bytes_max"), "{json}");
    import("application/yaml", format!("kind: rules\nname: a\nbody:\n{}", "- a: 0\n".repeat(1000))).await;
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let server = server_with(|options| options.limits.receive_ms_max = 50).await;
    let mut connection = TcpStream::connect(server.running.address()).await.unwrap();
    let head = "POST /api/v1/rules/execute HTTP/1.1\r\nhost: localhost\r\ncontent-length: 20\r\n\r\n{";
    connection.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 4096];
    let read = tokio::time::timeout(DEADLINE, connection.read(&mut answer)).await.unwrap().unwrap();
    let answer = String::from_utf8_lossy(&answer[..read]);
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("receive_ms_max"), "{answer}");
}

#[tokio::test]
async fn a_log_without_room_refuses_the_edit_and_serves_on() {
    let folder = tempfile::tempdir().unwrap();
    let bounded =
        SqliteOptions { store_bytes_max: Some(400_000), ..SqliteOptions::new(folder.path().join("log.db")) };
    let server = server_on(Arc::new(SqliteStore::open(bounded).await.unwrap())).await.with_loans().await;
    let mut large = rule(18, 3.0);
    let mut took = 2;
    let full = loop {
        large["description"] = json!(format!("{took} {}", "x".repeat(4_000)));
        let answer = server.put(R1, &large).await;
        if answer.status != 200 {
            break answer;
        }
        took += 1;
    };
    full.problem(507, "store_full");
    let executed = server.post("/api/v1/rules/execute", &json!({"data": {"age": 30}})).await.ok();
    assert_eq!((&executed["revision"], &executed["total_points"]), (&json!(took), &json!(3.0)));
}

/// A copy of `text` with bits flipped, a part cut out, or something strange in place of a part.
fn mutated(text: &str, number: usize) -> Vec<u8> {
    const STRANGE: [&str; 8] =
        ["null", "-1", "1e999", "\"\"", "[]", "{}", "[[[[[[[[[[", "18446744073709551616"];
    let mut bytes = text.as_bytes().to_vec();
    let (place, length) = (number * 7919 % bytes.len(), number * 31 % 17 + 1);
    match number % 4 {
        0 => bytes[place] ^= 1 << (number / 4 % 8),
        1 => bytes.truncate(place),
        2 => drop(bytes.drain(place..(place + length).min(text.len()))),
        _ => {
            let end = (place + length).min(bytes.len());
            bytes.splice(place..end, STRANGE[number / 4 % STRANGE.len()].bytes());
        }
    }
    bytes
}

#[tokio::test]
async fn a_thousand_mutated_bodies_are_taken_or_refused_with_a_reason_and_what_is_refused_changes_nothing() {
    let server = server().await.with_loans().await;
    let text = rule(18, 2.0).to_string();
    let (mut taken, mut refused, mut revision) = (0, 0, 2);
    for number in 0..1_000 {
        let answer = raw(&server, "application/json", mutated(&text, number)).await;
        let (status, json) = (answer.status.as_u16(), answer.json);
        if status == 200 {
            revision = json["revision"].as_u64().unwrap_or(revision);
            taken += 1;
        } else {
            assert!((400..500).contains(&status), "{status} {json:#}");
            let reason = json["detail"].as_str().unwrap();
            let placed = json["errors"][0]["path"].is_string() || reason.contains("line 1 column");
            assert!(placed && reason.len() > 10, "{json:#}");
            refused += 1;
        }
        let executed = server.post("/api/v1/rules/execute", &json!({"data": {"age": 30}})).await.ok();
        assert_eq!(executed["revision"], revision, "after {number}");
    }
    assert!(refused > 700 && taken > 10, "{refused} refused, {taken} taken");
}
