//! Gathers documents from the log: every one under a prefix, or every one that was changed since a revision.

use midflight_core::{DocumentId, KindName, RevisionNumber};
use midflight_store::{ChangedQuery, DocumentQuery, StoreError, StoredDocument};

use crate::app::AppState;

/// How many documents are read from the store at once.
const PAGE: u32 = 500;
/// How many bytes of bodies are read from the store at once.
pub(super) const PAGE_BYTES_MAX: u64 = 1 << 20;

/// Every document of a kind whose name starts so, as of one revision.
pub async fn every(
    app: &AppState,
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
    app: &AppState,
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
    app: &AppState,
    from: RevisionNumber,
    to: RevisionNumber,
    after_id: Option<DocumentId>,
) -> Result<midflight_store::Page<DocumentId, DocumentId>, StoreError> {
    let (after, upto) = (from.min(to), from.max(to));
    let query = ChangedQuery { after, upto, after_id, limit: PAGE, ..ChangedQuery::default() };
    app.engine.store().changed(query).await
}
