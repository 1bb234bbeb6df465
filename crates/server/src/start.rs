//! Starts a server and stops it: the socket, the ready file.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use midflight_http::accept;
use midflight_http::descriptors::allowed_connections;
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::admin_token::replace_private;
use crate::error::ServeError;
use crate::own::{boot, settings};
use crate::{Backend, ServeOptions, Service};

/// How many connections the port of the metrics has at the same time: a few scrapers.
const METRICS_CONNECTIONS_MAX: usize = 64;

/// A server that answers.
#[derive(Debug)]
pub struct RunningServer {
    url: String,
    address: SocketAddr,
    metrics_address: Option<SocketAddr>,
    service: Arc<Service>,
    stop: CancellationToken,
    task: Mutex<Option<JoinHandle<()>>>,
    ready_file: Option<PathBuf>,
}

/// Starts a server on the log that the options name. It answers when this returns, and the ready file is there.
///
/// A log elsewhere that does not answer is waited for, unless this server kept a copy of it: it starts from that then,
/// and catches up by itself.
///
/// # Errors
/// [`ServeError`] names the invalid part of the options.
pub async fn start(options: ServeOptions) -> Result<RunningServer, ServeError> {
    let backend = Backend::open(&options).await?;
    start_on(options, backend).await
}

/// Starts a server on a log that is open.
///
/// # Errors
/// As [`start`].
pub async fn start_on(mut options: ServeOptions, backend: Backend) -> Result<RunningServer, ServeError> {
    options.limits.connections_max = allowed_connections(options.limits.connections_max);
    let is_there = backend.ready().await?;
    let boot = boot(&options.config, &backend, is_there).await?;
    let own = settings(&boot)?;
    let wanted = own.listen();
    if options.tls.is_none() && !options.plain_http && !wanted.ip().is_loopback() {
        return Err(ServeError::PlainHttp(wanted));
    }
    let (listener, address) = bind(wanted).await?;
    let metrics = match own.metrics.port {
        Some(port) => Some(bind(SocketAddr::new(wanted.ip(), port)).await?),
        None => None,
    };
    let metrics_address = metrics.as_ref().map(|(_, address)| *address);
    let service = Arc::new(Service::start(&options, backend, boot, is_there, Some(address)).await?);
    let tls = service.tls().cloned();
    let url = url(address, tls.is_some());
    let stop = CancellationToken::new();
    let serving = accept::serve(listener, service.edge(), options.limits, tls.clone(), stop.clone());
    let task = match metrics {
        None => tokio::spawn(serving),
        Some((listener, address)) => {
            let mut limits = options.limits;
            limits.connections_max = limits.connections_max.min(METRICS_CONNECTIONS_MAX);
            let metrics =
                accept::serve(listener, service.edge().of_metrics_alone(), limits, tls, stop.clone());
            tracing::debug!(%address, "serving metrics");
            tokio::spawn(async move {
                tokio::join!(serving, metrics);
            })
        }
    };
    tracing::debug!(%url, "listening");
    let task = Mutex::new(Some(task));
    let mut running = RunningServer { url, address, metrics_address, service, stop, task, ready_file: None };
    if let Some(file) = options.ready_file {
        running.write_ready_file(file)?;
    }
    Ok(running)
}

/// Listens on an address. Answers with the port that it got, where 0 was asked for.
async fn bind(wanted: SocketAddr) -> Result<(TcpListener, SocketAddr), ServeError> {
    let listener = TcpListener::bind(wanted).await.map_err(|error| ServeError::Listen(wanted, error))?;
    let address = listener.local_addr().map_err(|error| ServeError::Listen(wanted, error))?;
    Ok((listener, address))
}

/// The URL of a server at an address.
pub(crate) fn url(address: SocketAddr, has_tls: bool) -> String {
    format!("{}://{address}", if has_tls { "https" } else { "http" })
}

/// Writes the URL so that a reader of the file never reads half of it.
fn write_ready(file: &Path, url: &str) -> std::io::Result<()> {
    let mut beside = file.as_os_str().to_owned();
    beside.push(".new");
    std::fs::write(&beside, format!("{url}\n"))?;
    std::fs::rename(&beside, file)
}

impl RunningServer {
    /// Where it answers, as `http://127.0.0.1:8080`, with `https` where connections are encrypted.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The address it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the metrics have a port of their own, if they have one.
    #[must_use]
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_address
    }

    /// The admin's token, at the very first start and when no file holds it. Print it where a person reads it, or keep
    /// it by [`Self::keep_first_token`]: it is not shown again.
    #[must_use]
    pub fn first_token(&self) -> Option<&str> {
        self.service.first_token()
    }

    /// Keeps the admin's token in a file that only its owner may read, replacing an existing one: for a start without a
    /// terminal. False when there is no token to keep.
    ///
    /// # Errors
    /// [`ServeError::TokenFile`] when the file cannot be written.
    pub fn keep_first_token(&self, file: &Path) -> Result<bool, ServeError> {
        let Some(token) = self.first_token() else { return Ok(false) };
        replace_private(file, token).map_err(|error| ServeError::TokenFile(file.to_owned(), error))?;
        Ok(true)
    }

    /// Writes its URL to a file, which is removed when it stops. For a caller that has to do something before, as to
    /// keep the first token: a program that waits for the file finds that done. Others set
    /// [`ServeOptions::ready_file`].
    ///
    /// # Errors
    /// [`ServeError::ReadyFile`] when the file cannot be written.
    pub fn write_ready_file(&mut self, file: PathBuf) -> Result<(), ServeError> {
        write_ready(&file, &self.url).map_err(|error| ServeError::ReadyFile(file.clone(), error))?;
        self.ready_file = Some(file);
        Ok(())
    }

    /// What answers.
    #[must_use]
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// Stops: nothing new is accepted, requests in flight finish (at most `drain_ms_max`), sockets and watchers are
    /// notified, then the engine and the store are closed. Stopping twice is stopping once.
    pub async fn stop(&self) {
        self.service.begin_stop();
        self.stop.cancel();
        let mut task = self.task.lock().await;
        if let Some(task) = task.take() {
            if let Err(error) = task.await {
                tracing::warn!(%error, "listener did not stop in time");
            }
            self.service.stop().await;
            if let Some(file) = &self.ready_file {
                // It may be deleted already; what matters is that it does not claim that the server answers.
                drop(std::fs::remove_file(file));
            }
        }
    }

    /// Waits until it is stopped.
    pub async fn wait(&self) {
        self.stop.cancelled().await;
    }
}

impl Drop for RunningServer {
    /// Without a stop before, connections are cut; the log is as it was acknowledged all the same.
    fn drop(&mut self) {
        self.service.begin_stop();
        self.stop.cancel();
    }
}
