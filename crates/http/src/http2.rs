//! A connection of HTTP/2: many requests at the same time, bounded in number, in the size of their headers, and in how
//! often a client may withdraw them.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use hyper::Request;
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::accept::{ConnectionSettings, Peer};
use crate::paced_body::{PacedBody, UnwrittenParts};

/// How many requests of one connection may be in flight. 100: what RFC 9113 (6.5.2) recommends as the least.
const STREAMS_MAX: u32 = 100;
/// How many bytes the headers of a request may have, decompressed. 64 KiB: a JSON Web Token is 16 KiB at most.
const HEADER_BYTES_MAX: u32 = 64 << 10;
/// How many requests that a client withdrew may wait to be cleaned up. 20: past it the connection is closed, so that
/// requests that are begun and withdrawn at once do not occupy the server.
const RESETS_MAX: usize = 20;

/// Serves a connection until it ends, is idle for too long, or the server stops.
pub(crate) async fn serve<S>(stream: S, peer: Peer, how: ConnectionSettings)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let ConnectionSettings { edge, limits, stop, cut } = how;
    let parts = UnwrittenParts::default();
    let of_answers = parts.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let (edge, peer, parts) = (edge.clone(), peer.clone(), of_answers.clone());
        async move {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(peer);
            let response = edge.answer(request).await;
            Ok::<_, Infallible>(response.map(|body| PacedBody::new(body, parts)))
        }
    });
    let write_idle_max = Duration::from_millis(limits.write_idle_ms_max);
    let idle_max = Duration::from_millis(limits.receive_ms_max);
    let (open, streams) = watch::channel(0);
    // Requests in flight end with the connection, however it ends.
    let ended = cut.child_token();
    let _end = ended.clone().drop_guard();
    let served = http2::Builder::new(StreamExecutor { open, ended })
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEADER_BYTES_MAX)
        .max_pending_accept_reset_streams(RESETS_MAX)
        // A client that is gone without a word, with requests in flight.
        .keep_alive_interval(idle_max)
        .keep_alive_timeout(write_idle_max)
        .serve_connection(TokioIo::new(stream), service);
    let serving = async {
        tokio::pin!(served);
        tokio::select! {
            ended = served.as_mut() => return ended,
            () = until_idle(streams, idle_max) => {}
            () = stop.cancelled() => {}
        }
        // Requests in flight finish, and no other begins.
        served.as_mut().graceful_shutdown();
        served.await
    };
    tokio::select! {
        ended = serving => if let Err(error) = ended {
            tracing::debug!(%error, "connection ended early");
        },
        () = parts.until_stalled(write_idle_max) => {
            let write_idle_ms_max = limits.write_idle_ms_max;
            tracing::debug!(write_idle_ms_max, "the client read nothing; connection closed");
        }
        () = cut.cancelled() => {}
    }
}

/// Waits until no request was in flight for a time.
async fn until_idle(mut streams: watch::Receiver<usize>, idle_max: Duration) {
    while streams.wait_for(|open| *open == 0).await.is_ok() {
        if tokio::time::timeout(idle_max, streams.changed()).await.is_err() {
            return;
        }
    }
}

/// Runs the requests of a connection, each as a task, until the connection is closed at once.
#[derive(Clone)]
struct StreamExecutor {
    /// How many are in flight.
    open: watch::Sender<usize>,
    ended: CancellationToken,
}

impl<F> Executor<F> for StreamExecutor
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, stream: F) {
        let (in_flight, ended) = (InFlight::new(self.open.clone()), self.ended.clone());
        tokio::spawn(async move {
            tokio::select! {
                _ = stream => {}
                () = ended.cancelled() => {}
            }
            drop(in_flight);
        });
    }
}

/// Counts a request while it is in flight, however it ends.
struct InFlight(watch::Sender<usize>);

impl InFlight {
    fn new(open: watch::Sender<usize>) -> Self {
        open.send_modify(|open| *open += 1);
        Self(open)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.send_modify(|open| *open -= 1);
    }
}
