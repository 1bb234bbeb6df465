//! The span of a request as the semantic conventions describe it
//! (<https://opentelemetry.io/docs/specs/semconv/http/http-spans/>), in the trace that its sender began.

use axum::extract::Request;
use axum::http::header::{HOST, USER_AGENT};
use axum::http::{HeaderValue, Method, StatusCode, Version};
use midflight_http::request_tracing::RequestTracing;
use opentelemetry::Context;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{Status, TraceContextExt as _};
use opentelemetry_http::HeaderExtractor;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// How much of a header becomes an attribute, in bytes. What a client sends is as long as it likes.
const ATTRIBUTE_BYTES_MAX: usize = 256;

/// Describes spans of requests. The query is in none of them: it may have a secret in it.
#[derive(Default)]
pub(super) struct RequestSpans {
    /// Reads `traceparent` and `tracestate` (W3C Trace Context).
    propagator: TraceContextPropagator,
}

impl RequestTracing for RequestSpans {
    fn began(&self, span: &Span, request: &Request, route: Option<&str>) {
        if span.is_disabled() {
            return;
        }
        let parent =
            self.propagator.extract_with_context(&Context::new(), &HeaderExtractor(request.headers()));
        if parent.span().span_context().is_valid() {
            // It fails only for a span that has begun, which this one has not.
            span.set_parent(parent).ok();
        }
        let method = known(request.method());
        match route {
            Some(route) => span.record("otel.name", format!("{method} {route}")),
            None => span.record("otel.name", method),
        };
        span.record("otel.kind", "server");
        span.set_attribute("http.request.method", method);
        if method == OTHER {
            span.set_attribute("http.request.method_original", short(request.method().as_str()));
        }
        if let Some(route) = route {
            span.set_attribute("http.route", route.to_owned());
        }
        if let Some(version) = version(request.version()) {
            span.set_attribute("network.protocol.version", version);
        }
        let text = |value: Option<&HeaderValue>| Some(short(value?.to_str().ok()?));
        if let Some(agent) = text(request.headers().get(USER_AGENT)) {
            span.set_attribute("user_agent.original", agent);
        }
        let host = request.uri().authority().map(|authority| short(authority.as_str()));
        if let Some(host) = host.or_else(|| text(request.headers().get(HOST))) {
            span.set_attribute("server.address", host);
        }
    }

    fn answered(&self, span: &Span, status: StatusCode) {
        if span.is_disabled() {
            return;
        }
        span.set_attribute("http.response.status_code", i64::from(status.as_u16()));
        if status.is_server_error() {
            span.set_attribute("error.type", status.as_str().to_owned());
            span.set_status(Status::error(""));
        }
    }
}

/// What the conventions call a method that is none of HTTP: a client may make up any number of them.
const OTHER: &str = "_OTHER";

fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::PUT => "PUT",
        Method::POST => "POST",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::TRACE => "TRACE",
        Method::CONNECT => "CONNECT",
        _ => OTHER,
    }
}

fn version(version: Version) -> Option<&'static str> {
    match version {
        Version::HTTP_10 => Some("1.0"),
        Version::HTTP_11 => Some("1.1"),
        Version::HTTP_2 => Some("2"),
        _ => None,
    }
}

/// The beginning of a text of a client, which is ASCII in a header.
fn short(text: &str) -> String {
    text.chars().take(ATTRIBUTE_BYTES_MAX).collect()
}
