//! Accepts connections: bounded in number, with a time for headers to come, and drained when the server stops.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
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
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::yield_now;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::edge::HttpEdge;
use crate::limits::HttpLimits;
use crate::write_idle::WriteIdle;

/// How long an accept that failed, as for want of file descriptors, waits before the next.
const PAUSE: Duration = Duration::from_millis(50);
/// How long a connection answers requests that came together before other tasks run. 200 µs: ten small requests, and
/// with twenty such connections a thread still comes around in 4 ms.
const TURN_US_MAX: u64 = 200;

/// Serves until stopped, then lets requests in flight finish.
pub async fn serve(listener: TcpListener, edge: HttpEdge, limits: HttpLimits, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(limits.connections_max.min(Semaphore::MAX_PERMITS)));
    let connections = TaskTracker::new();
    let cut = CancellationToken::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = accept(&listener, &places) => accepted,
        };
        if let Some((stream, peer, place)) = accepted {
            let (edge, stop, cut) = (edge.clone(), stop.clone(), cut.clone());
            connections.spawn(async move {
                connection((stream, peer), edge, limits, stop, cut).await;
                drop(place);
            });
        }
    }
    drop(listener);
    connections.close();
    let drain = Duration::from_millis(limits.drain_ms_max);
    if tokio::time::timeout(drain, connections.wait()).await.is_err() {
        tracing::warn!(
            drain_ms_max = limits.drain_ms_max,
            "requests did not finish in time; closing their connections"
        );
        cut.cancel();
        connections.wait().await;
    }
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, Peer, tokio::sync::OwnedSemaphorePermit)> {
    // Past the bound, clients wait in the listener's own queue until a connection ends.
    let place = places.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => Some((stream, Peer(peer), place)),
        Err(error) => {
            tracing::debug!(%error, "cannot accept a connection");
            tokio::time::sleep(PAUSE).await;
            None
        }
    }
}

/// The address at the other end of the connection that a request came by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

async fn connection(
    (stream, peer): (TcpStream, Peer),
    edge: HttpEdge,
    limits: HttpLimits,
    stop: CancellationToken,
    cut: CancellationToken,
) {
    // Answers are small and whole; waiting to fill a packet would only delay them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    let stream = WriteIdle::new(stream, Duration::from_millis(limits.write_idle_ms_max));
    let turn = ConnectionTurn::new();
    let of_requests = turn.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let (edge, turn) = (edge.clone(), of_requests.clone());
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
