//! The host of modules of this process: what it stands on, and what is known of its reloads.

use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use midflight_module_host::journal::{FileJournal, MemoryJournal};
use midflight_module_host::{EngineOptions, HostOptions, ModuleHost, NativeModules};
use midflight_store::Store;

use super::blob_source::StoredBlobs;
use super::events::{self, EventReceiver, EventSender, ServerServices};
use super::history::ModuleReloadHistory;
use super::limits::ModulesLimits;
use super::metrics::ModulesMetrics;
use crate::error::ServeError;

/// How many instances there may be for each module: the one that answers, a candidate, the one that is retained, and
/// those that modules without state have beside them.
const INSTANCES_PER_MODULE: usize = 4;

/// The host of this process, and the reports of its reloads. A clone is the same.
#[derive(Clone)]
pub(crate) struct ModuleRuntime {
    pub(super) host: ModuleHost,
    pub(super) history: ModuleReloadHistory,
    pub(super) limits: ModulesLimits,
    /// What counts the reloads, once there is a registry.
    pub(super) metrics: Arc<OnceLock<ModulesMetrics>>,
    /// Held while a blob is put, from the look at what there is to the end: puts at the same time would all find the same
    /// room. Each replica has its own, so that replicas may go past the bound by one blob each.
    pub(super) put_turn: Arc<tokio::sync::Mutex<()>>,
    /// What modules emit, until it is passed on.
    events: Arc<Mutex<Option<EventReceiver>>>,
}

impl ModuleRuntime {
    /// A host on the store's blobs. With a folder, which belongs to this process, states and compiled components
    /// survive it; with `is_synced` the states survive the machine too.
    ///
    /// # Errors
    /// The folder cannot be used.
    pub(crate) fn open(
        store: &Arc<dyn Store>,
        folder: Option<&Path>,
        is_synced: bool,
        limits: ModulesLimits,
        natives: NativeModules,
    ) -> Result<Self, ServeError> {
        let (sender, events) = events::channel();
        let (history, metrics) = (ModuleReloadHistory::default(), Arc::<OnceLock<ModulesMetrics>>::default());
        let mut options = HostOptions::default();
        options.blobs = Arc::new(StoredBlobs::new(Arc::clone(store), limits.blob_bytes_max));
        options.services = Arc::new(ServerServices(sender.clone()));
        options.natives = natives;
        options.engine = engine_options(&limits);
        options.engine_on_demand = true;
        options.modules_max = limits.modules_max;
        options.memory_bytes_max = limits.modules_memory_bytes_max;
        options.journal = match folder {
            None => Arc::new(MemoryJournal::default()),
            Some(folder) => {
                options.cache_folder = Some(folder.join("compiled"));
                let journal = FileJournal::open(&folder.join("journal"), is_synced);
                Arc::new(journal.map_err(|error| ServeError::DataDir(folder.to_owned(), error))?)
            }
        };
        options.observer = Some(observer(&history, &metrics, sender));
        let host = ModuleHost::new(options).map_err(|error| ServeError::Modules(error.to_string()))?;
        let events = Arc::new(Mutex::new(Some(events)));
        Ok(Self { host, history, limits, metrics, put_turn: Arc::default(), events })
    }

    /// What modules emit; none when it is taken already.
    pub(super) fn take_events(&self) -> Option<EventReceiver> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

fn engine_options(limits: &ModulesLimits) -> EngineOptions {
    let mut engine = EngineOptions::default();
    let instances = limits.modules_max.saturating_mul(INSTANCES_PER_MODULE);
    engine.serving_instances_max = u32::try_from(instances).unwrap_or(u32::MAX);
    engine
}

/// Keeps, counts and tells every reload that ended.
fn observer(
    history: &ModuleReloadHistory,
    metrics: &Arc<OnceLock<ModulesMetrics>>,
    events: EventSender,
) -> midflight_module_host::ReloadObserver {
    let (history, metrics) = (history.clone(), Arc::clone(metrics));
    Arc::new(move |record| {
        history.add(record);
        if let (Some(metrics), Ok(report)) = (metrics.get(), &record.result) {
            metrics.paused(report.pause);
        }
        events.reloaded(record);
    })
}
