//! Accepts connections: bounded in number, of each address too, with a time for headers to come, and drained when the server stops.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use metrics::Counter;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::caller_places::{CallerPlace, CallerPlaces};
use crate::edge::HttpEdge;
use crate::limits::HttpLimits;
use crate::signed_request::SenderAddress;
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
    let places = ConnectionPlaces {
        all: Arc::new(Semaphore::new(limits.connections_max.min(Semaphore::MAX_PERMITS))),
        of_address: CallerPlaces::new(
            of_one_address(&limits),
            "connections_per_address_max",
            "connections open",
        ),
        refused: edge.refused_connections(),
    };
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

/// The places of connections: of all, and of each address.
struct ConnectionPlaces {
    all: Arc<Semaphore>,
    of_address: Arc<CallerPlaces>,
    refused: Counter,
}

/// How many connections one address may have; 0 is no limit. Where the system or the operator allows fewer connections than
/// by default, a quarter of them is left to others still.
fn of_one_address(limits: &HttpLimits) -> usize {
    limits.connections_per_address_max.min(limits.connections_max - limits.connections_max / 4)
}

/// The places of one connection, until it ends.
type ConnectionPlace = (OwnedSemaphorePermit, CallerPlace);

async fn accept(
    listener: &TcpListener,
    places: &ConnectionPlaces,
) -> Option<(TcpStream, SocketAddr, ConnectionPlace)> {
    // Past the bound, clients wait in the listener's own queue until a connection ends.
    let place = Arc::clone(&places.all).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => match places.of_address.take_of_address(SenderAddress::of_peer(peer)) {
            Some(own) => Some((stream, peer, (place, own))),
            // It is closed: one that waits would keep those of other addresses waiting behind it.
            None => {
                places.refused.increment(1);
                tracing::debug!(%peer, "connection refused: its address has connections_per_address_max");
                None
            }
        },
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_has_no_more_than_three_quarters_of_the_connections() {
        let of = |connections_max, connections_per_address_max| {
            of_one_address(&HttpLimits {
                connections_max,
                connections_per_address_max,
                ..HttpLimits::default()
            })
        };
        assert_eq!(of_one_address(&HttpLimits::default()), 15_000);
        assert_eq!((of(20_000, 100), of(1_000, 15_000), of(1, 15_000), of(1_000, 0)), (100, 750, 1, 0));
    }
}
