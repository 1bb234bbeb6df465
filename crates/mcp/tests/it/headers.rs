//! What the transport refuses: headers that contradict the body, foreign origins and hosts, missing versions, batches.

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};

use crate::support::{Replica, message, modern, post, raw_post, tool};

fn call() -> Request<Full<Bytes>> {
    modern("tools/call", json!({"name": "a", "arguments": {}}))
}

async fn code(replica: &Replica, request: Request<Full<Bytes>>) -> (u16, Option<i64>) {
    let (status, answer) = message(replica.send(request).await).await;
    (status.as_u16(), answer["error"]["code"].as_i64())
}

#[tokio::test]
async fn headers_match_the_body() {
    let replica = Replica::new(&[("a", tool("a"))]);
    assert_eq!(code(&replica, call()).await, (200, None));
    for (name, value) in [
        ("mcp-protocol-version", Some("2025-11-25")),
        ("mcp-method", Some("tools/list")),
        ("mcp-name", Some("b")),
        ("mcp-method", None),
        ("mcp-name", None),
        ("mcp-protocol-version", None),
    ] {
        let mut request = call();
        match value {
            Some(value) => drop(request.headers_mut().insert(name, value.parse().unwrap())),
            None => drop(request.headers_mut().remove(name)),
        }
        assert_eq!(code(&replica, request).await, (400, Some(-32020)), "{name}: {value:?}");
    }
}

#[tokio::test]
async fn annotated_parameters_are_compared_with_the_schema_of_the_catalogue_of_the_caller() {
    let body = |header: &str| {
        json!({"description": "d", "input_schema": {"type": "object", "properties": {
            "region": {"type": "string", "x-mcp-header": header}}}})
    };
    let mut replica = Replica::new(&[("a", body("Region"))]);
    let request = |header: &str, value: &str| {
        let mut request = modern("tools/call", json!({"name": "a", "arguments": {"region": "eu"}}));
        let name: http::HeaderName = header.parse().unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
        request
    };
    assert_eq!(code(&replica, request("mcp-param-region", "eu")).await, (200, None));
    assert_eq!(code(&replica, request("mcp-param-region", "us")).await, (400, Some(-32020)));
    replica.edit(&[("a", body("Area"))]);
    assert_eq!(code(&replica, request("mcp-param-region", "eu")).await, (400, Some(-32020)));
    assert_eq!(code(&replica, request("mcp-param-area", "eu")).await, (200, None));
    // A pinned caller is compared with the schema that it sees.
    let pinned = replica.caller.clone().pinned_at(midflight_core::RevisionNumber::new(1));
    let response = replica.send_as(&pinned, request("mcp-param-region", "eu")).await;
    assert_eq!(message(response).await.0, StatusCode::OK);
}

#[tokio::test]
async fn foreign_origins_and_hosts_are_refused() {
    let replica = Replica::new(&[]);
    for (name, value, expected) in [
        ("origin", "http://evil.example", 403),
        ("origin", "null", 403),
        ("origin", "http://localhost:9", 403),
        ("origin", "http://localhost:8080", 200),
        ("origin", "http://app.example", 200),
        ("host", "evil.example", 403),
        ("host", "127.0.0.1:1", 200),
    ] {
        let mut request = modern("tools/list", json!({}));
        request.headers_mut().insert(name, value.parse().unwrap());
        assert_eq!(replica.send(request).await.status().as_u16(), expected, "{name}: {value}");
    }
}

#[tokio::test]
async fn versions_that_are_missing_or_unknown_are_refused() {
    let replica = Replica::new(&[]);
    let mut request = modern("tools/list", json!({}));
    request.headers_mut().insert("mcp-protocol-version", "2099-01-01".parse().unwrap());
    assert_eq!(code(&replica, request).await, (400, Some(-32020)));

    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": {
        "io.modelcontextprotocol/protocolVersion": "2099-01-01",
        "io.modelcontextprotocol/clientCapabilities": {}}}});
    let mut request = post(&body);
    request.headers_mut().insert("mcp-protocol-version", "2099-01-01".parse().unwrap());
    request.headers_mut().insert("mcp-method", "tools/list".parse().unwrap());
    assert_eq!(code(&replica, request).await, (400, Some(-32022)));

    // The header of the new era without the members of the body.
    let mut request = post(&json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}));
    request.headers_mut().insert("mcp-protocol-version", "2026-07-28".parse().unwrap());
    request.headers_mut().insert("mcp-method", "tools/list".parse().unwrap());
    assert_eq!(code(&replica, request).await, (400, Some(-32602)));
    // Neither era: no version, no session.
    let request = post(&json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}));
    assert!(replica.send(request).await.status().is_client_error());
}

#[tokio::test]
async fn a_method_that_there_is_not_is_named() {
    let replica = Replica::new(&[]);
    assert_eq!(code(&replica, modern("prompts/list", json!({}))).await, (404, Some(-32601)));
    let (_, answer) = replica.modern("tools/call", json!({"name": "nothing", "arguments": {}})).await;
    assert_eq!(answer["error"]["code"], -32602);
}

#[tokio::test]
async fn a_batch_and_what_is_no_message_are_refused() {
    let replica = Replica::new(&[]);
    let one = json!({"jsonrpc": "2.0", "id": 1, "method": "subscriptions/listen",
        "params": {"notifications": {"toolsListChanged": true}}});
    let batch = Value::Array(vec![one; 5_000]);
    let (status, answer) = message(replica.send(post(&batch)).await).await;
    assert_eq!((status, answer["error"]["code"].as_i64()), (StatusCode::BAD_REQUEST, Some(-32600)));
    let messages = answer["error"]["message"].as_str().unwrap();
    assert!(messages.contains("send one message in each request"), "{messages}");
    for wrong in ["", "{", "7", "\"x\"", "{} {}", "\u{0}"] {
        let (status, answer) = message(replica.send(raw_post(wrong)).await).await;
        assert_eq!(
            (status, answer["error"]["code"].as_i64()),
            (StatusCode::BAD_REQUEST, Some(-32700)),
            "{wrong:?}: {answer}"
        );
    }
}
