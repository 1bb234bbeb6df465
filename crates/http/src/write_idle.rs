//! A connection that is closed when its client does not read what is written to it.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// A stream whose writes fail when nothing at all could be written for so long.
#[derive(Debug)]
pub(crate) struct WriteIdle<S> {
    stream: S,
    idle_max: Duration,
    /// Runs while a write waits for the client.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl<S> WriteIdle<S> {
    pub(crate) fn new(stream: S, idle_max: Duration) -> Self {
        Self { stream, idle_max, waiting: None }
    }

    /// Passes on the result of a write, or that it waited for too long.
    fn checked<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.waiting = None;
            return written;
        }
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(self.idle_max)));
        if waiting.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        // A later write, as of a farewell, is given no time either.
        waiting.as_mut().reset(Instant::now());
        let ms = self.idle_max.as_millis();
        let why = format!("the client read nothing for {ms} ms (write_idle_ms_max)");
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, why)))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WriteIdle<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WriteIdle<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.checked(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.checked(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_flush(context) {
            // What was flushed is not what a write waits for.
            flushed @ Poll::Ready(_) => flushed,
            Poll::Pending => self.checked(context, Poll::Pending),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(context);
        self.checked(context, shut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    #[tokio::test]
    async fn a_client_that_reads_nothing_is_left() {
        let (near, _far) = duplex(8);
        let mut stream = WriteIdle::new(near, Duration::from_millis(20));
        let error = stream.write_all(&[7; 64]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(error.to_string().contains("write_idle_ms_max"), "{error}");
        assert!(stream.write_all(&[7; 64]).await.is_err(), "it is not waited for again");
    }

    #[tokio::test]
    async fn a_body_read_in_parts_is_complete() {
        let (near, mut far) = duplex(8);
        let mut stream = WriteIdle::new(near, Duration::from_secs(3600));
        let (written, read) = tokio::join!(stream.write_all(&[7; 64]), async {
            let mut all = Vec::new();
            while all.len() < 64 {
                let mut part = [0; 4];
                far.read_exact(&mut part).await.unwrap();
                all.extend(part);
            }
            all
        });
        written.unwrap();
        assert_eq!(read, [7; 64]);
        assert!(stream.waiting.is_none());
    }
}
