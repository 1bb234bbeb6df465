//! The host: all modules of a process.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, Weak};

use async_trait::async_trait;
use midflight_core::DocumentName;
use midflight_modules::Manifest;
use tokio::sync::{OnceCell, mpsc, oneshot};

use crate::actor::{Actor, Control, Restart, RestartPolicy};
use crate::code::ModuleFailure;
use crate::entry::{ModuleEntry, ModuleService, ModuleShared};
use crate::error::{CallError, HostError, ModuleRefusal, ReloadFailure};
use crate::imports::{CallRouter, ImportContext};
use crate::journal::ModuleHistory;
use crate::mailbox::{ModuleHandle, ModuleReply};
use crate::memory::MemoryBudget;
use crate::metrics::MetricsSnapshot;
use crate::options::{HostOptions, ReloadOptions, TurnOrder};
use crate::phase::ModulePhase;
use crate::prepare::{PreparedModule, ReloadPermit};
use crate::reload::ModuleSlot;
use crate::report::{
    DryRunReport, LiveModule, ModuleReloadReport, ModuleStatus, ReloadOutcome, ReloadRecord,
};
use crate::stateless::StatelessPool;
use crate::wasm::{CacheCounts, WasmRuntime};

/// All modules of a process. A clone is the same host.
///
/// Every reload of one module waits for the one before it; of several that wait, the last is done and the others are
/// refused as superseded. Reloads of different modules run at the same time.
#[derive(Clone)]
pub struct ModuleHost {
    pub(crate) inner: Arc<HostInner>,
}

pub(crate) struct HostInner {
    pub(crate) options: HostOptions,
    wasm: OnceCell<WasmRuntime>,
    pub(crate) memory: Arc<MemoryBudget>,
    entries: RwLock<BTreeMap<DocumentName, Arc<ModuleEntry>>>,
    itself: Weak<HostInner>,
}

impl ModuleHost {
    /// A host without modules.
    ///
    /// # Errors
    /// The engines cannot be made, as when their pools do not fit into the address space. With
    /// [`HostOptions::engine_on_demand`] a component is refused for that instead (`engine_failed`).
    pub fn new(options: HostOptions) -> Result<Self, HostError> {
        let wasm = match options.engine_on_demand {
            true => OnceCell::new(),
            false => OnceCell::new_with(Some(make_wasm(&options)?)),
        };
        let memory = MemoryBudget::new(options.memory_bytes_max);
        let make = |itself: &Weak<HostInner>| HostInner {
            options,
            wasm,
            memory,
            entries: RwLock::default(),
            itself: itself.clone(),
        };
        Ok(Self { inner: Arc::new_cyclic(make) })
    }

    /// Starts or reloads a module, through all eight phases. At its first start the module takes over the state that
    /// the journal has of it.
    ///
    /// # Errors
    /// The phase that failed. The module serves what it served before.
    pub async fn load(&self, manifest: Arc<Manifest>) -> Result<ModuleReloadReport, ReloadFailure> {
        self.reload(manifest, ReloadOptions::default()).await
    }

    /// As [`Self::load`], with options.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub async fn reload(
        &self,
        manifest: Arc<Manifest>,
        options: ReloadOptions,
    ) -> Result<ModuleReloadReport, ReloadFailure> {
        let name = manifest.name.clone();
        match self.prepare(manifest, options).await? {
            Some(prepared) => prepared.pause().await?.commit().await,
            None => Ok(self.unchanged(&name)),
        }
    }

    /// The first phase alone. None when the manifest is the one that is live. Another reload of the module waits until
    /// this one is committed or dropped.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub async fn prepare(
        &self,
        manifest: Arc<Manifest>,
        options: ReloadOptions,
    ) -> Result<Option<PreparedModule>, ReloadFailure> {
        let refuse = |refusal: ModuleRefusal| refusal.in_phase(&manifest.name, ModulePhase::Prepare);
        let reason = options.reason.clone();
        let prepared = match self.inner.turn(&manifest, &options).await {
            Ok((entry, turn)) => self.inner.prepare(&entry, turn, Arc::clone(&manifest), options).await,
            Err(refusal) => Err(refuse(refusal)),
        };
        if let Err(failure) = &prepared {
            self.inner.observe_failure(failure, reason.as_deref());
        }
        prepared
    }

    /// Tries a manifest on a copy of the live state, on a scratch instance, and reports the result.
    ///
    /// # Errors
    /// What would fail.
    pub async fn dry_run(&self, manifest: Arc<Manifest>) -> Result<DryRunReport, ReloadFailure> {
        self.try_with(manifest, ReloadOptions::default().forced().in_line().without_pre_copy()).await
    }

    /// Tries a manifest with these options.
    pub(crate) async fn try_with(
        &self,
        manifest: Arc<Manifest>,
        options: ReloadOptions,
    ) -> Result<DryRunReport, ReloadFailure> {
        let name = manifest.name.clone();
        let refuse = |refusal: ModuleRefusal| refusal.in_phase(&name, ModulePhase::Prepare);
        let is_unchanged = self.status(&name).and_then(|status| status.live);
        let is_unchanged = is_unchanged.is_some_and(|live| live.manifest.digest == manifest.digest);
        let (entry, _turn) = self.inner.turn(&manifest, &options).await.map_err(refuse)?;
        let examined = self.inner.examine(&entry, &manifest, &options).await.map_err(refuse)?;
        let trial = examined
            .trial
            .ok_or_else(|| refuse(ModuleRefusal::new("not_tried", "the candidate was not tried")))?;
        Ok(DryRunReport {
            module: manifest.name.clone(),
            is_unchanged,
            from_schema: examined.from_schema,
            to_schema: examined.info.schema,
            steps: trial.steps,
            state_bytes: trial.state.bytes.len(),
            state_digest: trial.state.digest(),
            probes: trial.probes,
            undone: 0,
        })
    }

    pub(crate) fn unchanged(&self, name: &DocumentName) -> ModuleReloadReport {
        let live = self.status(name).and_then(|status| status.live);
        let version = live.as_ref().map(|live| live.manifest.version.clone());
        let generation = live.map_or(0, |live| live.generation);
        let to = version.clone().unwrap_or_default();
        ModuleReloadReport::new(name, ReloadOutcome::Unchanged, generation, version, to)
    }

    /// A handle on a module that answers. It stays valid until the module is unloaded.
    #[must_use]
    pub fn handle(&self, name: &DocumentName) -> Option<ModuleHandle> {
        let entry = self.inner.entry(name)?;
        entry.live()?;
        Some(ModuleHandle { entry })
    }

    /// Sends a message to a module; refused at once when its mailbox is full.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn call(
        &self,
        name: &DocumentName,
        operation: impl Into<String>,
        payload: Vec<u8>,
    ) -> Result<ModuleReply, CallError> {
        let handle = self.handle(name).ok_or_else(|| CallError::NoModule(name.as_str().to_owned()))?;
        handle.try_call(operation, payload).await
    }

    /// Ends a module: what was accepted is answered, its state is recorded, and nothing more is accepted.
    pub async fn unload(&self, name: &DocumentName) {
        let Some(entry) = self.inner.entry(name) else { return };
        let _serial = entry.serial.lock().await;
        self.inner.remove(&entry);
        end(&entry).await;
    }

    /// Ends all modules, as [`Self::unload`].
    pub async fn stop(&self) {
        for name in self.names() {
            self.unload(&name).await;
        }
    }

    /// The names of the modules that answer.
    #[must_use]
    pub fn names(&self) -> Vec<DocumentName> {
        let entries = self.inner.entries.read().unwrap_or_else(PoisonError::into_inner);
        entries.values().filter(|entry| entry.live().is_some()).map(|entry| entry.name.clone()).collect()
    }

    /// What answers under a name, if something does.
    #[must_use]
    pub fn live(&self, name: &DocumentName) -> Option<Arc<LiveModule>> {
        self.inner.entry(name)?.live()
    }

    /// Waits until the reload of a module that is under way has ended. At once when there is none.
    pub async fn settled(&self, name: &DocumentName) {
        if let Some(entry) = self.inner.entry(name) {
            drop(entry.serial.lock().await);
        }
    }

    /// What is known of a module.
    #[must_use]
    pub fn status(&self, name: &DocumentName) -> Option<ModuleStatus> {
        self.inner.entry(name).map(|entry| entry.status())
    }

    /// What was counted of a module.
    #[must_use]
    pub fn metrics(&self, name: &DocumentName) -> Option<MetricsSnapshot> {
        self.inner.entry(name).map(|entry| entry.metrics.snapshot())
    }

    /// How often the compile cache was of use.
    #[must_use]
    pub fn cache_counts(&self) -> CacheCounts {
        self.inner.wasm.get().map_or_else(CacheCounts::default, WasmRuntime::cache_counts)
    }

    /// How much memory is reserved for instances, in bytes.
    #[must_use]
    pub fn reserved_bytes(&self) -> u64 {
        self.inner.memory.used()
    }

    /// What the journal knows of a module: its generations, and the manifests that failed.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub async fn history(&self, name: &DocumentName) -> Result<ModuleHistory, ModuleRefusal> {
        let history = self.inner.options.journal.history(name).await;
        history.map_err(|error| ModuleRefusal::new("journal_failed", error.to_string()))
    }
}

/// Records the state of a module and stops its task.
async fn end(entry: &ModuleEntry) {
    entry.places.close();
    match &entry.service {
        ModuleService::Stateless(pool) => drop(pool.swap(None)),
        ModuleService::Stateful { control, .. } => {
            let (reply, stopped) = oneshot::channel();
            if control.send(Control::Stop(reply)).await.is_ok() {
                // It is only dropped when the task has ended already.
                drop(stopped.await);
            }
        }
    }
}

fn make_wasm(options: &HostOptions) -> Result<WasmRuntime, HostError> {
    let wasm = WasmRuntime::new(&options.engine, options.cache_folder.clone(), options.compiles_max);
    wasm.map_err(|error| HostError(format!("{error:#}")))
}

impl HostInner {
    /// What runs components.
    pub(crate) async fn wasm(&self) -> Result<&WasmRuntime, ModuleRefusal> {
        let made = self.wasm.get_or_try_init(|| async { make_wasm(&self.options) }).await;
        made.map_err(|error| ModuleRefusal::new("engine_failed", error.to_string()))
    }

    /// Reports a reload that failed before its module was paused.
    fn observe_failure(&self, failure: &ReloadFailure, reason: Option<&str>) {
        // It says nothing of the module but that another reload is under way.
        if let Some(observer) =
            self.options.observer.as_ref().filter(|_| failure.code != "reload_in_progress")
        {
            let (module, reason) = (failure.module.clone(), reason.map(str::to_owned));
            observer(&ReloadRecord { module, result: Err(failure.clone()), reason });
        }
    }

    pub(crate) fn entry(&self, name: &DocumentName) -> Option<Arc<ModuleEntry>> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Forgets a module, if it is still this one.
    pub(crate) fn remove(&self, entry: &Arc<ModuleEntry>) {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        if entries.get(&entry.name).is_some_and(|known| Arc::ptr_eq(known, entry)) {
            entries.remove(&entry.name);
            entry.places.close();
        }
    }

    /// Waits for the turn to reload a module, which is made when it is not there.
    pub(crate) async fn turn(
        self: &Arc<Self>,
        manifest: &Manifest,
        options: &ReloadOptions,
    ) -> Result<(Arc<ModuleEntry>, ReloadPermit), ModuleRefusal> {
        loop {
            let entry = self.entry_or_new(manifest, options).await?;
            let ticket = (options.order == TurnOrder::Newest).then(|| entry.take_ticket());
            let serial = match options.order {
                TurnOrder::IfIdle => Arc::clone(&entry.serial).try_lock_owned().map_err(|_| {
                    let message = "another reload of this module is in progress; try again when it has ended";
                    ModuleRefusal::new("reload_in_progress", message)
                })?,
                _ => Arc::clone(&entry.serial).lock_owned().await,
            };
            let is_known = self.entry(&entry.name).is_some_and(|known| Arc::ptr_eq(&known, &entry));
            if !is_known {
                // It was unloaded, or its first start failed, meanwhile.
                continue;
            }
            let turn = ReloadPermit::new(self, &entry, serial);
            if ticket.is_some_and(|ticket| entry.is_superseded(ticket)) {
                return Err(ModuleRefusal::new(
                    "superseded",
                    "a later reload of this module waits and is done instead",
                ));
            }
            return Ok((entry, turn));
        }
    }

    async fn entry_or_new(
        &self,
        manifest: &Manifest,
        options: &ReloadOptions,
    ) -> Result<Arc<ModuleEntry>, ModuleRefusal> {
        if let Some(entry) = self.entry(&manifest.name) {
            return Ok(entry);
        }
        let history = self.options.journal.history(&manifest.name).await;
        let history = history.map_err(|error| ModuleRefusal::new("journal_failed", error.to_string()))?;
        if let Some(why) = history.failed.get(&manifest.digest).filter(|_| !options.force) {
            let message = format!(
                "this manifest failed before on the recorded state ({why}); recover the last commit, or force it"
            );
            return Err(ModuleRefusal::new("known_bad", message));
        }
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = entries.get(&manifest.name) {
            return Ok(Arc::clone(entry));
        }
        if entries.len() >= self.options.modules_max {
            let message = format!("this host has {} modules and may have no more; unload one", entries.len());
            return Err(ModuleRefusal::new("too_many_modules", message));
        }
        let entry = if manifest.is_stateless() {
            let service = ModuleService::Stateless(StatelessPool::default());
            let shared = ModuleShared::new(manifest, self.options.observer.clone());
            Arc::new(ModuleEntry::new(shared, service, history.highest))
        } else {
            self.spawn(manifest, &history)
        };
        entries.insert(manifest.name.clone(), Arc::clone(&entry));
        Ok(entry)
    }

    /// Starts the task of a module.
    fn spawn(&self, manifest: &Manifest, history: &ModuleHistory) -> Arc<ModuleEntry> {
        let (mailbox, receiver) = mpsc::unbounded_channel();
        let (control, controls) = mpsc::channel(16);
        let module = ModuleShared::new(manifest, self.options.observer.clone());
        let service = ModuleService::Stateful { mailbox, control };
        let entry = Arc::new(ModuleEntry::new(Arc::clone(&module), service, history.highest));
        let slot = ModuleSlot {
            base: history.live().map(|record| Arc::clone(&record.state)),
            ..ModuleSlot::default()
        };
        let policy = RestartPolicy {
            delay: self.options.restart_delay,
            delay_max: self.options.restart_delay_max,
            decision_max: self.options.decision_max,
        };
        let actor = Actor {
            module,
            control: controls,
            mailbox: receiver,
            slot,
            journal: Arc::clone(&self.options.journal),
            policy,
            restart: Restart::default(),
            pending: None,
            last_id: 0,
            withdrawn: None,
        };
        tokio::spawn(actor.run());
        entry
    }

    pub(crate) fn context(&self, manifest: &Arc<Manifest>) -> ImportContext {
        let router: Arc<dyn CallRouter> = Arc::new(HostRouter(self.itself.clone()));
        ImportContext { manifest: Arc::clone(manifest), services: Arc::clone(&self.options.services), router }
    }
}

/// Sends calls of modules to modules of the same host.
struct HostRouter(Weak<HostInner>);

#[async_trait]
impl CallRouter for HostRouter {
    async fn call(
        &self,
        module: &str,
        operation: String,
        payload: Vec<u8>,
    ) -> Result<Vec<u8>, ModuleFailure> {
        let entry = self.0.upgrade().and_then(|host| host.entry(&DocumentName::new(module).ok()?));
        let Some(entry) = entry.filter(|entry| entry.live().is_some()) else {
            return Err(ModuleFailure::new("no_module", format!("no module {module:?}")));
        };
        match (ModuleHandle { entry }).call(operation, payload).await {
            Ok(reply) => Ok(reply.result),
            Err(CallError::Failed(failure)) => Err(failure),
            Err(poisoned @ CallError::Poisoned { .. }) => {
                Err(ModuleFailure::new("poisoned", poisoned.to_string()))
            }
            Err(error) => Err(ModuleFailure::new("unavailable", error.to_string())),
        }
    }
}
