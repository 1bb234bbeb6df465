//! Sessions of browsers: a cookie instead of the token, which only pages of this server can use.

use futures_util::StreamExt as _;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::support::{Answer, DEADLINE, Server, answer, server, server_with};

const SESSION: &str = "/api/v1/session";

/// Logs in with a token, and answers the cookie as it is sent back.
pub(crate) async fn log_in(server: &Server, token: &str) -> String {
    let answered = answer(server.anonymous(Method::POST, SESSION).json(&json!({"token": token}))).await;
    assert_eq!(answered.status, 201, "{:#}", answered.json);
    let cookie = answered.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.contains("; HttpOnly; SameSite=Strict") && !cookie.contains(token), "{cookie}");
    cookie.split(';').next().unwrap().to_owned()
}

fn with(server: &Server, method: Method, path: &str, cookie: &str) -> RequestBuilder {
    server.anonymous(method, path).header("cookie", cookie)
}

/// The same from a page of the server.
fn of_page(server: &Server, method: Method, path: &str, cookie: &str) -> RequestBuilder {
    with(server, method, path, cookie).header("origin", server.running.url())
}

#[tokio::test]
async fn a_session_is_the_holder_of_its_token_and_ends_with_it() {
    let server = server_with(|options| options.require_token = true).await;
    let token =
        crate::tokens::token(&server, json!({"name": "anna", "role": "editor", "scopes": ["rules"]})).await;
    let cookie = log_in(&server, &token).await;
    let whoami = async |cookie: &str| answer(with(&server, Method::GET, "/api/v1/whoami", cookie)).await;
    let who = whoami(&cookie).await.ok();
    assert_eq!(
        (&who["name"], &who["role"], &who["scopes"]),
        (&json!("anna"), &json!("editor"), &json!(["rules"]))
    );
    assert!(who["expires_at"].is_string());
    let put = of_page(&server, Method::PUT, "/api/v1/rulesets/a", &cookie).json(&json!({}));
    let revision = answer(put).await.json["revision"].as_u64().unwrap();
    let revision = answer(server.request(Method::GET, &format!("/api/v1/revisions/{revision}"))).await.ok();
    assert_eq!(
        (&revision["revision"]["author"], &revision["revision"]["principal"]),
        (&json!("anna"), &who["id"])
    );
    // It is no token, and is in no list of them.
    let secret = cookie.split_once('=').unwrap().1;
    answer(server.anonymous(Method::GET, "/api/v1/whoami").bearer_auth(secret))
        .await
        .problem(401, "unauthenticated");
    let listed = answer(server.request(Method::GET, "/api/v1/tokens")).await.ok();
    let names: Vec<_> = listed["items"].as_array().unwrap().iter().map(|item| &item["name"]).collect();
    assert_eq!(names, ["admin", "anna"]);
    // Nor is the token a session.
    whoami(&format!("midflight_session={token}")).await.problem(401, "unauthenticated");
    let audit = answer(server.request(Method::GET, "/api/v1/audit?actor=anna")).await.ok();
    assert!(audit.to_string().contains("POST /api/v1/session"), "{audit:#}");
    assert_eq!(server.delete("/api/v1/tokens/anna").await.status, 204);
    whoami(&cookie).await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn only_a_page_of_the_server_changes_something_with_a_cookie() {
    let server = server().await;
    let cookie = log_in(&server, &server.token).await;
    let put = |name: &str, value: &str| {
        let request = with(&server, Method::PUT, "/api/v1/rulesets/a", &cookie).json(&json!({}));
        answer(if name.is_empty() { request } else { request.header(name, value) })
    };
    put("", "").await.problem(403, "foreign_origin");
    put("origin", "https://evil.example").await.problem(403, "foreign_origin");
    put("sec-fetch-site", "cross-site").await.problem(403, "foreign_origin");
    put("sec-fetch-site", "same-site").await.problem(403, "foreign_origin");
    assert_eq!(put("sec-fetch-site", "same-origin").await.status, 201);
    // A form of another site can send these types alone.
    for kind in ["text/plain", "application/x-www-form-urlencoded"] {
        let sent = server.anonymous(Method::POST, SESSION).header("content-type", kind).body("{}");
        answer(sent).await.problem(415, "unsupported_media_type");
    }
    // A wrong token makes no session, and a cookie that is none is as none.
    answer(server.anonymous(Method::POST, SESSION).json(&json!({"token": "mf_wrong"})))
        .await
        .problem(401, "unauthenticated");
    let stale = answer(with(&server, Method::GET, "/api/v1/whoami", "midflight_session=mf_stale")).await.ok();
    assert_eq!(stale["name"], "anonymous");
}

/// A WebSocket of a page of the server, with a cookie.
async fn socket(
    server: &Server,
    cookie: &str,
) -> tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>> {
    let url = server.url("/ws/hot-reload").replace("http://", "ws://");
    let mut request = url.into_client_request().unwrap();
    request.headers_mut().insert("cookie", cookie.parse().unwrap());
    request.headers_mut().insert("origin", server.running.url().parse().unwrap());
    tokio_tungstenite::connect_async(request).await.unwrap().0
}

#[tokio::test]
async fn a_log_out_ends_the_streams_of_the_session_and_of_no_other() {
    let server = server_with(|options| options.require_token = true).await;
    let (cookie, other) = (log_in(&server, &server.token).await, log_in(&server, &server.token).await);
    let mut watch = with(&server, Method::GET, "/api/v1/watch", &cookie).send().await.unwrap();
    assert_eq!(watch.status(), 200);
    let mut ended = socket(&server, &cookie).await;
    let mut goes_on = socket(&server, &other).await;
    let out = answer(of_page(&server, Method::DELETE, SESSION, &cookie)).await;
    assert_eq!(out.status, 204);
    assert!(out.headers["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    let ends = async {
        while watch.chunk().await.unwrap().is_some() {}
        while let Some(Ok(message)) = ended.next().await {
            if message.is_close() {
                return;
            }
        }
    };
    tokio::time::timeout(DEADLINE, ends).await.unwrap();
    let whoami = async |cookie: &str| answer(with(&server, Method::GET, "/api/v1/whoami", cookie)).await;
    whoami(&cookie).await.problem(401, "unauthenticated");
    whoami(&other).await.ok();
    let first = tokio::time::timeout(DEADLINE, goes_on.next()).await.unwrap().unwrap().unwrap();
    assert!(first.is_text(), "{first:?}");
    // Without a session a log-out does nothing.
    assert_eq!(answer(server.anonymous(Method::DELETE, SESSION)).await.status, 204);
}

#[tokio::test]
async fn sessions_of_a_token_are_bounded_and_a_rotation_ends_them() {
    let server = server_with(|options| options.require_token = true).await;
    let token = crate::tokens::token(&server, json!({"name": "anna", "role": "viewer"})).await;
    let mut cookies = Vec::new();
    for _ in 0..17 {
        cookies.push(log_in(&server, &token).await);
    }
    let status =
        async |cookie: &str| answer(with(&server, Method::GET, "/api/v1/whoami", cookie)).await.status;
    assert_eq!(status(&cookies[0]).await, 401, "the oldest made room");
    assert_eq!(status(&cookies[16]).await, 200);
    server.post("/api/v1/tokens/anna/rotate", &json!({"overlap_ms": 0})).await.ok();
    assert_eq!(status(&cookies[16]).await, 401);
    let unknown: Value =
        answer(server.anonymous(Method::POST, SESSION).json(&json!({"token": token}))).await.json;
    assert_eq!(unknown["code"], "unauthenticated");
}

/// Sends a request until it is refused past its rate, and answers the refusal.
pub(crate) async fn until_refused(request: impl Fn() -> RequestBuilder, accepted: u16) -> Value {
    let asked = async {
        loop {
            let answered: Answer = answer(request()).await;
            if answered.status != accepted {
                assert!(answered.headers.contains_key("retry-after"), "{:#}", answered.json);
                return answered.problem(429, "too_many_requests");
            }
        }
    };
    tokio::time::timeout(DEADLINE, asked).await.unwrap()
}

#[tokio::test]
async fn log_ins_of_a_token_have_a_rate_of_their_own() {
    let server = server_with(|options| options.limits.sessions_per_second_max = 1).await;
    let token = crate::tokens::token(&server, json!({"name": "anna", "role": "viewer"})).await;
    let log_in_again = || server.anonymous(Method::POST, SESSION).json(&json!({"token": token}));
    let refused = until_refused(log_in_again, 201).await;
    assert!(refused["detail"].as_str().unwrap().contains("sessions_per_second_max"), "{refused}");
    // The audit has who was refused, and others log in.
    let found = answer(server.request(Method::GET, "/api/v1/audit?actor=anna&outcome=failed")).await.ok();
    assert_eq!(found["items"][0]["code"], "too_many_requests", "{found:#}");
    log_in(&server, &server.token).await;
}
