//! The modules of a world as one component of the engine: prepared, paused and committed with everything else that a
//! revision changes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use midflight_core::{DocumentId, DocumentName, JsonPointer, KindName, Problem, Problems};
use midflight_engine::{Committed, Component, Prepared, Section};
use midflight_live::{SnapshotSlot, World};
use midflight_modules::{Manifest, ModulesSnapshot};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::Instant;

use crate::error::ReloadFailure;
use crate::group::drain_order;
use crate::host::ModuleHost;
use crate::options::ReloadOptions;
use crate::prepare::{PausedModule, PreparedModule};

/// How long a start waits for its modules, together.
const START_MAX: Duration = Duration::from_secs(10);

/// Brings the modules of a host to the manifests of the world.
///
/// All modules that a revision changes are one group: they are paused together, callers before those they call, and all
/// of them commit or none. Messages wait until the whole reload is verified. A module whose manifest was deleted is
/// unloaded.
///
/// At the start each module is by itself, so that one which cannot be loaded here keeps no other, and not the process,
/// from starting: it runs its last commit instead, if the journal has one. The program sees that it is behind its
/// manifest ([`ModuleHost::status`]) and has to fix it; an edit that does not change the manifest of such a module does
/// not touch it.
pub struct ModulesComponent {
    host: ModuleHost,
    slot: SnapshotSlot,
    kind: KindName,
    options: ReloadOptions,
    /// Whether what it prepared was committed once.
    has_started: Arc<AtomicBool>,
    /// Held by a reload from its begin until its modules answer again and those that are gone are unloaded: the next one
    /// looks at what runs then.
    turn: Arc<Mutex<()>>,
}

impl ModulesComponent {
    /// The component for the kind in that place of the world.
    #[must_use]
    pub fn new(host: ModuleHost, kind: KindName, slot: SnapshotSlot) -> Self {
        Self {
            host,
            slot,
            kind,
            options: ReloadOptions::default(),
            has_started: Arc::default(),
            turn: Arc::default(),
        }
    }

    /// What runs at the start in place of a manifest that cannot be loaded: the last commit, or nothing.
    async fn instead_of(&self, failure: &ReloadFailure) -> Option<PreparedModule> {
        let module = &failure.module;
        match self.host.prepare_recovery(module).await {
            Ok(Some(prepared)) => {
                tracing::error!(%module, %failure, "module not loaded; its last commit runs instead");
                Some(prepared)
            }
            Ok(None) => {
                tracing::error!(%module, %failure, "module not loaded; it does not run");
                None
            }
            Err(last) => {
                tracing::error!(%module, %failure, %last, "neither the module nor its last commit can be loaded");
                None
            }
        }
    }

    fn problem(&self, failure: &ReloadFailure) -> Problem {
        let id = DocumentId { kind: self.kind.clone(), name: failure.module.clone() };
        let message = format!("{}: {}", failure.phase, failure.message);
        Problem::new(failure.code.clone(), JsonPointer::root(), message).in_document(&id)
    }
}

#[async_trait]
impl Component for ModulesComponent {
    fn name(&self) -> &str {
        "modules"
    }

    fn sections(&self) -> Vec<Section> {
        vec![Section { kind: self.kind.clone(), name: None }]
    }

    /// After pools and clients: a module is paused when everything else is ready.
    fn order(&self) -> u32 {
        1_000
    }

    async fn prepare(&self, old: &World, new: &World) -> Result<Option<Box<dyn Prepared>>, Problems> {
        let Some(snapshot) = new.get::<ModulesSnapshot>(self.slot) else { return Ok(None) };
        let turn = Arc::clone(&self.turn).lock_owned().await;
        let old = old.get::<ModulesSnapshot>(self.slot);
        let is_start = !self.has_started.load(Ordering::Acquire);
        let before = |name: &DocumentName| old.and_then(|old| old.manifest(name)).filter(|_| !is_start);
        let live = |name: &DocumentName| self.host.status(name).and_then(|status| status.live);
        let is_changed = |manifest: &&Arc<Manifest>| {
            before(&manifest.name).is_none_or(|before| before.digest != manifest.digest)
                && live(&manifest.name).is_none_or(|live| live.manifest.digest != manifest.digest)
        };
        let changed: Vec<Arc<Manifest>> = snapshot.manifests().filter(is_changed).cloned().collect();
        let is_gone = |name: &DocumentName| snapshot.manifest(name).is_none() && before(name).is_some();
        let removed: Vec<_> = self.host.names().into_iter().filter(is_gone).collect();
        if changed.is_empty() && removed.is_empty() && !is_start {
            return Ok(None);
        }
        let order = drain_order(&changed).map_err(|refusal| {
            Problems::from(Problem::new(refusal.code, JsonPointer::root(), refusal.message))
        })?;
        let (mut ready, mut problems) = (Vec::new(), Problems::default());
        let start_until = Instant::now() + START_MAX;
        for manifest in changed {
            let name = manifest.name.clone();
            let preparing = self.host.prepare(manifest, self.options.clone());
            let prepared = match is_start {
                false => preparing.await,
                true => match tokio::time::timeout_at(start_until, preparing).await {
                    Ok(prepared) => prepared,
                    Err(_) => {
                        // What was begun to be compiled is compiled to its end, and found by the next attempt.
                        tracing::warn!(module = %name, "module not loaded yet; the start does not wait for it");
                        continue;
                    }
                },
            };
            match prepared {
                Ok(prepared) => ready.extend(prepared),
                Err(failure) if is_start => ready.extend(self.instead_of(&failure).await),
                Err(failure) => problems.add(self.problem(&failure)),
            }
        }
        ready.sort_by_key(|module| order.iter().position(|name| name == module.name()));
        let (host, kind) = (self.host.clone(), self.kind.clone());
        let has_started = Arc::clone(&self.has_started);
        let paused = Vec::new();
        let prepared = PreparedModules { host, kind, ready, paused, removed, is_start, has_started, turn };
        problems.or(Some(Box::new(prepared)))
    }
}

struct PreparedModules {
    host: ModuleHost,
    kind: KindName,
    ready: Vec<PreparedModule>,
    paused: Vec<PausedModule>,
    removed: Vec<DocumentName>,
    /// Whether each module is by itself.
    is_start: bool,
    has_started: Arc<AtomicBool>,
    turn: OwnedMutexGuard<()>,
}

#[async_trait]
impl Prepared for PreparedModules {
    async fn pause(&mut self) -> Result<(), Problems> {
        for prepared in std::mem::take(&mut self.ready) {
            match prepared.pause().await {
                Ok(paused) => self.paused.push(paused),
                // The log has it already: it is tried again beside the others, which do not wait for it.
                Err(failure) if self.is_start => {
                    tracing::error!(module = %failure.module, %failure, "module not loaded; it does not run");
                }
                Err(failure) => {
                    // The others answer again at once, not when the reload has ended.
                    self.paused.clear();
                    let id = DocumentId { kind: self.kind.clone(), name: failure.module.clone() };
                    let message = format!("{}: {}", failure.phase, failure.message);
                    return Err(Problem::new(failure.code, JsonPointer::root(), message)
                        .in_document(&id)
                        .into());
                }
            }
        }
        Ok(())
    }

    fn commit(self: Box<Self>) -> Box<dyn Committed> {
        self.has_started.store(true, Ordering::Release);
        Box::new(CommittedModules(*self))
    }
}

/// The world has the new manifests, and messages wait for the end of the reload: dropping it is the exact way back.
struct CommittedModules(PreparedModules);

#[async_trait]
impl Committed for CommittedModules {
    fn rollback(self: Box<Self>) {}

    async fn retire(self: Box<Self>) {
        let PreparedModules { host, paused, removed, turn, .. } = self.0;
        // Those that are called first answer again.
        for module in paused.into_iter().rev() {
            if let Err(failure) = module.commit().await {
                // It stays on its version, behind its manifest.
                tracing::error!(module = %failure.module, %failure, "module not committed");
            }
        }
        for name in removed {
            host.unload(&name).await;
        }
        drop(turn);
    }
}
