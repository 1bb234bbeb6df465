//! An OTLP collector: it takes traces and metrics over HTTP, decodes them with the types of the protocol, and keeps them.

use std::fmt::Debug;
use std::io::Read as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::CONTENT_ENCODING;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::serve::Listener;
use flate2::read::GzDecoder;
use midflight_testkit::CertificateAuthority;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// What a collector received.
#[derive(Default)]
pub(crate) struct Received {
    pub(crate) spans: Vec<Span>,
    /// The metrics of the newest export.
    pub(crate) metrics: Vec<Metric>,
    /// Who sent the newest export of traces, and of metrics.
    pub(crate) resources: [Option<Resource>; 2],
    /// The headers of each request.
    pub(crate) headers: Vec<HeaderMap>,
    /// The body of each request, as it came.
    pub(crate) bodies: Vec<Bytes>,
}

/// A collector on a free port, until the test ends.
pub(crate) struct Collector {
    pub(crate) url: String,
    received: Arc<Mutex<Received>>,
    answers: watch::Sender<bool>,
}

#[derive(Clone)]
struct Shared {
    received: Arc<Mutex<Received>>,
    answers: watch::Receiver<bool>,
}

impl Collector {
    /// One that answers every request.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        Self::serve(url, listener)
    }

    /// The same over TLS, with a certificate of that authority.
    pub(crate) async fn start_encrypted(authority: &CertificateAuthority) -> Self {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", tcp.local_addr().unwrap());
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = authority.server(&["127.0.0.1"]).write(folder.path());
        let certificates = CertificateDer::pem_file_iter(certificate).unwrap().map(Result::unwrap).collect();
        let config = ServerConfig::builder().with_no_client_auth();
        let config =
            config.with_single_cert(certificates, PrivateKeyDer::from_pem_file(key).unwrap()).unwrap();
        Self::serve(url, TlsListener { tcp, acceptor: TlsAcceptor::from(Arc::new(config)) })
    }

    fn serve(url: String, listener: impl Listener<Addr: Debug>) -> Self {
        let received = Arc::<Mutex<Received>>::default();
        let answers = watch::Sender::new(true);
        let shared = Shared { received: Arc::clone(&received), answers: answers.subscribe() };
        let routes = Router::new()
            .route("/v1/traces", post(traces))
            .route("/v1/metrics", post(metrics))
            .with_state(shared);
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { url, received, answers }
    }

    /// From now on it takes requests and does not answer them.
    pub(crate) fn hang(&self) {
        self.answers.send_replace(false);
    }

    /// Looks at what it received.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Received) -> T) -> T {
        look(&self.received.lock().unwrap())
    }
}

impl Shared {
    async fn take(&mut self, headers: HeaderMap, body: &Bytes) -> StatusCode {
        {
            let mut received = self.received.lock().unwrap();
            received.headers.push(headers);
            received.bodies.push(body.clone());
        }
        match self.answers.wait_for(|answers| *answers).await {
            Ok(_) => StatusCode::OK,
            Err(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

struct TlsListener {
    tcp: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = self.tcp.accept().await.unwrap();
            // One that does not trust the certificate goes.
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}

/// A message as it was before it was compressed, if it was.
fn decoded<M: Message + Default>(headers: &HeaderMap, body: &Bytes) -> M {
    let mut plain = Vec::new();
    let body = match headers.get(CONTENT_ENCODING) {
        None => &body[..],
        Some(encoding) => {
            assert_eq!(encoding, "gzip");
            GzDecoder::new(&body[..]).read_to_end(&mut plain).unwrap();
            &plain
        }
    };
    M::decode(body).unwrap()
}

async fn traces(State(mut shared): State<Shared>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let message: ExportTraceServiceRequest = decoded(&headers, &body);
    {
        let mut received = shared.received.lock().unwrap();
        for of_resource in message.resource_spans {
            received.resources[0] = of_resource.resource;
            received.spans.extend(of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans));
        }
    }
    shared.take(headers, &body).await
}

async fn metrics(State(mut shared): State<Shared>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let message: ExportMetricsServiceRequest = decoded(&headers, &body);
    {
        let mut received = shared.received.lock().unwrap();
        for of_resource in message.resource_metrics {
            received.resources[1] = of_resource.resource;
            received.metrics = of_resource.scope_metrics.into_iter().flat_map(|it| it.metrics).collect();
        }
    }
    shared.take(headers, &body).await
}

/// An attribute as text.
pub(crate) fn attribute(attributes: &[KeyValue], key: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    Some(match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        other => format!("{other:?}"),
    })
}
