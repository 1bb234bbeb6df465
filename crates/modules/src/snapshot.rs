//! What is served: the manifests of one revision.

use std::sync::Arc;

use imbl::OrdMap;
use midflight_core::DocumentName;

use crate::groups::{GroupCycle, GroupMember, topological_order};
use crate::manifest::Manifest;

/// The manifests at a revision. A clone shares everything.
#[derive(Debug, Clone, Default)]
pub struct ModulesSnapshot {
    pub(crate) manifests: OrdMap<DocumentName, Arc<Manifest>>,
}

impl ModulesSnapshot {
    /// The manifest of a module.
    #[must_use]
    pub fn manifest(&self, name: &DocumentName) -> Option<&Arc<Manifest>> {
        self.manifests.get(name)
    }

    /// All manifests, by name.
    pub fn manifests(&self) -> impl Iterator<Item = &Arc<Manifest>> {
        self.manifests.values()
    }

    /// How many modules there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.manifests.len()
    }

    /// The members of a group in the order in which they are drained.
    ///
    /// # Errors
    /// The cycle, when they wait for each other. A snapshot that was compiled has none.
    pub fn group_order(&self, group: &str) -> Result<Vec<DocumentName>, GroupCycle> {
        drain_order(&self.group(group))
    }

    /// The members of a group, by name.
    pub(crate) fn group(&self, group: &str) -> Vec<&Arc<Manifest>> {
        let is_member =
            |manifest: &&Arc<Manifest>| manifest.group.as_ref().is_some_and(|place| &*place.name == group);
        self.manifests().filter(is_member).collect()
    }
}

/// The order in which modules are drained: after those that call them and those named in `after`.
pub(crate) fn drain_order(manifests: &[&Arc<Manifest>]) -> Result<Vec<DocumentName>, GroupCycle> {
    let member = |manifest: &&Arc<Manifest>| {
        let named = manifest.group.iter().flat_map(|place| place.after.iter().cloned());
        let callers = manifests.iter().filter(|other| other.calls.contains(&manifest.name));
        GroupMember {
            name: manifest.name.clone(),
            after: named.chain(callers.map(|caller| caller.name.clone())).collect(),
        }
    };
    topological_order(&manifests.iter().map(member).collect::<Vec<_>>())
}
