//! The bodies that are served, for what is read from the log again.

use std::sync::Arc;

use midflight_core::{Digest, Document};
use midflight_live::{SnapshotSlot, World};
use midflight_store::{StoreError, StoredDocument};

use crate::registry::Registry;
use crate::served_index::ServedIndex;

/// Where the bodies of served documents are: a document that did not change is not parsed again, and is in memory once.
#[derive(Clone)]
pub(crate) struct ServedBodies {
    pub(crate) world: Arc<World>,
    pub(crate) registry: Registry,
    pub(crate) served_index: SnapshotSlot,
}

impl ServedBodies {
    /// A document of the log, with the body that is served if it has the same digest. Cost: a digest of its text, or
    /// parses it.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when the body is not JSON.
    pub(crate) fn document(&self, stored: StoredDocument) -> Result<Document, StoreError> {
        let Some(body) = self.served(&stored) else { return stored.parse() };
        let StoredDocument { id, version, revision, owner, .. } = stored;
        Ok(Document { id, version, revision, owner, body: Some(body) })
    }

    fn served(&self, stored: &StoredDocument) -> Option<Arc<serde_json::Value>> {
        let text = stored.body.as_ref()?;
        let registered = self.registry.get(&stored.id.kind)?;
        let body = registered.kind.body(self.world.get_any(registered.slot)?, &stored.id.name)?;
        let digest = self.world.get::<ServedIndex>(self.served_index)?.documents.get(&stored.id)?;
        // The log keeps canonical texts, and a digest is that of one.
        (Digest::of_bytes(text.as_bytes()) == *digest).then_some(body)
    }
}
