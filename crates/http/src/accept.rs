//! Accepts connections: bounded in number, with a time for headers to come, and drained when the server stops.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::edge::HttpEdge;
use crate::limits::HttpLimits;
use crate::tls::{ClientCertificate, HandshakeFailure, TlsEndpoint, chose_http2, client_certificate};
use crate::write_idle::WriteIdle;
use crate::{http1, http2};

/// How long an accept that failed, as for want of file descriptors, waits before the next.
const PAUSE: Duration = Duration::from_millis(50);

/// Serves until stopped, then lets requests in flight finish. Connections are encrypted if there is a `tls`.
pub async fn serve(
    listener: TcpListener,
    edge: HttpEdge,
    limits: HttpLimits,
    tls: Option<Arc<TlsEndpoint>>,
    stop: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(limits.connections_max.min(Semaphore::MAX_PERMITS)));
    let connections = TaskTracker::new();
    let cut = CancellationToken::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = accept(&listener, &places) => accepted,
        };
        if let Some((stream, peer, place)) = accepted {
            let how = ConnectionSettings { edge: edge.clone(), limits, stop: stop.clone(), cut: cut.clone() };
            let tls = tls.clone();
            connections.spawn(async move {
                connection((stream, peer), how, tls).await;
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
) -> Option<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    // Past the bound, clients wait in the listener's own queue until a connection ends.
    let place = places.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => Some((stream, peer, place)),
        Err(error) => {
            tracing::debug!(%error, "cannot accept a connection");
            tokio::time::sleep(PAUSE).await;
            None
        }
    }
}

/// The other end of the connection that a request came by.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    /// Its address.
    pub(crate) address: SocketAddr,
    /// Whether the connection is encrypted.
    pub(crate) is_encrypted: bool,
    /// The certificate that it presented.
    pub(crate) certificate: Option<Arc<ClientCertificate>>,
}

/// How a connection is served.
pub(crate) struct ConnectionSettings {
    pub(crate) edge: HttpEdge,
    pub(crate) limits: HttpLimits,
    /// Requests in flight finish, and no other begins.
    pub(crate) stop: CancellationToken,
    /// The connection is closed at once.
    pub(crate) cut: CancellationToken,
}

async fn connection(
    (stream, address): (TcpStream, SocketAddr),
    how: ConnectionSettings,
    tls: Option<Arc<TlsEndpoint>>,
) {
    // Answers are small and whole; waiting to fill a packet would only delay them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    let stream = WriteIdle::new(stream, Duration::from_millis(how.limits.write_idle_ms_max));
    let Some(tls) = tls else {
        return http1::serve(stream, Peer { address, is_encrypted: false, certificate: None }, how).await;
    };
    let within = Duration::from_millis(how.limits.receive_ms_max);
    let accepted = tokio::select! {
        accepted = tls.accept(stream, address, within) => accepted,
        () = how.stop.cancelled() => return,
    };
    let stream = match accepted {
        Ok(stream) => stream,
        Err(HandshakeFailure::ClientCertificate(reason)) => {
            return how.edge.certificate_refused(address.ip(), &reason);
        }
        Err(HandshakeFailure::Other) => return,
    };
    let certificate = client_certificate(&stream).map(Arc::new);
    let peer = Peer { address, is_encrypted: true, certificate };
    match chose_http2(&stream) {
        true => http2::serve(stream, peer, how).await,
        false => http1::serve(stream, peer, how).await,
    }
}
