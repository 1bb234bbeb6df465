//! The certificate that new connections get, and who the holder of a client certificate is.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::certificate::ClientCertificate;
use super::credentials::{TlsCredentials, TlsError};
use crate::code::Code;
use crate::jwt::{RoleRule, granted_to};
use crate::principal::{Principal, TokenId};
use crate::problem::ApiError;

/// Encrypts connections with the credentials that it was given last. Connections that are open keep theirs.
#[derive(Debug)]
pub struct TlsEndpoint {
    credentials: RwLock<Arc<TlsCredentials>>,
    /// Why newer files could not be used.
    error: RwLock<Option<TlsError>>,
    /// The roles of the holders of client certificates.
    roles: Vec<RoleRule>,
}

/// Why a handshake failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HandshakeFailure {
    /// The certificate of the client is refused, for this reason.
    ClientCertificate(String),
    /// Anything else: nothing that a caller asked for was refused.
    Other,
}

/// The certificate in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsStatus {
    /// The names that it is for.
    pub names: Vec<String>,
    /// Until when it is valid.
    pub not_after: Timestamp,
    /// Why newer files are not in use; none when they are.
    pub error: Option<TlsError>,
}

impl TlsStatus {
    /// How many whole days it is valid for; negative once it has expired.
    #[must_use]
    pub fn days_left(&self) -> i64 {
        self.not_after.duration_since(Timestamp::now()).as_hours().div_euclid(24)
    }
}

impl TlsEndpoint {
    /// Encrypts with these. `roles` are those that names of client certificates give.
    #[must_use]
    pub fn new(credentials: TlsCredentials, roles: Vec<RoleRule>) -> Self {
        Self { credentials: RwLock::new(Arc::new(credentials)), error: RwLock::default(), roles }
    }

    /// Encrypts new connections with these.
    pub fn replace(&self, credentials: TlsCredentials) {
        *self.credentials.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(credentials);
        self.report(None);
    }

    /// Notes why newer files cannot be used; none when they equal those in use.
    pub fn report(&self, error: Option<TlsError>) {
        *self.error.write().unwrap_or_else(PoisonError::into_inner) = error;
    }

    /// The certificate in use.
    #[must_use]
    pub fn status(&self) -> TlsStatus {
        let credentials = self.current();
        let error = self.error.read().unwrap_or_else(PoisonError::into_inner).clone();
        TlsStatus { names: credentials.names.clone(), not_after: credentials.not_after, error }
    }

    fn current(&self) -> Arc<TlsCredentials> {
        Arc::clone(&self.credentials.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Agrees with a client on the encryption, within a time.
    ///
    /// # Errors
    /// When that fails; the log says why. With the reason when the certificate of the client is refused.
    pub(crate) async fn accept<S>(
        &self,
        stream: S,
        peer: SocketAddr,
        within: Duration,
    ) -> Result<TlsStream<S>, HandshakeFailure>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let acceptor = TlsAcceptor::from(Arc::clone(&self.current().config));
        match tokio::time::timeout(within, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(log_failure(peer, &error)),
            Err(_) => {
                tracing::debug!(%peer, "TLS handshake timed out (receive_ms_max)");
                Err(HandshakeFailure::Other)
            }
        }
    }

    /// Who the holder of a client certificate is at a time; none when no rule gives a role to one of its names.
    ///
    /// # Errors
    /// 401 once it has expired: a connection may stay open for longer than the certificate is valid.
    pub(crate) fn principal(
        &self,
        certificate: &ClientCertificate,
        now: Timestamp,
    ) -> Result<Option<Principal>, ApiError> {
        holder(&self.roles, certificate, now)
    }
}

fn holder(
    roles: &[RoleRule],
    certificate: &ClientCertificate,
    now: Timestamp,
) -> Result<Option<Principal>, ApiError> {
    let names: Vec<_> = certificate.names.iter().map(String::as_str).collect();
    let Some((role, scopes)) = granted_to(roles, &names) else { return Ok(None) };
    let (name, until) = (certificate.name(), certificate.not_after);
    if until <= now {
        let detail =
            format!("the client certificate of {name:?} expired at {until}; connect again with a newer one");
        return Err(ApiError::new(Code::UNAUTHENTICATED, detail));
    }
    let id = TokenId::of(&certificate.hash.into());
    // No API token has a colon in its name, so that no other caller is taken for the holder of one.
    Ok(Some(Principal::of_subject(&format!("cert:{name}"), role, id, scopes, until)))
}

/// The certificate that a client presented, if it did.
pub(crate) fn client_certificate<S>(stream: &TlsStream<S>) -> Option<ClientCertificate> {
    ClientCertificate::of(stream.get_ref().1.peer_certificates()?.first()?)
}

/// Whether a client chose HTTP/2.
pub(crate) fn chose_http2<S>(stream: &TlsStream<S>) -> bool {
    stream.get_ref().1.alpn_protocol() == Some(b"h2")
}

/// Says why a handshake failed. What an operator can do something about is logged at a level that is shown; what any
/// scanner of ports can cause is not.
fn log_failure(peer: SocketAddr, error: &io::Error) -> HandshakeFailure {
    let reason = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
    match reason {
        Some(rustls::Error::InvalidCertificate(reason)) => {
            tracing::warn!(%peer, ?reason, "client certificate refused");
            return HandshakeFailure::ClientCertificate(format!("{reason:?}"));
        }

        Some(rustls::Error::AlertReceived(alert)) => {
            tracing::info!(%peer, ?alert, "client refused the certificate of this server, or the handshake");
        }
        _ => tracing::debug!(%peer, %error, "TLS handshake failed"),
    }
    HandshakeFailure::Other
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_that_expires_on_an_open_connection_is_refused_from_then_on() {
        let not_after = Timestamp::now();
        let certificate = ClientCertificate { names: vec!["deploy".to_owned()], hash: [7; 32], not_after };
        let roles = ["deploy=editor".parse::<RoleRule>().unwrap()];
        let second = jiff::SignedDuration::from_secs(1);
        let before = holder(&roles, &certificate, not_after - second).unwrap().unwrap();
        assert_eq!((before.name(), before.expires_at()), ("cert:deploy", Some(not_after)));
        for now in [not_after, not_after + second] {
            let refused = holder(&roles, &certificate, now).unwrap_err();
            assert_eq!(refused.code(), "unauthenticated");
            assert!(refused.body().detail.contains("\"deploy\" expired at"), "{:?}", refused.body());
        }
        // One that gives no role is for the encryption alone, so that it takes nothing when it expires.
        assert!(holder(&[], &certificate, not_after + second).unwrap().is_none());
    }
}
