//! The files of TLS: read at the start, and again whenever one of them changes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use midflight_http::jwt::RoleRule;
use midflight_http::tls::{TlsCredentials, TlsEndpoint, TlsError, TlsPem};
use midflight_source::{FileOptions, FileWatch};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::bounded_file;
use crate::error::ServeError;

/// What connections are encrypted with, and whose client certificates are accepted.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The certificate of the server in PEM, and after it those that lead to its authority.
    pub certificate: PathBuf,
    /// Its private key in PEM.
    pub key: PathBuf,
    /// The certificates of the authorities whose client certificates are accepted, in PEM; none for tokens alone.
    pub client_authorities: Option<PathBuf>,
    /// The roles that names of client certificates give.
    pub client_roles: Vec<RoleRule>,
}

/// Keeps an endpoint in step with its files.
pub(crate) struct TlsFollower {
    files: TlsFiles,
    watch: FileWatch,
    endpoint: Arc<TlsEndpoint>,
    /// What was read last, whether or not it can be used.
    last: Result<TlsPem, TlsError>,
}

impl TlsFiles {
    /// Reads the files. A certificate that has expired is used, with an error in the log: clients refuse it by
    /// themselves, and probes need not.
    pub(crate) fn open(&self, options: FileOptions) -> Result<TlsFollower, ServeError> {
        let wrong = |error: TlsError| ServeError::Tls(error.to_string());
        if self.client_roles.is_empty() && self.client_authorities.is_some() {
            let message = "no role for any client certificate: give at least one --tls-client-role NAME=ROLE";
            return Err(ServeError::Tls(message.to_owned()));
        }
        // Watched before they are read, so that no change falls in between.
        let watch = FileWatch::new(self.paths().map(Path::to_owned), options)?;
        let pem = self.read().map_err(wrong)?;
        let credentials = TlsCredentials::from_pem(&pem).map_err(wrong)?;
        if let Err(error) = credentials.check_validity(Timestamp::now()) {
            tracing::error!(file = %self.certificate.display(), %error, "clients will refuse the TLS certificate");
        }
        let endpoint = Arc::new(TlsEndpoint::new(credentials, self.client_roles.clone()));
        Ok(TlsFollower { files: self.clone(), watch, endpoint, last: Ok(pem) })
    }

    fn paths(&self) -> impl Iterator<Item = &Path> {
        [&self.certificate, &self.key].into_iter().chain(&self.client_authorities).map(PathBuf::as_path)
    }

    fn read(&self) -> Result<TlsPem, TlsError> {
        let text = |file: &Path| {
            let read = bounded_file::read(file);
            read.map_err(|error| TlsError::Refused(format!("cannot read {}: {error}", file.display())))
        };
        Ok(TlsPem {
            chain: text(&self.certificate)?,
            key: text(&self.key)?,
            client_authorities: self.client_authorities.as_deref().map(text).transpose()?,
        })
    }
}

impl TlsFollower {
    /// What new connections are encrypted with.
    pub(crate) fn endpoint(&self) -> &Arc<TlsEndpoint> {
        &self.endpoint
    }

    /// Follows the files until the server stops. `look` asks to read them at once.
    pub(crate) async fn follow(mut self, look: Arc<Notify>, stopping: CancellationToken) {
        loop {
            tokio::select! {
                _ = self.watch.touched() => {}
                () = look.notified() => {}
                () = stopping.cancelled() => return,
            }
            let files = self.files.clone();
            let Ok(read) = tokio::task::spawn_blocking(move || files.read()).await else { continue };
            if read != self.last {
                self.take(&read);
                self.last = read;
            }
        }
    }

    /// Encrypts new connections with what the files have now, all of them together, if that is good.
    fn take(&self, read: &Result<TlsPem, TlsError>) {
        let file = self.files.certificate.display();
        let credentials =
            read.clone().and_then(|pem| TlsCredentials::from_pem(&pem)).and_then(|credentials| {
                credentials.check_validity(Timestamp::now())?;
                Ok(credentials)
            });
        match credentials {
            Ok(credentials) => {
                self.endpoint.replace(credentials);
                let status = self.endpoint.status();
                let (not_after, days_left) = (status.not_after, status.days_left());
                tracing::info!(%file, %not_after, days_left, "TLS certificate reloaded");
            }
            Err(error) => {
                let days_left = self.endpoint.status().days_left();
                tracing::warn!(%file, %error, days_left, "cannot load the TLS files; keeping the current certificate");
                self.endpoint.report(Some(error));
            }
        }
    }
}
