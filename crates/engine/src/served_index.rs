//! What the engine itself keeps in the world: which documents are served, and the checks on them.

use std::collections::BTreeMap;
use std::sync::Arc;

use midflight_core::{Digest, DocumentId, KindName};

use crate::check::Check;
use crate::environment::EnvironmentInput;

/// Is part of the world like a kind's snapshot, so that a swap and a rollback move it together with them.
#[derive(Debug, Clone, Default)]
pub(crate) struct ServedIndex {
    /// Every document that is served, by digest: what the next diff is made against. Bodies stay in the log.
    pub(crate) documents: imbl::HashMap<DocumentId, Digest>,
    /// How many documents of each kind are served, so that they need not be counted.
    counts: BTreeMap<KindName, usize>,
    /// Every check, of all kinds.
    pub(crate) checks: imbl::OrdMap<DocumentId, Arc<Check>>,
    /// The inputs of which the snapshots were made beside their documents.
    pub(crate) inputs: Arc<BTreeMap<KindName, Vec<EnvironmentInput>>>,
}

impl ServedIndex {
    /// That of no documents, on the same inputs.
    pub(crate) fn without_documents(&self) -> Self {
        Self { inputs: Arc::clone(&self.inputs), ..Self::default() }
    }

    /// Keeps a document's digest, or with none forgets the document.
    pub(crate) fn keep(&mut self, id: &DocumentId, digest: Option<Digest>) {
        let was_there = match digest {
            Some(digest) => self.documents.insert(id.clone(), digest).is_some(),
            None => self.documents.remove(id).is_some(),
        };
        let count = self.counts.entry(id.kind.clone()).or_default();
        match (was_there, digest.is_some()) {
            (false, true) => *count += 1,
            (true, false) => *count -= 1,
            _ => {}
        }
    }

    /// How many documents of a kind are served, its checks among them.
    pub(crate) fn count(&self, kind: &KindName) -> usize {
        self.counts.get(kind).copied().unwrap_or(0)
    }

    /// The checks of one kind, by name.
    pub(crate) fn checks_of<'a>(
        &'a self,
        kind: &'a KindName,
    ) -> impl Iterator<Item = (&'a DocumentId, &'a Arc<Check>)> {
        self.checks.iter().filter(move |(id, _)| id.kind == *kind)
    }
}
