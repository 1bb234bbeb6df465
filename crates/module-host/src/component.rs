//! The modules of a world as one component of the engine: prepared, paused and committed with everything else that a
//! revision changes.

use std::sync::Arc;

use async_trait::async_trait;
use midflight_core::{DocumentId, DocumentName, KindName, Pointer, Problem, Problems};
use midflight_engine::{Committed, Component, Prepared, Section};
use midflight_live::{Slot, World};
use midflight_modules::{Manifest, ModulesSnapshot};

use crate::error::ReloadFailure;
use crate::group::drain_order;
use crate::host::ModuleHost;
use crate::options::ReloadOptions;
use crate::prepare::{PausedModule, PreparedModule};

/// Brings the modules of a host to the manifests of the world.
///
/// All modules that a revision changes are one group: they are paused together, callers before those they call, and all of
/// them commit or none. Messages wait until the whole reload is verified. A module whose manifest is gone is unloaded.
pub struct ModulesComponent {
    host: ModuleHost,
    slot: Slot,
    kind: KindName,
    options: ReloadOptions,
}

impl ModulesComponent {
    /// The component for the kind in that place of the world.
    #[must_use]
    pub fn new(host: ModuleHost, kind: KindName, slot: Slot) -> Self {
        Self { host, slot, kind, options: ReloadOptions::default() }
    }

    fn problem(&self, failure: &ReloadFailure) -> Problem {
        let id = DocumentId { kind: self.kind.clone(), name: failure.module.clone() };
        let message = format!("{}: {}", failure.phase, failure.message);
        Problem::new(failure.code.clone(), Pointer::root(), message).in_document(&id)
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

    async fn prepare(&self, _: &World, new: &World) -> Result<Option<Box<dyn Prepared>>, Problems> {
        let Some(snapshot) = new.get::<ModulesSnapshot>(self.slot) else { return Ok(None) };
        let live = |name: &DocumentName| self.host.status(name).and_then(|status| status.live);
        let is_changed = |manifest: &&Arc<Manifest>| {
            live(&manifest.name).is_none_or(|live| live.manifest.digest != manifest.digest)
        };
        let changed: Vec<Arc<Manifest>> = snapshot.manifests().filter(is_changed).cloned().collect();
        let gone: Vec<_> =
            self.host.names().into_iter().filter(|name| snapshot.manifest(name).is_none()).collect();
        if changed.is_empty() && gone.is_empty() {
            return Ok(None);
        }
        let order = drain_order(&changed).map_err(|refusal| {
            Problems::from(Problem::new(refusal.code, Pointer::root(), refusal.message))
        })?;
        let (mut ready, mut problems) = (Vec::new(), Problems::default());
        for manifest in changed {
            match self.host.prepare(manifest, self.options.clone()).await {
                Ok(prepared) => ready.extend(prepared),
                Err(failure) => problems.add(self.problem(&failure)),
            }
        }
        ready.sort_by_key(|module| order.iter().position(|name| name == module.name()));
        let (host, kind) = (self.host.clone(), self.kind.clone());
        problems.or(Some(Box::new(PreparedModules { host, kind, ready, paused: Vec::new(), gone })))
    }
}

struct PreparedModules {
    host: ModuleHost,
    kind: KindName,
    ready: Vec<PreparedModule>,
    paused: Vec<PausedModule>,
    gone: Vec<DocumentName>,
}

#[async_trait]
impl Prepared for PreparedModules {
    async fn pause(&mut self) -> Result<(), Problems> {
        for prepared in std::mem::take(&mut self.ready) {
            match prepared.pause().await {
                Ok(paused) => self.paused.push(paused),
                Err(failure) => {
                    // The others answer again at once, not when the reload has ended.
                    self.paused.clear();
                    let id = DocumentId { kind: self.kind.clone(), name: failure.module.clone() };
                    let message = format!("{}: {}", failure.phase, failure.message);
                    return Err(Problem::new(failure.code, Pointer::root(), message).in_document(&id).into());
                }
            }
        }
        Ok(())
    }

    fn commit(self: Box<Self>) -> Box<dyn Committed> {
        Box::new(CommittedModules(*self))
    }
}

/// The world has the new manifests, and messages wait for the end of the reload: dropping it is the exact way back.
struct CommittedModules(PreparedModules);

#[async_trait]
impl Committed for CommittedModules {
    fn rollback(self: Box<Self>) {}

    async fn retire(self: Box<Self>) {
        let PreparedModules { host, paused, gone, .. } = self.0;
        // Those that are called first answer again.
        for module in paused.into_iter().rev() {
            if let Err(failure) = module.commit().await {
                // It stays on its version, and is brought up at the next look at the log.
                tracing::error!(module = %failure.module, %failure, "module not committed");
            }
        }
        for name in gone {
            host.unload(&name).await;
        }
    }
}
