//! Going back, and states in and out: return, restore of a generation, recovery, export and import.

use std::sync::Arc;

use midflight_core::DocumentName;
use midflight_modules::Manifest;
use tokio::sync::oneshot;

use crate::actor::Control;
use crate::code::StateSnapshot;
use crate::entry::ModuleService;
use crate::error::{ModuleRefusal, ReloadFailure};
use crate::host::ModuleHost;
use crate::journal::GenerationRecord;
use crate::options::ReloadOptions;
use crate::phase::ModulePhase;
use crate::prepare::PreparedModule;
use crate::report::{DryRunReport, ModuleReloadReport};

impl ModuleHost {
    /// Lets the instance answer again that the last commit replaced. Exact: it is refused once a message was
    /// acknowledged since, and when the grace of the manifest is over.
    ///
    /// # Errors
    /// Why it cannot.
    pub async fn return_to_previous(&self, name: &DocumentName) -> Result<ModuleReloadReport, ModuleRefusal> {
        let entry = self.inner.entry(name).ok_or_else(|| no_module(name))?;
        let _serial = entry.serial.lock().await;
        let ModuleService::Stateful { control, .. } = &entry.service else {
            let message = "a module without state has nothing to return to; load the earlier manifest";
            return Err(ModuleRefusal::new("state_kind", message));
        };
        let (reply, answer) = oneshot::channel();
        control.send(Control::Return(reply)).await.map_err(|_| no_module(name))?;
        let report = answer.await.map_err(|_| no_module(name))??;
        entry.observe(Ok(&report), None);
        Ok(report)
    }

    /// Brings back a generation as it ended: its manifest with its last recorded state, through all eight phases. The
    /// report has the number of acknowledged messages that this undoes. It is a new generation.
    ///
    /// # Errors
    /// The phase that failed; the module serves what it served before.
    pub async fn restore_generation(
        &self,
        name: &DocumentName,
        generation: u64,
        reason: &str,
    ) -> Result<ModuleReloadReport, ReloadFailure> {
        let (manifest, options) = self.restoring(name, generation).await?;
        tracing::warn!(module = %name, generation, reason, "generation is restored");
        self.reload(manifest, options.because(reason)).await
    }

    /// What [`Self::restore_generation`] would come to, tried on a scratch instance.
    ///
    /// # Errors
    /// What would fail.
    pub async fn try_restore(
        &self,
        name: &DocumentName,
        generation: u64,
    ) -> Result<DryRunReport, ReloadFailure> {
        let (manifest, options) = self.restoring(name, generation).await?;
        let (undone, has) = options.undone;
        let acknowledged = match self.inner.entry(name) {
            Some(entry) => entry.acknowledged().await,
            None => 0,
        };
        let report = self.try_with(manifest, options).await?;
        Ok(DryRunReport { undone: (acknowledged + undone).saturating_sub(has), ..report })
    }

    /// The manifest of a generation, and the options that bring back its state.
    async fn restoring(
        &self,
        name: &DocumentName,
        generation: u64,
    ) -> Result<(Arc<Manifest>, ReloadOptions), ReloadFailure> {
        let refuse = |refusal: ModuleRefusal| refusal.in_phase(name, ModulePhase::Prepare);
        let history = self.history(name).await.map_err(refuse)?;
        let record = history.generations.get(&generation).ok_or_else(|| {
            let kept: Vec<_> = history.generations.keys().collect();
            let message = format!("generation {generation} is not kept; kept are {kept:?}");
            refuse(ModuleRefusal::new("unknown_generation", message))
        })?;
        let live = self.status(name).and_then(|status| status.live);
        let number = live.as_ref().map(|live| live.generation);
        let between =
            history.generations.iter().filter(|(other, _)| **other > generation && Some(**other) != number);
        let undone = between.map(|(_, record)| record.acknowledged).sum();
        let has = if number == Some(generation) { record.acknowledged } else { 0 };
        let manifest = manifest_of(name, record).map_err(refuse)?;
        let left = live.map(|live| live.manifest.digest).filter(|digest| *digest != manifest.digest);
        let options = ReloadOptions {
            state: Some(Arc::clone(&record.state)),
            undone: (undone, has),
            withdraws: left,
            ..ReloadOptions::default().forced().in_line()
        };
        Ok((manifest, options))
    }

    /// Starts a module as the journal has its last commit, for a start at which the wanted manifest failed. None when
    /// the journal has nothing of it, or when it answers already.
    ///
    /// # Errors
    /// The phase that failed.
    pub async fn recover(&self, name: &DocumentName) -> Result<Option<ModuleReloadReport>, ReloadFailure> {
        let refuse = |refusal: ModuleRefusal| refusal.in_phase(name, ModulePhase::Prepare);
        if self.handle(name).is_some() {
            return Ok(None);
        }
        let history = self.history(name).await.map_err(refuse)?;
        let Some(record) = history.live() else { return Ok(None) };
        let manifest = manifest_of(name, record).map_err(refuse)?;
        self.load(manifest).await.map(Some)
    }

    /// The first phase of [`Self::recover`] alone.
    pub(crate) async fn prepare_recovery(
        &self,
        name: &DocumentName,
    ) -> Result<Option<PreparedModule>, ReloadFailure> {
        let refuse = |refusal: ModuleRefusal| refusal.in_phase(name, ModulePhase::Prepare);
        let history = self.history(name).await.map_err(refuse)?;
        let Some(record) = history.live() else { return Ok(None) };
        let manifest = manifest_of(name, record).map_err(refuse)?;
        self.prepare(manifest, ReloadOptions::default()).await
    }

    /// The state of a module, as it saves it between two messages; none when it has no state.
    ///
    /// # Errors
    /// Why it cannot be saved.
    pub async fn export_state(
        &self,
        name: &DocumentName,
    ) -> Result<Option<Arc<StateSnapshot>>, ModuleRefusal> {
        let entry = self.inner.entry(name).ok_or_else(|| no_module(name))?;
        entry.state().await
    }

    /// Loads a state into the live version, through all eight phases. It undoes what was acknowledged in this
    /// generation.
    ///
    /// # Errors
    /// The phase that failed; the module keeps its state.
    pub async fn import_state(
        &self,
        name: &DocumentName,
        state: StateSnapshot,
        reason: &str,
    ) -> Result<ModuleReloadReport, ReloadFailure> {
        let refuse = |refusal: ModuleRefusal| refusal.in_phase(name, ModulePhase::Prepare);
        let live = self.status(name).and_then(|status| status.live).ok_or_else(|| refuse(no_module(name)))?;
        tracing::warn!(module = %name, reason, "state is imported");
        let withdraws = self.status(name).and_then(|status| status.withdrawn);
        let options = ReloadOptions {
            state: Some(Arc::new(state)),
            withdraws,
            ..ReloadOptions::default().forced().in_line()
        };
        self.reload(Arc::clone(&live.manifest), options.because(reason)).await
    }

    /// Records the state of a module, so that a restart or a crash begins from here.
    ///
    /// # Errors
    /// Why it cannot be recorded.
    pub async fn checkpoint(&self, name: &DocumentName) -> Result<(), ModuleRefusal> {
        let entry = self.inner.entry(name).ok_or_else(|| no_module(name))?;
        entry.ask_for_state(true).await.map(drop)
    }
}

fn no_module(name: &DocumentName) -> ModuleRefusal {
    ModuleRefusal::new("no_module", format!("no module {name}; put its manifest first"))
}

fn manifest_of(name: &DocumentName, record: &GenerationRecord) -> Result<Arc<Manifest>, ModuleRefusal> {
    let manifest = Manifest::read(name, &record.body);
    manifest.map(Arc::new).map_err(|problems| {
        let first = problems.iter().next().map(ToString::to_string).unwrap_or_default();
        ModuleRefusal::new(
            "invalid_manifest",
            format!("the recorded manifest is not valid any more: {first}"),
        )
    })
}
