//! Reads of the newest documents while the log is unavailable: from the copy that this replica keeps of what it serves.
//! Each answer shows it.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use midflight_core::DocumentId;
use midflight_store::{DocumentQuery, KeptDocument, LastGoodView, Page, StoreError};
use midflight_wire::documents::DocumentList;

use super::cursor;
use super::seen_page::{self, OfCopy};
use crate::app::AppState;
use crate::byte_budget::HeldBytes;
use crate::long_answer::json;
use crate::principal::Principal;
use crate::problem::ApiError;
use crate::wire::document_answer_of_copy;

/// How long the first reader of a copy waits for it to be read. Those after it find it in memory.
const COPY_WAIT: Duration = Duration::from_millis(500);
/// The header of an answer from the local copy: the revision that it is of.
const FROM_COPY: HeaderName = HeaderName::from_static("x-midflight-from-copy");

/// The local copy, where a read of the newest documents failed with `error` since the log is unavailable.
///
/// # Errors
/// `error`, when it is about something else, or there is no copy that can be read.
pub(super) async fn instead(app: &AppState, error: StoreError) -> Result<Arc<LastGoodView>, ApiError> {
    // A single call may fail while the log answers others; then it is asked again.
    let is_available = app.engine.store().availability().is_none_or(|measured| measured.available);
    if is_available || !matches!(error, StoreError::Unavailable(_)) {
        return Err(error.into());
    }
    match tokio::time::timeout(COPY_WAIT, app.engine.local_copy()).await {
        Ok(Ok(Some(copy))) => Ok(copy),
        // Not read yet: the next caller finds it.
        Err(_) | Ok(Ok(None)) => Err(error.into()),
        Ok(Err(unreadable)) => {
            tracing::warn!(error = %unreadable, "cannot read the local copy of what is served");
            Err(error.into())
        }
    }
}

/// Marks an answer as one from the copy. A write with its `ETag` as condition is refused: the version is not known.
pub(super) fn mark(copy: &LastGoodView, mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(FROM_COPY, HeaderValue::from(copy.at().served().get()));
    headers.insert(header::ETAG, HeaderValue::from_static("\"copy\""));
    response
}

/// A page of documents.
pub(super) async fn page(
    copy: Arc<LastGoodView>,
    query: DocumentQuery,
) -> Result<Page<KeptDocument, DocumentId>, ApiError> {
    let page = tokio::task::spawn_blocking(move || copy.documents(&query)).await;
    page.map_err(|error| ApiError::internal(&error))?.map_err(|error| ApiError::internal(&error))
}

/// The answer that is a page of documents.
pub(super) async fn list(
    (app, principal): (&AppState, &Principal),
    query: DocumentQuery,
    room: HeldBytes,
    error: StoreError,
) -> Result<Response, ApiError> {
    let copy = instead(app, error).await?;
    let page = seen_page::page(principal, query, &OfCopy(Arc::clone(&copy))).await?;
    let next_cursor = cursor::written(app, principal, page.next, |id| id.name.to_string()).await?;
    let bytes = page.items.iter().map(|document| document.body.len() as u64).sum();
    let revision = copy.at().served();
    let list = move || DocumentList {
        items: page.items.iter().map(|document| document_answer_of_copy(document, revision)).collect(),
        next_cursor,
        from_copy: Some(revision.get()),
    };
    Ok(mark(&copy, json(bytes, room, list).await?))
}

/// The answer that is one document. One that the copy does not have may be in the log, so it is not reported as absent.
pub(super) async fn document(
    app: &AppState,
    id: DocumentId,
    room: HeldBytes,
    error: StoreError,
) -> Result<Response, ApiError> {
    let unavailable = error.clone();
    let copy = instead(app, error).await?;
    let of_task = Arc::clone(&copy);
    let found = tokio::task::spawn_blocking(move || of_task.document(&id)).await;
    let found = found.map_err(|error| ApiError::internal(&error))?;
    let Some(document) = found.map_err(|error| ApiError::internal(&error))? else {
        return Err(unavailable.into());
    };
    let revision = copy.at().served();
    let bytes = document.body.len() as u64;
    let answer = json(bytes, room, move || document_answer_of_copy(&document, revision)).await?;
    Ok(mark(&copy, answer.into_response()))
}
