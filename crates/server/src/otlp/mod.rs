//! Traces and metrics, exported by the OpenTelemetry protocol (OTLP) over HTTP.
//!
//! Nothing here is in the way of a request: spans wait in a bounded queue that drops what does not fit, a thread of its
//! own sends them, and metrics are read and sent by a task.

mod collector;
mod metrics;
mod prometheus;
mod requests;
mod settings;
mod spans;

use std::sync::Arc;
use std::time::Duration;

use midflight_config::Redactor;
use midflight_http::app::AppState;
use midflight_http::metrics::registry::MetricsRegistry;
use midflight_http::request_tracing::RequestTracing;
use midflight_outbound::OutboundPolicy;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Metadata;
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::{Layer, Registry};

use collector::{CollectorClient, ExportRecord};
use metrics::MetricsExport;
use requests::RequestSpans;
use settings::OtlpSettings;
use spans::CleanSpans;

pub use settings::OtlpError;

/// How long a server that stops waits for what is exported last. A collector that is not there delays no restart.
const LAST_EXPORT_MAX: Duration = Duration::from_secs(2);
/// Whose spans are exported. Those of libraries have attributes that nobody has looked at.
const TARGETS: &str = "midflight";

/// The export of traces and metrics. A clone is the same one.
#[derive(Debug, Clone)]
pub struct Otlp(Arc<OtlpParts>);

#[derive(Debug)]
struct OtlpParts {
    traces: Option<SdkTracerProvider>,
    metrics: Option<(CollectorClient, Duration)>,
    resource: Resource,
    /// One of the traces and one of the metrics, as far as they are exported.
    records: Vec<Arc<ExportRecord>>,
}

impl Otlp {
    /// Starts what the environment variables of the OpenTelemetry specification ask for (`OTEL_EXPORTER_OTLP_ENDPOINT`
    /// and those around it); none if they ask for nothing. The values of headers are kept out of logs and attributes
    /// by `redactor`, and so is everything that it learns later.
    ///
    /// It has to be called within a Tokio runtime, which then carries the connections.
    ///
    /// # Errors
    /// [`OtlpError`] names the variable whose value cannot be.
    pub fn from_env(policy: &OutboundPolicy, redactor: &Redactor) -> Result<Option<Self>, OtlpError> {
        let variable = |name: &str| std::env::var(name).ok();
        let Some(settings) = OtlpSettings::read(&variable, policy)? else { return Ok(None) };
        settings.secrets().for_each(|secret| {
            redactor.hide(secret);
        });
        let resource = settings.resource();
        let mut records = Vec::new();
        let traces = match settings.traces {
            None => None,
            Some(endpoint) => {
                let (url, timeout) = (endpoint.url.to_string(), endpoint.timeout);
                let client = CollectorClient::new(endpoint, policy)?;
                let record = Arc::clone(client.record());
                records.push(Arc::clone(&record));
                let exporter = SpanExporter::builder().with_http().with_http_client(client);
                let exporter = exporter.with_endpoint(url).with_timeout(timeout).build();
                let exporter = exporter.map_err(|error| OtlpError::exporter(&error))?;
                let exporter = CleanSpans::new(exporter, redactor.clone(), record);
                let provider = SdkTracerProvider::builder().with_resource(resource.clone());
                Some(provider.with_batch_exporter(exporter).build())
            }
        };
        let metrics = match settings.metrics {
            None => None,
            Some(endpoint) => {
                let client = CollectorClient::new(endpoint, policy)?;
                records.push(Arc::clone(client.record()));
                Some((client, settings.metrics_period))
            }
        };
        Ok(Some(Self(Arc::new(OtlpParts { traces, metrics, resource, records }))))
    }

    /// What gives the spans of a subscriber to the export; none where no traces are exported. It has a filter of its
    /// own, so that it does not depend on the level of the log.
    #[must_use]
    pub fn layer(&self) -> Option<impl Layer<Registry> + Send + Sync + use<>> {
        let tracer = self.0.traces.as_ref()?.tracer(TARGETS);
        let layer = tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_context_activation(false)
            .with_tracked_inactivity(false)
            .with_location(false)
            .with_threads(false)
            .with_level(false)
            .with_target(false);
        Some(layer.with_filter(filter_fn(is_exported).with_max_level_hint(LevelFilter::DEBUG)))
    }

    /// What makes requests part of traces.
    pub(crate) fn requests(&self) -> Option<Arc<dyn RequestTracing>> {
        self.0.traces.as_ref().map(|_| Arc::new(RequestSpans::default()) as Arc<dyn RequestTracing>)
    }

    /// Counts what is exported and what could not be.
    pub(crate) fn count_in(&self, registry: &MetricsRegistry) {
        self.0.records.iter().for_each(|record| record.count_in(registry));
    }

    /// Exports metrics from now on, until the server stops.
    pub(crate) fn export_metrics(&self, app: &AppState) {
        if let Some((client, period)) = &self.0.metrics {
            let export = MetricsExport::new(app.clone(), client.clone(), &self.0.resource);
            app.tasks.spawn(export.run(*period));
        }
    }

    /// Sends the spans that wait, for two seconds at most, and ends the export of traces.
    pub async fn stop(&self) {
        let Some(traces) = self.0.traces.clone() else { return };
        // It blocks its thread, and the thread that sends needs the runtime meanwhile.
        let stopped = tokio::task::spawn_blocking(move || traces.shutdown_with_timeout(LAST_EXPORT_MAX));
        match stopped.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "last spans not exported"),
            Err(error) => tracing::debug!(%error, "last spans not exported"),
        }
    }
}

/// Spans of Midflight, and no events: those are the log.
fn is_exported(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && metadata.target().starts_with(TARGETS)
}
