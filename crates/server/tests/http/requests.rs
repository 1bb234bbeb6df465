//! What every request has: an id, metrics, compression, a time limit.

use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{DEADLINE, answer, server, server_with};

#[tokio::test]
async fn an_id_is_repeated_or_made() {
    let server = server().await;
    let sent =
        |id: &'static str| answer(server.request(Method::GET, "/api/v1/status").header("x-request-id", id));
    assert_eq!(sent("trace-7").await.headers["x-request-id"], "trace-7");
    let long = "x".repeat(129).leak();
    for bad in ["two words", long] {
        let id = sent(bad).await.headers["x-request-id"].to_str().unwrap().to_owned();
        assert_eq!(id.len(), 36, "{id}");
    }
    let refused = answer(server.anonymous(Method::PUT, "/api/v1/documents/rules/a").json(&json!({}))).await;
    assert_eq!(refused.headers["x-request-id"].len(), 36);
    refused.problem(401, "unauthenticated");
}

#[tokio::test]
async fn requests_are_counted_and_timed_by_route_method_and_class() {
    let server = server().await.with_loans().await;
    server.get("/api/v1/rulesets/loans").await.ok();
    server.get("/api/v1/rulesets/other").await.problem(404, "not_found");
    server.get("/api/v1/nothing").await.problem(404, "no_such_path");
    let odd = Method::from_bytes(b"BREW").unwrap();
    answer(server.request(odd, "/api/v1/rulesets/loans")).await.problem(405, "method_not_allowed");
    let metrics = server.anonymous(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    for line in [
        "requests_total{route=\"/api/v1/rulesets/{ruleset}\",method=\"GET\",status=\"2xx\"} 1",
        "requests_total{route=\"/api/v1/rulesets/{ruleset}\",method=\"GET\",status=\"4xx\"} 1",
        "requests_total{route=\"/api/v1/rulesets/{ruleset}\",method=\"PUT\",status=\"2xx\"} 1",
        "requests_total{route=\"/api/v1/rulesets/{ruleset}\",method=\"other\",status=\"4xx\"} 1",
        "requests_total{route=\"none\",method=\"GET\",status=\"4xx\"} 1",
        "request_duration_seconds_count{route=\"/api/v1/rulesets/{ruleset}\",method=\"PUT\",status=\"2xx\"} 1",
    ] {
        assert!(metrics.contains(&format!("\nmidflight_http_{line}\n")), "{line} in\n{metrics}");
    }
}

#[tokio::test]
async fn long_answers_are_compressed_on_request() {
    let server = server().await;
    let asked = |path: &'static str| server.request(Method::GET, path).header("accept-encoding", "gzip");
    let long = asked("/openapi.json").send().await.unwrap();
    assert_eq!(long.headers()["content-encoding"], "gzip");
    assert_eq!(&long.bytes().await.unwrap()[..2], [0x1f, 0x8b]);
    for path in ["/health/live", "/api/v1/watch"] {
        let plain = asked(path).send().await.unwrap();
        assert!(plain.status().is_success() && !plain.headers().contains_key("content-encoding"), "{path}");
    }
    let unasked = server.request(Method::GET, "/openapi.json").send().await.unwrap();
    assert!(!unasked.headers().contains_key("content-encoding"));
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_a_problem() {
    let server = server_with(|options| options.limits.request_ms_max = 20).await;
    let mut stream = TcpStream::connect(server.running.address()).await.unwrap();
    // The body never comes.
    let head = format!(
        "PUT /api/v1/documents/rules/a HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: 2\r\n\r\n",
        server.token
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4096];
    let read = tokio::time::timeout(DEADLINE, stream.read(&mut answer)).await.unwrap().unwrap();
    let answer = String::from_utf8_lossy(&answer[..read]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 504"), "{answer}");
    assert!(answer.contains("\"timed_out\"") && answer.contains("request_ms_max"), "{answer}");
    assert!(answer.contains("x-request-id: "), "{answer}");
}
