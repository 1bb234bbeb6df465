//! The layers of every handler: an id and a span for each request, metrics, compression, a time limit, and an answer to
//! a panic.

use std::any::Any;
use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{MatchedPath, Request};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{BoxError, Router};
use futures_util::FutureExt as _;
use tokio::time::timeout;
use tower::{Service, ServiceBuilder};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, Predicate, SizeAbove};
use tracing::field::Empty;
use tracing::{Instrument as _, info_span};

use crate::app::AppState;
use crate::code::Code;
use crate::edge::enter;
use crate::middleware::Middleware;
use crate::problem::ApiError;
use crate::request_id::{self, REQUEST_ID};

/// Answers of fewer bytes are sent as they are: a packet holds them.
const COMPRESSED_BYTES_MIN: u16 = 1024;
/// Answers of more bytes that are there at once are sent as they are: compressing one would hold up a thread for other
/// requests. One that comes in parts is compressed part by part.
const COMPRESSED_BYTES_MAX: u64 = 1 << 20;

/// Puts them around routes: as one layer of the router, which boxes each layer, and few in it, since each costs every
/// request.
pub(crate) fn surrounding(routes: Router, app: &AppState) -> Router {
    let compression = CompressionLayer::new()
        .quality(CompressionLevel::Fastest)
        .compress_when(DefaultPredicate::new().and(SizeAbove::new(COMPRESSED_BYTES_MIN)).and(is_short));
    let layers = ServiceBuilder::new()
        .layer(Middleware::new(app, observed))
        .layer(compression)
        .layer(Middleware::new(app, enter));
    routes.layer(layers)
}

/// Gives a request its id and a span, and counts it, by the method that it came with.
fn observed<S, B>(
    app: &AppState,
    request: Request,
    inner: &mut S,
) -> impl Future<Output = Result<Response, Infallible>> + use<S, B>
where
    S: Service<Request, Response = axum::http::Response<B>, Error = Infallible>,
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    let (app, began) = (app.clone(), Instant::now());
    let (method, route) = (request.method().clone(), request.extensions().get::<MatchedPath>().cloned());
    let id = request_id::of(request.headers());
    let span = info_span!(
        "request",
        id = request_id::text(&id),
        %method,
        path = request.uri().path(),
        otel.name = Empty,
        otel.kind = Empty
    );
    if let Some(tracing) = &app.tracing {
        tracing.began(&span, &request, route.as_ref().map(MatchedPath::as_str));
    }
    let answered = inner.call(request).instrument(span.clone());
    async move {
        let mut response = REQUEST_ID.scope(id.clone(), answered).await?;
        response.headers_mut().insert(&request_id::HEADER, id);
        if let Some(tracing) = &app.tracing {
            tracing.answered(&span, response.status());
        }
        let route = route.as_ref().map(MatchedPath::as_str);
        app.request_metrics.count(&app.metrics, (route, &method), response.status(), began.elapsed());
        Ok(response.map(Body::new))
    }
}

/// The answer of a handler, or that there was none in time, or that it panicked. Handlers share nothing that a panic
/// could leave half changed: they read snapshots and send edits.
pub(crate) async fn answer_of(handled: impl Future<Output = Response>, request_ms_max: u64) -> Response {
    let handled = AssertUnwindSafe(handled).catch_unwind();
    match timeout(Duration::from_millis(request_ms_max), handled).await {
        Ok(Ok(response)) => response,
        Ok(Err(panic)) => panicked(panic.as_ref()),
        Err(_) => {
            let detail = format!("request timed out after {request_ms_max} ms (request_ms_max)");
            ApiError::new(Code::TIMED_OUT, detail).into_response()
        }
    }
}

fn panicked(panic: &(dyn Any + Send)) -> Response {
    let output = panic.downcast_ref::<&str>().copied();
    let output = output.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or_default();
    ApiError::internal(&format!("a handler panicked: {output}")).into_response()
}

fn is_short(
    _: StatusCode,
    _: axum::http::Version,
    headers: &axum::http::HeaderMap,
    _: &axum::http::Extensions,
) -> bool {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    length.is_none_or(|length: u64| length <= COMPRESSED_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_answer_without_internal_details() {
        for panic in [Box::new("secret") as Box<dyn Any + Send>, Box::new("secret".to_owned()), Box::new(3)] {
            let response = panicked(panic.as_ref());
            assert_eq!(response.status(), 500);
            let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
            let body = String::from_utf8_lossy(&body);
            assert!(body.contains("\"internal\"") && !body.contains("secret"), "{body}");
        }
    }
}
