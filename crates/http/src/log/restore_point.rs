//! Restores documents to an earlier state, kept up to date while the log moves.

use std::collections::BTreeMap;
use std::sync::Arc;

use midflight_core::{Change, DocumentId, Precondition, RevisionNumber};
use midflight_store::{DocumentQuery, StoreError, StoredDocument};
use serde_json::Value;

use super::collect::{PAGE_BYTES_MAX, changed, stored};
use crate::app::AppState;
use crate::code::Code;
use crate::parsed_size;
use crate::problem::ApiError;

/// How many documents are compared at once.
const CHUNK: usize = 64;

/// The documents that differ between the state at the end of the log and an earlier one, as they were then.
pub(super) struct RestorePoint {
    to: RevisionNumber,
    /// Up to which revision they were compared.
    head: RevisionNumber,
    documents: BTreeMap<DocumentId, Option<Arc<Value>>>,
    /// What their bodies need, in bytes of memory.
    bytes: usize,
}

impl RestorePoint {
    /// Goes back to the state at a revision.
    pub(super) fn to(revision: RevisionNumber) -> Self {
        Self { to: revision, head: revision, documents: BTreeMap::new(), bytes: 0 }
    }

    /// Compares what changed up to `head` since the last call, of the documents that match `wanted`. Their bodies need
    /// at most `restore_bytes_max` together. Cost: two reads of the log for each [`CHUNK`] of adjacent documents.
    pub(super) async fn follow(
        &mut self,
        app: &AppState,
        head: RevisionNumber,
        wanted: impl Fn(&DocumentId) -> bool,
    ) -> Result<(), ApiError> {
        let mut after = None;
        loop {
            let page = changed(app, self.head, head, after).await?;
            let ids: Vec<_> = page.items.into_iter().filter(|id| wanted(id)).collect();
            for ids in ids.chunks(CHUNK) {
                let then = texts(app, ids, self.to).await?;
                let now = texts(app, ids, head).await?;
                for (id, (then, now)) in ids.iter().zip(then.into_iter().zip(now)) {
                    self.compare(app, id, then, now)?;
                }
            }
            after = page.next;
            if after.is_none() {
                self.head = head;
                return Ok(());
            }
        }
    }

    fn compare(
        &mut self,
        app: &AppState,
        id: &DocumentId,
        then: Option<StoredDocument>,
        now: Option<StoredDocument>,
    ) -> Result<(), ApiError> {
        let need = |body: &Option<Arc<Value>>| body.as_ref().map_or(0, |body| parsed_size::of_value(body));
        if let Some(before) = self.documents.remove(id) {
            self.bytes -= need(&before);
        }
        // The log keeps canonical texts.
        let text = |document: &Option<StoredDocument>| document.as_ref().and_then(|it| it.body.clone());
        if text(&then) == text(&now) {
            return Ok(());
        }
        let then = then.map(|document| document.parse()).transpose()?.and_then(|document| document.body);
        // By what it needs, not by what it is long: that may be a hundred times as much.
        self.bytes += need(&then);
        self.documents.insert(id.clone(), then);
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

    /// The changes that go back, each under the condition that its document is still what was compared. That is for an
    /// edit that is scheduled: it is made on whatever the state is then.
    pub(super) fn changes(&self) -> Vec<Change> {
        let precondition = Precondition::UnchangedSince(self.head);
        let documents = self.documents.iter();
        documents.map(|(id, body)| Change { id: id.clone(), body: body.clone(), precondition }).collect()
    }
}

/// The documents of these ids, which are in order, as they were at a revision. Adjacent ones in the log are read
/// together: a page that has none of them costs one more read.
async fn texts(
    app: &AppState,
    ids: &[DocumentId],
    at: RevisionNumber,
) -> Result<Vec<Option<StoredDocument>>, StoreError> {
    let mut found: Vec<Option<StoredDocument>> = Vec::with_capacity(ids.len());
    while let Some(id) = ids.get(found.len()) {
        // The first of a run by itself, since a page begins after a document.
        found.push(stored(app, id, Some(at)).await?);
        let rest = ids.get(found.len()..).unwrap_or_default();
        if rest.is_empty() || at == RevisionNumber::ZERO {
            continue;
        }
        let query = DocumentQuery {
            after: Some(id.clone()),
            at: Some(at),
            limit: u32::try_from(rest.len()).unwrap_or(u32::MAX),
            bytes_max: Some(PAGE_BYTES_MAX),
            ..DocumentQuery::default()
        };
        let page = app.engine.store().documents(query).await?;
        let read_to = page.next;
        let mut page = page.items.into_iter().peekable();
        for id in rest {
            // What is not read is past the last document of the page.
            if read_to.as_ref().is_some_and(|last| id > last) {
                break;
            }
            while page.next_if(|document| document.id < *id).is_some() {}
            found.push(page.next_if(|document| document.id == *id));
        }
    }
    Ok(found)
}
