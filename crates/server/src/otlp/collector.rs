//! The way to the collector: the server's one HTTP client, and what is counted and said of exports.

use std::fmt;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ::metrics::{Counter, Label};
use async_trait::async_trait;
use flate2::Compression;
use flate2::write::GzEncoder;
use midflight_http::metrics::registry::{MetricsRegistry, label};
use midflight_outbound::{OutboundClient, OutboundOptions, OutboundPolicy, reason};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use reqwest::Method;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use tokio::runtime::Handle;

use super::settings::{CollectorCertificate, CollectorEndpoint, OtlpError, OtlpSignal};

const PROTOBUF: &str = "application/x-protobuf";
const GZIP: HeaderValue = HeaderValue::from_static("gzip");
/// How long a connection may take.
const CONNECT_MAX: Duration = Duration::from_secs(3);
/// How much of an answer is read, in bytes. 64 KiB: it says how many of the spans were rejected, and why.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// Sends one signal to its collector.
#[derive(Debug, Clone)]
pub(super) struct CollectorClient {
    http: OutboundClient,
    endpoint: CollectorEndpoint,
    /// The thread that exports spans is none of a runtime.
    runtime: Handle,
    record: Arc<ExportRecord>,
}

impl CollectorClient {
    pub(super) fn new(endpoint: CollectorEndpoint, policy: &OutboundPolicy) -> Result<Self, OtlpError> {
        let certificate = endpoint.certificate.as_ref();
        let how = OutboundOptions {
            authorities: certificate.map(CollectorCertificate::authorities).transpose()?,
            connect_timeout: Some(CONNECT_MAX.min(endpoint.timeout)),
            timeout: Some(endpoint.timeout),
            // The operator names the collector, and the proxy.
            may_use_proxy: true,
            ..OutboundOptions::default()
        };
        let http = OutboundClient::new(policy.clone(), how).map_err(|error| OtlpError::client(&error))?;
        let record = Arc::new(ExportRecord::new(endpoint.signal));
        Ok(Self { http, endpoint, runtime: Handle::current(), record })
    }

    pub(super) fn record(&self) -> &Arc<ExportRecord> {
        &self.record
    }

    /// Sends a message, and answers what the collector says to it, whatever its status.
    pub(super) async fn send(&self, message: Vec<u8>) -> Result<Response<Bytes>, String> {
        match self.endpoint.is_compressed {
            true => self.send_encoded(gzip(&message)?.into(), Some(GZIP)).await,
            false => self.send_encoded(message.into(), None).await,
        }
    }

    /// The same for a message that is compressed, if it is to be.
    async fn send_encoded(
        &self,
        message: Bytes,
        encoding: Option<HeaderValue>,
    ) -> Result<Response<Bytes>, String> {
        let client = self.clone();
        let sent = self.runtime.spawn(async move { client.exchange(message, encoding).await }).await;
        let sent = sent.unwrap_or_else(|_| Err("the server is stopping".to_owned()));
        match &sent {
            Ok(response) if response.status().is_success() => self.record.sent(),
            Ok(response) => self.record.failed(&format!("it answered {}", response.status())),
            Err(error) => self.record.failed(error),
        }
        sent
    }

    async fn exchange(
        &self,
        message: Bytes,
        encoding: Option<HeaderValue>,
    ) -> Result<Response<Bytes>, String> {
        let CollectorEndpoint { url, headers, .. } = &self.endpoint;
        let request = self.http.request(Method::POST, url.clone()).map_err(|refused| refused.to_string())?;
        let mut request = request.headers(headers.clone()).header(CONTENT_TYPE, PROTOBUF).body(message);
        if let Some(encoding) = encoding {
            request = request.header(CONTENT_ENCODING, encoding);
        }
        let mut received = request.send().await.map_err(reason)?;
        let mut body = Vec::new();
        while let Some(chunk) = received.chunk().await.map_err(reason)? {
            if body.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(format!("its answer has more than {ANSWER_BYTES_MAX} bytes"));
            }
            body.extend_from_slice(&chunk);
        }
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = received.status();
        if let Some(after) = received.headers().get(RETRY_AFTER) {
            response.headers_mut().insert(RETRY_AFTER, after.clone());
        }
        Ok(response)
    }
}

/// A message as it is sent compressed. It has at most the spans of one export, or the metrics of a server: some 100 KiB.
fn gzip(message: &[u8]) -> Result<Vec<u8>, String> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let written = encoder.write_all(message).and_then(|()| encoder.finish());
    written.map_err(|error| error.to_string())
}

#[async_trait]
impl HttpClient for CollectorClient {
    /// Sends the body, as the exporter encoded it, to the endpoint with its headers; those that the exporter read itself are
    /// the same.
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let encoding = request.headers().get(CONTENT_ENCODING).cloned();
        Ok(self.send_encoded(request.into_body(), encoding).await?)
    }
}

/// What is known of the exports of a signal.
pub(super) struct ExportRecord {
    signal: OtlpSignal,
    is_failing: AtomicBool,
    /// Once there is a registry.
    counts: OnceLock<ExportCounts>,
}

struct ExportCounts {
    sent: Counter,
    failed: Counter,
    /// Of traces alone: metrics are cumulative, so the next export has what a lost one had.
    spans_dropped: Option<Counter>,
}

impl ExportRecord {
    fn new(signal: OtlpSignal) -> Self {
        Self { signal, is_failing: AtomicBool::new(false), counts: OnceLock::new() }
    }

    pub(super) fn count_in(&self, registry: &MetricsRegistry) {
        let word = self.signal.word();
        let requests = |outcome| {
            let labels =
                vec![Label::from_static_parts("signal", word), Label::from_static_parts("outcome", outcome)];
            let help = "Requests to the OTLP collector, by signal and outcome.";
            registry.counter("midflight_otlp_requests_total", help, labels)
        };
        let spans_dropped = (self.signal == OtlpSignal::Traces).then(|| {
            let help = "Spans that were lost because the OTLP collector did not take them.";
            registry.counter("midflight_otlp_spans_dropped_total", help, label("signal", word))
        });
        self.counts.get_or_init(|| ExportCounts {
            sent: requests("sent"),
            failed: requests("failed"),
            spans_dropped,
        });
    }

    fn sent(&self) {
        if let Some(counts) = self.counts.get() {
            counts.sent.increment(1);
        }
        if self.is_failing.swap(false, Ordering::Relaxed) {
            tracing::info!(signal = self.signal.word(), "OTLP collector reachable again");
        }
    }

    /// Only the first of several failures in a row is worth a line.
    fn failed(&self, error: &str) {
        if let Some(counts) = self.counts.get() {
            counts.failed.increment(1);
        }
        if !self.is_failing.swap(true, Ordering::Relaxed) {
            let signal = self.signal.word();
            tracing::warn!(
                signal,
                error,
                "cannot export to the OTLP collector; dropping what it does not take"
            );
        }
    }

    pub(super) fn dropped(&self, spans: usize) {
        if let Some(dropped) = self.counts.get().and_then(|counts| counts.spans_dropped.as_ref()) {
            dropped.increment(spans as u64);
        }
    }
}

impl fmt::Debug for ExportRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExportRecord").field("signal", &self.signal).finish_non_exhaustive()
    }
}
