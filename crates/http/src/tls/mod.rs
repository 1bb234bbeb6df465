//! TLS of the server: a certificate that can be replaced while connections are open, and client certificates as
//! callers.

mod certificate;
mod credentials;
mod endpoint;
pub(crate) mod health;

pub use certificate::ClientCertificate;
pub use credentials::{TlsCredentials, TlsError, TlsPem};
pub(crate) use endpoint::{HandshakeFailure, chose_http2, client_certificate};
pub use endpoint::{TlsEndpoint, TlsStatus};
