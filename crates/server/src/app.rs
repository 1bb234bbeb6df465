//! What every handler shares: the engine, the live rules, and the bounds.

use std::collections::BTreeMap;
use std::sync::Arc;

use midflight_bus::Bus;
use midflight_engine::Engine;
use midflight_source::DirectoryHandle;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::byte_budget::ByteBudget;
use crate::compute::ComputePool;
use crate::events::broadcaster::EventBroadcaster;
use crate::kind::Kinds;
use crate::merge_turns::MergeTurns;
use crate::metrics::registry::MetricsRegistry;
use crate::metrics::scrape::ReplicaMetrics;
use crate::recent::Recent;
use crate::sorts::DocumentSorts;
use crate::tokens::Tokens;
use crate::{HotReloadSettings, ServerLimits};

/// What every handler shares. Cloning it gives another handle on the same.
#[derive(Clone)]
pub(crate) struct App(Arc<Shared>);

/// Takes secrets out of a text.
pub(crate) type Redact = Arc<dyn Fn(&str) -> String + Send + Sync>;

/// What is said at a scrape of the metrics.
pub(crate) type Scrape = Arc<dyn Fn() -> ScrapeSettings + Send + Sync>;

/// How metrics are shown.
#[derive(Debug, Clone, Default)]
pub struct ScrapeSettings {
    /// Whether they are.
    pub enabled: bool,
    /// Labels that every sample gets.
    pub labels: BTreeMap<String, String>,
}

/// The parts of an [`App`].
pub(crate) struct Shared {
    pub(crate) engine: Engine,
    pub(crate) tokens: Tokens,
    pub(crate) metrics: MetricsRegistry,
    pub(crate) replica_metrics: ReplicaMetrics,
    pub(crate) events: EventBroadcaster,
    /// The server sides of the kinds.
    pub(crate) kinds: Kinds,
    /// What each document is, by its name.
    pub(crate) sorts: DocumentSorts,
    pub(crate) limits: ServerLimits,
    /// Runs what takes too long for the async threads.
    pub(crate) compute: ComputePool,
    pub(crate) hot_reload: HotReloadSettings,
    pub(crate) replica_id: String,
    /// Carries the hints that the log moved.
    pub(crate) bus: Arc<dyn Bus>,
    /// Whether other replicas follow the log too.
    pub(crate) is_shared: bool,
    /// What the scrape of the metrics is told at that moment.
    pub(crate) scrape: Scrape,
    pub(crate) started_at: jiff::Timestamp,
    /// Whether it listens on loopback, where a caller who did not come through a proxy is on this machine and may read.
    pub(crate) is_on_loopback: bool,
    /// Whether reads need a token even so.
    pub(crate) requires_token: bool,
    /// Takes the secrets of the config out of what is told.
    pub(crate) redact: Redact,
    /// What the bodies of requests occupy.
    pub(crate) bodies: ByteBudget,
    /// The same of small ones, which nearly all are.
    pub(crate) small_bodies: ByteBudget,
    /// The same of imports, which are so large and take so long that nothing else is to wait for them.
    pub(crate) imports: ByteBudget,
    /// What long answers occupy.
    pub(crate) answers: ByteBudget,
    /// A place for each export that parses documents.
    pub(crate) exports: Semaphore,
    /// One restore at a time: what it compares is in memory.
    pub(crate) restores: Semaphore,
    /// The turns of patches of one document.
    pub(crate) merge_turns: MergeTurns,
    /// A place for each watcher of the log.
    pub(crate) watchers: Arc<Semaphore>,
    pub(crate) recent: Recent,
    /// The directories that this replica watches.
    pub(crate) directories: Vec<DirectoryHandle>,
    /// Cancelled when the server begins to stop.
    pub(crate) stopping: CancellationToken,
    /// Work that outlives its request: queued writes, and sockets.
    pub(crate) tasks: TaskTracker,
}

impl App {
    pub(crate) fn new(shared: Shared) -> Self {
        Self(Arc::new(shared))
    }
}

impl std::ops::Deref for App {
    type Target = Shared;
    fn deref(&self) -> &Shared {
        &self.0
    }
}
