//! Gathers documents from the log: every one under a prefix, or every one that was changed since a revision.

use std::sync::Arc;

use midflight_core::{Change, DocumentId, KindName, Precondition, RevisionNumber};
use midflight_store::{ChangedQuery, DocumentQuery, StoreError, StoredDocument};
use serde_json::Value;

use crate::app::App;
use crate::code::Code;
use crate::parsed_size;
use crate::problem::ApiError;

/// How many documents are read from the store at once.
const PAGE: u32 = 500;
/// How many bytes of bodies are read from the store at once.
const PAGE_BYTES_MAX: u64 = 1 << 20;

/// Every document of a kind whose name starts so, as of one revision.
pub async fn every(
    app: &App,
    kind: &KindName,
    prefix: &str,
    at: RevisionNumber,
) -> Result<Vec<DocumentId>, StoreError> {
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let query = DocumentQuery {
            kind: Some(kind.clone()),
            name_prefix: prefix.to_owned(),
            after,
            at: Some(at),
            limit: PAGE,
            bytes_max: Some(PAGE_BYTES_MAX),
            ..DocumentQuery::default()
        };
        let page = app.engine.store().documents(query).await?;
        found.extend(page.items.into_iter().map(|document| document.id));
        after = page.next;
        if after.is_none() {
            return Ok(found);
        }
    }
}

/// A document as its log has it, as of a revision or now; none when it is not there then.
pub async fn stored(
    app: &App,
    id: &DocumentId,
    at: Option<RevisionNumber>,
) -> Result<Option<StoredDocument>, StoreError> {
    if at == Some(RevisionNumber::ZERO) {
        return Ok(None);
    }
    // Of the names that start with one, it is the first.
    let query = DocumentQuery {
        kind: Some(id.kind.clone()),
        name_prefix: id.name.to_string(),
        at,
        limit: 1,
        ..DocumentQuery::default()
    };
    let found = app.engine.store().documents(query).await?.items.into_iter().next();
    Ok(found.filter(|document| document.id == *id))
}

/// The documents that were changed between two revisions, in whichever order, after that one.
pub(super) async fn changed(
    app: &App,
    from: RevisionNumber,
    to: RevisionNumber,
    after_id: Option<DocumentId>,
) -> Result<midflight_store::Page<DocumentId, DocumentId>, StoreError> {
    let (after, upto) = (from.min(to), from.max(to));
    let query = ChangedQuery { after, upto, after_id, limit: PAGE, ..ChangedQuery::default() };
    app.engine.store().changed(query).await
}

/// The changes that bring the documents to which `wanted` says yes back to the state of the log at `to`, from that at `head`. Of
/// a document that is there what it was then already, the change is one without effect. The bodies need at most
/// `restore_bytes_max` together.
pub(super) async fn changes_back(
    app: &App,
    head: RevisionNumber,
    to: RevisionNumber,
    wanted: impl Fn(&DocumentId) -> bool,
) -> Result<Vec<Change>, ApiError> {
    let (mut changes, mut bytes) = (Vec::new(), 0_usize);
    let (max, bytes_max) = (app.limits.restore_documents_max, app.limits.restore_bytes_max);
    let mut after = None;
    loop {
        let page = changed(app, head, to, after).await?;
        for id in page.items.into_iter().filter(|id| wanted(id)) {
            let body = at(app, &id, to).await?;
            // By what it needs, not by what it is long: that may be a hundred times as much.
            bytes += body.as_ref().map_or(0, |body| parsed_size::of_value(body));
            if bytes > bytes_max {
                let detail = format!(
                    "the documents to restore need more than {bytes_max} bytes of memory (restore_bytes_max); name a kind or a \
                     document"
                );
                return Err(ApiError::new(Code::TOO_LARGE, detail));
            }
            if changes.len() == max {
                let detail = format!(
                    "more than {max} documents changed since (restore_documents_max); name a kind or a document"
                );
                return Err(ApiError::new(Code::TOO_LARGE, detail));
            }
            changes.push(Change { id, body, precondition: Precondition::None });
        }
        after = page.next;
        if after.is_none() {
            return Ok(changes);
        }
    }
}

async fn at(app: &App, id: &DocumentId, revision: RevisionNumber) -> Result<Option<Arc<Value>>, StoreError> {
    if revision == RevisionNumber::ZERO {
        return Ok(None);
    }
    Ok(app.engine.store().document_at(id, revision).await?.and_then(|document| document.body))
}
