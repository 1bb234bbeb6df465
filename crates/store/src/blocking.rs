//! Work on documents that would delay the requests on an async thread.

use crate::StoreError;

/// More documents than this are processed on a background thread: parsing and hashing them takes milliseconds, which
/// would delay the requests of this thread.
const ROWS_HERE_MAX: usize = 64;
/// The same for the bytes of their bodies.
pub(crate) const BYTES_HERE_MAX: usize = 64 << 10;

/// Whether documents with bodies of so many bytes take long to work through.
pub(crate) fn are_long(mut bytes: impl ExactSizeIterator<Item = usize>) -> bool {
    let mut left = BYTES_HERE_MAX;
    bytes.len() > ROWS_HERE_MAX
        || bytes.any(|bytes| match left.checked_sub(bytes) {
            Some(rest) => {
                left = rest;
                false
            }
            None => true,
        })
}

/// Does some work, on a blocking thread when it takes long.
pub(crate) async fn on_a_blocking_thread<T: Send + 'static>(
    takes_long: bool,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, StoreError> {
    if !takes_long {
        return Ok(work());
    }
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| StoreError::Unavailable(format!("cannot read documents: {error}")))
}
