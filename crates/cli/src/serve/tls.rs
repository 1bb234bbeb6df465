//! The flags of `serve` for TLS.

use std::path::PathBuf;

use clap::Args;
use midflight_server::{RoleRule, TlsFiles};

/// How connections are encrypted.
#[derive(Debug, Args)]
#[command(next_help_heading = "TLS")]
pub(super) struct TlsArgs {
    /// Serve HTTPS with the certificate of this file, in PEM, followed by those that lead to its authority. A change of
    /// the files is in effect at once, for new connections; an invalid one changes nothing.
    #[arg(long, env = "MIDFLIGHT_TLS_CERT", requires = "tls_key", value_name = "FILE")]
    tls_cert: Option<PathBuf>,
    /// The private key of that certificate, in PEM.
    #[arg(long, env = "MIDFLIGHT_TLS_KEY", requires = "tls_cert", value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// Accept client certificates of the authorities of this file, in PEM. Clients without one use a token.
    #[arg(
        long,
        env = "MIDFLIGHT_TLS_CLIENT_CA",
        requires = "tls_cert",
        requires = "tls_client_role",
        value_name = "FILE"
    )]
    tls_client_ca: Option<PathBuf>,
    /// The role of a name of client certificates (common name, DNS name, URI or mail address), as deploy=editor or
    /// "spiffe://cluster/ns/shop=editor@rules/pricing/*"; may be given several times.
    #[arg(long, requires = "tls_client_ca", value_name = "NAME=ROLE[@PATTERN,...]")]
    tls_client_role: Vec<RoleRule>,
    /// Serve plain HTTP to other machines. Tokens and documents can be read on their way: use it only behind a proxy
    /// that terminates TLS, in a network that is trusted.
    #[arg(long, env = "MIDFLIGHT_PLAIN_HTTP")]
    plain_http: bool,
}

impl TlsArgs {
    /// Whether plain HTTP may be served to other machines, where there are no files.
    pub(super) fn allows_plain_http(&self) -> bool {
        self.plain_http
    }

    /// The files; none for plain HTTP.
    pub(super) fn files(&self) -> Option<TlsFiles> {
        Some(TlsFiles {
            certificate: self.tls_cert.clone()?,
            key: self.tls_key.clone()?,
            client_authorities: self.tls_client_ca.clone(),
            client_roles: self.tls_client_role.clone(),
        })
    }
}
