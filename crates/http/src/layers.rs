//! What stands around every handler: an id and a span for each request, metrics, compression, a time limit, and an answer to a
//! panic.

use std::any::Any;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::{BoxError, Router};
use tower::ServiceBuilder;
use tower_http::CompressionLevel;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, Predicate, SizeAbove};
use tower_http::request_id::{MakeRequestId, PropagateRequestIdLayer, RequestId, SetRequestIdLayer};
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;
use tracing::Span;

use crate::app::App;
use crate::code::Code;
use crate::problem::ApiError;
use crate::request_id::{self, REQUEST_ID};

/// Answers of fewer bytes are sent as they are: a packet holds them.
const COMPRESSED_BYTES_MIN: u16 = 1024;
/// Answers of more bytes that are there at once are sent as they are: compressing one would hold up a thread for other requests.
/// One that comes in parts is compressed part by part.
const COMPRESSED_BYTES_MAX: u64 = 1 << 20;

/// Puts them around routes. A middleware that is an async function allocates for each request, and copies all that it stands
/// around; so there is one, and the rest are services without.
pub(crate) fn around(routes: Router, app: &App) -> Router {
    let request_ms_max = app.limits.request_ms_max;
    let time_limit = Duration::from_millis(request_ms_max);
    let compression = CompressionLayer::new()
        .quality(CompressionLevel::Fastest)
        .compress_when(DefaultPredicate::new().and(SizeAbove::new(COMPRESSED_BYTES_MIN)).and(is_short));
    routes.layer(
        ServiceBuilder::new()
            .map_request(without_bad_id)
            .layer(SetRequestIdLayer::x_request_id(FreshId))
            .layer(PropagateRequestIdLayer::x_request_id())
            .layer(
                TraceLayer::new_for_http()
                    .make_span_with(span)
                    .on_request(())
                    .on_response(())
                    .on_body_chunk(())
                    .on_eos(())
                    .on_failure(()),
            )
            .layer(from_fn_with_state(app.clone(), measured))
            .layer(compression)
            .map_response(move |response| timed_out(request_ms_max, response))
            .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, time_limit))
            .layer(CatchPanicLayer::custom(panicked)),
    )
}

/// Makes the id of a request that brings none.
#[derive(Debug, Clone, Copy)]
struct FreshId;

impl MakeRequestId for FreshId {
    fn make_request_id<B>(&mut self, _: &axum::http::Request<B>) -> Option<RequestId> {
        HeaderValue::from_str(&request_id::fresh()).ok().map(RequestId::new)
    }
}

/// Takes away an id that is too long to repeat, or that could forge a line of a log.
fn without_bad_id(mut request: Request) -> Request {
    let is_bad = |value: &HeaderValue| !request_id::is_good(value.as_bytes());
    if request.headers().get(request_id::HEADER).is_some_and(is_bad) {
        request.headers_mut().remove(request_id::HEADER);
    }
    request
}

/// Counts a request, by the method that it came with, and lets what handles it know its id.
async fn measured(State(app): State<App>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let (method, route) = (request.method().clone(), request.extensions().get::<MatchedPath>().cloned());
    let id = id_of(&request).to_owned();
    let response = REQUEST_ID.scope(id, next.run(request)).await;
    let route = route.as_ref().map(MatchedPath::as_str);
    app.request_metrics.count(&app.metrics, (route, &method), response.status(), began.elapsed());
    response
}

fn id_of(request: &Request) -> &str {
    request.headers().get(request_id::HEADER).and_then(|id| id.to_str().ok()).unwrap_or_default()
}

fn span(request: &Request) -> Span {
    tracing::info_span!("request", id = id_of(request), method = %request.method(), path = request.uri().path())
}

/// Says of an answer that did not come in time why there is none: the layer of the time limit has an empty body.
fn timed_out<B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static>(
    request_ms_max: u64,
    response: axum::http::Response<B>,
) -> Response {
    let is_bare = !response.headers().contains_key(header::CONTENT_TYPE);
    if response.status() != StatusCode::GATEWAY_TIMEOUT || !is_bare {
        return response.map(Body::new);
    }
    let detail = format!("request timed out after {request_ms_max} ms (request_ms_max)");
    ApiError::new(Code::TIMED_OUT, detail).into_response()
}

fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let said = panic.downcast_ref::<&str>().copied();
    let said = said.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or_default();
    ApiError::internal(&format!("a handler panicked: {said}")).into_response()
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
    async fn a_panic_is_an_answer_that_says_nothing_of_the_inside() {
        for panic in [Box::new("secret") as Box<dyn Any + Send>, Box::new("secret".to_owned()), Box::new(3)] {
            let response = panicked(panic);
            assert_eq!(response.status(), 500);
            let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
            let body = String::from_utf8_lossy(&body);
            assert!(body.contains("\"internal\"") && !body.contains("secret"), "{body}");
        }
    }
}
