//! The kind that a request names.

use midflight_core::KindName;
use midflight_store::{DocumentQuery, RevisionQuery, StoreError};

use crate::app::AppState;
use crate::code::Code;
use crate::params;
use crate::problem::ApiError;

/// A kind to filter by, as it is in a query.
///
/// # Errors
/// As [`known`]; 400 when it is no name of a kind.
pub(super) async fn filter(app: &AppState, kind: Option<&str>) -> Result<Option<KindName>, ApiError> {
    match params::kind(kind)? {
        Some(kind) => known(app, kind).await.map(Some),
        None => Ok(None),
    }
}

/// A kind that this server has, or that its log has documents of: a server of another version may have written them.
///
/// # Errors
/// 404 for any other. Without it a misspelled kind would be answered as one of which there is nothing.
pub(super) async fn known(app: &AppState, kind: KindName) -> Result<KindName, ApiError> {
    let known = app.engine.kinds();
    if known.contains(&kind.as_str()) || is_in_log(app, &kind).await? {
        return Ok(kind);
    }
    let detail = format!("unknown kind {:?}; expected one of: {}", kind.as_str(), known.join(", "));
    Err(ApiError::new(Code::NOT_FOUND, detail))
}

async fn is_in_log(app: &AppState, kind: &KindName) -> Result<bool, StoreError> {
    let store = app.engine.store();
    let query = RevisionQuery { kind: Some(kind.clone()), before: None, limit: 1, changes_max: Some(1) };
    if !store.revisions(query).await?.items.is_empty() {
        return Ok(true);
    }
    // Its revisions may be compacted away.
    let query = DocumentQuery { kind: Some(kind.clone()), limit: 1, ..DocumentQuery::default() };
    Ok(!store.documents(query).await?.items.is_empty())
}
