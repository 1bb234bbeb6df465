//! The id of a request: in its answer, in the span of its log lines, and in a problem that only the log explains.

use axum::http::{HeaderMap, HeaderName, HeaderValue};

tokio::task_local! {
    /// The id of the request that is handled.
    pub(crate) static REQUEST_ID: HeaderValue;
}

/// The header of it, in requests and in answers.
pub(crate) static HEADER: HeaderName = HeaderName::from_static("x-request-id");
/// The longest id that is taken from a request, in bytes. 128: a trace id and a name fit into it.
const BYTES_MAX: usize = 128;

/// The id that a request brings, or a new one for it if it brings none, or one that is too long to repeat or that could
/// forge a line of a log.
pub(crate) fn of(headers: &HeaderMap) -> HeaderValue {
    headers.get(&HEADER).filter(|id| is_good(id.as_bytes())).cloned().unwrap_or_else(fresh)
}

/// That of the request that is handled, or a new one beside any request.
pub(crate) fn current() -> String {
    text(&REQUEST_ID.try_with(HeaderValue::clone).unwrap_or_else(|_| fresh())).to_owned()
}

/// An id as text.
pub(crate) fn text(id: &HeaderValue) -> &str {
    id.to_str().unwrap_or_default()
}

/// A new one, which sorts by time.
fn fresh() -> HeaderValue {
    HeaderValue::try_from(uuid::Uuid::now_v7().to_string()).unwrap_or(HeaderValue::from_static("none"))
}

/// Whether an id from outside can be repeated: visible ASCII.
fn is_good(id: &[u8]) -> bool {
    (1..=BYTES_MAX).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic)
}
