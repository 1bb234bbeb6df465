//! An answer that comes bit by bit.

use bytes::Bytes;
use reqwest::Response;
use reqwest::header::HeaderMap;

use crate::error::ClientError;
use crate::sse::EventStream;

/// An answer that comes bit by bit. Made by [`ApiRequest::open`](crate::ApiRequest::open).
#[derive(Debug)]
pub struct Download {
    address: String,
    response: Response,
}

impl Download {
    pub(crate) fn new(address: String, response: Response) -> Self {
        Self { address, response }
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// The next part; none at the end.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`] when the connection broke.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ClientError> {
        self.response.chunk().await.map_err(|error| ClientError::of_connection(&self.address, &error))
    }

    /// All of it.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`] when the connection broke.
    pub async fn all(self) -> Result<Bytes, ClientError> {
        self.response.bytes().await.map_err(|error| ClientError::of_connection(&self.address, &error))
    }

    /// The answer as a stream of events, each of at most so many bytes.
    #[must_use]
    pub fn events(self, event_bytes_max: usize) -> EventStream {
        EventStream::new(&self.address, self.response, event_bytes_max)
    }
}
