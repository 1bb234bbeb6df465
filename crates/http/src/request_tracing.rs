//! What is added to the span of a request where traces are exported.

use axum::extract::Request;
use axum::http::StatusCode;
use tracing::Span;

/// Makes the span of a request one of a distributed trace. The protocol of the traces is known to the one who exports
/// them, and not here.
///
/// It runs within every request, so it must neither block nor fail.
pub trait RequestTracing: Send + Sync {
    /// Called before the request is handled; `route` is the path with placeholders, if one matches. The span has the
    /// empty fields `otel.name` and `otel.kind`.
    fn began(&self, span: &Span, request: &Request, route: Option<&str>);

    /// Called when its answer begins.
    fn answered(&self, span: &Span, status: StatusCode);
}
