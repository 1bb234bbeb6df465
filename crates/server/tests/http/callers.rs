//! What one caller may have in flight and open at the same time, while others are answered.

use reqwest::{Method, RequestBuilder};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::{DEADLINE, Server, answer, server_with};
use crate::tokens::token;

const EXECUTE: &str = "/api/v1/rules/execute";
const BODY: &str = r#"{"data": {"age": 30}}"#;

/// A request whose handler reads its body, of which nothing was sent yet.
struct HeldRequest(TcpStream);

impl HeldRequest {
    /// Sends the headers, and waits until the server asks for the body.
    async fn begin(server: &Server, token: &str) -> Self {
        let mut stream = TcpStream::connect(server.running.address()).await.unwrap();
        let head = format!(
            "POST {EXECUTE} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\ncontent-type: \
             application/json\r\nexpect: 100-continue\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            BODY.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut asked = [0; 25];
        tokio::time::timeout(DEADLINE, stream.read_exact(&mut asked)).await.unwrap().unwrap();
        assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
        Self(stream)
    }

    /// Sends the rest of the body, and reads the answer.
    async fn end(mut self, rest: &str) -> String {
        self.0.write_all(rest.as_bytes()).await.unwrap();
        let mut text = String::new();
        tokio::time::timeout(DEADLINE, self.0.read_to_string(&mut text)).await.unwrap().unwrap();
        text
    }
}

fn execute(server: &Server, token: &str) -> RequestBuilder {
    server.anonymous(Method::POST, EXECUTE).bearer_auth(token).json(&json!({"data": {"age": 30}}))
}

/// Asserts that a request is refused by a bound of its caller, and when to try again.
async fn refused_by(request: RequestBuilder, bound: &str) {
    let refused = answer(request).await;
    assert_eq!(refused.headers["retry-after"], "1");
    let refused = refused.problem(429, "too_many_requests");
    assert!(refused["detail"].as_str().unwrap().contains(bound), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_with_as_many_requests_as_it_may_have_is_refused_and_others_are_answered() {
    let server = server_with(|options| options.limits.requests_per_caller_max = 2).await.with_loans().await;
    let anna = token(&server, json!({"name": "anna", "role": "executor"})).await;
    let otto = token(&server, json!({"name": "otto", "role": "executor"})).await;
    let held = HeldRequest::begin(&server, &anna).await;
    answer(execute(&server, &anna)).await.ok();
    let last = HeldRequest::begin(&server, &anna).await;
    refused_by(execute(&server, &anna), "2 requests in flight (requests_per_caller_max)").await;
    let live = server.anonymous(Method::GET, "/health/live").bearer_auth(&anna);
    answer(live).await.ok();
    answer(execute(&server, &otto)).await.ok();
    server.get("/api/v1/status").await.ok();
    assert!(held.end(BODY).await.starts_with("HTTP/1.1 200 "));
    answer(execute(&server, &anna)).await.ok();
    // One whose client goes before it is answered gives its place back too.
    let again = HeldRequest::begin(&server, &anna).await;
    refused_by(execute(&server, &anna), "requests_per_caller_max").await;
    drop((last, again));
    let free = async { while answer(execute(&server, &anna)).await.status != 200 {} };
    tokio::time::timeout(DEADLINE, free).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_streams_of_a_caller_are_counted_apart_from_its_requests() {
    let server = server_with(|options| {
        options.limits.requests_per_caller_max = 1;
        options.limits.watchers_per_caller_max = 1;
        options.limits.websocket_clients_per_caller_max = 1;
    });
    let server = server.await.with_loans().await;
    let anna = token(&server, json!({"name": "anna", "role": "viewer"})).await;
    let otto = token(&server, json!({"name": "otto", "role": "viewer"})).await;
    let watch = |token: &str| server.anonymous(Method::GET, "/api/v1/watch").bearer_auth(token);
    let upgrade = |token: &str| {
        server
            .anonymous(Method::GET, "/ws/hot-reload")
            .bearer_auth(token)
            .header("connection", "upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
    };
    let watching = watch(&anna).send().await.unwrap();
    let socket = upgrade(&anna).send().await.unwrap();
    assert_eq!((watching.status().as_u16(), socket.status().as_u16()), (200, 101));
    // The requests that opened them are answered, and others of the caller have its place.
    let status = answer(server.anonymous(Method::GET, "/api/v1/status").bearer_auth(&anna)).await;
    assert_eq!(status.status, 200);
    refused_by(watch(&anna), "1 watchers connected (watchers_per_caller_max)").await;
    refused_by(upgrade(&anna), "1 WebSocket clients connected (websocket_clients_per_caller_max)").await;
    assert_eq!(watch(&otto).send().await.unwrap().status(), 200);
    assert_eq!(upgrade(&otto).send().await.unwrap().status(), 101);
    drop((watching, socket));
    let free = async {
        while watch(&anna).send().await.unwrap().status() != 200 {}
        while upgrade(&anna).send().await.unwrap().status() != 101 {}
    };
    tokio::time::timeout(DEADLINE, free).await.unwrap();
}

/// A low bound of all bodies leaves each caller room for several small ones at once.
#[tokio::test(flavor = "multi_thread")]
async fn slow_small_bodies_of_one_caller_are_received_while_little_is_allowed_for_all() {
    let server = server_with(|options| options.limits.bodies_bytes_max = 1 << 20).await.with_loans().await;
    let anna = token(&server, json!({"name": "anna", "role": "executor"})).await;
    let mut slow = Vec::new();
    let (part, rest) = BODY.split_at(5);
    for _ in 0..100 {
        let mut held = HeldRequest::begin(&server, &anna).await;
        held.0.write_all(part.as_bytes()).await.unwrap();
        slow.push(held);
    }
    answer(execute(&server, &anna)).await.ok();
    for held in slow {
        let text = held.end(rest).await;
        assert!(text.starts_with("HTTP/1.1 200 "), "{text}");
    }
}

/// A connection from an address of loopback, on which a request was answered; none when it was closed.
async fn connected(server: &Server, from: [u8; 4]) -> Option<TcpStream> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((from, 0).into()).unwrap();
    let mut stream = socket.connect(server.running.address()).await.unwrap();
    stream.write_all(b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n").await.ok()?;
    let mut begins = [0; 12];
    let read = tokio::time::timeout(DEADLINE, stream.read_exact(&mut begins)).await.unwrap();
    read.ok().filter(|_| &begins == b"HTTP/1.1 200").map(|_| stream)
}

/// Every address of 127.0.0.0/8 is there on Linux only.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn an_address_with_as_many_connections_as_it_may_have_is_refused_and_others_are_answered() {
    let server = server_with(|options| options.limits.connections_per_address_max = 2).await;
    let (one, other) = ([127, 0, 0, 2], [127, 0, 0, 3]);
    let held = [connected(&server, one).await.unwrap(), connected(&server, one).await.unwrap()];
    assert!(connected(&server, one).await.is_none(), "a third connection was answered");
    let of_other = connected(&server, other).await;
    assert!(of_other.is_some(), "another address was refused");
    let metrics = server.anonymous(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("\nmidflight_connections_refused_total 1\n"), "{metrics}");
    drop(held);
    let again = async { while connected(&server, one).await.is_none() {} };
    tokio::time::timeout(DEADLINE, again).await.unwrap();
}
