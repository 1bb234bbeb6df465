//! Modules that are replaced together: all of them, or none.

use std::sync::Arc;

use midflight_core::DocumentName;
use midflight_modules::{GroupMember, Manifest, topological_order};

use crate::error::{ModuleRefusal, ReloadFailure};
use crate::host::ModuleHost;
use crate::options::ReloadOptions;
use crate::phase::ModulePhase;
use crate::prepare::{PausedModule, PreparedModule};
use crate::report::ModuleReloadReport;

impl ModuleHost {
    /// Reloads several modules in two phases: each is prepared; then they are paused, callers before those they call;
    /// then all commit. When one fails before that, all roll back.
    ///
    /// The order comes from `calls` and `group.after` of the manifests. A commit fails only when the journal does not
    /// take it; those that had committed by then return to what they were, unless a message was acknowledged meanwhile.
    ///
    /// # Errors
    /// The first module that failed, or a cycle among them.
    pub async fn reload_group(
        &self,
        manifests: &[Arc<Manifest>],
        options: &ReloadOptions,
    ) -> Result<Vec<ModuleReloadReport>, ReloadFailure> {
        let Some(first) = manifests.first() else { return Ok(Vec::new()) };
        let order =
            drain_order(manifests).map_err(|refusal| refusal.in_phase(&first.name, ModulePhase::Prepare))?;
        let (mut prepared, mut reports) = (Vec::new(), Vec::new());
        // In the order of their names, so that two groups never wait for each other.
        let mut sorted: Vec<_> = manifests.iter().collect();
        sorted.sort_by(|a, b| a.name.cmp(&b.name));
        for manifest in sorted {
            match self.prepare(Arc::clone(manifest), options.clone()).await? {
                Some(candidate) => prepared.push(candidate),
                None => reports.push(self.unchanged(&manifest.name)),
            }
        }
        let place = |module: &PreparedModule| order.iter().position(|name| name == module.name());
        prepared.sort_by_key(place);
        let mut paused: Vec<PausedModule> = Vec::with_capacity(prepared.len());
        for candidate in prepared {
            paused.push(candidate.pause().await?);
        }
        let mut committed: Vec<DocumentName> = Vec::new();
        // Those that are called first answer again, so that no caller waits for one that is still paused.
        for candidate in paused.into_iter().rev() {
            let name = candidate.name().clone();
            match candidate.commit().await {
                Ok(report) => {
                    committed.push(name);
                    reports.push(report);
                }
                Err(failure) => {
                    for name in committed {
                        if let Err(refusal) = self.return_to_previous(&name).await {
                            tracing::error!(module = %name, %refusal, "member of a group cannot return");
                        }
                    }
                    return Err(failure);
                }
            }
        }
        Ok(reports)
    }
}

/// The order in which they are drained.
pub(crate) fn drain_order(manifests: &[Arc<Manifest>]) -> Result<Vec<DocumentName>, ModuleRefusal> {
    let member = |manifest: &Arc<Manifest>| {
        let named = manifest.group.iter().flat_map(|place| place.after.iter().cloned());
        let callers = manifests.iter().filter(|other| other.calls.contains(&manifest.name));
        let callers = callers.map(|caller| caller.name.clone());
        GroupMember { name: manifest.name.clone(), after: named.chain(callers).collect() }
    };
    let members: Vec<_> = manifests.iter().map(member).collect();
    topological_order(&members).map_err(|cycle| ModuleRefusal::new("group_cycle", cycle.to_string()))
}
