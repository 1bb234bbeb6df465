//! Bounds that are not of one method: the size of a body, streams of the old era.

use http::StatusCode;
use midflight_mcp::{AllowedHosts, McpHttpOptions, McpOptions};
use serde_json::json;

use crate::support::{KEY, Replica, Session, message, modern, raw_post, tool};

#[tokio::test]
async fn a_body_has_a_bound() {
    let mut replica = Replica::new(&[("echo", tool("d"))]);
    let mut options = McpHttpOptions::new(AllowedHosts::loopback(), []);
    options.body_bytes_max = 2_000;
    replica.service = replica.server.http(options, &replica.stop);
    let call = |bytes: usize| {
        modern("tools/call", json!({"name": "echo", "arguments": {"text": "x".repeat(bytes)}}))
    };
    assert_eq!(replica.send(call(1_000)).await.status(), StatusCode::OK);
    let (status, answer) = message(replica.send(call(2_000)).await).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(answer["error"]["message"].as_str().unwrap().contains("may have 2000 bytes"), "{answer}");
}

#[tokio::test]
async fn streams_of_the_old_era_count_as_listeners_too() {
    let mut options = McpOptions::new(KEY);
    options.listeners_max = 1;
    let replica = Replica::with(&[], options);
    let session = Session::begin(&replica, "2025-11-25", json!({})).await;
    let stream = session.stream(&replica).await;
    let (status, answer) =
        replica.modern("subscriptions/listen", json!({"notifications": {"toolsListChanged": true}})).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    let messages = answer["error"]["message"].as_str().unwrap();
    assert!(messages.contains("this replica has 1, the most of all callers; try again later"), "{messages}");
    drop(stream);
    drop(session.stream(&replica).await);
}

#[tokio::test]
async fn deep_nesting_is_refused() {
    let replica = Replica::new(&[]);
    let deep = format!("{{\"params\": {}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let status = replica.send(raw_post(deep)).await.status();
    assert!(status.is_client_error(), "{status}");
}
