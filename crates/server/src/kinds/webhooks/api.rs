//! The server side of the webhooks.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use midflight_core::{DocumentName, KindName};
use midflight_engine::{EngineStatus, Kind as _};
use midflight_http::app::AppState;
use midflight_http::edit_access::BeyondScopes;
use midflight_http::kind::{KindApi, KindHealth};
use midflight_http::routes::Routes;
use midflight_http::scopes::Scopes;
use midflight_http::setup::KindSetup;
use midflight_outbound::{OutboundClient, OutboundOptions};
use midflight_webhooks::Webhooks;
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::collector::Collector;
use super::metrics::WebhooksMetrics;
use super::observer::ReplicaObserver;
use super::over_bound::OverBound;
use super::routes::routes;
use super::scoped;
use super::sender::DeliverySender;
use crate::kinds::context::KindContext;

/// How long a stop waits for requests that are under way. What is cut is sent again by the next start.
const STOP_MAX: Duration = Duration::from_secs(3);

/// Adds the webhooks to a server, with what collects events and sends them.
pub(crate) fn setup(context: &Arc<KindContext>) -> KindSetup {
    let context = Arc::clone(context);
    KindSetup::new(move |builder| {
        let kind = Webhooks { policy: context.outbound.clone(), may_audit: context.audit_webhooks };
        let name = kind.name();
        let slot = builder.kind(kind);
        let context = Arc::clone(&context);
        Box::new(move |started| {
            let client = OutboundClient::new(context.outbound.clone(), OutboundOptions::default());
            let client = client.inspect_err(|error| tracing::error!(%error, "cannot send webhooks")).ok()?;
            let webhooks = started.engine.live(slot);
            let metrics = WebhooksMetrics::new(started.metrics);
            let observer =
                ReplicaObserver::start(started.engine, webhooks.clone(), &context, metrics.clone());
            let (stopping, over) = (CancellationToken::new(), OverBound::default());
            let collector = Collector::new(
                started.engine.clone(),
                webhooks.clone(),
                observer,
                metrics.clone(),
                context.is_shared,
                over.clone(),
            );
            let sender = DeliverySender::new(started.engine.clone(), webhooks, client, metrics);
            let tasks = vec![
                tokio::spawn(collector.run(stopping.clone())),
                tokio::spawn(sender.run(stopping.clone())),
            ];
            Some(Arc::new(WebhooksApi { name, stopping, over, tasks: Mutex::new(tasks) }))
        })
    })
}

struct WebhooksApi {
    name: KindName,
    stopping: CancellationToken,
    over: OverBound,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

#[async_trait]
impl KindApi for WebhooksApi {
    fn kind(&self) -> KindName {
        self.name.clone()
    }

    fn routes(&self, _: &AppState) -> Routes<AppState> {
        routes()
    }

    /// A receiver that is unavailable is no reason to send requests elsewhere.
    fn health(&self, _: &EngineStatus) -> KindHealth {
        KindHealth { degraded: self.over.report(), ..KindHealth::default() }
    }

    fn beyond_scopes(&self, name: &DocumentName, body: &Value, scopes: &Scopes) -> Vec<BeyondScopes> {
        match name.is_check() {
            true => Vec::new(),
            false => scoped::beyond_scopes(body, scopes),
        }
    }

    async fn stop(&self) {
        self.stopping.cancel();
        for mut task in self.tasks.lock().await.drain(..) {
            if tokio::time::timeout(STOP_MAX, &mut task).await.is_err() {
                task.abort();
            }
        }
    }
}

impl Drop for WebhooksApi {
    fn drop(&mut self) {
        self.stopping.cancel();
    }
}
