//! What brings documents back to an earlier state, kept up while the log goes on.

use std::collections::BTreeMap;
use std::sync::Arc;

use midflight_core::{Change, DocumentId, Precondition, RevisionNumber};
use midflight_store::StoreError;
use serde_json::Value;

use super::collect::changed;
use crate::app::App;
use crate::code::Code;
use crate::parsed_size;
use crate::problem::ApiError;

/// The documents that differ between the state at the end of the log and an earlier one, as they were then.
pub(super) struct Back {
    to: RevisionNumber,
    /// Up to which revision they were compared.
    head: RevisionNumber,
    documents: BTreeMap<DocumentId, Option<Arc<Value>>>,
    /// What their bodies need, in bytes of memory.
    bytes: usize,
}

impl Back {
    /// Goes back to the state at a revision.
    pub(super) fn to(revision: RevisionNumber) -> Self {
        Self { to: revision, head: revision, documents: BTreeMap::new(), bytes: 0 }
    }

    /// Compares what changed up to `head` since the last call, of the documents to which `wanted` says yes. Their bodies need at
    /// most `restore_bytes_max` together. Cost: two reads of the log for each document.
    pub(super) async fn follow(
        &mut self,
        app: &App,
        head: RevisionNumber,
        wanted: impl Fn(&DocumentId) -> bool,
    ) -> Result<(), ApiError> {
        let mut after = None;
        loop {
            let page = changed(app, self.head, head, after).await?;
            for id in page.items.into_iter().filter(|id| wanted(id)) {
                self.compare(app, id, head).await?;
            }
            after = page.next;
            if after.is_none() {
                self.head = head;
                return Ok(());
            }
        }
    }

    async fn compare(&mut self, app: &App, id: DocumentId, head: RevisionNumber) -> Result<(), ApiError> {
        let need = |body: &Option<Arc<Value>>| body.as_ref().map_or(0, |body| parsed_size::of_value(body));
        let then = at(app, &id, self.to).await?;
        if let Some(before) = self.documents.remove(&id) {
            self.bytes -= need(&before);
        }
        if at(app, &id, head).await? == then {
            return Ok(());
        }
        // By what it needs, not by what it is long: that may be a hundred times as much.
        self.bytes += need(&then);
        self.documents.insert(id, then);
        let (max, bytes_max) = (app.limits.restore_documents_max, app.limits.restore_bytes_max);
        let detail = if self.bytes > bytes_max {
            format!("the documents to restore need more than {bytes_max} bytes of memory (restore_bytes_max)")
        } else if self.documents.len() > max {
            format!("more than {max} documents differ (restore_documents_max)")
        } else {
            return Ok(());
        };
        Err(ApiError::new(Code::TOO_LARGE, format!("{detail}; name a kind or a document")))
    }

    /// The changes that go back, each under the condition that its document is still what was compared. That is for an edit that
    /// is scheduled: it is made on whatever the state is then.
    pub(super) fn changes(&self) -> Vec<Change> {
        let precondition = Precondition::UnchangedSince(self.head);
        let documents = self.documents.iter();
        documents.map(|(id, body)| Change { id: id.clone(), body: body.clone(), precondition }).collect()
    }
}

async fn at(app: &App, id: &DocumentId, revision: RevisionNumber) -> Result<Option<Arc<Value>>, StoreError> {
    if revision == RevisionNumber::ZERO {
        return Ok(None);
    }
    Ok(app.engine.store().document_at(id, revision).await?.and_then(|document| document.body))
}
