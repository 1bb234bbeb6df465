//! The seed's WebSocket: its events, its bounds, and what becomes of a client that does not keep up.

use futures_util::{SinkExt, StreamExt};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::support::{DEADLINE, Server, answer, rule, server, server_with};

pub(crate) struct Client(WebSocketStream<TcpStream>);

impl Client {
    pub(crate) async fn open(server: &Server, receive_bytes: Option<u32>) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        if let Some(bytes) = receive_bytes {
            socket.set_recv_buffer_size(bytes).unwrap();
        }
        let stream = socket.connect(server.running.address()).await.unwrap();
        let url = format!("ws://{}/ws/hot-reload", server.running.address());
        let mut client = Self(client_async(url, stream).await.unwrap().0);
        assert_eq!(client.event().await.0, "status");
        client
    }

    async fn next(&mut self) -> Option<Message> {
        let next = tokio::time::timeout(DEADLINE, self.0.next()).await.unwrap()?;
        next.ok()
    }

    pub(crate) async fn event(&mut self) -> (String, Value) {
        let Some(Message::Text(text)) = self.next().await else { panic!("no event") };
        let event: Value = serde_json::from_str(&text).unwrap();
        assert!(event["timestamp"].is_string());
        (event["event_type"].as_str().unwrap().to_owned(), event["data"].clone())
    }

    /// Receives exactly these events, and returns the data of the last one.
    pub(crate) async fn events(&mut self, wanted: &[&str]) -> Value {
        let mut last = Value::Null;
        for name in wanted {
            let (found, data) = self.event().await;
            assert_eq!(found, *name);
            last = data;
        }
        last
    }

    async fn ask(&mut self, text: &str) -> (String, Value) {
        self.0.send(Message::text(text)).await.unwrap();
        self.event().await
    }

    /// Reads to the end; how the server closed it.
    async fn close_reason(&mut self) -> Option<CloseFrame> {
        while let Some(message) = self.next().await {
            if let Message::Close(frame) = message {
                return frame;
            }
        }
        None
    }
}

#[tokio::test]
async fn every_change_is_sent_in_the_compatibility_format() {
    let server = server().await;
    let mut client = Client::open(&server, None).await;
    server.put("/api/v1/rulesets/loans", &json!({})).await;
    client.events(&["ruleset_added", "rules_reloaded"]).await;
    server.put("/api/v1/rulesets/loans/rules/R1", &rule(18, 2.0)).await;
    client.events(&["rule_added"]).await;
    let reloaded = client.events(&["rules_reloaded"]).await;
    assert_eq!(
        (&reloaded["status"], &reloaded["rules_loaded"], &reloaded["rulesets_loaded"]),
        (&json!("success"), &json!(1), &json!(1))
    );
    assert!(reloaded["reload_time_ms"].is_f64() && reloaded["timestamp"].is_string());
    server.put("/api/v1/rulesets/loans/rules/R1", &rule(18, 3.0)).await;
    let updated = client.events(&["rule_updated"]).await;
    assert_eq!((&updated["ruleset_id"], &updated["rule_id"]), (&json!("loans"), &json!("R1")));
    client.events(&["rules_reloaded"]).await;
    server.put("/api/v1/rulesets/loans/rules/R1", &json!({})).await.problem(422, "invalid_document");
    assert_eq!(client.events(&["rules_reload_failed"]).await["status"], "failed");
    server.delete("/api/v1/rulesets/loans").await.ok();
    client.events(&["ruleset_removed", "rule_removed", "registry_cleared", "rules_reloaded"]).await;
    answer(server.request(Method::POST, "/api/v1/rules/hot-reload/reload")).await.ok();
    assert_eq!(client.events(&["rules_reloaded"]).await["outcome"], "unchanged");
}

#[tokio::test]
async fn changes_past_the_bound_are_counted_where_they_are_left_out() {
    let server = server_with(|options| options.engine_limits.changes_reported_max = 2).await;
    let mut client = Client::open(&server, None).await;
    let put = |name: &str| json!({"op": "put", "kind": "rules", "name": name, "body": {}});
    let changes = json!({"changes": [put("a"), put("b"), put("c")]});
    server.post("/api/v1/apply", &changes).await.ok();
    client.events(&["ruleset_added", "ruleset_added"]).await;
    let messages = client.events(&["changes_truncated"]).await;
    let counts = ["revision", "listed", "documents_changed"].map(|key| messages[key].as_u64().unwrap());
    assert_eq!((counts, &messages["changed"]), ([1, 2, 3], &json!({"rules": 3})));
    assert_eq!(messages["href"], "/api/v1/revisions/1");
    assert_eq!(client.events(&["rules_reloaded"]).await["documents_changed"], 3);
}

#[tokio::test]
async fn events_are_about_their_own_kind_alone() {
    let server = server().await;
    let mut client = Client::open(&server, None).await;
    let profile = "/api/v1/documents/patterns/profiles/it";
    server.put(profile, &json!({"language": "it"})).await;
    let (added, profile_added) = client.event().await;
    let ids = ["kind", "name", "profile_id"].map(|key| profile_added[key].clone());
    assert_eq!((added.as_str(), ids), ("profile_added", ["patterns", "profiles/it", "it"].map(Value::from)));
    let (reloaded, data) = client.event().await;
    assert_eq!((reloaded.as_str(), data.get("rules_loaded")), ("patterns_reloaded", None));
    // There are no rules, but none was removed.
    server.delete(profile).await.ok();
    assert_eq!(client.event().await.0, "profile_removed");
    assert_eq!(client.event().await.0, "patterns_reloaded");
    // Reloads that change nothing and are not asked of the rules are no reloads of rules.
    server.post("/api/v1/patterns/reload", &json!({})).await.ok();
    server.post("/-/reload", &json!({})).await.ok();
    // The engine's own kind has no server side.
    let later = "/api/v1/rulesets/loans?not_before=2999-01-01T00:00:00Z&schedule_id=spring";
    assert_eq!(server.put(later, &json!({})).await.status, 202);
    let (added, data) = client.event().await;
    assert_eq!((added.as_str(), &data["schedule_id"]), ("schedule_added", &json!("spring")));
    let (reloaded, data) = client.event().await;
    assert_eq!((reloaded.as_str(), data.get("rules_loaded")), ("schedules_reloaded", None));
    assert_eq!((&data["status"], &data["documents_changed"]), (&json!("success"), &json!(1)));
}

#[tokio::test]
async fn clients_may_ask_and_are_bounded() {
    let server = server_with(|options| options.limits.websocket_clients_max = 1).await;
    let mut client = Client::open(&server, None).await;
    client.0.send(Message::text("{\"type\":\"ping\"}")).await.unwrap();
    let Some(Message::Text(pong)) = client.next().await else { panic!("no pong") };
    let pong: Value = serde_json::from_str(&pong).unwrap();
    assert_eq!((&pong["type"], &pong["event_type"]), (&json!("pong"), &json!("pong")), "{pong}");
    let (name, status) = client.ask("{\"type\":\"status\"}").await;
    assert_eq!((name.as_str(), &status["registry"]["rule_count"]), ("status", &json!(0)));
    let hot_reload = &status["hot_reload"];
    assert_eq!(hot_reload["registry"], status["registry"]);
    assert!(hot_reload["monitoring_active"].is_boolean() && hot_reload["last_reload_error"].is_null());
    assert_eq!(client.ask("{\"type\":\"dance\"}").await.0, "error");
    let upgrade = server
        .anonymous(Method::GET, "/ws/hot-reload")
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    let full = answer(upgrade).await.problem(503, "busy");
    assert!(full["detail"].as_str().unwrap().contains("websocket_clients_max"));
    answer(server.anonymous(Method::GET, "/ws/hot-reload")).await.problem(400, "invalid_header");
    client.0.send(Message::text("x".repeat(5000))).await.unwrap();
    client.close_reason().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_client_is_dropped_with_a_reason_and_delays_no_other() {
    let server = server_with(|options| {
        options.limits.websocket_queue_max = 2;
        // Only the queue ends the connection: how long one message takes depends on what else the machine does.
        options.limits.websocket_send_ms_max = u64::from(u32::MAX);
        options.limits.write_idle_ms_max = u64::from(u32::MAX);
    });
    let server = server.await.with_loans().await;
    let mut slow = Client::open(&server, Some(4096)).await;
    let mut quick = Client::open(&server, None).await;
    let rounds = 40_u64;
    let edits = async {
        for round in 0..rounds {
            let put = |i: u64| {
                let body = rule(18, round as f64 + 1.0);
                json!({"op": "put", "kind": "rules", "name": format!("loans/B{i}"), "body": body})
            };
            let changes: Vec<_> = (0..900).map(put).collect();
            server.post("/api/v1/apply", &json!({ "changes": changes })).await.ok();
            // The quick client is told of every reload before the next one: it is never behind.
            let mut messages = 0;
            while quick.event().await.0 != "rules_reloaded" {
                messages += 1;
            }
            assert_eq!(messages, 900);
        }
    };
    edits.await;
    let close_reason = slow.close_reason().await.expect("a close frame");
    assert_eq!(u16::from(close_reason.code), 1013);
    assert!(close_reason.reason.contains("too slow"), "{close_reason:?}");
}

#[tokio::test]
async fn a_stop_is_notified() {
    let server = server().await;
    let mut client = Client::open(&server, None).await;
    let (close_reason, ()) = tokio::join!(client.close_reason(), server.running.stop());
    assert_eq!(u16::from(close_reason.unwrap().code), 1001);
}
