//! Compares the states of the log at two revisions, document by document: at no time are more than two bodies parsed.

use std::time::{Duration, Instant};

use midflight_core::{Diff, DocumentId, RevisionNumber};
use midflight_store::{StoreError, StoredDocument};
use midflight_wire::edits::DocumentDiffAnswer;

use super::collect::{changed, stored};
use crate::app::AppState;
use crate::code::Code;
use crate::compute::TimeLimit;
use crate::diff_maker::{DiffMaker, marked, marked_unread};
use crate::principal::Principal;
use crate::problem::ApiError;

/// One page of a comparison.
pub(super) struct ComparisonPage {
    pub(super) documents: Vec<DocumentDiffAnswer>,
    /// The document after which to continue. The caller may not know it.
    pub(super) next: Option<DocumentId>,
}

/// The result for one document.
enum ComparedDocument {
    Equal,
    Differs(DocumentDiffAnswer),
    /// It does not fit on this page.
    Full,
}

/// Compares documents from after that one on, until the page has `limit` of them or `diff_bytes_max`, or `diff_ms_max`
/// are over. At least one document is compared.
pub(super) async fn page(
    (app, principal): (&AppState, &Principal),
    (from, to): (RevisionNumber, RevisionNumber),
    mut after: Option<DocumentId>,
    limit: u32,
    text: bool,
) -> Result<ComparisonPage, ApiError> {
    let end = Instant::now() + Duration::from_millis(app.limits.diff_ms_max);
    let mut maker = DiffMaker::new(app.limits.diff_bytes_max, text);
    let mut documents = Vec::new();
    let mut looked = 0_usize;
    // Where a page that is full ends: what follows and the caller may not see has no effect on it.
    let mut compared = after.clone();
    loop {
        let ids = changed(app, from, to, after.clone()).await?;
        for id in ids.items {
            if looked > 0 && Instant::now() > end {
                return Ok(ComparisonPage { documents, next: after });
            }
            if !principal.sees(&id) {
                looked += 1;
                after = Some(id);
                continue;
            }
            if documents.len() >= limit as usize {
                return Ok(ComparisonPage { documents, next: compared });
            }
            let pair = (stored(app, &id, Some(from)).await?, stored(app, &id, Some(to)).await?);
            looked += 1;
            match compare((app, principal), &mut maker, &id, pair, documents.is_empty()).await? {
                ComparedDocument::Equal => {}
                ComparedDocument::Differs(answer) => documents.push(answer),
                ComparedDocument::Full => return Ok(ComparisonPage { documents, next: compared }),
            }
            compared = Some(id.clone());
            after = Some(id);
        }
        if ids.next.is_none() {
            return Ok(ComparisonPage { documents, next: None });
        }
    }
}

async fn compare(
    (app, principal): (&AppState, &Principal),
    maker: &mut DiffMaker,
    id: &DocumentId,
    (old, new): (Option<StoredDocument>, Option<StoredDocument>),
    is_first: bool,
) -> Result<ComparedDocument, ApiError> {
    let text =
        |document: &Option<StoredDocument>| document.as_ref().and_then(|document| document.body.clone());
    if text(&old) == text(&new) {
        return Ok(ComparedDocument::Equal);
    }
    let bytes = |document: &Option<StoredDocument>| document.as_ref().map(StoredDocument::bytes);
    let (old_bytes, new_bytes) = (bytes(&old), bytes(&new));
    let (mut made_by, of) = (*maker, id.clone());
    let limit = TimeLimit { ms_max: app.limits.diff_ms_max, name: "diff_ms_max" };
    let done = app.compute.run(principal.into(), limit, move |_| {
        let body = |document: Option<StoredDocument>| {
            let parsed = document.map(|document| document.parse()).transpose()?;
            Ok::<_, StoreError>(parsed.and_then(|document| document.body))
        };
        let diff = Diff::new([(of, body(old)?, body(new)?)]);
        let one = match diff.documents() {
            [one] if is_first => {
                ComparedDocument::Differs(made_by.try_make(one).unwrap_or_else(|| marked(one)))
            }
            [one] => made_by.try_make(one).map_or(ComparedDocument::Full, ComparedDocument::Differs),
            _ => ComparedDocument::Equal,
        };
        Ok::<_, StoreError>((one, made_by))
    });
    let (one, made_by) = match done.await {
        // It is one document that takes so long, so asking for less would not help: it is only marked as different.
        Err(error) if error.code() == Code::TOO_EXPENSIVE.as_str() => {
            return Ok(ComparedDocument::Differs(marked_unread(id, old_bytes, new_bytes)));
        }
        done => done??,
    };
    *maker = made_by;
    Ok(one)
}
