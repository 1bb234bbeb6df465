//! API tokens: made, used within their role and scopes, rotated, revoked.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::StreamExt as _;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::support::{Answer, DEADLINE, Server, answer, rule, server};

/// A token as the administrator makes it.
pub(crate) async fn token(server: &Server, body: Value) -> String {
    let made = server.post("/api/v1/tokens", &body).await;
    assert_eq!(made.status, 201, "{:#}", made.json);
    made.json["token"].as_str().unwrap().to_owned()
}

async fn ask(server: &Server, token: &str, method: Method, path: &str, body: &Value) -> Answer {
    answer(server.anonymous(method, path).bearer_auth(token).json(body)).await
}

async fn read(server: &Server, token: &str, path: &str) -> Answer {
    answer(server.anonymous(Method::GET, path).bearer_auth(token)).await
}

#[tokio::test]
async fn a_token_is_shown_once_and_works_within_its_role() {
    let server = server().await.with_loans().await;
    let made = server.post("/api/v1/tokens", &json!({"name": "ci", "role": "editor"})).await;
    assert_eq!(made.status, 201);
    let ci = made.json["token"].as_str().unwrap();
    assert!(ci.starts_with("mf_") && ci.len() == 46);
    let info = &made.json["info"];
    assert_eq!(
        (&info["name"], &info["role"], &info["created_by"]),
        (&json!("ci"), &json!("editor"), &json!("admin"))
    );
    assert_eq!(
        (&info["expires_at"], &info["scopes"], &info["last_used_at"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );

    // What it changes has its name and its id, whatever the body says.
    let body = json!({"changes": [{"op": "put", "kind": "rules", "name": "loans/R2", "body": rule(1, 1.0)}],
        "reason": "because"});
    let applied = ask(&server, ci, Method::POST, "/api/v1/apply", &body).await;
    let number = applied.json["revision"].as_u64().unwrap();
    let revision = server.get(&format!("/api/v1/revisions/{number}")).await.ok();
    assert_eq!(
        (&revision["revision"]["author"], &revision["revision"]["principal"]),
        (&json!("ci"), &info["id"])
    );
    let forged = json!({"changes": [], "author": "admin"});
    ask(&server, ci, Method::POST, "/api/v1/apply", &forged).await.problem(422, "invalid_body");

    let refused =
        ask(&server, ci, Method::POST, "/api/v1/reload", &json!({})).await.problem(403, "forbidden");
    let detail = refused["detail"].as_str().unwrap();
    assert!(detail.contains("editor") && detail.contains("use one of operator, admin"), "{detail}");
    read(&server, ci, "/api/v1/tokens").await.problem(403, "forbidden");

    let list = read(&server, &server.token, "/api/v1/tokens").await.ok();
    let names: Vec<_> =
        list["items"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["admin", "ci"]);
    assert!(list["items"][1]["last_used_at"].is_string(), "{list:#}");
    let shown = serde_json::to_string(&list).unwrap();
    assert!(!shown.contains(ci) && !shown.contains(&blake3::hash(ci.as_bytes()).to_hex().to_string()));
    let who = read(&server, ci, "/api/v1/whoami").await.ok();
    assert_eq!(who["permissions"], json!(["read", "execute", "edit"]));
    assert_eq!(server.get("/api/v1/whoami").await.ok()["name"], "anonymous");
}

#[tokio::test]
async fn what_is_wrong_with_a_token_is_said_at_its_place() {
    let server = server().await;
    let long = "x".repeat(129);
    for (body, place) in [
        (json!({"name": "", "role": "viewer"}), "/name"),
        (json!({"name": "a b", "role": "viewer"}), "/name"),
        (json!({"name": "anonymous", "role": "viewer"}), "/name"),
        (json!({"name": "jwt:anna", "role": "viewer"}), "/name"),
        (json!({"name": long, "role": "viewer"}), "/name"),
        (json!({"name": "a", "role": "root"}), "/role"),
        (json!({"name": "a", "role": "anonymous"}), "/role"),
        (json!({"name": "a", "role": "admin", "scopes": ["rules"]}), "/scopes"),
        (json!({"name": "a", "role": "viewer", "scopes": ["/rules"]}), "/scopes"),
        (json!({"name": "a", "role": "viewer", "expires_at": "tomorrow"}), "/expires_at"),
        (json!({"name": "a", "role": "viewer", "expires_at": "2020-01-01T00:00:00Z"}), "/expires_at"),
        (json!({"name": "a", "role": "viewer", "expires_in_ms": u64::MAX}), "/expires_in_ms"),
        (json!({"name": "a", "role": "viewer", "expose": "some"}), "/expose"),
        (json!({"name": "a", "role": "viewer", "expose": "all", "pin": ["x"]}), "/pin"),
        (json!({"name": "a", "role": "viewer", "pin": ["x,y"]}), "/pin"),
    ] {
        let refused = server.post("/api/v1/tokens", &body).await.problem(422, "invalid_body");
        assert_eq!(refused["errors"][0]["path"], place, "{body}: {refused:#}");
    }
    token(&server, json!({"name": "a", "role": "viewer"})).await;
    let again = server.post("/api/v1/tokens", &json!({"name": "a", "role": "admin"})).await;
    again.problem(409, "token_exists");
    let removed = server.delete("/api/v1/tokens/nobody").await.problem(404, "not_found");
    assert!(removed["detail"].as_str().unwrap().contains("nobody"));
    server.delete("/api/v1/tokens/admin").await.problem(409, "last_admin_token");
    token(&server, json!({"name": "other", "role": "admin"})).await;
    assert_eq!(server.delete("/api/v1/tokens/admin").await.status, 204);
    answer(server.request(Method::GET, "/api/v1/tokens")).await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn an_expired_token_is_refused_and_one_that_is_rotated_is_valid_for_the_overlap() {
    let server = server().await;
    let short = token(&server, json!({"name": "short", "role": "viewer", "expires_in_ms": 1})).await;
    let refused = async { read(&server, &short, "/api/v1/whoami").await.status == 401 };
    assert!(refused.await, "it was valid for a millisecond");
    let rotated = server.post("/api/v1/tokens/short/rotate", &json!({})).await.problem(409, "token_expired");
    assert!(rotated["detail"].as_str().unwrap().contains("revoke it, and make one"), "{rotated:#}");

    let first = token(&server, json!({"name": "ci", "role": "viewer"})).await;
    let status = async |token: &str| read(&server, token, "/api/v1/whoami").await.status.as_u16();
    let rotated = server.post("/api/v1/tokens/ci/rotate", &json!({"overlap_ms": 600_000})).await.ok();
    let second = rotated["token"].as_str().unwrap();
    assert!(rotated["info"]["previous_valid_until"].is_string(), "{rotated:#}");
    assert_eq!((status(&first).await, status(second).await), (200, 200));
    // The one before the last is not valid, whatever its overlap was.
    let rotated = server.post("/api/v1/tokens/ci/rotate", &json!({"overlap_ms": 0})).await.ok();
    let third = rotated["token"].as_str().unwrap();
    assert_eq!((status(&first).await, status(second).await, status(third).await), (401, 401, 200));
    assert_eq!(rotated["info"]["role"], "viewer");
    let long = server.post("/api/v1/tokens/ci/rotate", &json!({"overlap_ms": u64::MAX})).await;
    long.problem(422, "invalid_body");
    server.post("/api/v1/tokens/nobody/rotate", &json!({})).await.problem(404, "not_found");
}

#[tokio::test]
async fn a_stream_ends_when_its_token_is_revoked() {
    let server = server().await.with_loans().await;
    let watcher = token(&server, json!({"name": "watcher", "role": "viewer"})).await;
    let watch =
        server.anonymous(Method::GET, "/api/v1/watch?since=0").bearer_auth(&watcher).send().await.unwrap();
    assert_eq!(watch.status(), 200);
    let mut parts = watch.bytes_stream();
    // It begins with a comment.
    while !parts.next().await.unwrap().unwrap().starts_with(b"event: revision") {}
    let url = server.url("/ws/hot-reload").replacen("http", "ws", 1);
    let mut request =
        tokio_tungstenite::tungstenite::client::IntoClientRequest::into_client_request(url).unwrap();
    request.headers_mut().insert("authorization", format!("Bearer {watcher}").parse().unwrap());
    let (mut socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
    assert!(socket.next().await.unwrap().unwrap().is_text(), "the status");

    assert_eq!(server.delete("/api/v1/tokens/watcher").await.status, 204);
    let ended = async {
        while let Some(Ok(_)) = parts.next().await {}
        loop {
            if let Some(Ok(tokio_tungstenite::tungstenite::Message::Close(frame))) = socket.next().await {
                return frame.unwrap().code;
            }
        }
    };
    let code = tokio::time::timeout(DEADLINE, ended).await.unwrap();
    assert_eq!(u16::from(code), 1008);
}

#[tokio::test]
async fn a_token_that_is_revoked_under_parallel_requests_is_accepted_by_none_after_the_answer() {
    let server = Arc::new(server().await);
    for round in 0..20 {
        let name = format!("busy{round}");
        let busy = token(&server, json!({"name": &name, "role": "viewer"})).await;
        let (revoked, accepted) = (Arc::new(AtomicBool::new(false)), Arc::new(Semaphore::new(0)));
        let senders: Vec<_> = (0..8)
            .map(|_| {
                let (server, busy) = (Arc::clone(&server), busy.clone());
                let (revoked, accepted) = (Arc::clone(&revoked), Arc::clone(&accepted));
                tokio::spawn(async move {
                    // Until several requests in a row were begun after the answer.
                    let mut refused = 0;
                    while refused < 5 {
                        let is_after = revoked.load(Ordering::SeqCst);
                        match (read(&server, &busy, "/api/v1/whoami").await.status.as_u16(), is_after) {
                            (200, false) => accepted.add_permits(1),
                            (401, is_after) => refused += usize::from(is_after),
                            (status, _) => panic!("{status} after the revocation was answered"),
                        }
                    }
                })
            })
            .collect();
        // What reads the tokens meanwhile: other changes of tokens, a session, and the refresher.
        let other = async {
            let made =
                server.post("/api/v1/tokens", &json!({"name": format!("o{round}"), "role": "viewer"})).await;
            let secret = made.json["token"].as_str().unwrap().to_owned();
            let session = server.anonymous(Method::POST, "/api/v1/session").json(&json!({"token": secret}));
            assert_eq!(answer(session).await.status, 201);
        };
        let revocation = async {
            accepted.acquire_many(8).await.unwrap().forget();
            assert_eq!(server.delete(&format!("/api/v1/tokens/{name}")).await.status, 204);
            revoked.store(true, Ordering::SeqCst);
        };
        let all = async {
            tokio::join!(other, revocation);
            for sender in senders {
                sender.await.unwrap();
            }
        };
        tokio::time::timeout(DEADLINE, all).await.unwrap();
    }
}

#[tokio::test]
async fn scopes_limit_what_is_changed_and_what_is_seen() {
    let server = server().await.with_loans().await;
    for name in ["pricing", "hidden"] {
        server.put(&format!("/api/v1/rulesets/{name}"), &json!({})).await;
    }
    let scopes = json!(["rules/pricing", "rules/pricing/*"]);
    let mine = token(&server, json!({"name": "pricing", "role": "operator", "scopes": scopes})).await;
    let mine = mine.as_str();
    let get = async |path: &str| read(&server, mine, path).await;
    let change = |name: &str| json!({"op": "put", "kind": "rules", "name": name, "body": rule(1, 1.0)});

    // Every document of an edit is to be in scope, whatever the road.
    ask(&server, mine, Method::PUT, "/api/v1/rulesets/pricing/rules/R1", &rule(1, 1.0)).await;
    assert_eq!(get("/api/v1/rulesets/pricing/rules/R1").await.status, 200);
    let mixed = json!({"changes": [change("pricing/R2"), change("loans/R9")]});
    let refused = ask(&server, mine, Method::POST, "/api/v1/apply", &mixed).await.problem(403, "forbidden");
    assert_eq!(refused["errors"][0]["document"], "rules/loans/R9");
    assert_eq!(get("/api/v1/rulesets/pricing/rules/R2").await.status, 404, "all or none");
    for (method, path, body) in [
        (Method::PUT, "/api/v1/documents/rules/loans/R1", rule(1, 1.0)),
        (Method::DELETE, "/api/v1/documents/rules/loans/R1", json!(null)),
        (Method::DELETE, "/api/v1/rulesets/loans", json!(null)),
        (Method::PUT, "/api/v1/rulesets/loans/rules/R1", rule(1, 1.0)),
        (Method::POST, "/api/v1/apply?dry_run=true", json!({"changes": [change("loans/R9")]})),
        (
            Method::POST,
            "/api/v1/apply?not_before=2999-01-01T00:00:00Z",
            json!({"changes": [change("loans/R9")]}),
        ),
        (Method::POST, "/api/v1/import", json!({"kind": "rules", "name": "loans/R9", "body": rule(1, 1.0)})),
        (Method::POST, "/api/v1/revisions/1/restore", json!({})),
        (Method::PUT, "/api/v1/config/midflight", json!({})),
        (
            Method::PUT,
            "/api/v1/documents/schedules/s",
            json!({"changes": [change("loans/R9")], "not_before": "2999-01-01T00:00:00Z"}),
        ),
        (Method::POST, "/api/v1/reload", json!({})),
        (Method::POST, "/api/v1/rules/execute", json!({"data": {"age": 30}})),
        (Method::POST, "/api/v1/rules/batch", json!({"ruleset": "hidden", "data_list": []})),
        (Method::POST, "/api/v1/patterns/classify", json!({"query": "x"})),
        (Method::POST, "/api/v1/tools/select", json!({"capabilities": ["x"]})),
    ] {
        let asked = ask(&server, mine, method.clone(), path, &body).await;
        assert_eq!(asked.status, 403, "{method} {path}: {:#}", asked.json);
    }
    let executed = json!({"ruleset": "pricing", "data": {"age": 30}});
    ask(&server, mine, Method::POST, "/api/v1/rules/execute", &executed).await.ok();
    // A change that waits is one of the documents that it changes.
    let later = json!({"changes": [change("pricing/R2")]});
    let path = "/api/v1/apply?not_before=2999-01-01T00:00:00Z";
    assert_eq!(ask(&server, mine, Method::POST, path, &later).await.status, 202);

    // What is not in scope is not seen either.
    for path in [
        "/api/v1/documents/rules/loans/R1",
        "/api/v1/documents/rules/loans/R1/versions",
        "/api/v1/documents/rules/nothing",
        "/api/v1/rulesets/loans/rules/R1",
        "/api/v1/rulesets/loans/rules",
        "/api/v1/rulesets",
        "/api/v1/config/midflight/effective",
        "/api/v1/status",
        "/api/v1/reloads",
        "/ws/hot-reload",
    ] {
        assert_eq!(get(path).await.status, 403, "{path}");
    }
    let list = get("/api/v1/documents/rules").await.ok();
    let names: Vec<_> =
        list["items"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["pricing", "pricing/R1"]);
    let exported = server.anonymous(Method::GET, "/api/v1/export").bearer_auth(mine).send().await.unwrap();
    let exported = exported.text().await.unwrap();
    assert!(
        exported.contains("pricing/R1") && !exported.contains("loans") && !exported.contains("hidden"),
        "{exported}"
    );
    let revisions = get("/api/v1/revisions").await.ok();
    let seen = revisions["items"].to_string();
    assert!(seen.contains("pricing/R1") && !seen.contains("loans") && !seen.contains("hidden"), "{seen}");
    get("/api/v1/revisions/1").await.problem(403, "forbidden");
    let newest = server.revision().await;
    let diff = get(&format!("/api/v1/revisions/{newest}/diff?against=0")).await.ok()["documents"].to_string();
    assert!(diff.contains("pricing/R1") && !diff.contains("loans"), "{diff}");
    let watch =
        server.anonymous(Method::GET, "/api/v1/watch?since=0").bearer_auth(mine).send().await.unwrap();
    // It begins with a comment.
    let mut parts = watch.bytes_stream().map(|part| String::from_utf8_lossy(&part.unwrap()).into_owned());
    let mut first = parts.next().await.unwrap();
    while first.starts_with(':') {
        first = parts.next().await.unwrap();
    }
    assert!(first.contains("\"pricing\"") && !first.contains("loans"), "{first}");
    get("/openapi.json").await.ok();

    // No scope at all is nothing.
    let none = token(&server, json!({"name": "none", "role": "editor", "scopes": []})).await;
    assert_eq!(read(&server, &none, "/api/v1/documents/rules").await.ok()["items"], json!([]));
    read(&server, &none, "/api/v1/documents/rules/pricing").await.problem(403, "forbidden");
}

#[cfg(feature = "tools")]
#[tokio::test]
async fn a_token_of_an_agent_says_what_it_sees_over_mcp() {
    let server = server().await;
    let tool = |description: &str| {
        let pattern = json!({"time_estimate_ms": 1, "cost_estimate": 1});
        json!({"description": description, "capabilities": {"c": {"patterns": {"p": pattern}}}})
    };
    let first =
        server.put("/api/v1/documents/tools/grep", &tool("Finds lines.")).await.json["revision"].as_u64();
    server.put("/api/v1/documents/tools/sed", &tool("Changes lines.")).await;
    let past = token(&server, json!({"name": "past", "role": "executor", "at": first.unwrap()})).await;
    let pinned = token(&server, json!({"name": "pinned", "role": "executor", "pin": ["sed"]})).await;
    let list = async |token: &str, path: &str| {
        let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {}});
        let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": meta}});
        let request = server.anonymous(Method::POST, path).bearer_auth(token);
        let request = request.header("accept", "application/json, text/event-stream");
        let request = request.header("mcp-protocol-version", "2026-07-28").header("mcp-method", "tools/list");
        answer(request.json(&message)).await
    };
    let names = |answer: Answer| answer.ok()["result"]["tools"].to_string();
    let seen = names(list(&past, "/mcp").await);
    assert!(seen.contains("\"grep\"") && !seen.contains("\"sed\""), "{seen}");
    let seen = names(list(&pinned, "/mcp").await);
    assert!(seen.contains("\"sed\"") && !seen.contains("\"grep\""), "{seen}");
    let refused = list(&pinned, "/mcp?expose=all").await.problem(403, "forbidden");
    assert!(refused["detail"].as_str().unwrap().contains("fixes expose"), "{refused:#}");
}
