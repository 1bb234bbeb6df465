//! What every handler shares: the engine, the kinds, and the bounds.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::Timestamp;
use midflight_bus::Bus;
use midflight_engine::Engine;
use midflight_source::DirectoryHandle;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::audit::{AuditTrail, RoutePermissions};
use crate::byte_budget::{ByteBudget, SMALL_BYTES_MAX};
use crate::caller_places::CallerPlaces;
use crate::compute::ComputePool;
use crate::docs::OpenApiPage;
use crate::events::broadcaster::EventBroadcaster;
use crate::kind::Kinds;
use crate::limits::HttpLimits;
use crate::merge_turns::MergeTurns;
use crate::metrics::history::{HistorySettings, MetricsHistory};
use crate::metrics::registry::MetricsRegistry;
use crate::metrics::replica::ReplicaMetrics;
use crate::metrics::requests::RequestMetrics;
use crate::monitoring::HotReloadSettings;
use crate::rates::PrincipalRates;
use crate::request_tracing::RequestTracing;
use crate::revision_cache::RevisionCache;
use crate::sorts::DocumentSorts;
use crate::tls::TlsEndpoint;
use crate::tokens::Tokens;

/// How many exports may parse documents at the same time: a parsed document is many times as large as its text.
const EXPORTS_AT_ONCE: usize = 2;

/// What small bodies have for themselves at least, in bytes. 4 MiB: a quarter of it, which is what one caller with a
/// token may have, is a KiB for each of its 1,000 requests in flight, and 16 of the largest small bodies.
const SMALL_BODIES_BYTES_MIN: usize = 64 * SMALL_BYTES_MAX;

/// What every handler shares. Cloning it gives another handle on the same.
#[derive(Clone)]
pub struct AppState(Arc<AppStateParts>);

/// Takes secrets out of a text.
pub type RedactText = Arc<dyn Fn(&str) -> String + Send + Sync>;

/// What an [`AppState`] is made of.
pub struct Parts {
    /// The engine that answers are computed from.
    pub engine: Engine,
    /// The server sides of its kinds.
    pub kinds: Kinds,
    /// Where metrics were registered and will be.
    pub metrics: MetricsRegistry,
    /// The tokens that are known.
    pub tokens: Tokens,
    /// Carries the hints that the log moved.
    pub bus: Arc<dyn Bus>,
    /// Whether other replicas follow the log too.
    pub is_shared: bool,
    /// The directories that this replica watches.
    pub directories: Vec<DirectoryHandle>,
    /// The bounds.
    pub limits: HttpLimits,
    /// How the log is polled.
    pub hot_reload: HotReloadSettings,
    /// The name of this replica.
    pub replica_id: String,
    /// Where it listens: on loopback reads are open. None when another program listens for it: then every client may
    /// come from another machine.
    pub address: Option<SocketAddr>,
    /// Whether reads need a token even so.
    pub requires_token: bool,
    /// What connections are encrypted with, if they are.
    pub tls: Option<Arc<TlsEndpoint>>,
    /// Removes secrets from messages.
    pub redact: RedactText,
    /// Work at a scrape of the metrics.
    pub scrape: Scrape,
    /// What makes requests part of distributed traces, where traces are exported.
    pub tracing: Option<Arc<dyn RequestTracing>>,
    /// How the metrics are sampled.
    pub history: HistorySettings,
}

/// Work at a scrape of the metrics.
pub type Scrape = Arc<dyn Fn() -> ScrapeSettings + Send + Sync>;

/// How metrics are shown.
#[derive(Debug, Clone, Default)]
pub struct ScrapeSettings {
    /// Whether they are.
    pub enabled: bool,
    /// Labels that every sample gets.
    pub labels: BTreeMap<String, String>,
}

/// The parts of an [`AppState`].
pub struct AppStateParts {
    /// What answers are computed from.
    pub engine: Engine,
    /// Who sends a request is known by these.
    pub tokens: Tokens,
    /// Where metrics are registered, also those whose labels are known only while it runs.
    pub metrics: MetricsRegistry,
    pub(crate) replica_metrics: ReplicaMetrics,
    pub(crate) request_metrics: RequestMetrics,
    /// Samples of the metrics.
    pub(crate) history: MetricsHistory,
    /// Sends reloads to observers.
    pub events: EventBroadcaster,
    /// The server sides of the kinds.
    pub kinds: Kinds,
    /// What each document is, by its name.
    pub sorts: DocumentSorts,
    /// The bounds.
    pub limits: HttpLimits,
    /// Runs what takes too long for the async threads.
    pub compute: ComputePool,
    /// How the log is polled.
    pub hot_reload: HotReloadSettings,
    /// The name of this replica.
    pub replica_id: String,
    /// Carries the hints that the log moved.
    pub bus: Arc<dyn Bus>,
    /// Whether other replicas follow the log too.
    pub is_shared: bool,
    /// State that the scrape of the metrics reads at that moment.
    pub(crate) scrape: Scrape,
    /// What makes requests part of distributed traces, where traces are exported.
    pub(crate) tracing: Option<Arc<dyn RequestTracing>>,
    pub(crate) started_at: Timestamp,
    /// Whether it listens on loopback, where a caller who did not come through a proxy is on this machine and may read.
    pub(crate) is_on_loopback: bool,
    /// Whether reads need a token even so.
    pub(crate) requires_token: bool,
    /// What connections are encrypted with, if they are.
    pub tls: Option<Arc<TlsEndpoint>>,
    /// Removes the secrets of the config from messages.
    pub(crate) redact: RedactText,
    /// How many writes and reloads of each caller are accepted.
    pub(crate) rates: Arc<PrincipalRates>,
    /// A place for each request in flight.
    pub(crate) requests_in_flight: Arc<CallerPlaces>,
    /// What the bodies of requests occupy.
    pub(crate) bodies: ByteBudget,
    /// The same of small ones, which nearly all are.
    pub(crate) small_bodies: ByteBudget,
    /// The same of imports, which are so large and take so long that nothing else is to wait for them.
    pub(crate) imports: ByteBudget,
    /// What long answers occupy.
    pub answers: ByteBudget,
    /// A place for each export that parses documents.
    pub(crate) exports: Semaphore,
    /// One restore at a time: what it compares is in memory.
    pub(crate) restores: Semaphore,
    /// The turns of patches of one document.
    pub(crate) merge_turns: MergeTurns,
    /// A place for each watcher of the log.
    pub(crate) watchers: Arc<Semaphore>,
    /// Those of each caller.
    pub(crate) watchers_of_caller: Arc<CallerPlaces>,
    /// A place for each WebSocket client of a caller.
    pub(crate) sockets_of_caller: Arc<CallerPlaces>,
    pub(crate) recent: RevisionCache,
    /// Keeps who did what.
    pub(crate) audit: Arc<AuditTrail>,
    /// Which routes the audit has, once they are known.
    pub(crate) audited: OnceLock<RoutePermissions>,
    /// The OpenAPI document, once the routes are known.
    pub(crate) docs: OnceLock<OpenApiPage>,
    /// The directories that this replica watches.
    pub(crate) directories: Vec<DirectoryHandle>,
    /// Cancelled when the server begins to stop.
    pub stopping: CancellationToken,
    /// Work that outlives its request: queued writes, and sockets.
    pub tasks: TaskTracker,
}

impl AppState {
    /// Puts together what handlers share.
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts { engine, kinds, metrics, tokens, bus, is_shared, directories, .. } = parts;
        let limits = parts.limits;
        Self(Arc::new(AppStateParts {
            tokens,
            audit: Arc::new(AuditTrail::new(&metrics)),
            audited: OnceLock::new(),
            replica_metrics: ReplicaMetrics::new(&metrics, parts.tls.is_some()),
            request_metrics: RequestMetrics::default(),
            history: MetricsHistory::new(parts.history, metrics.sources()),
            metrics,
            events: EventBroadcaster::new(limits.websocket_clients_max, limits.websocket_queue_max),
            kinds,
            sorts: DocumentSorts::new(engine.schemas()),
            compute: ComputePool::new(limits.compute_queue_max),
            limits,
            hot_reload: parts.hot_reload,
            replica_id: parts.replica_id,
            bus,
            is_shared,
            scrape: parts.scrape,
            tracing: parts.tracing,
            started_at: Timestamp::now(),
            is_on_loopback: parts.address.is_some_and(|address| address.ip().is_loopback()),
            requires_token: parts.requires_token,
            tls: parts.tls,
            redact: parts.redact,
            rates: Arc::new(PrincipalRates::new(&limits)),
            requests_in_flight: CallerPlaces::new(
                limits.requests_per_caller_max,
                "requests_per_caller_max",
                "requests in flight",
            ),
            watchers_of_caller: CallerPlaces::new(
                limits.watchers_per_caller_max,
                "watchers_per_caller_max",
                "watchers connected",
            ),
            sockets_of_caller: CallerPlaces::new(
                limits.websocket_clients_per_caller_max,
                "websocket_clients_per_caller_max",
                "WebSocket clients connected",
            ),
            watchers: Arc::new(Semaphore::new(limits.watchers_max.min(Semaphore::MAX_PERMITS))),
            recent: RevisionCache::default(),
            docs: OnceLock::new(),
            merge_turns: MergeTurns::default(),
            bodies: ByteBudget::new(
                limits.bodies_bytes_max,
                limits.body_parsed_bytes_max,
                "bodies_bytes_max",
            ),
            small_bodies: ByteBudget::new(
                (limits.bodies_bytes_max / 4).max(SMALL_BODIES_BYTES_MIN),
                SMALL_BYTES_MAX,
                "bodies_bytes_max",
            ),
            imports: ByteBudget::new(limits.bodies_bytes_max, limits.import_bytes_max, "bodies_bytes_max"),
            answers: ByteBudget::new(
                limits.answers_bytes_max,
                limits.answer_bytes_max.saturating_mul(2),
                "answers_bytes_max",
            ),
            exports: Semaphore::new(EXPORTS_AT_ONCE),
            restores: Semaphore::new(1),
            directories,
            stopping: CancellationToken::new(),
            tasks: TaskTracker::new(),
            engine,
        }))
    }

    /// Begins to stop: watchers and sockets are notified. Requests are still answered.
    pub fn begin_stop(&self) {
        self.stopping.cancel();
    }

    /// Stops: waits for sockets and queued writes, for `drain_ms_max` at most, and then for what the kinds run. The
    /// engine still answers.
    pub async fn stop(&self) {
        self.begin_stop();
        self.tasks.close();
        let drain = Duration::from_millis(self.limits.drain_ms_max);
        if tokio::time::timeout(drain, self.tasks.wait()).await.is_err() {
            tracing::warn!("sockets or queued writes did not end in time; dropping them");
        }
        // Of what was answered until now.
        if let Err(error) = self.audit.write_last(&**self.engine.store()).await {
            tracing::warn!(%error, "cannot write the last entries of the audit");
        }
        self.kinds.stop().await;
    }
}

impl std::ops::Deref for AppState {
    type Target = AppStateParts;
    fn deref(&self) -> &AppStateParts {
        &self.0
    }
}
