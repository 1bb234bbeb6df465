//! Accepts connections: bounded in number, with a time for headers to come, and drained when the server stops.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

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

use crate::edge::Edge;
use crate::limits::HttpLimits;
use crate::write_idle::WriteIdle;

/// How long an accept that failed, as for want of file descriptors, waits before the next.
const PAUSE: Duration = Duration::from_millis(50);

/// Serves until stopped, then lets requests in flight finish.
pub async fn serve(listener: TcpListener, edge: Edge, limits: HttpLimits, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(limits.connections_max.min(Semaphore::MAX_PERMITS)));
    let connections = TaskTracker::new();
    let cut = CancellationToken::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = accept(&listener, &places) => accepted,
        };
        if let Some((stream, place)) = accepted {
            let (edge, stop, cut) = (edge.clone(), stop.clone(), cut.clone());
            connections.spawn(async move {
                connection(stream, edge, limits, stop, cut).await;
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
            "some requests did not finish in time and are cut"
        );
        cut.cancel();
        connections.wait().await;
    }
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    // Past the bound, clients wait in the listener's own queue until a connection ends.
    let place = places.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, place)),
        Err(error) => {
            tracing::debug!(%error, "a connection was not accepted");
            tokio::time::sleep(PAUSE).await;
            None
        }
    }
}

async fn connection(
    stream: TcpStream,
    edge: Edge,
    limits: HttpLimits,
    stop: CancellationToken,
    cut: CancellationToken,
) {
    // Answers are small and whole; waiting to fill a packet would only delay them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection keeps Nagle's delay");
    }
    let stream = WriteIdle::new(stream, Duration::from_millis(limits.write_idle_ms_max));
    let turn = Turn::default();
    let of_requests = turn.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let (edge, turn) = (edge.clone(), of_requests.clone());
        async move {
            turn.take().await;
            Ok::<_, Infallible>(edge.answer(request.map(Body::new)).await)
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
        tracing::debug!(%error, "a connection ended early");
    }
}

/// Has a connection answer one request each time the scheduler runs it. A client that sends many at once would otherwise
/// have so many answered in a row, and every step of everybody else's request waits for that.
#[derive(Debug, Clone, Default)]
struct Turn {
    is_used: Arc<AtomicBool>,
}

impl Turn {
    /// Runs a connection; each poll is a new turn.
    async fn poll<T>(&self, mut connection: Pin<&mut impl Future<Output = T>>) -> T {
        poll_fn(|context| {
            self.is_used.store(false, Ordering::Relaxed);
            connection.as_mut().poll(context)
        })
        .await
    }

    /// Waits for the next turn, if a request was answered in this one.
    async fn take(&self) {
        if self.is_used.swap(true, Ordering::Relaxed) {
            yield_now().await;
            self.is_used.store(true, Ordering::Relaxed);
        }
    }
}
