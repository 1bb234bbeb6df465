//! From PEM files to what a connection is encrypted with.

use std::sync::Arc;

use jiff::Timestamp;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{InconsistentKeys, RootCertStore, ServerConfig};

use super::certificate::CertificateNames;

/// The protocols that a client may choose from, the preferred one first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// The texts of the files, in PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct TlsPem {
    /// The certificate of the server, and after it those that lead to its authority.
    pub chain: Vec<u8>,
    /// Its private key.
    pub key: Vec<u8>,
    /// The certificates of the authorities whose client certificates are accepted, if any are.
    pub client_authorities: Option<Vec<u8>>,
}

/// Not the key.
impl std::fmt::Debug for TlsPem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsPem").finish_non_exhaustive()
    }
}

/// Why files cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The file of the certificate has none.
    #[error("the certificate file has no certificate in PEM")]
    NoCertificate,
    /// The file of the key has none.
    #[error("the key file has no private key in PEM (PKCS #8, PKCS #1 or SEC 1)")]
    NoKey,
    /// The file of the client authorities has no certificate.
    #[error("the file of the client authorities has no certificate in PEM")]
    NoAuthority,
    /// The key is not that of the certificate.
    #[error("the private key does not belong to the certificate; replace both files")]
    Mismatch,
    /// The certificate has expired.
    #[error("the certificate expired at {0}")]
    Expired(Timestamp),
    /// The library refuses them.
    #[error("{0}")]
    Refused(String),
}

/// What connections are encrypted with.
#[derive(Debug, Clone)]
pub struct TlsCredentials {
    pub(super) config: Arc<ServerConfig>,
    /// The names that the certificate is for.
    pub(super) names: Vec<String>,
    pub(super) not_after: Timestamp,
}

impl TlsCredentials {
    /// Reads them. That the certificate is valid now is for [`Self::check_validity`].
    ///
    /// # Errors
    /// [`TlsError`] names what is wrong with which file.
    pub fn from_pem(pem: &TlsPem) -> Result<Self, TlsError> {
        let refused = |error: &dyn std::fmt::Display| TlsError::Refused(error.to_string());
        let chain = certificates(&pem.chain).map_err(|error| refused(&error))?;
        let leaf = chain.first().ok_or(TlsError::NoCertificate)?;
        let names = CertificateNames::of(leaf)
            .ok_or_else(|| TlsError::Refused("the certificate cannot be read".to_owned()))?;
        let key = PrivateKeyDer::from_pem_slice(&pem.key).map_err(|_| TlsError::NoKey)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| refused(&error))?;
        let builder = match &pem.client_authorities {
            None => builder.with_no_client_auth(),
            Some(text) => {
                let mut roots = RootCertStore::empty();
                for authority in certificates(text).map_err(|error| refused(&error))? {
                    roots.add(authority).map_err(|error| refused(&error))?;
                }
                if roots.is_empty() {
                    return Err(TlsError::NoAuthority);
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                // Others come in by a token.
                let verifier = verifier.allow_unauthenticated().build().map_err(|error| refused(&error))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut config = builder.with_single_cert(chain, key).map_err(|error| match error {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => TlsError::Mismatch,
            error => refused(&error),
        })?;
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        let CertificateNames { common_name, alternative, not_after } = names;
        let names = if alternative.is_empty() { common_name.into_iter().collect() } else { alternative };
        Ok(Self { config: Arc::new(config), names, not_after })
    }

    /// Refuses a certificate that has expired.
    ///
    /// # Errors
    /// [`TlsError::Expired`].
    pub fn check_validity(&self, now: Timestamp) -> Result<(), TlsError> {
        match self.not_after < now {
            true => Err(TlsError::Expired(self.not_after)),
            false => Ok(()),
        }
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, rustls::pki_types::pem::Error> {
    CertificateDer::pem_slice_iter(pem).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use midflight_testkit::CertificateAuthority;

    #[test]
    fn each_file_is_refused_with_its_reason() {
        let authority = CertificateAuthority::new();
        let (one, other) = (authority.server(&["a.example"]), authority.server(&["b.example"]));
        let read = |chain: &str, key: &str, authorities: Option<&str>| {
            TlsCredentials::from_pem(&TlsPem {
                chain: chain.into(),
                key: key.into(),
                client_authorities: authorities.map(Into::into),
            })
        };
        let good = read(&one.chain, &one.key, Some(&authority.pem())).unwrap();
        assert_eq!(good.names, ["a.example"]);
        good.check_validity(Timestamp::now()).unwrap();
        assert_eq!(read(&one.chain, &other.key, None).unwrap_err(), TlsError::Mismatch);
        assert_eq!(read("", &one.key, None).unwrap_err(), TlsError::NoCertificate);
        assert_eq!(read(&one.chain, &one.chain, None).unwrap_err(), TlsError::NoKey);
        assert_eq!(read(&one.chain, &one.key, Some("")).unwrap_err(), TlsError::NoAuthority);
        let expired = authority.expired_server(&["a.example"]);
        let expired = read(&expired.chain, &expired.key, None).unwrap();
        assert!(matches!(expired.check_validity(Timestamp::now()), Err(TlsError::Expired(_))));
    }
}
