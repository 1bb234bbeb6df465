//! Answers that may be long: written on another thread, and bounded in bytes, each and together, until they are sent.

use axum::body::{Body, HttpBody as _};
use axum::http::{HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Serialize;

use crate::app::AppState;
use crate::byte_budget::{HeldBytes, SHORT_BYTES_MAX};
use crate::principal::Principal;
use crate::problem::ApiError;

/// Occupies what a page of documents needs while it is made: the texts, and the answer that repeats them.
pub async fn room_for_page(app: &AppState, principal: &Principal) -> Result<HeldBytes, ApiError> {
    app.answers.take(principal, app.limits.answer_bytes_max.saturating_mul(2)).await
}

/// Occupies what one document needs while it is read and written.
pub(crate) async fn room_for_document(app: &AppState, principal: &Principal) -> Result<HeldBytes, ApiError> {
    app.answers.take(principal, app.engine.limits().body_bytes_max.saturating_mul(2)).await
}

/// Marks that the memory of an answer is counted already.
#[derive(Debug, Clone, Copy)]
struct AnswerCounted;

/// Writes an answer that has about so many bytes, on another thread when that is long. `room` is what was occupied to
/// make it; the answer keeps of it what it is long, until its last byte is sent.
pub async fn json<T, F>(bytes: u64, room: HeldBytes, make: F) -> Result<Response, ApiError>
where
    T: Serialize,
    F: FnOnce() -> T + Send + 'static,
{
    let write = move || serde_json::to_vec(&make());
    let written = match bytes > SHORT_BYTES_MAX as u64 {
        true => tokio::task::spawn_blocking(write).await.map_err(|error| ApiError::internal(&error))?,
        false => write(),
    };
    let written = written.map_err(|error| ApiError::internal(&error))?;
    Ok(of_written(written, room))
}

/// An answer of JSON that was written into `room`.
pub fn of_written(written: Vec<u8>, room: HeldBytes) -> Response {
    let kind = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, kind)], of_bytes(written.into(), room)).into_response()
}

/// An answer of bytes that are in `room`, whose type the caller adds.
pub fn of_bytes(bytes: Bytes, mut room: HeldBytes) -> Response {
    room.shrink_to(bytes.len());
    let mut response = Response::new(Body::from(room.guard(bytes)));
    response.extensions_mut().insert(AnswerCounted);
    response
}

/// Counts an answer until its last byte is sent, whatever made it. A read that finds no room is refused; a change was
/// made, and is answered all the same: such an answer is bounded by itself.
pub(crate) async fn counted(
    app: &AppState,
    principal: &Principal,
    method: &Method,
    response: Response,
) -> Response {
    let length =
        response.body().size_hint().exact().map(|length| usize::try_from(length).unwrap_or(usize::MAX));
    let is_counted = response.extensions().get::<AnswerCounted>().is_some();
    match length.filter(|length| *length > SHORT_BYTES_MAX && !is_counted) {
        // Boxed, so that the future of a short answer, which nearly all are, is small.
        Some(length) => Box::pin(count(app, principal, method, response, length)).await,
        None => response,
    }
}

async fn count(
    app: &AppState,
    principal: &Principal,
    method: &Method,
    response: Response,
    length: usize,
) -> Response {
    let is_read = principal.is_anonymous() || *method == Method::GET;
    let held = match app.answers.take(principal, length).await {
        Err(busy) if is_read => return busy.into_response(),
        held => held.unwrap_or_default(),
    };
    let (parts, body) = response.into_parts();
    match axum::body::to_bytes(body, length).await {
        Ok(bytes) => Response::from_parts(parts, Body::from(held.guard(bytes))),
        Err(error) => ApiError::internal(&error).into_response(),
    }
}
