//! Which certificates a client trusts, and the one that it presents.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::{Error, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::error::ClientError;

/// The files of a connection over TLS, as PEM.
#[derive(Debug, Clone, Default)]
pub(crate) struct ClientTlsFiles {
    /// Authorities to trust beside the public ones.
    pub(crate) authorities: Option<PathBuf>,
    /// A certificate to present and its private key.
    pub(crate) certificate: Option<(PathBuf, PathBuf)>,
}

impl ClientTlsFiles {
    /// Trusts the public certificate authorities and those of the file, and presents the certificate, if there is one.
    pub(crate) fn config(&self) -> Result<ClientConfig, ClientError> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        if let Some(file) = &self.authorities {
            for certificate in certificates(CA, file)? {
                roots.add(certificate).map_err(|error| unusable(CA, file, &error))?;
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config =
            config.map_err(|error| ClientError::Invalid(format!("TLS is not available: {error}")))?;
        let config = config.with_root_certificates(roots);
        let Some((file, key_file)) = &self.certificate else { return Ok(config.with_no_client_auth()) };
        let chain = certificates(CERTIFICATE, file)?;
        let key = PrivateKeyDer::from_pem_file(key_file).map_err(|error| unusable(KEY, key_file, &error))?;
        config.with_client_auth_cert(chain, key).map_err(|error| unusable(CERTIFICATE, file, &error))
    }
}

const CA: &str = "CA file";
const CERTIFICATE: &str = "client certificate";
const KEY: &str = "key of the client certificate";

fn certificates(what: &str, file: &Path) -> Result<Vec<CertificateDer<'static>>, ClientError> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, Error>>);
    let read = read.map_err(|error| unusable(what, file, &error))?;
    match read.is_empty() {
        true => Err(unusable(what, file, &"it has no certificate; write it as PEM")),
        false => Ok(read),
    }
}

fn unusable(what: &str, file: &Path, why: &dyn std::fmt::Display) -> ClientError {
    ClientError::Invalid(format!("cannot read the {what} {}: {why}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use midflight_testkit::CertificateAuthority;

    #[test]
    fn each_file_is_named_when_it_cannot_be_used() {
        let refused = |files: ClientTlsFiles| files.config().map(drop).unwrap_err().to_string();
        let missing = ClientTlsFiles { authorities: Some("/no/such/file.pem".into()), certificate: None };
        assert!(refused(missing).contains("cannot read the CA file /no/such/file.pem"));
        let folder = tempfile::tempdir().unwrap();
        let (cert, key) = CertificateAuthority::new().client("deploy", &[]).write(folder.path());
        let both = ClientTlsFiles { authorities: None, certificate: Some((cert.clone(), key.clone())) };
        both.config().unwrap();
        let swapped = ClientTlsFiles { authorities: None, certificate: Some((key.clone(), cert)) };
        assert!(refused(swapped).contains("client certificate"));
        let no_authority = ClientTlsFiles { authorities: Some(key), certificate: None };
        assert!(refused(no_authority).contains("it has no certificate"));
    }
}
