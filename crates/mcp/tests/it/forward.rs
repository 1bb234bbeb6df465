//! Forwarded calls: what may be reached, what is sent, and what comes back.

use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use midflight_core::RevisionNumber;
use midflight_live::Live;
use midflight_mcp::forward::{ForwardOptions, Forwarder, ResolveReference};
use midflight_mcp::{
    AllowedHosts, McpCaller, McpHttpOptions, McpOptions, McpServer, PastCatalogue, PastCatalogues, PastError,
    ToolCall, ToolCaller, ToolOutcome,
};
use midflight_outbound::{HostPattern, OutboundPolicy};
use midflight_tools::ToolsSnapshot;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::support::{KEY, edit, message, modern, text};

fn hosts<const N: usize>(texts: [&str; N]) -> Vec<HostPattern> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

struct Secrets;

impl ResolveReference for Secrets {
    fn resolve(&self, reference: &str) -> Result<String, String> {
        if reference == "env:KEY" {
            Ok("s3cret".to_owned())
        } else {
            Err("it may not be referred to".to_owned())
        }
    }
}

struct Forwarding(Forwarder);

#[async_trait]
impl ToolCaller for Forwarding {
    async fn call(&self, call: ToolCall) -> ToolOutcome {
        self.0.call(&call).await
    }
}

struct NoPast;

#[async_trait]
impl PastCatalogues for NoPast {
    async fn at(&self, revision: RevisionNumber, _: &McpCaller) -> Result<PastCatalogue, PastError> {
        Err(PastError::Unknown(revision))
    }
}

/// Answers what it was sent; some paths misbehave.
async fn endpoint(request: Request) -> Response {
    let (parts, body) = request.into_parts();
    match parts.uri.path() {
        "/redirect" => return (StatusCode::FOUND, [("location", "/echo")]).into_response(),
        "/elsewhere" => {
            return (StatusCode::FOUND, [("location", "http://localhost:1/x")]).into_response();
        }
        "/large" => return "x".repeat(5_000).into_response(),
        "/missing" => return (StatusCode::NOT_FOUND, "no such thing for s3cret").into_response(),
        "/slow" => std::future::pending().await,
        "/lies" => return ([("content-type", "application/json")], "{").into_response(),
        "/text" => return "plain".into_response(),
        _ => {}
    }
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let headers: Vec<(String, String)> = parts
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    axum::Json(json!({"method": parts.method.as_str(), "uri": parts.uri.to_string(), "headers": headers,
        "body": String::from_utf8_lossy(&body)}))
    .into_response()
}

struct Setup {
    port: u16,
    options: ForwardOptions,
}

impl Setup {
    async fn new() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            axum::serve(listener, axum::Router::new().fallback(endpoint)).await.unwrap();
        });
        let mut options = ForwardOptions::default();
        options.allowed_hosts = hosts(["127.0.0.1", "localhost"]);
        options.private_hosts = hosts(["127.0.0.1", "localhost"]);
        options.answer_bytes_max = 4_000;
        Self { port, options }
    }

    /// Calls a tool with a `forward` where `PORT` stands for the port of the endpoint.
    async fn call(&self, forward: Value, arguments: Value) -> Value {
        let forward: Value =
            serde_json::from_str(&forward.to_string().replace("PORT", &self.port.to_string())).unwrap();
        let body = json!({"description": "d", "input_schema": {"type": "object"}, "forward": forward});
        let snapshot = edit(&ToolsSnapshot::default(), &[("a", body)]);
        let forwarder = Forwarder::new(self.options.clone(), Arc::new(Secrets)).unwrap();
        let caller = Arc::new(Forwarding(forwarder));
        let server = McpServer::new(Live::constant(snapshot), caller, Arc::new(NoPast), McpOptions::new(KEY));
        let service =
            server.http(McpHttpOptions::new(AllowedHosts::loopback(), []), &CancellationToken::new());
        let mut request = modern("tools/call", json!({"name": "a", "arguments": arguments}));
        request.headers_mut().insert("authorization", "Bearer of-the-caller".parse().unwrap());
        request.extensions_mut().insert(McpCaller::new("ada"));
        let (_, answer) = message(service.oneshot(request).await.unwrap()).await;
        assert!(answer.get("result").is_some(), "{answer}");
        answer["result"].clone()
    }

    async fn refused(&self, forward: Value, code: &str, expected: &str) {
        let result = self.call(forward.clone(), json!({})).await;
        assert_eq!(result["_meta"]["dev.midflight/code"], code, "{forward}: {result}");
        let messages = text(&result, true);
        assert!(messages.contains(expected) && !messages.contains("s3cret"), "{messages}");
    }
}

#[tokio::test]
async fn a_call_follows_its_document_and_omits_the_callers_token() {
    let setup = Setup::new().await;
    let forward = json!({"url": "http://127.0.0.1:PORT/u/{id}", "method": "PUT",
        "headers": {"X-Api-Key": "${env:KEY}", "X-Plain": "a"}});
    let result = setup.call(forward, json!({"id": "a b", "n": 1})).await;
    let sent = &result["structuredContent"];
    assert_eq!(sent["method"], "PUT", "{result}");
    assert_eq!(sent["uri"], "/u/a%20b");
    assert_eq!(sent["body"], r#"{"n":1}"#);
    let headers = sent["headers"].to_string();
    assert!(headers.contains(r#"["x-plain","a"]"#), "{headers}");
    // The endpoint got the secret, and the answer that echoes it does not tell it.
    assert!(headers.contains(r#"["x-api-key","[redacted]"]"#), "{headers}");
    assert!(!result.to_string().contains("of-the-caller"), "{result}");
    let forward = json!({"url": "http://localhost:PORT/find?v=1", "method": "GET"});
    let result = setup.call(forward, json!({"q": "a&b"})).await;
    assert_eq!(result["structuredContent"]["uri"], "/find?v=1&q=a%26b", "{result}");
    let plain = setup.call(json!({"url": "http://127.0.0.1:PORT/text"}), json!({})).await;
    assert_eq!((text(&plain, false), plain.get("structuredContent")), ("plain".to_owned(), None));
}

#[tokio::test]
async fn private_addresses_are_refused_by_number_and_by_name() {
    let mut setup = Setup::new().await;
    setup.options.private_hosts.clear();
    setup.options.allowed_hosts.extend(hosts(["169.254.169.254", "[::1]", "[::ffff:127.0.0.1]", "10.0.0.1"]));
    for host in [
        "127.0.0.1:PORT",
        "localhost:PORT",
        "[::1]:PORT",
        "[::ffff:127.0.0.1]:PORT",
        "10.0.0.1",
        "2130706433:PORT",
        "0x7f.1:PORT",
    ] {
        let forward = json!({"url": format!("http://{host}/echo")});
        setup.refused(forward, "address_not_allowed", "private, loopback or link-local").await;
    }
    // Also where an operator lists it by mistake.
    setup.options.private_hosts = hosts(["169.254.169.254"]);
    let forward = json!({"url": "http://169.254.169.254/latest/meta-data"});
    setup.refused(forward, "address_not_allowed", "never called").await;
}

#[tokio::test]
async fn only_listed_hosts_are_called() {
    let mut setup = Setup::new().await;
    setup
        .refused(
            json!({"url": "https://example.com/"}),
            "host_not_allowed",
            "the host \"example.com\" may not be called",
        )
        .await;
    setup
        .refused(json!({"url": "http://u:p@127.0.0.1:PORT/"}), "host_not_allowed", "no user and password")
        .await;
    setup.options.allowed_hosts = hosts(["127.0.0.1:1"]);
    setup.refused(json!({"url": "http://127.0.0.1:PORT/"}), "host_not_allowed", "may not be called").await;
    // What the server may call at all counts too.
    setup.options.allowed_hosts = hosts(["127.0.0.1"]);
    setup.options.outbound = OutboundPolicy::only(hosts(["api.example.com"]));
    setup.refused(json!({"url": "http://127.0.0.1:PORT/"}), "host_not_allowed", "may not be called").await;
}

#[tokio::test]
async fn what_an_endpoint_does_wrong_is_named() {
    let mut setup = Setup::new().await;
    let at = |path: &str| json!({"url": format!("http://127.0.0.1:PORT/{path}"), "timeout_ms": 2_000});
    setup.refused(at("redirect"), "redirect_refused", "with a redirect to /echo").await;
    setup.refused(at("large"), "answer_too_large", "more than 4000 bytes").await;
    setup.refused(at("lies"), "invalid_answer", "declared JSON").await;
    let keyed = json!({"url": "http://127.0.0.1:PORT/missing", "headers": {"X-Key": "${env:KEY}"}});
    setup.refused(keyed, "endpoint_refused", "answered 404 Not Found: no such thing for [redacted]").await;
    let slow = json!({"url": "http://127.0.0.1:PORT/slow", "timeout_ms": 30});
    setup.refused(slow, "timed_out", "did not answer within 30 ms").await;
    let unknown = json!({"url": "http://127.0.0.1:PORT/", "headers": {"X-Key": "${env:OTHER}"}});
    setup.refused(unknown, "invalid_header", "it may not be referred to").await;
    setup.options.redirects_max = 2;
    let followed = setup.call(at("redirect"), json!({})).await;
    assert_eq!(followed["structuredContent"]["uri"], "/echo", "{followed}");
    setup.refused(at("elsewhere"), "redirect_refused", "with a redirect to http://localhost:1/x").await;
    let removed = Setup { port: 1, options: setup.options.clone() };
    removed.refused(at("x"), "endpoint_unavailable", "cannot be reached; try again later").await;
}
