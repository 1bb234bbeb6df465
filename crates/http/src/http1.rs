//! A connection of HTTP/1.1: one request after the other, with turns between connections.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::body::Body;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::yield_now;

use crate::accept::{ConnectionSettings, Peer};

/// How long a connection answers requests that came together before other tasks run. 200 µs: ten small requests, and
/// with twenty such connections a thread still comes around in 4 ms.
const TURN_US_MAX: u64 = 200;

/// Serves a connection until it ends, or the server stops.
pub(crate) async fn serve<S>(stream: S, peer: Peer, how: ConnectionSettings)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let ConnectionSettings { edge, limits, stop, cut } = how;
    let turn = ConnectionTurn::new();
    let of_requests = turn.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let (edge, turn, peer) = (edge.clone(), of_requests.clone(), peer.clone());
        async move {
            turn.take().await;
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(peer);
            Ok::<_, Infallible>(edge.answer(request).await)
        }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(limits.receive_ms_max))
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(served);
    let ended = tokio::select! {
        ended = turn.poll(served.as_mut()) => ended,
        () = stop.cancelled() => {
            served.as_mut().graceful_shutdown();
            tokio::select! {
                ended = turn.poll(served) => ended,
                () = cut.cancelled() => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended early");
    }
}

/// Ends the turn of a connection that has answered requests for [`TURN_US_MAX`]. A client that sends many at once would
/// otherwise have so many answered in a row, and every step of all other requests waits for that.
#[derive(Debug, Clone)]
struct ConnectionTurn(Arc<TurnEnd>);

#[derive(Debug)]
struct TurnEnd {
    accepted: Instant,
    /// In microseconds since then.
    end: AtomicU64,
}

impl ConnectionTurn {
    fn new() -> Self {
        Self(Arc::new(TurnEnd { accepted: Instant::now(), end: AtomicU64::new(0) }))
    }

    /// Runs a connection; each poll is a new turn.
    async fn poll<T>(&self, mut connection: Pin<&mut impl Future<Output = T>>) -> T {
        poll_fn(|context| {
            self.0.end.store(self.now().saturating_add(TURN_US_MAX), Ordering::Relaxed);
            connection.as_mut().poll(context)
        })
        .await
    }

    /// Waits for the next turn, if this one is over.
    async fn take(&self) {
        if self.now() >= self.0.end.load(Ordering::Relaxed) {
            yield_now().await;
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.0.accepted.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn requests_that_took_a_whole_turn_end_it() {
        let turn = ConnectionTurn::new();
        let polls = AtomicU64::new(0);
        let connection = async {
            for _ in 0..3 {
                while turn.now() < turn.0.end.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
                turn.take().await;
            }
        };
        let mut connection = std::pin::pin!(connection);
        let counted = poll_fn(|context| {
            polls.fetch_add(1, Ordering::Relaxed);
            connection.as_mut().poll(context)
        });
        turn.poll(std::pin::pin!(counted)).await;
        assert_eq!(polls.into_inner(), 4);
    }
}
