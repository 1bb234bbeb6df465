//! A body of HTTP/2 that is handed out in parts, so that a client that reads nothing is noticed. The socket alone does
//! not show it: such a client goes on answering, and gives its requests no window.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::time::Instant;

/// How much is handed out at once, in bytes. 64 KiB: the window that a client gives by default (RFC 9113, 6.9.2).
const PART_BYTES_MAX: usize = 64 << 10;

/// The parts of all answers of a connection that were handed out and are not written yet.
#[derive(Debug, Clone, Default)]
pub(crate) struct UnwrittenParts(Arc<Mutex<Unwritten>>);

#[derive(Debug, Default)]
struct Unwritten {
    handed_at: BTreeMap<u64, Instant>,
    next: u64,
}

impl UnwrittenParts {
    /// The same bytes, noted until the last reference to them is dropped.
    fn note(&self, bytes: Bytes) -> Bytes {
        let mut unwritten = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = unwritten.next;
        unwritten.next += 1;
        unwritten.handed_at.insert(number, Instant::now());
        Bytes::from_owner(HandedPart { bytes, number, parts: self.clone() })
    }

    /// Since when the oldest part waits.
    fn oldest(&self) -> Option<Instant> {
        let unwritten = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        unwritten.handed_at.first_key_value().map(|(_, at)| *at)
    }

    /// Waits until a part was not written for so long.
    pub(crate) async fn until_stalled(&self, idle_max: Duration) {
        loop {
            let oldest = self.oldest();
            if oldest.is_some_and(|oldest| oldest.elapsed() >= idle_max) {
                return;
            }
            // One that is handed out meanwhile is due later than this.
            tokio::time::sleep_until(oldest.unwrap_or_else(Instant::now) + idle_max).await;
        }
    }
}

/// A part that is not written yet.
struct HandedPart {
    bytes: Bytes,
    number: u64,
    parts: UnwrittenParts,
}

impl AsRef<[u8]> for HandedPart {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for HandedPart {
    fn drop(&mut self) {
        let mut unwritten = self.parts.0.lock().unwrap_or_else(PoisonError::into_inner);
        unwritten.handed_at.remove(&self.number);
    }
}

/// A body in parts.
pub(crate) struct PacedBody {
    body: Body,
    /// What came of the body and is not handed out.
    rest: Bytes,
    parts: UnwrittenParts,
}

impl PacedBody {
    pub(crate) fn new(body: Body, parts: UnwrittenParts) -> Self {
        Self { body, rest: Bytes::new(), parts }
    }

    fn part(&mut self) -> Frame<Bytes> {
        let length = self.rest.len().min(PART_BYTES_MAX);
        Frame::data(self.parts.note(self.rest.split_to(length)))
    }
}

impl HttpBody for PacedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if !self.rest.is_empty() {
            return Poll::Ready(Some(Ok(self.part())));
        }
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => Poll::Ready(Some(Ok(match frame.into_data() {
                Ok(data) => {
                    self.rest = data;
                    self.part()
                }
                Err(other) => other,
            }))),
            other => other,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (of_body, rest) = (self.body.size_hint(), self.rest.len() as u64);
        let mut hint = SizeHint::new();
        hint.set_lower(of_body.lower().saturating_add(rest));
        if let Some(upper) = of_body.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt as _;

    #[tokio::test]
    async fn a_long_body_comes_in_parts_and_each_is_noted_until_it_is_dropped() {
        let whole = Bytes::from(vec![7_u8; PART_BYTES_MAX * 2 + 5]);
        let parts = UnwrittenParts::default();
        let mut body = PacedBody::new(Body::from(whole.clone()), parts.clone());
        assert_eq!(body.size_hint().exact(), Some(whole.len() as u64));
        let mut read = Vec::new();
        while let Some(frame) = body.frame().await {
            let data = frame.unwrap().into_data().unwrap();
            assert!(data.len() <= PART_BYTES_MAX && parts.oldest().is_some());
            read.extend_from_slice(&data);
            drop(data);
            assert!(parts.oldest().is_none());
        }
        assert_eq!(read, whole);
    }

    #[tokio::test]
    async fn a_part_that_is_not_written_is_noticed() {
        let parts = UnwrittenParts::default();
        let idle_max = Duration::from_millis(20);
        let (noted, began) = (parts.note(Bytes::from_static(b"a")), Instant::now());
        parts.until_stalled(idle_max).await;
        assert!(began.elapsed() >= idle_max);
        drop(noted);
        assert_eq!(parts.oldest(), None);
    }
}
