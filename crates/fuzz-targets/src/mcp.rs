//! Messages of the Model Context Protocol over HTTP.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use midflight_core::RevisionNumber;
use midflight_live::Live;
use midflight_mcp::{
    AllowedHosts, McpCaller, McpHttpOptions, McpHttpService, McpOptions, McpServer, PastCatalogue,
    PastCatalogues, PastError, ToolCall, ToolCaller, ToolOutcome,
};
use midflight_tools::ToolsSnapshot;
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

struct Nothing;

#[async_trait]
impl ToolCaller for Nothing {
    async fn call(&self, _: ToolCall) -> ToolOutcome {
        ToolOutcome::text("done")
    }
}

#[async_trait]
impl PastCatalogues for Nothing {
    async fn at(&self, revision: RevisionNumber, _: &McpCaller) -> Result<PastCatalogue, PastError> {
        Err(PastError::Unknown(revision))
    }
}

/// The body of a request, by the older and the newer era of the protocol.
pub fn mcp(bytes: &[u8]) {
    static SERVED: OnceLock<Option<(Runtime, McpHttpService)>> = OnceLock::new();
    let Some((runtime, service)) = SERVED.get_or_init(serve) else { return };
    for version in [None, Some("2025-06-18"), Some("2026-07-28")] {
        let mut request = Request::post("/mcp")
            .header("host", "127.0.0.1")
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream");
        if let Some(version) = version {
            request = request.header("mcp-protocol-version", version);
        }
        let Ok(mut request) = request.body(Full::new(Bytes::copy_from_slice(bytes))) else { continue };
        request.extensions_mut().insert(McpCaller::new("fuzz"));
        // The head of the answer is enough: a stream of notices does not end.
        drop(runtime.block_on(service.clone().oneshot(request)));
    }
}

fn serve() -> Option<(Runtime, McpHttpService)> {
    let runtime = Builder::new_current_thread().enable_all().build().ok()?;
    let snapshot = Live::constant(ToolsSnapshot::default());
    let service = {
        let _runtime = runtime.enter();
        let server = McpServer::new(snapshot, Arc::new(Nothing), Arc::new(Nothing), McpOptions::new([7; 32]));
        server.http(McpHttpOptions::new(AllowedHosts::loopback(), []), &CancellationToken::new())
    };
    Some((runtime, service))
}
