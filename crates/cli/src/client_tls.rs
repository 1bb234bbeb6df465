//! The flags of commands for servers that encrypt: whom to trust, and a certificate to present.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use rustls::pki_types::pem::{Error, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::fail::Failure;

/// How a command connects to an https:// address.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Connection")]
pub(super) struct ClientTlsArgs {
    /// A file with certificate authorities to trust beside the public ones, as PEM, for an https:// address.
    #[arg(long, global = true, env = "MIDFLIGHT_CA_FILE", value_name = "FILE")]
    pub(super) ca_file: Option<PathBuf>,
    /// A file with a client certificate to present, as PEM; it needs --client-key.
    #[arg(long, global = true, env = "MIDFLIGHT_CLIENT_CERT", value_name = "FILE")]
    pub(super) client_cert: Option<PathBuf>,
    /// The private key of --client-cert, as PEM.
    #[arg(long, global = true, env = "MIDFLIGHT_CLIENT_KEY", value_name = "FILE")]
    pub(super) client_key: Option<PathBuf>,
}

impl ClientTlsArgs {
    /// Trusts the public certificate authorities and those of the file, and presents the certificate, if there is one.
    ///
    /// # Errors
    /// [`Failure::Usage`] names the flag whose file cannot be used.
    pub(super) fn config(&self) -> Result<ClientConfig, Failure> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        if let Some(file) = &self.ca_file {
            for certificate in certificates("--ca-file", file)? {
                roots.add(certificate).map_err(|error| unusable("--ca-file", file, &error))?;
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.map_err(|error| Failure::failed(format!("TLS is not available: {error}")))?;
        let config = config.with_root_certificates(roots);
        match (&self.client_cert, &self.client_key) {
            (None, None) => Ok(config.with_no_client_auth()),
            (Some(file), Some(key_file)) => {
                let chain = certificates("--client-cert", file)?;
                let key = PrivateKeyDer::from_pem_file(key_file);
                let key = key.map_err(|error| unusable("--client-key", key_file, &error))?;
                let config = config.with_client_auth_cert(chain, key);
                config.map_err(|error| unusable("--client-cert", file, &error))
            }
            _ => Err(Failure::usage("give --client-cert and --client-key together")),
        }
    }
}

fn certificates(flag: &str, file: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, Error>>);
    let read = read.map_err(|error| unusable(flag, file, &error))?;
    match read.is_empty() {
        true => Err(unusable(flag, file, &"it has no certificate; write it as PEM")),
        false => Ok(read),
    }
}

fn unusable(flag: &str, file: &Path, why: &dyn std::fmt::Display) -> Failure {
    Failure::usage(format!("cannot read {flag} {}: {why}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use midflight_testkit::CertificateAuthority;

    #[test]
    fn each_file_is_named_when_it_cannot_be_used() {
        let folder = tempfile::tempdir().unwrap();
        let authority = CertificateAuthority::new();
        let (cert, key) = authority.client("deploy", &[]).write(folder.path());
        let refused = |args: ClientTlsArgs| args.config().map(drop).unwrap_err().text().to_owned();
        let both =
            ClientTlsArgs { client_cert: Some(cert.clone()), client_key: Some(key.clone()), ca_file: None };
        both.config().unwrap();
        let half = ClientTlsArgs { client_cert: Some(cert.clone()), ..ClientTlsArgs::default() };
        assert!(refused(half).contains("together"));
        let swapped = ClientTlsArgs { client_cert: Some(key.clone()), client_key: Some(cert), ca_file: None };
        assert!(refused(swapped).contains("--client-cert"));
        let no_authority = ClientTlsArgs { ca_file: Some(key), ..ClientTlsArgs::default() };
        assert!(refused(no_authority).contains("it has no certificate"));
    }
}
