//! The metrics that `/metrics` has, sent to a collector by a period.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use midflight_http::app::AppState;
use midflight_http::metrics::scrape::exposition_text;
use opentelemetry::KeyValue;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::metrics::v1::{ResourceMetrics, ScopeMetrics};
use opentelemetry_proto::tonic::resource::v1::Resource as ProtoResource;
use opentelemetry_proto::transform::common::tonic::Attributes;
use opentelemetry_sdk::Resource;
use prost::Message as _;
use tokio::time::{sleep, timeout};

use super::collector::CollectorClient;
use super::prometheus::read;
use super::{LAST_EXPORT_MAX, TARGETS};

/// Sends metrics until the server stops.
pub(super) struct MetricsExport {
    app: AppState,
    client: CollectorClient,
    /// Who sends them.
    resource: ProtoResource,
    /// Since when counts are counted.
    began: u64,
}

impl MetricsExport {
    pub(super) fn new(app: AppState, client: CollectorClient, resource: &Resource) -> Self {
        let known = resource.iter().map(|(key, value)| KeyValue::new(key.clone(), value.clone()));
        let replica = KeyValue::new("midflight.replica", app.replica_id.clone());
        let attributes = Attributes::from(known.chain([replica])).0;
        let resource = ProtoResource { attributes, ..ProtoResource::default() };
        Self { app, client, resource, began: nanoseconds() }
    }

    /// Sends them by a period, and a last time when the server stops.
    pub(super) async fn run(self, period: Duration) {
        let exports = async {
            loop {
                sleep(period).await;
                self.export().await;
            }
        };
        // One that is under way is abandoned: its collector may not answer.
        self.app.stopping.run_until_cancelled(exports).await;
        timeout(LAST_EXPORT_MAX, self.export()).await.ok();
    }

    /// Sends what a scrape would have now. What cannot be sent is not sent again: counts are cumulative, so the next
    /// export has them.
    async fn export(&self) {
        let Some(text) = exposition_text(&self.app, "") else { return };
        let metrics = read(&text, self.began, nanoseconds());
        let scope = InstrumentationScope {
            name: TARGETS.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..InstrumentationScope::default()
        };
        let scope = ScopeMetrics { scope: Some(scope), metrics, ..ScopeMetrics::default() };
        let resource = Some(self.resource.clone());
        let metrics = ResourceMetrics { resource, scope_metrics: vec![scope], ..ResourceMetrics::default() };
        let message = ExportMetricsServiceRequest { resource_metrics: vec![metrics] };
        // What became of it is in the record of the client.
        self.client.send(message.encode_to_vec()).await.ok();
    }
}

/// The time as the protocol has it.
fn nanoseconds() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
