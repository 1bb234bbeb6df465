//! The id of a request: in its answer, in the span of its log lines, and in a problem that only the log explains.

tokio::task_local! {
    /// The id of the request that is handled.
    pub(crate) static REQUEST_ID: String;
}

/// The header of it, in requests and in answers.
pub(crate) const HEADER: &str = "x-request-id";
/// The longest id that is taken from a request, in bytes. 128: a trace id and a name fit into it.
const BYTES_MAX: usize = 128;

/// A new one, which sorts by time.
pub(crate) fn fresh() -> String {
    uuid::Uuid::now_v7().to_string()
}

/// That of the request that is handled, or a new one beside any request.
pub(crate) fn current() -> String {
    REQUEST_ID.try_with(String::clone).unwrap_or_else(|_| fresh())
}

/// Whether an id from outside can be repeated: visible ASCII.
pub(crate) fn is_good(id: &[u8]) -> bool {
    (1..=BYTES_MAX).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic)
}
