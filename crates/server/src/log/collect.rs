//! Gathers documents from the log: every one under a prefix, or every one that two revisions differ in.

use std::collections::BTreeSet;

use midflight_core::{Diff, Document, DocumentId, KindName, RevisionNumber};
use midflight_store::{DocumentQuery, StoreError};

use crate::app::App;
use crate::problem::{ApiError, Code};

/// How many revisions or documents are read from the store at once.
const PAGE: u32 = 500;

/// Every document of a kind whose name starts so, as of one revision.
pub(crate) async fn every(
    app: &App,
    kind: &KindName,
    prefix: &str,
    at: RevisionNumber,
) -> Result<Vec<Document>, StoreError> {
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let query = DocumentQuery {
            kind: Some(kind.clone()),
            name_prefix: prefix.to_owned(),
            after,
            at: Some(at),
            limit: PAGE,
        };
        let page = app.engine.store().documents(query).await?;
        found.extend(page.items);
        after = page.next;
        if after.is_none() {
            return Ok(found);
        }
    }
}

/// What differs from the state of the log at `from` to its state at `to`, in documents that `wanted` says yes to.
pub(super) async fn between(
    app: &App,
    from: RevisionNumber,
    to: RevisionNumber,
    wanted: impl Fn(&DocumentId) -> bool,
) -> Result<Diff, ApiError> {
    let (first, last) = (from.min(to), from.max(to));
    let mut ids = BTreeSet::new();
    let mut position = first;
    while position < last {
        let page = app.engine.store().since(position, PAGE).await?;
        let Some(newest) = page.last() else {
            let head = app.engine.store().head().await?.number;
            return Err(StoreError::NoSuchRevision { asked: last, head }.into());
        };
        position = newest.revision.number;
        let inside = page.iter().filter(|one| one.revision.number <= last);
        let changed = inside.flat_map(|one| one.revision.changes.iter().map(|change| &change.id));
        ids.extend(changed.filter(|id| wanted(id)).cloned());
        let max = app.limits.diff_documents_max;
        if ids.len() > max {
            let detail = format!(
                "more than {max} documents changed in between (diff_documents_max); name a kind, a document or a \
                 nearer revision"
            );
            return Err(ApiError::new(Code::TooLarge, detail));
        }
    }
    let mut documents = Vec::with_capacity(ids.len());
    for id in ids {
        let (old, new) = (at(app, &id, from).await?, at(app, &id, to).await?);
        documents.push((id, old, new));
    }
    Ok(Diff::new(documents))
}

async fn at(
    app: &App,
    id: &DocumentId,
    revision: RevisionNumber,
) -> Result<Option<std::sync::Arc<serde_json::Value>>, StoreError> {
    if revision == RevisionNumber::ZERO {
        return Ok(None);
    }
    Ok(app.engine.store().document_at(id, revision).await?.and_then(|document| document.body))
}
