//! The first phase: everything about a candidate that can be verified while the old version serves. And its two ends.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use midflight_core::{Digest, DocumentName, cut_reason};
use midflight_modules::migration::MigrationPlan;
use midflight_modules::{CodeSource, Downgrade, Manifest};
use tokio::sync::{OwnedMutexGuard, oneshot};

use crate::actor::{Control, Done, PauseRequest};
use crate::code::{InstancePurpose, ModuleInfo, SharedCode, StateSnapshot};
use crate::entry::{ModuleEntry, ModuleService};
use crate::error::{ModuleRefusal, ReloadFailure};
use crate::host::HostInner;
use crate::imports::ImportContext;
use crate::journal::{JournalRecord, PreparedRecord};
use crate::metrics::count;
use crate::options::ReloadOptions;
use crate::phase::ModulePhase;
use crate::reload::{
    MarkedState, PreCopied, RunningInstance, StateSource, TransactionSetup, Trial, load_before, start, try_on,
};
use crate::report::{LiveModule, ModuleReloadReport, PhaseDuration, ReloadOutcome};
use crate::stateless::StatelessGeneration;

/// A candidate that was built and tried. Dropping it releases it; the old version serves on.
#[must_use = "it is released when it is dropped"]
pub struct PreparedModule {
    host: Arc<HostInner>,
    entry: Arc<ModuleEntry>,
    turn: ReloadPermit,
    ready: PreparedChange,
    manifest: Arc<Manifest>,
    began: Instant,
    prepared_in: std::time::Duration,
    undone: (u64, u64),
    reason: Option<String>,
    withdraws: Option<Digest>,
}

/// What is ready.
enum PreparedChange {
    Stateful {
        candidate: Mutex<Box<RunningInstance>>,
        accepts: Vec<u32>,
        source: StateSource,
        is_tried: bool,
        pre_copied: Option<PreCopied>,
    },
    Stateless(Arc<StatelessGeneration>),
}

/// A candidate that has the state and was verified, while messages wait. Dropping it rolls back.
#[must_use = "it is rolled back when it is dropped"]
pub struct PausedModule {
    host: Arc<HostInner>,
    entry: Arc<ModuleEntry>,
    turn: ReloadPermit,
    manifest: Arc<Manifest>,
    paused: Paused,
    prepared_in: std::time::Duration,
    undone: (u64, u64),
    reason: Option<String>,
}

enum Paused {
    Stateful { decision: oneshot::Sender<()>, done: oneshot::Receiver<Result<Done, ReloadFailure>> },
    Stateless(Arc<StatelessGeneration>),
}

/// The right to reload a module. When it ends and the module has never answered, the module is removed.
pub(crate) struct ReloadPermit {
    host: Arc<HostInner>,
    entry: Arc<ModuleEntry>,
    _serial: OwnedMutexGuard<()>,
}

impl ReloadPermit {
    pub(crate) fn new(host: &Arc<HostInner>, entry: &Arc<ModuleEntry>, serial: OwnedMutexGuard<()>) -> Self {
        Self { host: Arc::clone(host), entry: Arc::clone(entry), _serial: serial }
    }
}

impl Drop for ReloadPermit {
    fn drop(&mut self) {
        if self.entry.live().is_none() {
            self.host.remove(&self.entry);
        }
    }
}

/// What is known of a candidate before there is an instance that serves.
pub(crate) struct Examined {
    pub(crate) code: SharedCode,
    pub(crate) context: ImportContext,
    pub(crate) info: ModuleInfo,
    /// What it made of a copy of the state, when that was tried.
    pub(crate) trial: Option<Trial>,
    pub(crate) from_schema: Option<u32>,
    /// The copy that the candidate may load before the pause, with its mark: the live instance remembers what changes, and
    /// the host has no hop to do.
    copied: Option<(Arc<StateSnapshot>, u64)>,
}

impl HostInner {
    /// Verifies a candidate without building the instance that would serve.
    pub(crate) async fn examine(
        self: &Arc<Self>,
        entry: &Arc<ModuleEntry>,
        manifest: &Arc<Manifest>,
        options: &ReloadOptions,
    ) -> Result<Examined, ModuleRefusal> {
        let live = entry.live();
        if !options.force {
            entry.check_cool_down(manifest.digest)?;
        }
        if let Some(live) = &live {
            check_downgrade(&live.manifest, manifest)?;
        }
        if entry.is_stateless() != manifest.is_stateless() {
            let message = "a module with state cannot become one without, nor the other way; unload it first, or use another name";
            return Err(ModuleRefusal::new("state_kind", message));
        }
        let code = self.code(manifest).await?;
        let context = self.context(manifest);
        let info = describe(&code, &context).await?;
        let MarkedState { state, mark } = match &options.state {
            Some(state) => MarkedState { state: Some(Arc::clone(state)), mark: None },
            None if options.preflight && options.pre_copy => entry.copy().await?,
            None if options.preflight || live.is_none() => {
                MarkedState { state: entry.state().await?, mark: None }
            }
            None => MarkedState::default(),
        };
        let mut copied = state.clone().zip(mark);
        let from_schema = state.as_ref().map(|state| state.schema);
        let from_schema = from_schema.or_else(|| live.as_ref().map(|live| live.manifest.schema));
        if let Some(from) = from_schema {
            let plan = MigrationPlan::new(manifest, from, &info.accepts);
            let plan = plan.map_err(|error| ModuleRefusal::new("schema_not_accepted", error.to_string()))?;
            copied = copied.filter(|_| plan.is_empty());
        }
        let trial =
            if options.preflight { Some(try_on(&code, &context, &info.accepts, state).await?) } else { None };
        Ok(Examined { code, context, info, trial, from_schema, copied })
    }

    /// Builds a candidate. None when the manifest is the one that is live.
    pub(crate) async fn prepare(
        self: &Arc<Self>,
        entry: &Arc<ModuleEntry>,
        turn: ReloadPermit,
        manifest: Arc<Manifest>,
        options: ReloadOptions,
    ) -> Result<Option<PreparedModule>, ReloadFailure> {
        let began = Instant::now();
        let is_live = entry.live().is_some_and(|live| live.manifest.digest == manifest.digest);
        if is_live && options.state.is_none() && !options.force {
            count(&entry.metrics.unchanged);
            return Ok(None);
        }
        let (undone, withdraws, reason) = (options.undone, options.withdraws, options.reason.clone());
        match self.build(entry, &manifest, options).await {
            Ok(ready) => {
                let (host, entry) = (Arc::clone(self), Arc::clone(entry));
                let prepared_in = began.elapsed();
                let began = Instant::now();
                Ok(Some(PreparedModule {
                    host,
                    entry,
                    turn,
                    ready,
                    manifest,
                    began,
                    prepared_in,
                    undone,
                    reason,
                    withdraws,
                }))
            }
            Err(refusal) => {
                entry.metrics.failed_in(ModulePhase::Prepare);
                if refusal.code != "cool_down" {
                    entry.cool_down(&manifest);
                }
                let failure = refusal.in_phase(&entry.name, ModulePhase::Prepare);
                tracing::warn!(module = %entry.name, %failure, "reload rejected; keeping the current version");
                Err(failure)
            }
        }
    }

    async fn build(
        self: &Arc<Self>,
        entry: &Arc<ModuleEntry>,
        manifest: &Arc<Manifest>,
        options: ReloadOptions,
    ) -> Result<PreparedChange, ModuleRefusal> {
        if let Some(hook) = &self.options.hook {
            hook(&entry.name, ModulePhase::Prepare).map_err(|why| ModuleRefusal::new("fault", why))?;
        }
        let instances = if manifest.is_stateless() { manifest.limits.instances_max } else { 1 };
        let memory = self.memory.reserve(manifest.limits.memory_bytes_max.saturating_mul(instances))?;
        let Examined { code, context, info, trial, copied, .. } =
            self.examine(entry, manifest, &options).await?;
        let accepts = info.accepts.clone();
        let generation = entry.highest.load(Ordering::SeqCst) + 1;
        let live = Arc::new(LiveModule { manifest: Arc::clone(manifest), generation, info });
        if manifest.is_stateless() {
            return Ok(PreparedChange::Stateless(Arc::new(
                StatelessGeneration::new(live, code, context, memory).await?,
            )));
        }
        let mut instance = start(&code, InstancePurpose::Serve, &context).await?;
        let mut pre_copied = None;
        if let Some((state, mark)) = copied {
            match load_before(&mut *instance, &state, mark).await {
                Ok(loaded) => pre_copied = loaded,
                Err(refusal) => {
                    // A scratch instance has loaded it: an instance that has not tried yet decides in the pause.
                    let why = refusal.message;
                    tracing::warn!(module = %entry.name, why, "state not copied before the pause");
                    instance = start(&code, InstancePurpose::Serve, &context).await?;
                }
            }
        }
        // An instance is used by one task at a time; the lock only lets what is prepared be shared.
        let candidate = Mutex::new(Box::new(RunningInstance { instance, live, code, context, memory }));
        let source = options.state.map_or(StateSource::Live, StateSource::Given);
        Ok(PreparedChange::Stateful { candidate, accepts, source, is_tried: trial.is_some(), pre_copied })
    }

    /// The code that a manifest names.
    async fn code(&self, manifest: &Manifest) -> Result<SharedCode, ModuleRefusal> {
        match &manifest.code {
            CodeSource::Native(name) => self.options.natives.get(name).ok_or_else(|| {
                let names: Vec<_> = self.options.natives.names().collect();
                let message = format!("no type is registered as {name:?}; this program has {names:?}");
                ModuleRefusal::new("unknown_native", message)
            }),
            CodeSource::Component(digest) => {
                let wasm = self.wasm().await?;
                let max = wasm.instance_memory_bytes_max;
                if manifest.limits.memory_bytes_max > max {
                    let message = format!(
                        "memory_bytes_max is {}, and this host gives at most {max}; lower it",
                        manifest.limits.memory_bytes_max
                    );
                    return Err(ModuleRefusal::new("memory_budget", message));
                }
                // What was compiled here before needs its bytes no more.
                if let Some(code) = wasm.cached(*digest, manifest).await? {
                    return Ok(code);
                }
                let blobs = &self.options.blobs;
                let bytes = blobs.blob(*digest).await.map_err(|why| {
                    ModuleRefusal::new(
                        "missing_blob",
                        format!("cannot read the component sha256:{digest}: {why}"),
                    )
                })?;
                let bytes = bytes.ok_or_else(|| {
                    let message =
                        format!("the component sha256:{digest} is not here; {}", blobs.cure(*digest));
                    ModuleRefusal::new("missing_blob", message)
                })?;
                wasm.code(*digest, bytes, manifest).await
            }
        }
    }
}

impl ModuleEntry {
    /// A copy of the state: what the instance saves between two messages, or what is recorded.
    pub(crate) async fn state(&self) -> Result<Option<Arc<StateSnapshot>>, ModuleRefusal> {
        self.ask_for_state(false).await
    }

    /// As [`Self::state`], and the instance remembers what changes from then on, if it does.
    async fn copy(&self) -> Result<MarkedState, ModuleRefusal> {
        let ModuleService::Stateful { control, .. } = &self.service else {
            return Ok(MarkedState::default());
        };
        let (reply, answer) = oneshot::channel();
        control.send(Control::Copy(reply)).await.map_err(|_| unloaded())?;
        answer.await.map_err(|_| unloaded())?
    }

    /// How many messages the live generation has acknowledged; 0 for a module without state.
    pub(crate) async fn acknowledged(&self) -> u64 {
        let ModuleService::Stateful { control, .. } = &self.service else { return 0 };
        let (reply, answer) = oneshot::channel();
        match control.send(Control::Count(reply)).await {
            Ok(()) => answer.await.unwrap_or(0),
            Err(_) => 0,
        }
    }

    pub(crate) async fn ask_for_state(
        &self,
        is_recorded: bool,
    ) -> Result<Option<Arc<StateSnapshot>>, ModuleRefusal> {
        let ModuleService::Stateful { control, .. } = &self.service else { return Ok(None) };
        let (reply, answer) = oneshot::channel();
        control.send(Control::Save(is_recorded, reply)).await.map_err(|_| unloaded())?;
        answer.await.map_err(|_| unloaded())?
    }
}

fn unloaded() -> ModuleRefusal {
    ModuleRefusal::new("unloaded", "the module was unloaded")
}

/// Refuses a lower version where the manifest that is live, or the new one, requires it.
fn check_downgrade(live: &Manifest, next: &Manifest) -> Result<(), ModuleRefusal> {
    let refuses = live.downgrade == Downgrade::Refuse || next.downgrade == Downgrade::Refuse;
    if refuses && version_key(&next.version) < version_key(&live.version) {
        let message = format!(
            "version {} is lower than {}, and the manifest refuses a downgrade; restore a generation, or allow it",
            next.version, live.version
        );
        return Err(ModuleRefusal::new("downgrade", message));
    }
    Ok(())
}

/// What orders versions: their numbers, from left to right.
fn version_key(version: &str) -> Vec<u64> {
    let release = version.split(['-', '+']).next().unwrap_or(version);
    release.split('.').map(|part| part.parse().unwrap_or(0)).collect()
}

/// Asks a scratch instance what the code is, and compares it with the manifest.
async fn describe(code: &SharedCode, context: &ImportContext) -> Result<ModuleInfo, ModuleRefusal> {
    let manifest = &context.manifest;
    let made = code.instantiate(InstancePurpose::Scratch, context.clone()).await;
    let mut scratch = made.map_err(|trap| ModuleRefusal::trap("instantiation", &trap))?;
    let info = scratch.describe().await.map_err(|trap| ModuleRefusal::trap("describe", &trap))?;
    let expected = [
        ("name", info.name.as_str(), manifest.name.as_str()),
        ("version", info.version.as_str(), manifest.version.as_str()),
    ];
    for (what, described, wanted) in expected {
        if described != wanted {
            let cut: String = described.chars().take(100).collect();
            let message = format!(
                "the code describes its {what} as {cut:?}, and the manifest says {wanted:?}; correct one"
            );
            return Err(ModuleRefusal::new("wrong_description", message));
        }
    }
    if info.schema != manifest.schema {
        let message = format!(
            "the code describes its schema as {}, and the manifest says {}; correct one",
            info.schema, manifest.schema
        );
        return Err(ModuleRefusal::new("wrong_description", message));
    }
    Ok(info)
}

impl PreparedModule {
    /// The module.
    #[must_use]
    pub fn name(&self) -> &DocumentName {
        &self.entry.name
    }

    /// Pauses the module and brings the candidate up to the decision: drain, snapshot, migrate, swap, restore, verify.
    /// From here on messages wait, until the answer is committed or dropped.
    ///
    /// # Errors
    /// The phase that failed; the old version answers again.
    pub async fn pause(self) -> Result<PausedModule, ReloadFailure> {
        let Self { host, entry, turn, ready, manifest, prepared_in, undone, reason, withdraws, .. } = self;
        let paused = match ready {
            PreparedChange::Stateless(generation) => Paused::Stateless(generation),
            PreparedChange::Stateful { candidate, accepts, source, is_tried, pre_copied } => {
                let candidate = candidate.into_inner().unwrap_or_else(PoisonError::into_inner);
                let setup = TransactionSetup {
                    module: entry.name.clone(),
                    hook: host.options.hook.clone(),
                    journal: Arc::clone(&host.options.journal),
                    source,
                    accepts,
                    withdraws,
                    reason: reason.clone().map(cut_reason).unwrap_or_default(),
                    is_tried,
                    pre_copied,
                };
                let paused = pause(&entry, candidate, setup).await;
                paused.inspect_err(|failure| entry.observe(Err(failure), reason.as_deref()))?
            }
        };
        Ok(PausedModule { host, entry, turn, manifest, paused, prepared_in, undone, reason })
    }

    /// How long ago it was ready.
    #[must_use]
    pub fn age(&self) -> std::time::Duration {
        self.began.elapsed()
    }
}

async fn pause(
    entry: &Arc<ModuleEntry>,
    candidate: Box<RunningInstance>,
    setup: TransactionSetup,
) -> Result<Paused, ReloadFailure> {
    let manifest = Arc::clone(&candidate.live.manifest);
    let ModuleService::Stateful { control, .. } = &entry.service else {
        return Err(ModuleRefusal::new("state_kind", "the module has no state")
            .in_phase(&entry.name, ModulePhase::Drain));
    };
    let refuse = |refusal: ModuleRefusal| {
        entry.metrics.failed_in(ModulePhase::Drain);
        entry.cool_down(&manifest);
        refusal.in_phase(&entry.name, ModulePhase::Drain)
    };
    let from = entry.live().map(|live| live.manifest.schema);
    let plan = from.and_then(|from| MigrationPlan::new(&manifest, from, &setup.accepts).ok());
    let record = JournalRecord::Prepared(PreparedRecord {
        generation: candidate.live.generation,
        manifest: manifest.digest,
        from,
        loads: plan.map_or(manifest.schema, |plan| plan.loads),
        to: manifest.schema,
    });
    let written = setup.journal.append(&entry.name, record).await;
    written.map_err(|error| refuse(ModuleRefusal::new("journal_failed", error.to_string())))?;

    let (started, start) = oneshot::channel();
    let (verified, verification) = oneshot::channel();
    let (decision, decided) = oneshot::channel();
    let (done, finished) = oneshot::channel();
    let request = PauseRequest {
        setup,
        candidate: *candidate,
        asked_at: Instant::now(),
        started,
        verified,
        decision: decided,
        done,
    };
    let unloaded = || refuse(unloaded());
    // The current message may take longer than the reload waits: then the task finds that no caller waits for it any
    // more.
    let drain_ms =
        entry.live().map_or(manifest.limits.drain_ms_max, |live| live.manifest.limits.drain_ms_max);
    let drained = async {
        control.send(Control::Pause(Box::new(request))).await.map_err(|_| ())?;
        start.await.map_err(|_| ())
    };
    match tokio::time::timeout(std::time::Duration::from_millis(drain_ms), drained).await {
        Ok(Ok(())) => {}
        Ok(Err(())) => return Err(unloaded()),
        Err(_) => {
            let message = format!(
                "the current message took longer than {drain_ms} ms; raise drain_ms_max, or lower call_ms_max"
            );
            return Err(refuse(ModuleRefusal::new("drain_deadline", message)));
        }
    }
    match verification.await {
        Ok(Ok(())) => Ok(Paused::Stateful { decision, done: finished }),
        Ok(Err(failure)) => {
            entry.cool_down(&manifest);
            Err(failure)
        }
        Err(_) => Err(unloaded()),
    }
}

impl PausedModule {
    /// The module.
    #[must_use]
    pub fn name(&self) -> &DocumentName {
        &self.entry.name
    }

    /// Lets the candidate answer.
    ///
    /// # Errors
    /// The commit could not be recorded, or the decision came too late; the old version answers again.
    pub async fn commit(self) -> Result<ModuleReloadReport, ReloadFailure> {
        let (entry, reason) = (Arc::clone(&self.entry), self.reason.clone());
        let committed = self.decide().await;
        entry.observe(committed.as_ref(), reason.as_deref());
        committed
    }

    async fn decide(self) -> Result<ModuleReloadReport, ReloadFailure> {
        let Self { host, entry, turn, manifest, paused, prepared_in, undone, .. } = self;
        let mut report = match paused {
            Paused::Stateless(generation) => commit_stateless(&host, &entry, &manifest, generation)?,
            Paused::Stateful { decision, done } => {
                let late = || {
                    entry.metrics.failed_in(ModulePhase::Commit);
                    let message =
                        "the decision came too late, and the module has rolled back; reload it again";
                    ModuleRefusal::new("decision_late", message).in_phase(&entry.name, ModulePhase::Commit)
                };
                decision.send(()).map_err(|()| late())?;
                let done = done.await.unwrap_or_else(|_| Err(late()));
                let (mut report, state) = done.inspect_err(|_| entry.cool_down(&manifest))?;
                // The module answers already: what takes a while for a large state is not part of its pause.
                report.state_digest = state.map(|state| state.digest());
                report
            }
        };
        report.phases.insert(0, PhaseDuration { phase: ModulePhase::Prepare, took: prepared_in });
        report.undone = (report.undone + undone.0).saturating_sub(undone.1);
        entry.highest.fetch_max(report.generation, Ordering::SeqCst);
        drop(turn);
        Ok(report)
    }
}

fn commit_stateless(
    host: &HostInner,
    entry: &ModuleEntry,
    manifest: &Manifest,
    generation: Arc<StatelessGeneration>,
) -> Result<ModuleReloadReport, ReloadFailure> {
    let ModuleService::Stateless(pool) = &entry.service else {
        return Err(ModuleRefusal::new("state_kind", "the module has state")
            .in_phase(&entry.name, ModulePhase::Commit));
    };
    for phase in ModulePhase::ALL.into_iter().skip(1) {
        let hooked = host.options.hook.as_ref().map_or(Ok(()), |hook| hook(&entry.name, phase));
        hooked.map_err(|why| {
            entry.metrics.failed_in(phase);
            ModuleRefusal::new("fault", why).in_phase(&entry.name, phase)
        })?;
    }
    let began = Instant::now();
    let live = Arc::clone(&generation.live);
    let old = pool.swap(Some(generation));
    entry.resize(&manifest.limits);
    entry.publish(|status| {
        status.live = Some(Arc::clone(&live));
        status.withdrawn = None;
    });
    count(&entry.metrics.committed);
    entry.metrics.paused(began.elapsed());
    let (from, to) = (old.map(|old| old.live.manifest.version.clone()), manifest.version.clone());
    let report = ModuleReloadReport::new(&entry.name, ReloadOutcome::Committed, live.generation, from, to);
    Ok(ModuleReloadReport { pause: began.elapsed(), ..report })
}
