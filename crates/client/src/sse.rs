//! Server-sent events (WHATWG HTML, section 9.2.6), with bounds on their length and on silence.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use reqwest::Response;
use sse_stream::{Sse, SseStream};
use tokio::time::timeout;

use crate::error::{ClientError, UnreachableKind};

/// How long a stream may be silent. A server writes to one every 15 s.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// An event of a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerEvent {
    /// Its id, if it has one.
    pub id: Option<String>,
    /// Its name; empty when it has none.
    pub name: String,
    /// Its data.
    pub data: String,
}

/// The events of an answer. A stream without a sign of life for 60 s counts as broken.
pub struct EventStream {
    address: String,
    events: Pin<Box<dyn Stream<Item = Result<Sse, sse_stream::Error>> + Send>>,
    /// How many bytes came since the last event.
    pending_bytes: Arc<AtomicUsize>,
    event_bytes_max: usize,
}

impl fmt::Debug for EventStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventStream").field("address", &self.address).finish_non_exhaustive()
    }
}

/// A stream that has an event without an end.
#[derive(Debug, thiserror::Error)]
enum EventChunkError {
    #[error("the server sends an event of more than {0} bytes")]
    TooLong(usize),
    #[error(transparent)]
    Connection(#[from] reqwest::Error),
}

impl EventStream {
    /// The events of the answer of a server, each of at most so many bytes.
    #[must_use]
    pub fn new(address: &str, response: Response, event_bytes_max: usize) -> Self {
        Self::of_chunks(address, response.bytes_stream(), event_bytes_max)
    }

    fn of_chunks<E>(
        address: &str,
        chunks: impl Stream<Item = Result<Bytes, E>> + Send + 'static,
        event_bytes_max: usize,
    ) -> Self
    where
        EventChunkError: From<E>,
        E: 'static,
    {
        let pending_bytes = Arc::new(AtomicUsize::new(0));
        let pending = Arc::clone(&pending_bytes);
        let bounded = chunks.map(move |chunk| {
            let chunk = chunk?;
            match pending.fetch_add(chunk.len(), Ordering::Relaxed) {
                before if before > event_bytes_max => Err(EventChunkError::TooLong(event_bytes_max)),
                _ => Ok(chunk),
            }
        });
        let events = Box::pin(SseStream::from_bytes_stream(bounded));
        Self { address: address.to_owned(), events, pending_bytes, event_bytes_max }
    }

    /// The next event; none at the end.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`] when the connection broke or was silent, [`ClientError::NotUnderstood`] when it is
    /// no stream of events.
    pub async fn next(&mut self) -> Result<Option<ServerEvent>, ClientError> {
        match timeout(SILENCE_MAX, self.events.next()).await {
            Err(_) => Err(ClientError::silent(&self.address, SILENCE_MAX)),
            Ok(None) => Ok(None),
            Ok(Some(Ok(Sse { event, data, id, .. }))) => {
                self.pending_bytes.store(0, Ordering::Relaxed);
                Ok(Some(ServerEvent { id, name: event.unwrap_or_default(), data: data.unwrap_or_default() }))
            }
            Ok(Some(Err(sse_stream::Error::Body(error)))) => {
                let cause = error.to_string();
                Err(match self.pending_bytes.load(Ordering::Relaxed) > self.event_bytes_max {
                    true => ClientError::NotUnderstood { address: self.address.clone(), why: cause },
                    false => ClientError::broken(&self.address, UnreachableKind::Broken, cause),
                })
            }
            Ok(Some(Err(error))) => Err(ClientError::NotUnderstood {
                address: self.address.clone(),
                why: format!("invalid stream of events: {error}"),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    fn events(text: &'static str, chunk_bytes: usize, event_bytes_max: usize) -> EventStream {
        let chunks = text.as_bytes().chunks(chunk_bytes).map(Bytes::from_static);
        let chunks = chunks.map(Ok::<_, reqwest::Error>);
        EventStream::of_chunks("http://host", stream::iter(chunks), event_bytes_max)
    }

    #[tokio::test]
    async fn events_are_read_however_they_are_cut() {
        let text =
            ": hello\n\nid: 7\r\nevent: revision\ndata: {\"a\":\ndata: \"é\"}\n\nevent: stopping\n\nid: 8\n";
        let event = |id: Option<&str>, name: &str, data: &str| ServerEvent {
            id: id.map(str::to_owned),
            name: name.to_owned(),
            data: data.to_owned(),
        };
        for size in 1..text.len() {
            let mut events = events(text, size, 1_000);
            let first = events.next().await.unwrap().unwrap();
            assert_eq!(first, event(Some("7"), "revision", "{\"a\":\n\"é\"}"), "in chunks of {size}");
            assert_eq!(events.next().await.unwrap().unwrap(), event(None, "stopping", ""));
            assert!(events.next().await.unwrap().is_none());
        }
    }

    #[tokio::test]
    async fn an_event_has_a_bound() {
        let mut long = events("data: 1\n\ndata: 123456789012345\n\n", 4, 12);
        assert_eq!(long.next().await.unwrap().unwrap().data, "1");
        let error = long.next().await.unwrap_err();
        assert!(error.to_string().contains("more than 12 bytes"), "{error}");
    }
}
