//! Events that are sent to webhooks: signed, filtered, tried again, kept when they cannot be sent, and sent once by a
//! fleet.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use midflight_app::References;
use midflight_config::Origin;
use midflight_core::{Change, DocumentId, Edit, Trigger};
use midflight_server::{Backend, ServeOptions, StoreUrl};
use midflight_store::{DeliveryStore as _, MemoryStore, NewDelivery, NewRevision, RevisionLog as _};
use midflight_testkit::Postgres;
use midflight_webhooks::SigningKey;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::support::{Answer, DEADLINE, Server, answer, client, options, rule, server_with};
use crate::tokens::token;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A request that a receiver got.
#[derive(Debug, Clone)]
struct Received {
    id: String,
    event: Value,
}

/// Takes events, verifies their signatures, and answers as it is told.
#[derive(Clone)]
struct Receiver {
    port: u16,
    received: Arc<watch::Sender<Vec<Received>>>,
    /// The statuses of the next answers; 200 after them.
    answers: Arc<Mutex<Vec<u16>>>,
}

/// Verified with another library than the one that signs.
fn is_signed(headers: &HeaderMap, body: &[u8]) -> bool {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap();
    let key = STANDARD.decode(SECRET.trim_start_matches("whsec_")).unwrap();
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &key);
    let signed =
        [header("webhook-id").as_bytes(), b".", header("webhook-timestamp").as_bytes(), b".", body].concat();
    let signature = STANDARD.decode(header("webhook-signature").strip_prefix("v1,").unwrap()).unwrap();
    ring::hmac::verify(&key, &signed, &signature).is_ok()
}

async fn receive(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> StatusCode {
    if !is_signed(&headers, &body) {
        return StatusCode::UNAUTHORIZED;
    }
    let next = receiver.answers.lock().unwrap().pop();
    let id = headers["webhook-id"].to_str().unwrap().to_owned();
    let event = serde_json::from_slice(&body).unwrap();
    receiver.received.send_modify(|all| all.push(Received { id, event }));
    StatusCode::from_u16(next.unwrap_or(200)).unwrap()
}

impl Receiver {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self {
            port: listener.local_addr().unwrap().port(),
            received: Arc::new(watch::Sender::new(Vec::new())),
            answers: Arc::default(),
        };
        let routes = axum::Router::new().fallback(receive).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        receiver
    }

    fn answer_with(&self, statuses: &[u16]) {
        *self.answers.lock().unwrap() = statuses.iter().rev().copied().collect();
    }

    fn body(&self, more: Value) -> Value {
        let mut body = json!({"url": format!("http://127.0.0.1:{}/hook", self.port),
            "secret": "${file:SECRET}", "retry_ms": 100});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    }

    /// Waits until so many events of a sort came, and answers them.
    async fn events(&self, sort: &str, count: usize) -> Vec<Received> {
        let of_sort = |all: &[Received]| -> Vec<Received> {
            all.iter().filter(|received| received.event["type"] == sort).cloned().collect()
        };
        let mut changes = self.received.subscribe();
        let wait = changes.wait_for(|all| of_sort(all).len() >= count);
        let all = tokio::time::timeout(DEADLINE, wait).await;
        let all = all.unwrap_or_else(|_| panic!("{count} of {sort}: {:?}", self.received.borrow()));
        of_sort(&all.unwrap())
    }
}

/// Lets documents refer to a file with the secret, and answers the folder of it.
fn allow(options: &mut ServeOptions) -> tempfile::TempDir {
    let secrets = tempfile::tempdir().unwrap();
    std::fs::write(secrets.path().join("hook"), SECRET).unwrap();
    std::fs::write(secrets.path().join("short"), "hunter2").unwrap();
    options.config.references = References::none().directory(secrets.path()).unwrap();
    secrets
}

async fn start(change: impl FnOnce(&mut ServeOptions)) -> (Server, tempfile::TempDir) {
    let mut secrets = None;
    let server = server_with(|options| {
        secrets = Some(allow(options));
        change(options);
    });
    (server.await, secrets.unwrap())
}

/// The path of a webhook, and its body with the secret where it is.
fn hook(name: &str, secrets: &Path, body: Value) -> (String, Value) {
    let reference = secrets.join("hook").display().to_string();
    let body = body.to_string().replace("SECRET", &reference);
    (format!("/api/v1/documents/webhooks/{name}"), serde_json::from_str(&body).unwrap())
}

async fn put_hook(server: &Server, name: &str, secrets: &tempfile::TempDir, body: Value) {
    let (path, body) = hook(name, secrets.path(), body);
    let put = server.put(&path, &body).await;
    assert!(put.status.is_success(), "{:#}", put.json);
}

/// Waits until there are so many deliveries in a state, and answers them.
async fn deliveries(server: &Server, state: &str, count: usize) -> Vec<Value> {
    let path = format!("/api/v1/deliveries?state={state}&limit=500");
    let ask = async {
        loop {
            let items = server.get(&path).await.ok()["items"].as_array().unwrap().clone();
            if items.len() >= count {
                return items;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(DEADLINE, ask).await.unwrap_or_else(|_| panic!("{count} of {path}"))
}

#[tokio::test]
async fn a_live_revision_is_sent_signed_to_those_that_want_it() {
    let (server, secrets) = start(|_| ()).await;
    let (all, pricing) = (Receiver::start().await, Receiver::start().await);
    put_hook(&server, "all", &secrets, all.body(json!({}))).await;
    let only = json!({"documents": ["rules/pricing/*"], "events": ["revision.live"]});
    put_hook(&server, "pricing", &secrets, pricing.body(only)).await;
    let server = server.with_loans().await;
    assert_eq!(server.put("/api/v1/rulesets/pricing", &json!({})).await.status, 201);
    assert_eq!(server.put("/api/v1/rulesets/pricing/rules/R1", &rule(1, 1.0)).await.status, 201);

    let revisions = |received: &[Received]| -> Vec<u64> {
        let mut numbers: Vec<_> =
            received.iter().map(|it| it.event["data"]["revision"].as_u64().unwrap()).collect();
        numbers.sort_unstable();
        numbers
    };
    let found = all.events("revision.live", 6).await;
    assert_eq!(revisions(&found), [1, 2, 3, 4, 5, 6], "the one that made the webhook too");
    let found = pricing.events("revision.live", 1).await;
    assert_eq!(revisions(&found), [6], "and not of what was before it, nor of what it does not want");
    let data = &found[0].event["data"];
    assert_eq!((&data["author"], &data["changes"][0]["name"]), (&json!("admin"), &json!("pricing/R1")));
    assert_eq!(data["changed"], json!({"rules": 1}));
    let sent = deliveries(&server, "delivered", 7).await;
    assert_eq!(sent.iter().filter(|it| it["id"] == found[0].id).count(), 2, "one event, two webhooks");
    assert!(server.get("/api/v1/deliveries?state=dead").await.ok()["items"] == json!([]));
}

#[tokio::test]
async fn an_event_is_tried_again_and_then_a_dead_letter_that_can_be_sent_again() {
    let (server, secrets) = start(|_| ()).await;
    let receiver = Receiver::start().await;
    receiver.answer_with(&[503, 200]);
    put_hook(&server, "a", &secrets, receiver.body(json!({"attempts_max": 2}))).await;
    let tried = receiver.events("revision.live", 2).await;
    assert_eq!(tried[0].id, tried[1].id, "it is the same event");
    deliveries(&server, "delivered", 1).await;

    receiver.answer_with(&[500, 500]);
    assert_eq!(server.put("/api/v1/rulesets/x", &json!({})).await.status, 201);
    let dead = deliveries(&server, "dead", 1).await;
    assert_eq!((&dead[0]["attempts"], &dead[0]["webhook"]), (&json!(2), &json!("a")));
    assert_eq!(dead[0]["error"], "the receiver answered 500 Internal Server Error");
    // One that says that it wants it never (410) is not asked again.
    receiver.answer_with(&[410]);
    assert_eq!(server.put("/api/v1/rulesets/y", &json!({})).await.status, 201);
    let dead = deliveries(&server, "dead", 2).await;
    assert_eq!(dead[0]["attempts"], 1);

    let viewer = token(&server, json!({"name": "v", "role": "editor"})).await;
    let forbidden = server.anonymous(Method::POST, "/api/v1/deliveries/resend").bearer_auth(viewer);
    answer(forbidden.json(&json!({"webhook": "a"}))).await.problem(403, "forbidden");
    let resend = "/api/v1/deliveries/resend";
    server.post(resend, &json!({})).await.problem(422, "invalid_body");
    server.post(resend, &json!({"number": 999})).await.problem(404, "not_found");
    assert_eq!(server.post(resend, &json!({"number": dead[0]["number"]})).await.ok()["resent"], 1);
    assert_eq!(server.post(resend, &json!({"webhook": "a"})).await.ok()["resent"], 1);
    deliveries(&server, "delivered", 3).await;
    server.get("/api/v1/deliveries?state=lost").await.problem(400, "invalid_parameter");
    server.get("/api/v1/deliveries?webhook=/").await.problem(400, "invalid_parameter");
}

#[tokio::test]
async fn what_waits_is_sent_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let mut first = options(&dir);
    let secrets = allow(&mut first);
    let second = first.clone();
    let running = midflight_server::start(first).await.unwrap();
    let token = running.first_token().unwrap().to_owned();
    let server = Server { running, token, client: client(), dir };
    let receiver = Receiver::start().await;
    receiver.answer_with(&[500]);
    put_hook(&server, "a", &secrets, receiver.body(json!({"retry_ms": 1_000}))).await;
    let failed = receiver.events("revision.live", 1).await;
    server.running.stop().await;
    // Made while nothing sends: by the next start it is in the log.
    let running = midflight_server::start(second).await.unwrap();
    let server = Server { running, ..server };
    assert_eq!(server.put("/api/v1/rulesets/x", &json!({})).await.status, 201);
    let received = receiver.events("revision.live", 3).await;
    let again: Vec<_> = received.iter().filter(|it| it.id == failed[0].id).collect();
    assert_eq!(again.len(), 2, "{received:?}");
    assert_eq!(again[0].event, again[1].event);
    deliveries(&server, "delivered", 2).await;
}

#[tokio::test]
async fn what_fails_on_a_replica_is_sent_with_its_problems() {
    let (server, secrets) = start(|_| ()).await;
    let receiver = Receiver::start().await;
    put_hook(&server, "a", &secrets, receiver.body(json!({"events": ["reload.failed"]}))).await;
    let other = json!({"events": ["reload.failed"], "outcomes": ["rejected"]});
    put_hook(&server, "b", &secrets, receiver.body(other)).await;
    server
        .put("/api/v1/rulesets/x/rules/R1", &json!({"rule_name": 7}))
        .await
        .problem(422, "invalid_document");
    let received = receiver.events("reload.failed", 1).await;
    let data = &received[0].event["data"];
    assert_eq!((&data["outcome"], &data["trigger"]), (&json!("validation_failed"), &json!("api_update")));
    assert!(data["replica"].is_string() && data["errors"][0]["path"].is_string(), "{data:#}");
    deliveries(&server, "delivered", 1).await;
    assert_eq!(server.get("/api/v1/deliveries?webhook=b").await.ok()["items"], json!([]));
}

#[tokio::test]
async fn the_audit_is_sent_where_the_operator_allows_it() {
    let (closed, secrets) = start(|_| ()).await;
    let receiver = Receiver::start().await;
    let body = receiver.body(json!({"events": ["audit.recorded"], "outcomes": ["refused"]}));
    let (path, audit) = hook("audit", secrets.path(), body.clone());
    let refused = closed.put(&path, &audit).await.problem(422, "invalid_document");
    assert_eq!(refused["errors"][0]["path"], "/events/0");

    let (server, secrets) = start(|options| options.audit_webhooks = true).await;
    put_hook(&server, "audit", &secrets, body).await;
    let anonymous = server.anonymous(Method::POST, "/api/v1/reload").json(&json!({}));
    answer(anonymous).await.problem(401, "unauthenticated");
    let received = receiver.events("audit.recorded", 1).await;
    let data = &received[0].event["data"];
    assert_eq!((&data["action"], &data["status"]), (&json!("POST /api/v1/reload"), &json!(401)));
}

/// Asks as the holder of a token.
async fn ask(server: &Server, token: &str, method: Method, path: &str, body: &Value) -> Answer {
    answer(server.anonymous(method, path).bearer_auth(token).json(body)).await
}

#[tokio::test]
async fn a_webhook_of_a_token_with_scopes_is_for_documents_in_them_only_whatever_the_way() {
    const MINE: &str = "/api/v1/documents/webhooks/mine";
    const LATER: &str = "2999-01-01T00:00:00Z";
    let (server, secrets) = start(|options| options.audit_webhooks = true).await;
    let scopes = json!(["webhooks/mine", "schedules/*", "config/shop*"]);
    let editor = token(&server, json!({"name": "ed", "role": "editor", "scopes": scopes})).await;
    let operator = token(&server, json!({"name": "op", "role": "operator", "scopes": scopes})).await;
    let receiver = Receiver::start().await;
    let body = |more: Value| hook("mine", secrets.path(), receiver.body(more)).1;
    let live = json!(["revision.live"]);
    for (more, member) in [
        (json!({}), "/documents"),
        (json!({"active": false}), "/documents"),
        (json!({"documents": [], "events": live}), "/documents"),
        (json!({"documents": null, "events": live}), "/documents"),
        (json!({"documents": ["config"], "events": live}), "/documents/0"),
        (json!({"documents": ["config/shop", "config/*"], "events": live}), "/documents/1"),
        (json!({"documents": ["*/shop"], "events": live}), "/documents/0"),
        (json!({"documents": ["config/shop"]}), "/events"),
        (json!({"documents": ["config/shop"], "events": ["audit.recorded"]}), "/events/0"),
        (json!({"documents": ["config/shop"], "events": ["revision.live", "log.diverged"]}), "/events/1"),
    ] {
        let refused = ask(&server, &editor, Method::PUT, MINE, &body(more.clone())).await;
        let refused = refused.problem(403, "forbidden");
        assert_eq!(refused["errors"][0]["path"], member, "{more}: {refused:#}");
        assert!(refused["detail"].as_str().unwrap().contains("; write "), "{more}: {refused:#}");
    }

    // An admin puts one that is wider, and then another one.
    let wide = body(json!({"description": "all"}));
    let narrow = body(json!({"documents": ["config/shop", "config/shop2"], "events": live}));
    for one in [&wide, &narrow] {
        assert!(server.put(MINE, one).await.status.is_success());
    }
    let revision = server.revision().await;
    let change = json!({"op": "put", "kind": "webhooks", "name": "mine", "body": wide});
    let later = json!({"changes": [change.clone()], "not_before": LATER});
    for (method, path, sent, member) in [
        (Method::PUT, format!("{MINE}?dry_run=true"), wide.clone(), "/documents"),
        (Method::PUT, format!("{MINE}?not_before={LATER}"), wide.clone(), "/documents"),
        (Method::POST, "/api/v1/apply".to_owned(), json!({"changes": [change]}), "/documents"),
        (
            Method::POST,
            "/api/v1/import".to_owned(),
            json!({"kind": "webhooks", "name": "mine", "body": wide}),
            "/documents",
        ),
        (Method::PUT, "/api/v1/documents/schedules/s".to_owned(), later, "/changes/0/body/documents"),
        (Method::POST, format!("/api/v1/revisions/{}/restore", revision - 1), json!({}), "/documents"),
    ] {
        let sender = if path.contains("restore") { &operator } else { &editor };
        let refused = ask(&server, sender, method, &path, &sent).await.problem(403, "forbidden");
        assert_eq!(refused["errors"][0]["path"], member, "{path}: {refused:#}");
        assert_eq!(server.revision().await, revision, "{path}");
    }

    // What is in scope is sent, and nothing of the other documents of the same revision.
    let changes =
        ["shop", "other"].map(|name| json!({"op": "put", "kind": "config", "name": name, "body": {}}));
    server.post("/api/v1/apply", &json!({ "changes": changes })).await.ok();
    let is_of_both = |it: &&Received| it.event["data"]["revision"] == revision + 1;
    let mut received = receiver.received.subscribe();
    let wait = received.wait_for(|all| all.iter().any(|it| is_of_both(&it)));
    let all = tokio::time::timeout(DEADLINE, wait).await.unwrap().unwrap().clone();
    let data = &all.iter().find(is_of_both).unwrap().event["data"];
    assert_eq!(data["changes"], json!([{"kind": "config", "name": "shop", "op": "put"}]));
    let own = body(json!({"documents": ["config/shop*"], "events": live}));
    assert!(ask(&server, &editor, Method::PUT, MINE, &own).await.status.is_success());
    // Unchanged, as in an import of everything, a wider one stays.
    assert!(server.put(MINE, &wide).await.status.is_success());
    ask(&server, &editor, Method::PUT, MINE, &wide).await.ok();
}

#[tokio::test]
async fn a_webhook_by_a_signed_request_is_for_documents_in_its_scope_only() {
    let (server, secrets) = start(|_| ()).await;
    let receiver = Receiver::start().await;
    let secret = format!("${{file:{}}}", secrets.path().join("hook").display());
    let scope = json!(["webhooks/*", "config/shop"]);
    let own = json!({"webhooks": {
        "crm": {"secret": secret, "action": "apply", "scope": scope},
        "any": {"secret": secret, "action": "apply"},
    }});
    assert!(server.put("/api/v1/config/midflight", &own).await.status.is_success());
    let put = async |name: &str, more: Value| {
        let body = hook("mine", secrets.path(), receiver.body(more)).1;
        let change = json!({"op": "put", "kind": "webhooks", "name": "mine", "body": body});
        let sent = json!({ "changes": [change] }).to_string();
        let at = jiff::Timestamp::now().as_second().to_string();
        let signature = SigningKey::of(SECRET).unwrap().signature(name, &at, sent.as_bytes());
        let request = server.anonymous(Method::POST, &format!("/api/v1/webhooks/{name}"));
        let request = request.header("webhook-id", name).header("webhook-timestamp", at);
        answer(request.header("webhook-signature", signature).body(sent)).await
    };
    let refused = put("crm", json!({})).await.problem(403, "forbidden");
    assert_eq!(refused["errors"][0]["path"], "/documents", "{refused:#}");
    let within = json!({"documents": ["config/shop"], "events": ["revision.live"]});
    let made = put("crm", within).await;
    assert!(made.status.is_success(), "{:#}", made.json);
    let made = put("any", json!({})).await;
    assert!(made.status.is_success(), "{:#}", made.json);
}

/// Its own events are signed as requests to it are, and may be so with the same secret.
#[tokio::test]
async fn an_event_is_no_request_to_a_webhook_of_the_config() {
    let (server, secrets) = start(|_| ()).await;
    let secret = format!("${{file:{}}}", secrets.path().join("hook").display());
    let own = json!({"webhooks": {"git": {"secret": secret, "action": "reload"}}});
    assert!(server.put("/api/v1/config/midflight", &own).await.status.is_success());
    let url = server.url("/api/v1/webhooks/git");
    let body = json!({"url": url, "secret": secret, "attempts_max": 1, "events": ["revision.live"]});
    put_hook(&server, "self", &secrets, body).await;
    let dead = deliveries(&server, "dead", 1).await;
    assert_eq!(dead[0]["error"], "the receiver answered 401 Unauthorized", "{dead:#?}");
}

#[tokio::test]
async fn a_receiver_that_is_unavailable_does_not_stop_the_events_of_others() {
    let (dir, store) = (tempfile::tempdir().unwrap(), MemoryStore::new());
    let mut options = options(&dir);
    let secrets = allow(&mut options);
    let running =
        midflight_server::start_on(options, Backend::of_store(Arc::new(store.clone()))).await.unwrap();
    let token = running.first_token().unwrap().to_owned();
    let server = Server { running, token, client: client(), dir };
    let receiver = Receiver::start().await;
    let live = json!({"events": ["revision.live"]});
    let mut closed = receiver.body(live.clone());
    closed["url"] = json!("http://127.0.0.1:1/");
    closed["retry_ms"] = json!(3_600_000);
    put_hook(&server, "closed", &secrets, closed).await;
    put_hook(&server, "open", &secrets, receiver.body(live)).await;
    receiver.events("revision.live", 1).await;
    assert_eq!(server.get("/health/hot-reload").await.json["degraded"], json!([]));

    let waiting = |nth: u64| NewDelivery {
        id: format!("midflight_{nth}"),
        webhook: "closed".parse().unwrap(),
        event: "revision.live".to_owned(),
        payload: "{}".to_owned(),
        dead: None,
    };
    store.add_deliveries(&(0..2_000).map(waiting).collect::<Vec<_>>(), None).await.unwrap();
    assert_eq!(server.put("/api/v1/rulesets/x", &json!({})).await.status, 201);
    let received = receiver.events("revision.live", 2).await;
    assert_eq!(received[1].event["data"]["revision"], server.revision().await);
    let dead = deliveries(&server, "dead", 1).await;
    assert_eq!((&dead[0]["webhook"], &dead[0]["attempts"]), (&json!("closed"), &json!(0)));
    assert!(dead[0]["error"].as_str().unwrap().contains("deliveries_waiting_max"), "{dead:#?}");
    let health = server.get("/health/hot-reload").await.json;
    let degraded = health["degraded"][0].as_str().unwrap();
    assert!(degraded.contains("webhook closed") && degraded.contains("deliveries_waiting_max"), "{degraded}");
}

#[tokio::test]
async fn a_webhook_that_cannot_be_is_refused_without_its_secret() {
    let (server, secrets) = start(|_| ()).await;
    let receiver = Receiver::start().await;
    let short = secrets.path().join("short").display().to_string();
    for (more, place) in [
        (json!({"url": "http://169.254.169.254/latest"}), "/url"),
        (json!({"url": "http://[fe80::1]/"}), "/url"),
        (json!({"documents": ["/rules"]}), "/documents/0"),
        (json!({"secret": "hunter2"}), "/secret"),
        (json!({"secret": format!("${{file:{short}}}")}), "/secret"),
        (json!({"secret": "${file:/etc/hostname}"}), "/secret"),
        (json!({"secret": "${env:PATH}"}), "/secret"),
        (json!({"events": ["everything"]}), "/events/0"),
    ] {
        let (path, body) = hook("a", secrets.path(), receiver.body(more.clone()));
        let refused = server.put(&path, &body).await.problem(422, "invalid_document");
        assert_eq!(refused["errors"][0]["path"], place, "{more}: {refused:#}");
        assert!(!refused["errors"].to_string().contains("hunter2"), "{refused:#}");
    }
    let elsewhere = "only.example".parse().unwrap();
    let (server, secrets) = start(|options| {
        options.outbound = midflight_server::OutboundPolicy::only([elsewhere]);
    })
    .await;
    let (path, body) = hook("a", secrets.path(), receiver.body(json!({})));
    let refused = server.put(&path, &body).await.problem(422, "invalid_document");
    assert_eq!(refused["errors"][0]["code"], "not_allowed", "{refused:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_sends_each_event_once() {
    let postgres = Postgres::shared();
    let log: StoreUrl = postgres.database().parse().unwrap();
    // Both have the file that the document refers to, at its path.
    let secrets = allow(&mut ServeOptions::new("unused"));
    let replica = |name: &'static str| {
        server_with(|options| {
            options.config.store(&log, Origin::Flag("--store".to_owned()));
            options.config.references = References::none().directory(secrets.path()).unwrap();
            options.replica_id = Some(name.to_owned());
        })
    };
    let one = replica("one").await;
    let two = Server { token: one.token.clone(), ..replica("two").await };
    let receiver = Receiver::start().await;
    let (path, body) = hook("a", secrets.path(), receiver.body(json!({})));
    let put = one.put(&path, &body).await;
    assert!(put.status.is_success(), "{:#}", put.json);
    for nth in 0..20 {
        let server = [&one, &two][nth % 2];
        assert_eq!(server.put(&format!("/api/v1/rulesets/r{nth}"), &json!({})).await.status, 201);
    }
    let received = receiver.events("revision.live", 21).await;
    let sent = deliveries(&one, "delivered", 21).await;
    let ids: BTreeSet<_> = received.iter().map(|it| it.id.as_str()).collect();
    assert_eq!((ids.len(), sent.len()), (21, 21));
    assert!(sent.iter().all(|it| it["attempts"] == 1), "{sent:#?}");
    assert_eq!(
        receiver.received.borrow().iter().filter(|it| it.event["type"] == "revision.live").count(),
        21
    );
}

/// A revision that is quarantined where the cursor was moved past it is sent when its quarantine ends, and by another
/// replica that serves it.
#[tokio::test]
async fn a_revision_that_a_replica_quarantined_is_sent_when_it_is_live_there_or_elsewhere() {
    for is_elsewhere in [false, true] {
        let store = MemoryStore::new();
        let secrets = allow(&mut ServeOptions::new("unused"));
        let replica = async |body_bytes_max: usize| {
            let dir = tempfile::tempdir().unwrap();
            let mut options = options(&dir);
            options.config.references = References::none().directory(secrets.path()).unwrap();
            options.engine_limits.body_bytes_max = body_bytes_max;
            let backend = Backend::of_store(Arc::new(store.clone()));
            let running = midflight_server::start_on(options, backend).await.unwrap();
            let token = running.first_token().unwrap_or_default().to_owned();
            Server { running, token, client: client(), dir }
        };
        let one = replica(500).await;
        let receiver = Receiver::start().await;
        put_hook(&one, "a", &secrets, receiver.body(json!({"events": ["revision.live"]}))).await;
        receiver.events("revision.live", 1).await;

        // Another replica allows what is too large for this one.
        let id = DocumentId::new("config", "shop").unwrap();
        let changes = [Change::put(id, json!({"text": "x".repeat(1_000)}))];
        let edit = Edit::new("otto", Trigger::Manual, changes);
        let (created_at, expected_head) = (jiff::Timestamp::now(), store.head().await.unwrap());
        let new = NewRevision { edit: &edit, created_at, expected_head, documents_max: 100 };
        let large = store.append(new).await.unwrap().revision.number.get();
        one.post("/api/v1/rules/hot-reload/reload", &json!({"validate": false})).await;
        assert_eq!(one.put("/api/v1/rulesets/later", &json!({})).await.status, 201);
        assert_eq!(one.get("/health/ready").await.json["quarantined"], json!([large]));
        let passed = async {
            while store.delivery_cursor("log").await.unwrap() != Some(large + 1) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(DEADLINE, passed).await.unwrap();
        receiver.events("revision.live", 2).await;
        assert_eq!(receiver.received.borrow().len(), 2, "it is live nowhere");

        let mut other = None;
        let count = match is_elsewhere {
            true => {
                other = Some(replica(1 << 20).await);
                3
            }
            false => {
                let replaced = one.put("/api/v1/config/shop", &json!({"text": "short"})).await;
                assert!(replaced.status.is_success(), "{:#}", replaced.json);
                4
            }
        };
        let received = receiver.events("revision.live", count).await;
        let mut revisions: Vec<_> = received.iter().map(|it| it.event["data"]["revision"].as_u64()).collect();
        revisions.sort_unstable();
        let expected: Vec<_> = (0..count as u64).map(|nth| Some(large - 1 + nth)).collect();
        assert_eq!(revisions, expected);
        if let Some(other) = other {
            other.running.stop().await;
        }
        one.running.stop().await;
    }
}
