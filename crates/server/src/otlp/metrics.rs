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

/// Who sends metrics: the resource, with the name of the replica.
pub(super) fn attributes(resource: &Resource, replica_id: &str) -> ProtoResource {
    let known = resource.iter().map(|(key, value)| KeyValue::new(key.clone(), value.clone()));
    let replica = KeyValue::new("midflight.replica", replica_id.to_owned());
    ProtoResource { attributes: Attributes::from(known.chain([replica])).0, ..ProtoResource::default() }
}

/// Sends them until the server stops, and once more then. One that cannot be sent is not sent again: counts are
/// cumulative, so the next one has them.
pub(super) async fn run(app: AppState, client: CollectorClient, resource: ProtoResource, period: Duration) {
    let began = nanoseconds();
    let export = async || {
        let Some(text) = exposition_text(&app, "") else { return };
        let metrics = read(&text, began, nanoseconds());
        let scope = InstrumentationScope {
            name: TARGETS.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..InstrumentationScope::default()
        };
        let scope = ScopeMetrics { scope: Some(scope), metrics, ..ScopeMetrics::default() };
        let resource = Some(resource.clone());
        let metrics = ResourceMetrics { resource, scope_metrics: vec![scope], ..ResourceMetrics::default() };
        let message = ExportMetricsServiceRequest { resource_metrics: vec![metrics] };
        // What became of it is in its record.
        client.send(message.encode_to_vec().into()).await.ok();
    };
    let exports = async {
        loop {
            sleep(period).await;
            export().await;
        }
    };
    tokio::select! {
        () = exports => {}
        // One that is under way is given up: its collector may not answer.
        () = app.stopping.cancelled() => {}
    }
    timeout(LAST_EXPORT_MAX, export()).await.ok();
}

/// The time as the protocol has it.
fn nanoseconds() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
