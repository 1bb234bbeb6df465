//! The authors of the tools of an answer, by the log.

use midflight_core::{DocumentId, RevisionNumber};
use midflight_http::problem::ApiError;
use midflight_store::{Authorship, StoreError};

use super::app::ToolsApp;

/// Who created and who changed these documents, as of a revision, in their order. Nothing is known of any while the log
/// is unavailable, or where it does not have that revision any more: what is served is answered all the same.
///
/// # Errors
/// When the log answers otherwise than it should.
pub(super) async fn authors(
    app: &ToolsApp,
    ids: &[DocumentId],
    at: RevisionNumber,
) -> Result<Vec<Option<Authorship>>, ApiError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    match app.engine.store().authorship(ids, at).await {
        Ok(authors) => Ok(authors),
        Err(
            error @ (StoreError::Unavailable(_)
            | StoreError::Compacted { .. }
            | StoreError::NoSuchRevision { .. }),
        ) => {
            tracing::debug!(%error, "cannot read the authors of tools; answered without them");
            Ok(vec![None; ids.len()])
        }
        Err(error) => Err(error.into()),
    }
}
