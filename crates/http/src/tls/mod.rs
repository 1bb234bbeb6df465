//! TLS of the server: a certificate that can be replaced while connections are open, and client certificates as
//! callers.

mod certificate;
mod credentials;
mod endpoint;
pub(crate) mod health;

pub use certificate::ClientCertificate;
pub use credentials::{TlsCredentials, TlsError, TlsPem};
pub use endpoint::{TlsEndpoint, TlsStatus};
pub(crate) use endpoint::{chose_http2, client_certificate};
