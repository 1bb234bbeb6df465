//! Which hops lead from the schema of a state to the schema of a module.

use std::sync::Arc;

use super::{Migration, MigrationError};
use crate::manifest::Manifest;

/// The hops that the host runs, and the schema with which the code takes over.
#[derive(Debug, Clone)]
pub struct MigrationPlan {
    /// The schema of the state.
    pub from: u32,
    /// The schema that `load` gets. When it is not [`Self::to`], the code does the rest.
    pub loads: u32,
    /// The schema of the module.
    pub to: u32,
    /// The hops that the host runs, in order.
    pub hops: Vec<Arc<Migration>>,
}

impl MigrationPlan {
    /// The plan from schema `from` to the one of the manifest, whose code loads the schemas in `accepts`, and its own
    /// in any case. Declared hops are used as far as they lead to a schema that can be loaded.
    ///
    /// # Errors
    /// [`MigrationError::NoHop`].
    pub fn new(manifest: &Manifest, from: u32, accepts: &[u32]) -> Result<Self, MigrationError> {
        let to = manifest.schema;
        let can_load = |schema: u32| schema == to || accepts.contains(&schema);
        let (mut at, mut hops) = (from, Vec::new());
        let mut best = can_load(from).then_some((from, 0));
        while at != to {
            let next = if at < to { at + 1 } else { at - 1 };
            let hop = manifest.migrations.iter().find(|hop| (hop.from, hop.to) == (at, next));
            let Some(hop) = hop else { break };
            hops.push(Arc::clone(hop));
            at = next;
            if can_load(at) {
                best = Some((at, hops.len()));
            }
        }
        let Some((loads, used)) = best else {
            return Err(MigrationError::NoHop { at, next: if at < to { at + 1 } else { at - 1 } });
        };
        hops.truncate(used);
        Ok(Self { from, loads, to, hops })
    }

    /// Whether the host has nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hops.is_empty()
    }
}
