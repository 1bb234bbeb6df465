//! What the engine itself keeps in the world: which documents are served, and the checks on them.

use std::sync::Arc;

use midflight_core::{Digest, DocumentId, KindName};

use crate::check::Check;

/// Hangs from the world like a kind's snapshot, so that a swap and a rollback move it together with them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ground {
    /// Every document that is served, by digest: what the next diff is made against. Bodies stay in the log.
    pub(crate) documents: imbl::HashMap<DocumentId, Digest>,
    /// Every check, of all kinds.
    pub(crate) checks: imbl::OrdMap<DocumentId, Arc<Check>>,
}

impl Ground {
    /// The checks of one kind, by name.
    pub(crate) fn checks_of<'a>(
        &'a self,
        kind: &'a KindName,
    ) -> impl Iterator<Item = (&'a DocumentId, &'a Arc<Check>)> {
        self.checks.iter().filter(move |(id, _)| id.kind == *kind)
    }
}
