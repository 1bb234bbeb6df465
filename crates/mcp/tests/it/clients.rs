//! The client of `rmcp`: over HTTP in both lifecycles, and over streams as on standard input and output.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use midflight_mcp::McpCaller;
use rmcp::model::{
    CallToolRequestParams, ClientCapabilities, ClientConfig, ElicitRequestParams, ElicitResult,
    ElicitationAction, ElicitationCapability, FormElicitationCapability, Implementation, ProtocolVersion,
    ServerNotification, SubscriptionFilter,
};
use rmcp::service::{NotificationContext, RequestContext};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::{ClientHandler, ClientLifecycleMode, ClientServiceExt as _, ErrorData, RoleClient};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::support::{Replica, tool, within};

/// A client that approves, and counts the notices that it gets outside of a subscription.
#[derive(Clone, Default)]
struct Client {
    notices: Arc<Notify>,
    asked: Arc<AtomicUsize>,
}

impl ClientHandler for Client {
    fn get_info(&self) -> ClientConfig {
        let mut capabilities = ClientCapabilities::default();
        let form = FormElicitationCapability::new();
        capabilities.elicitation = Some(ElicitationCapability::new().with_form(form));
        ClientConfig::new(capabilities, Implementation::new("test", "1"))
    }

    async fn create_elicitation(
        &self,
        _: ElicitRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Ok(ElicitResult::new(ElicitationAction::Accept).with_content(json!({})))
    }

    async fn on_tool_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.notices.notify_one();
    }
}

fn discover() -> ClientLifecycleMode {
    ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] }
}

fn transport(url: &str) -> StreamableHttpClientTransport<reqwest::Client> {
    // The HTTP client cannot be made without, though nothing is encrypted here. Choosing again changes nothing.
    drop(rustls::crypto::ring::default_provider().install_default());
    StreamableHttpClientTransport::from_config(StreamableHttpClientTransportConfig::with_uri(url.to_owned()))
}

async fn described(client: &rmcp::service::RunningService<RoleClient, Client>, name: &str) -> Option<String> {
    let list = within(client.list_tools(None)).await.unwrap();
    let found = list.tools.into_iter().find(|tool| tool.name == name)?;
    found.description.map(|description| description.into_owned())
}

#[tokio::test]
async fn the_new_lifecycle_lists_calls_answers_and_listens() {
    let mut replica = Replica::new(&[("guarded", tool("first"))]);
    let url = replica.listen().await;
    let handler = Client::default();
    let client = within(handler.clone().serve_with_lifecycle(transport(&url), discover())).await.unwrap();
    assert_eq!(described(&client, "guarded").await.as_deref(), Some("first"));
    let result = within(client.call_tool(CallToolRequestParams::new("guarded"))).await.unwrap();
    assert_eq!((result.is_error, handler.asked.load(Ordering::Relaxed)), (Some(false), 1));
    let filter = SubscriptionFilter::builder().tools_list_changed().build();
    let mut subscription = within(client.listen(filter)).await.unwrap();
    replica.edit(&[("guarded", tool("second"))]);
    let notice = within(subscription.next()).await.unwrap();
    assert!(matches!(notice, Some(ServerNotification::ToolListChangedNotification(_))), "{notice:?}");
    assert_eq!(described(&client, "guarded").await.as_deref(), Some("second"));
    within(subscription.cancel()).await.unwrap();
    within(client.cancel()).await.unwrap();
}

#[tokio::test]
async fn the_old_lifecycle_lists_calls_answers_and_receives() {
    let mut replica = Replica::new(&[("guarded", tool("first"))]);
    let url = replica.listen().await;
    let handler = Client::default();
    let lifecycle = ClientLifecycleMode::Initialize;
    let client = within(handler.clone().serve_with_lifecycle(transport(&url), lifecycle)).await.unwrap();
    assert_eq!(described(&client, "guarded").await.as_deref(), Some("first"));
    let result = within(client.call_tool(CallToolRequestParams::new("guarded"))).await.unwrap();
    assert_eq!((result.is_error, handler.asked.load(Ordering::Relaxed)), (Some(false), 1));
    replica.edit(&[("guarded", tool("second"))]);
    within(handler.notices.notified()).await;
    assert_eq!(described(&client, "guarded").await.as_deref(), Some("second"));
    within(client.cancel()).await.unwrap();
}

#[tokio::test]
async fn streams_serve_both_lifecycles() {
    for lifecycle in [ClientLifecycleMode::Initialize, discover()] {
        let is_old = matches!(lifecycle, ClientLifecycleMode::Initialize);
        let mut replica = Replica::new(&[("guarded", tool("first"))]);
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let (input, output) = tokio::io::split(ours);
        let server = replica.server.clone();
        let stop = replica.stop.clone();
        let serving =
            tokio::spawn(async move { server.serve(McpCaller::new("local"), input, output, stop).await });
        let handler = Client::default();
        let client = within(handler.clone().serve_with_lifecycle(theirs, lifecycle)).await.unwrap();
        assert_eq!(described(&client, "guarded").await.as_deref(), Some("first"));
        let result = within(client.call_tool(CallToolRequestParams::new("guarded"))).await.unwrap();
        let caller = result.structured_content.and_then(|value| value.get("caller").cloned());
        assert_eq!(caller, Some(Value::from("local")));
        if is_old {
            replica.edit(&[("guarded", tool("second"))]);
            within(handler.notices.notified()).await;
        } else {
            let filter = SubscriptionFilter::builder().tools_list_changed().build();
            let mut subscription = within(client.listen(filter)).await.unwrap();
            replica.edit(&[("guarded", tool("second"))]);
            assert!(within(subscription.next()).await.unwrap().is_some());
        }
        assert_eq!(described(&client, "guarded").await.as_deref(), Some("second"));
        within(client.cancel()).await.unwrap();
        within(serving).await.unwrap().unwrap();
    }
}
