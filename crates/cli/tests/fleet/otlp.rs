//! Traces and metrics as a collector receives them, and what a server does without one that answers.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::{Arc, Mutex};

use axum::extract::Request;
use axum::{Json, Router};
use midflight_testkit::{CertificateAuthority, Midflight, TOKEN};
use opentelemetry_proto::tonic::metrics::v1::{AggregationTemporality, metric};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::collector::{Collector, attribute};
use crate::harness::{binary, until};

/// A trace that a sender began, and its span.
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

/// A server that exports there, spans at once.
fn serve(endpoint: &str, variables: &[(&str, &str)]) -> Midflight {
    serve_with(endpoint, variables, &[])
}

fn serve_with(endpoint: &str, variables: &[(&str, &str)], flags: &[&str]) -> Midflight {
    let common = [("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint), ("OTEL_BSP_SCHEDULE_DELAY", "20")];
    // What is exported does not depend on what is logged.
    let flags = [&["--log", "warn"], flags].concat();
    Midflight::start_with(binary(), &flags, &[&common[..], variables].concat())
}

fn client() -> Client {
    midflight_testkit::choose_cryptography();
    Client::new()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn put(client: &Client, server: &Midflight, flags: &str) -> u16 {
    let url = format!("{}/api/v1/documents/rules/a?reason=canary-of-a-query", server.url());
    let request =
        client.put(url).bearer_auth(TOKEN).header("traceparent", format!("00-{TRACE}-{PARENT}-{flags}"));
    request.header("user-agent", "tests").json(&json!({})).send().await.unwrap().status().as_u16()
}

fn spans(collector: &Collector, is_wanted: impl Fn(&Span) -> bool) -> Vec<Span> {
    collector.look(|received| received.spans.iter().filter(|span| is_wanted(span)).cloned().collect())
}

async fn span(collector: &Collector, is_wanted: impl Fn(&Span) -> bool) -> Span {
    until(|| async { spans(collector, &is_wanted).pop() }).await
}

/// The names of the phases in a span, in their order.
async fn phases(collector: &Collector, of: &Span) -> Vec<String> {
    let is_last = |span: &Span| span.parent_span_id == of.span_id && span.name == "commit";
    span(collector, is_last).await;
    let mut phases = spans(collector, |span| span.parent_span_id == of.span_id);
    phases.sort_by_key(|span| span.start_time_unix_nano);
    for pair in phases.windows(2) {
        assert!(pair[0].end_time_unix_nano <= pair[1].start_time_unix_nano, "{pair:?}");
    }
    assert!(phases.iter().all(|phase| phase.start_time_unix_nano >= of.start_time_unix_nano));
    phases.into_iter().map(|span| span.name).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_its_edit_and_the_phases_of_that_are_in_the_trace_of_the_sender() {
    let collector = Collector::start().await;
    let server = serve(
        &collector.url,
        &[
            ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Basic%20canary-of-a-header,x-tenant=t"),
            ("OTEL_SERVICE_NAME", "pricing"),
            ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test,service.name=other"),
        ],
    );
    let client = client();
    assert_eq!(put(&client, &server, "01").await, 201);
    let request = span(&collector, |span| span.name.starts_with("PUT ")).await;
    assert_eq!(request.name, "PUT /api/v1/documents/{kind}/{*name}");
    assert_eq!((hex(&request.trace_id), hex(&request.parent_span_id)), (TRACE.to_owned(), PARENT.to_owned()));
    assert_eq!(request.kind(), SpanKind::Server);
    for (key, value) in [
        ("http.request.method", "PUT"),
        ("http.response.status_code", "201"),
        ("http.route", "/api/v1/documents/{kind}/{*name}"),
        ("url.path", "/api/v1/documents/rules/a"),
        ("network.protocol.version", "1.1"),
        ("user_agent.original", "tests"),
    ] {
        assert_eq!(attribute(&request.attributes, key).as_deref(), Some(value), "{key}");
    }
    assert_eq!(
        attribute(&request.attributes, "server.address"),
        Some(server.url()["http://".len()..].to_owned())
    );
    let edit = span(&collector, |span| span.name == "edit" && span.parent_span_id == request.span_id).await;
    assert_eq!(hex(&edit.trace_id), TRACE);
    for (key, value) in [
        ("midflight.outcome", "success"),
        ("midflight.revision", "1"),
        ("midflight.trigger", "api_update"),
        ("midflight.by", "admin"),
    ] {
        assert_eq!(attribute(&edit.attributes, key).as_deref(), Some(value), "{key} of {edit:?}");
    }
    let expected =
        ["load", "validate", "diff", "compile", "check", "prepare", "append", "swap", "verify", "commit"];
    assert_eq!(phases(&collector, &edit).await, expected);
    collector.look(|received| {
        let resource = &received.resources[0].as_ref().unwrap().attributes;
        assert_eq!(attribute(resource, "service.name").as_deref(), Some("pricing"));
        assert_eq!(attribute(resource, "deployment.environment.name").as_deref(), Some("test"));
        assert_eq!(attribute(resource, "service.version").as_deref(), Some(env!("CARGO_PKG_VERSION")));
        assert!(attribute(resource, "service.instance.id").is_some());
        let headers = received.headers.last().unwrap();
        assert_eq!(headers["authorization"], "Basic canary-of-a-header");
        assert_eq!(headers["x-tenant"], "t");
        assert_eq!(headers["content-type"], "application/x-protobuf");
        for body in &received.bodies {
            assert!(!String::from_utf8_lossy(body).contains("canary"));
        }
    });
    assert!(!server.log().contains("canary"), "{}", server.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_and_an_edit_that_is_refused_are_spans_with_their_outcome() {
    let collector = Collector::start().await;
    let server = serve(&collector.url, &[]);
    let client = client();
    let post = |path: &str, body: Value| {
        let request = client.post(format!("{}{path}", server.url())).bearer_auth(TOKEN);
        async move { request.json(&body).send().await.unwrap().status().as_u16() }
    };
    assert_eq!(post("/api/v1/reload", json!({})).await, 200);
    let request = span(&collector, |span| span.name == "POST /api/v1/reload").await;
    let reload =
        span(&collector, |span| span.name == "reload" && span.parent_span_id == request.span_id).await;
    assert_eq!(reload.trace_id, request.trace_id);
    assert_eq!(attribute(&reload.attributes, "midflight.outcome").as_deref(), Some("unchanged"));
    let change = json!({"op": "put", "kind": "rules", "name": "a/b", "body": {"then": 3}});
    assert_eq!(post("/api/v1/apply", json!({"changes": [change]})).await, 422);
    let refused = |span: &Span| {
        span.name == "edit" && span.status.as_ref().is_some_and(|it| it.code() == StatusCode::Error)
    };
    let edit = span(&collector, refused).await;
    assert_eq!(attribute(&edit.attributes, "midflight.outcome").as_deref(), Some("validation_failed"));
}

/// Is called by a server, as an LLM and as the endpoint of a tool, and keeps the path and the `traceparent` of each call.
struct Endpoint {
    url: String,
    calls: Arc<Mutex<Vec<(String, String)>>>,
}

impl Endpoint {
    async fn start() -> Self {
        let calls = Arc::<Mutex<Vec<_>>>::default();
        let kept = Arc::clone(&calls);
        let answer = move |request: Request| async move {
            let trace = request.headers().get("traceparent").map(|value| value.to_str().unwrap().to_owned());
            kept.lock().unwrap().push((request.uri().path().to_owned(), trace.unwrap_or_default()));
            let content = json!({"category": "METRIC", "confidence": 0.9}).to_string();
            Json(
                json!({"choices": [{"message": {"role": "assistant", "content": content}, "finish_reason": "stop"}]}),
            )
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await.unwrap() });
        Self { url, calls }
    }

    /// The trace and the span that the one call of a path was made in.
    fn trace_of(&self, path: &str) -> (String, String) {
        let calls = self.calls.lock().unwrap();
        let calls: Vec<_> = calls.iter().filter(|(called, _)| called == path).collect();
        let [(_, traceparent)] = calls[..] else { panic!("{path} of {calls:?}") };
        let parts: Vec<_> = traceparent.split('-').collect();
        let ["00", trace, span, "01"] = parts[..] else { panic!("{traceparent:?}") };
        (trace.to_owned(), span.to_owned())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_calls_is_in_the_trace_of_the_request_that_it_is_called_for() {
    let (collector, endpoint) = (Collector::start().await, Endpoint::start().await);
    let server = serve_with(&collector.url, &[], &["--forward-to-private=127.0.0.1"]);
    let client = client();
    let send = |method: Method, path: &str, headers: &[(&str, &str)], body: Value| {
        let mut request = client.request(method, format!("{}{path}", server.url())).bearer_auth(TOKEN);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        async move { request.json(&body).send().await.unwrap().text().await.unwrap() }
    };
    let tool = json!({"description": "d", "input_schema": {"type": "object"},
        "forward": {"url": format!("{}/tool", endpoint.url)}});
    let llm = json!({"llm": {"base_url": format!("{}/llm", endpoint.url), "model": "m"}});
    let prompt = json!({"instructions": "Classify.", "categories": {"METRIC": null}});
    for (path, body) in [("tools/t", tool), ("config/midflight", llm), ("patterns/prompts/default", prompt)] {
        send(Method::PUT, &format!("/api/v1/documents/{path}"), &[], body).await;
    }
    let traceparent = format!("00-{TRACE}-{PARENT}-01");
    let sender = ("traceparent", &*traceparent);
    let answer = send(Method::POST, "/api/v1/patterns/classify", &[sender], json!({"query": "what?"})).await;
    assert!(answer.contains("METRIC"), "{answer}");
    let version = "2026-07-28";
    let meta = json!({"io.modelcontextprotocol/protocolVersion": version,
        "io.modelcontextprotocol/clientInfo": {"name": "tests", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {}});
    let params = json!({"name": "t", "arguments": {}, "_meta": meta});
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
    let headers = [
        sender,
        ("accept", "application/json, text/event-stream"),
        ("mcp-protocol-version", version),
        ("mcp-method", "tools/call"),
        ("mcp-name", "t"),
    ];
    let answer = send(Method::POST, "/mcp", &headers, call).await;
    assert!(answer.contains("METRIC"), "{answer}");
    for (called, route) in
        [("/llm/chat/completions", "POST /api/v1/patterns/classify"), ("/tool", "POST /mcp")]
    {
        let request = span(&collector, |span| span.name == route).await;
        assert_eq!(endpoint.trace_of(called), (TRACE.to_owned(), hex(&request.span_id)), "{called}");
    }
    // What the server sends to the collector is in no trace.
    collector.look(|received| {
        assert!(received.headers.iter().all(|headers| !headers.contains_key("traceparent")));
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn exports_are_compressed_and_encrypted_where_the_variables_say_so() {
    let client = client();
    let (authority, folder) = (CertificateAuthority::new(), tempfile::tempdir().unwrap());
    let collector = Collector::start_encrypted(&authority).await;
    let file = authority.write(folder.path()).display().to_string();
    let gzip = ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip");
    let mut server = serve(&collector.url, &[gzip, ("OTEL_EXPORTER_OTLP_CERTIFICATE", &file)]);
    assert_eq!(put(&client, &server, "01").await, 201);
    assert!(server.stop().success());
    collector.look(|received| {
        assert!(received.spans.iter().any(|span| span.name == "edit"));
        assert!(received.metrics.iter().any(|metric| metric.name == "midflight_http_requests_total"));
        assert!(received.headers.iter().all(|headers| headers["content-encoding"] == "gzip"));
    });
    // An authority of another one is not trusted.
    let other = CertificateAuthority::new();
    let file = other.write(folder.path()).display().to_string();
    let untrusted = Collector::start_encrypted(&authority).await;
    let mut server = serve(&untrusted.url, &[("OTEL_EXPORTER_OTLP_CERTIFICATE", &file)]);
    assert_eq!(put(&client, &server, "01").await, 201);
    assert!(server.stop().success());
    assert!(untrusted.look(|received| received.headers.is_empty()));
    assert!(server.log().contains("cannot export to the OTLP collector"), "{}", server.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_sampled_is_not_exported() {
    let collector = Collector::start().await;
    let mut server = serve(&collector.url, &[("OTEL_TRACES_SAMPLER", "parentbased_always_on")]);
    let client = client();
    // The sender decided against this one.
    assert_eq!(put(&client, &server, "00").await, 201);
    let status = client.get(format!("{}/api/v1/status", server.url())).send().await.unwrap().status();
    assert_eq!(status.as_u16(), 200);
    assert!(server.stop().success());
    // What waited was sent at the stop.
    assert_eq!(spans(&collector, |span| span.name == "GET /api/v1/status").len(), 1);
    assert!(spans(&collector, |span| hex(&span.trace_id) == TRACE).is_empty());
    let off = Collector::start().await;
    let mut server = serve(&off.url, &[("OTEL_TRACES_SAMPLER", "always_off")]);
    assert_eq!(put(&client, &server, "01").await, 201);
    assert!(server.stop().success());
    assert!(off.look(|received| received.spans.is_empty() && !received.metrics.is_empty()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metrics_are_those_of_the_scrape() {
    let collector = Collector::start().await;
    let mut server = serve(&collector.url, &[("OTEL_METRIC_EXPORT_INTERVAL", "20")]);
    let client = client();
    assert_eq!(put(&client, &server, "01").await, 201);
    // Once there are metrics of a scrape in an export, both have all of them.
    let is_scraped = |text: &str| text.contains("route=\"/metrics\"");
    let scraped = until(|| async {
        let answer = client.get(format!("{}/metrics", server.url())).send().await.unwrap();
        Some(answer.text().await.unwrap()).filter(|text| is_scraped(text))
    })
    .await;
    assert!(server.stop().success());
    let names: BTreeSet<&str> =
        scraped.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    collector.look(|received| {
        let exported: BTreeSet<&str> = received.metrics.iter().map(|metric| metric.name.as_str()).collect();
        assert_eq!(exported, names);
        let metric = |name: &str| received.metrics.iter().find(|metric| metric.name == name).unwrap();
        let Some(metric::Data::Sum(requests)) = &metric("midflight_http_requests_total").data else {
            panic!()
        };
        assert!(requests.is_monotonic);
        assert_eq!(requests.aggregation_temporality(), AggregationTemporality::Cumulative);
        let of_put = requests
            .data_points
            .iter()
            .find(|point| attribute(&point.attributes, "method").as_deref() == Some("PUT"));
        assert!(of_put.is_some(), "{requests:?}");
        let Some(metric::Data::Histogram(times)) = &metric("midflight_http_request_duration_seconds").data
        else {
            panic!()
        };
        for point in &times.data_points {
            assert_eq!(point.bucket_counts.iter().sum::<u64>(), point.count);
            assert_eq!(point.bucket_counts.len(), point.explicit_bounds.len() + 1);
        }
        assert!(matches!(metric("midflight_registry_version").data, Some(metric::Data::Gauge(_))));
        assert!(
            received.metrics.iter().all(|metric| !metric.description.is_empty()),
            "{:?}",
            received.metrics
        );
        let resource = &received.resources[1].as_ref().unwrap().attributes;
        assert_eq!(attribute(resource, "service.name").as_deref(), Some("midflight"));
        assert!(attribute(resource, "midflight.replica").is_some());
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_collector_is_one_warning_for_each_signal_and_a_metric() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let mut server = serve(&endpoint, &[("OTEL_METRIC_EXPORT_INTERVAL", "20")]);
    let client = client();
    assert_eq!(put(&client, &server, "01").await, 201);
    let failed = |text: &str, signal: &str| {
        let name = format!("midflight_otlp_requests_total{{signal=\"{signal}\",outcome=\"failed\"}} ");
        text.lines().find_map(|line| line.strip_prefix(&*name)?.parse::<u64>().ok()).unwrap_or_default()
    };
    until(|| async {
        let answer = client.get(format!("{}/metrics", server.url())).send().await.unwrap();
        let text = answer.text().await.unwrap();
        (failed(&text, "traces") >= 2 && failed(&text, "metrics") >= 2).then_some(())
    })
    .await;
    assert!(server.stop().success());
    let log = server.log();
    for signal in ["traces", "metrics"] {
        let warnings = log.lines().filter(|line| {
            line.contains("cannot export to the OTLP collector")
                && line.contains(&format!("signal=\"{signal}\""))
        });
        assert_eq!(warnings.count(), 1, "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_does_not_answer_delays_no_request_and_no_stop() {
    let collector = Collector::start().await;
    collector.hang();
    // It is given longer to answer than the test may take.
    let patient = [("OTEL_METRIC_EXPORT_INTERVAL", "20"), ("OTEL_EXPORTER_OTLP_TIMEOUT", "3600000")];
    let mut server = serve(&collector.url, &patient);
    let client = client();
    assert_eq!(put(&client, &server, "01").await, 201);
    let requests = || collector.look(|received| received.headers.len());
    // Both exports wait for their answers now.
    until(|| async { (requests() == 2).then_some(()) }).await;
    // More spans than fit into the queue.
    for _ in 0..3_000 {
        let answer = client.get(format!("{}/health/live", server.url())).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200);
    }
    assert_eq!(requests(), 2);
    assert!(server.stop().success());
}

#[test]
fn a_variable_that_cannot_be_is_a_wrong_usage_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let serve = |variables: &[(&str, &str)]| {
        let mut command = Command::new(binary());
        command
            .args(["serve", "--outbound-allow", "127.0.0.1", "--data-dir"])
            .arg(folder.path().join("data"));
        command.envs(variables.iter().copied());
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{variables:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");
    let refused = serve(&[endpoint, ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]);
    assert!(
        refused.contains("invalid OTEL_EXPORTER_OTLP_PROTOCOL: \"grpc\": expected http/protobuf"),
        "{refused}"
    );
    let refused = serve(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector.example:4318")]);
    assert!(
        refused.contains("invalid OTEL_EXPORTER_OTLP_ENDPOINT: ") && refused.contains("may not be called"),
        "{refused}"
    );
}
