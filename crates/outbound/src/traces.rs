//! The trace that a call belongs to, as its receiver reads it: W3C Trace Context.

use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry_http::HeaderInjector;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use reqwest::header::HeaderMap;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// `traceparent` and `tracestate` of the current span; nothing where no traces are exported, or outside of a span.
pub(crate) fn headers_of_current_span() -> HeaderMap {
    let mut headers = HeaderMap::new();
    let context = Span::current().context();
    TraceContextPropagator::new().inject_context(&context, &mut HeaderInjector(&mut headers));
    headers
}
