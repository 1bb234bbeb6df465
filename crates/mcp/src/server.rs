//! The server: made once, served over HTTP and standard streams at the same time.

use std::future::Future;
use std::sync::Arc;

use midflight_live::Live;
use midflight_tools::ToolsSnapshot;
use rmcp::service::serve_server_with_ct;
use rmcp::transport::async_rw::AsyncRwTransport;
use rmcp::transport::stdio;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

use crate::handler::McpHandler;
use crate::notices;
use crate::shared::McpShared;
use crate::{McpCaller, McpHttpOptions, McpHttpService, McpOptions, PastCatalogues, ToolCaller};

/// A server of the Model Context Protocol on a live catalogue of tools. Cheap to clone.
#[derive(Clone)]
pub struct McpServer {
    shared: Arc<McpShared>,
}

/// Why standard streams cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StdioError {
    /// The client did not begin according to the protocol.
    #[error(
        "cannot begin a session on standard input: {0}; the first message is initialize or server/discover"
    )]
    Begin(String),
    /// The session failed.
    #[error("the session on standard input failed: {0}")]
    Failed(String),
}

impl McpServer {
    /// A server on the served catalogue. [`ToolCaller::own_tools`] is asked for here, once.
    #[must_use]
    pub fn new(
        live: Live<ToolsSnapshot>,
        caller: Arc<dyn ToolCaller>,
        past: Arc<dyn PastCatalogues>,
        options: McpOptions,
    ) -> Self {
        Self { shared: McpShared::new(live, caller, past, options) }
    }

    /// Follows the served catalogue until `stop`: without it no client is notified of a change, and no call knows why a
    /// tool was removed. Spawn it once.
    pub fn follow(&self, stop: CancellationToken) -> impl Future<Output = ()> + Send + use<> {
        notices::follow(Arc::clone(&self.shared), stop)
    }

    /// The endpoint of Streamable HTTP. Cancelling `stop` ends its streams and sessions.
    #[must_use]
    pub fn http(&self, options: McpHttpOptions, stop: &CancellationToken) -> McpHttpService {
        McpHttpService::new(&self.shared, options, stop)
    }

    /// Serves standard input and output for one caller, until the input ends or `stop`. Nothing else may be written to
    /// standard output meanwhile.
    ///
    /// # Errors
    /// [`StdioError`] when the client does not begin according to the protocol, or the session fails.
    pub async fn stdio(&self, caller: McpCaller, stop: CancellationToken) -> Result<(), StdioError> {
        let (input, output) = stdio();
        self.serve(caller, input, output, stop).await
    }

    /// The same on other streams.
    ///
    /// # Errors
    /// As [`McpServer::stdio`].
    pub async fn serve(
        &self,
        caller: McpCaller,
        input: impl AsyncRead + Send + Unpin + 'static,
        output: impl AsyncWrite + Send + Unpin + 'static,
        stop: CancellationToken,
    ) -> Result<(), StdioError> {
        let handler = McpHandler::new(Arc::clone(&self.shared), caller, stop.clone());
        let transport = AsyncRwTransport::new_server(input, output)
            .with_max_line_length(self.shared.options.stdio_line_bytes_max);
        let begun = serve_server_with_ct(handler, transport, stop.clone()).await;
        let running = match begun {
            Ok(running) => running,
            Err(_) if stop.is_cancelled() => return Ok(()),
            Err(error) => return Err(StdioError::Begin(error.to_string())),
        };
        let ended = running.waiting().await;
        ended.map(drop).map_err(|error| StdioError::Failed(error.to_string()))
    }
}

impl std::fmt::Debug for McpServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("McpServer").finish_non_exhaustive()
    }
}
