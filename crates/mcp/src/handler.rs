//! The server as `rmcp` calls it.

use std::sync::Arc;

use http::request::Parts;
use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, DiscoverResult, Extensions, Implementation,
    InitializeRequestParams, InitializeResult, ListToolsResult, PaginatedRequestParams, ServerCapabilities,
    ServerConfig, SubscriptionFilter, Tool,
};
use rmcp::service::{RequestContext, SubscriptionContext};
use rmcp::transport::streamable_http_server::SessionRestoreMarker;
use rmcp::{ErrorData, RoleServer, ServerHandler};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, Span};

use crate::ask::is_modern;
use crate::notices::ChangeListener;
use crate::shared::{BUSY, McpShared, no_room};
use crate::{MIN_REVISION_KEY, McpCaller, call, definition, list, meta_tools};

/// The instructions for clients of the server.
const INSTRUCTIONS: &str = "The list of tools can change while it is used; listen for its changes and list again. \
    Where there is search_tools, find tools with it, see their arguments with describe_tool and call them with call_tool. An error \
    of a tool says what to do about it.";

/// One connection, session or request of a client.
pub(crate) struct McpHandler {
    shared: Arc<McpShared>,
    /// Who began it. A request over HTTP carries its own identity.
    caller: McpCaller,
    stop: CancellationToken,
}

impl McpHandler {
    pub(crate) fn new(shared: Arc<McpShared>, caller: McpCaller, stop: CancellationToken) -> Self {
        Self { shared, caller, stop }
    }

    fn caller(&self, extensions: &Extensions) -> McpCaller {
        match extensions.get::<Parts>() {
            Some(parts) => parts.extensions.get().cloned().unwrap_or_else(McpCaller::anonymous),
            None => self.caller.clone(),
        }
    }
}

impl ServerHandler for McpHandler {
    fn get_info(&self) -> ServerConfig {
        let tools = ServerCapabilities::builder().enable_tools().enable_tool_list_changed().build();
        let server = Implementation::new("midflight", env!("CARGO_PKG_VERSION")).with_title("Midflight");
        ServerConfig::new(tools).with_server_info(server).with_instructions(INSTRUCTIONS)
    }

    async fn initialize(
        &self,
        request: InitializeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<InitializeResult, ErrorData> {
        context.peer.set_peer_info(request.clone());
        let result = self.negotiate_initialize(&request)?;
        let listener = ChangeListener::new(&self.shared, self.caller(&context.extensions));
        let is_restored = context.extensions.get::<SessionRestoreMarker>().is_some();
        tokio::spawn(listener.serve_session(context.peer, is_restored, self.stop.clone()));
        Ok(result)
    }

    async fn discover(&self, _: RequestContext<RoleServer>) -> Result<DiscoverResult, ErrorData> {
        let versions = self.supported_protocol_versions().into_owned();
        let mut result = DiscoverResult::from_server_info(versions, self.get_info());
        result.ttl_ms = self.shared.options.list_ttl_ms;
        // Every client gets the same.
        result.cache_scope = CacheScope::Public;
        Ok(result)
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let caller = self.caller(&context.extensions);
        let cursor = request.and_then(|request| request.cursor);
        let min_revision = context.meta.get(MIN_REVISION_KEY);
        list::list(&self.shared, &caller, cursor.as_deref(), min_revision, is_modern(&context)).await
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let caller = self.caller(&context.extensions);
        let span = span_of_request(&context.extensions);
        tokio::select! {
            answer = call::call(&self.shared, &caller, request, &context).instrument(span) => answer,
            // There is no reader of the answer; what is under way is dropped.
            () = context.ct.cancelled() => {
                Err(ErrorData::internal_error("the call was cancelled by the client", None))
            }
        }
    }

    /// The tool that a header of a request is compared with: of the catalogue that its caller works with.
    fn get_tool(&self, name: &str) -> Option<Tool> {
        if let Some(own) = self.shared.own.get(name) {
            return Some(definition::of_own(&own.tool));
        }
        if meta_tools::META_TOOLS.contains(&name) {
            return meta_tools::definitions().into_iter().find(|tool| tool.name == name);
        }
        let view = self.shared.views.of_now(&self.caller)?;
        let tool = view.by_mcp_name(name).filter(|tool| tool.is_offered())?;
        Some(definition::of_catalogue(tool))
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(requested.supported_by(&self.get_info().capabilities))
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let extensions = &context.request_context().extensions;
        let caller = self.caller(extensions);
        // Over HTTP the stream of the answer has the permit.
        let permit = match extensions.get::<Parts>() {
            Some(_) => None,
            None => Some(self.shared.listeners.acquire(&caller.name).map_err(|full| {
                let (message, details) = no_room("open streams that wait for notices", full);
                ErrorData::new(BUSY, message, Some(details))
            })?),
        };
        ChangeListener::new(&self.shared, caller).serve_subscription(context, &self.stop).await;
        drop(permit);
        Ok(())
    }
}

/// The span of the HTTP request: the transport handles what it brings in a task of its own. None over stdio.
fn span_of_request(extensions: &Extensions) -> Span {
    let parts = extensions.get::<Parts>();
    parts.and_then(|parts| parts.extensions.get()).cloned().unwrap_or_else(Span::none)
}
