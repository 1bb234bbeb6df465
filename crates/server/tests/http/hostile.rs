//! Requests that no honest client sends, to every route: none fails in the server, and none changes anything.

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::access::{Route, example, routes};
use crate::support::{DEADLINE, Server, answer, server, server_with};

/// The head of the answer to bytes that are sent as they are.
async fn raw(server: &Server, head: &str) -> String {
    let mut stream = TcpStream::connect(server.running.address()).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut read = Vec::new();
    let receive = async {
        let mut part = [0; 4096];
        while !read.windows(4).any(|end| end == b"\r\n\r\n") {
            match stream.read(&mut part).await.unwrap() {
                0 => break,
                length => read.extend_from_slice(&part[..length]),
            }
        }
    };
    tokio::time::timeout(DEADLINE, receive).await.unwrap();
    String::from_utf8_lossy(&read).into_owned()
}

#[tokio::test]
async fn every_route_wants_one_host_that_is_its_own() {
    let server = server().await;
    for Route { method, path, .. } in routes(&server) {
        let path = example(&path);
        let rest = format!("authorization: Bearer {}\r\nconnection: close\r\n\r\n", server.token);
        for (hosts, status) in [
            ("", "400"),
            ("host: 127.0.0.1\r\nhost: 127.0.0.1\r\n", "400"),
            ("host: 127.0.0.1\r\nhost: evil.example\r\n", "400"),
            ("host: a b\r\n", "400"),
            ("host: anna@127.0.0.1\r\n", "400"),
            ("host: evil.example\r\n", "403"),
            ("host: 127.0.0.1.evil.example:80\r\n", "403"),
        ] {
            let head = raw(&server, &format!("{method} {path} HTTP/1.1\r\n{hosts}{rest}")).await;
            assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{method} {path} {hosts:?}: {head}");
        }
        let foreign = server.request(method.clone(), &path).header("origin", "https://evil.example");
        answer(foreign).await.problem(403, "foreign_origin");
    }
    assert_eq!(server.revision().await, 0);
}

#[tokio::test]
async fn names_and_bodies_that_cannot_be_are_the_callers_fault_on_every_route() {
    let server = server().await;
    let deep = format!("{}{}", "[".repeat(1_000), "]".repeat(1_000));
    let deep_object = format!("{}1{}", r#"{"a":"#.repeat(1_000), "}".repeat(1_000));
    let bodies: [&[u8]; 4] =
        [deep.as_bytes(), deep_object.as_bytes(), b"\xff\xfe{}", b"{\"a\": \"\xc3\x28\"}"];
    for Route { method, path, .. } in routes(&server) {
        // What streams without an end has no body to be wrong.
        for body in bodies.iter().filter(|_| method != Method::GET) {
            let request = server.request(method.clone(), &example(&path));
            let sent = request.header("content-type", "application/json").body(body.to_vec());
            let refused = answer(sent).await;
            let status = refused.status.as_u16();
            assert!(status < 500, "{method} {path}: {status} {:#}", refused.json);
        }
        if !path.contains('{') {
            continue;
        }
        for name in ["%ff%fe", "a%0d%0aset-cookie:%20x=y", "..%2f..%2fetc%2fpasswd", "%00", "a%1b[2J"] {
            let (begin, rest) = path.split_once('{').unwrap();
            let end = rest.split_once('}').unwrap().1;
            let path = format!("{begin}{name}{}", example(end));
            let request = server.request(method.clone(), &path).json(&json!({}));
            let refused = answer(request).await;
            // A search finds nothing by such a name, and a validation answers what is wrong.
            let status = refused.status.as_u16();
            assert!(status < 500, "{method} {path}: {status} {:#}", refused.json);
            assert!(!refused.headers.contains_key("set-cookie"), "{method} {path}");
        }
    }
    assert_eq!(server.revision().await, 0);
}

#[tokio::test]
async fn a_caller_past_its_rate_is_refused_with_a_time_and_no_other_is() {
    let server = server_with(|options| options.limits.reloads_per_second_max = 1).await;
    let other = crate::tokens::token(&server, json!({"name": "otto", "role": "operator"})).await;
    let reload = async |token: &str| {
        let request = server.anonymous(Method::POST, "/api/v1/reload").bearer_auth(token);
        answer(request.json(&json!({}))).await
    };
    let refused = async {
        loop {
            let answered = reload(&server.token).await;
            if answered.status == 429 {
                return answered;
            }
        }
    };
    let refused = tokio::time::timeout(DEADLINE, refused).await.unwrap();
    let wait: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=2).contains(&wait), "{wait}");
    let problem = refused.problem(429, "too_many_requests");
    assert_eq!(problem["retry_after_seconds"], Value::from(wait));
    assert!(problem["detail"].as_str().unwrap().contains("reloads_per_second_max"), "{problem:#}");
    assert_ne!(reload(&other).await.status, 429);
    // Reads and executions are not counted.
    server.get("/api/v1/status").await.ok();
}
