//! Changes some members of a document, as by a JSON Merge Patch (RFC 7396): on its current version.

use axum::response::Response;
use midflight_core::{Change, Document, DocumentId, Precondition};
use serde_json::{Map, Value};

use crate::app::AppState;
use crate::code::Code;
use crate::conflict::ConflictRetry;
use crate::log::documents::absent;
use crate::principal::Principal;
use crate::problem::ApiError;
use crate::write::{Submitted, WriteParams, answer, submit};

/// How often a patch is made when other replicas change the document meanwhile.
const TRIES_MAX: u32 = 64;

/// How a patch of an absent document is handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// It makes the document.
    Made,
    /// 404.
    Refused,
}

/// Makes the edit that a patch is, under the precondition that the caller asked for. The append always carries the
/// version that the patch was made on, so no change that was acknowledged meanwhile is lost.
pub async fn merge(
    app: &AppState,
    principal: &Principal,
    id: &DocumentId,
    params: &WriteParams,
    patch: &Value,
    asked: Precondition,
    if_absent: Absent,
) -> Result<Response, ApiError> {
    let alter = |body: &mut Value| json_patch::merge(body, patch);
    let submitted = revise(app, principal, id, params, (asked, if_absent), alter).await?;
    Ok(answer(app, params, submitted).await)
}

/// Makes the edit that `alter` makes of the current version of a document, as [`merge`] does. `alter` is called again
/// whenever the document was changed meanwhile.
///
/// # Errors
/// What [`submit`] refuses; 404 for a document that is not there, where that is refused; `contended` when others were
/// faster each time.
pub async fn revise(
    app: &AppState,
    principal: &Principal,
    id: &DocumentId,
    params: &WriteParams,
    (asked, if_absent): (Precondition, Absent),
    alter: impl Fn(&mut Value),
) -> Result<Submitted, ApiError> {
    principal.check_sees(id)?;
    if let Some(submitted) = params.repeated(app, principal).await? {
        return Ok(submitted);
    }
    // Waiting for other replicas may take long; the other patches of the document do not wait for that.
    let _turn = if params.is_short() { app.merge_turns.of(id).await } else { None };
    let mut retry = ConflictRetry::new("the patch", TRIES_MAX);
    loop {
        // Whether the caller's own precondition is fulfilled still is seen when the document is read again.
        let change = altered(app, id, &alter, asked, if_absent).await?;
        let submitted = submit(app, params, params.edit(principal, vec![change])).await;
        if let Some(submitted) = retry.settle(submitted)? {
            return Ok(submitted);
        }
    }
}

/// The newest version of a document, which may be its deletion, if the caller's precondition is fulfilled; none when
/// there never was one.
///
/// # Errors
/// `precondition_failed`; the store is unavailable.
pub async fn newest(
    app: &AppState,
    id: &DocumentId,
    asked: Precondition,
) -> Result<Option<Document>, ApiError> {
    let (_, heads) = app.engine.store().heads(std::slice::from_ref(id)).await?;
    let newest = heads.into_iter().flatten().next();
    let head = newest.as_ref().map(Document::head);
    asked
        .check(id, head.as_ref())
        .map_err(|failed| ApiError::new(Code::PRECONDITION_FAILED, failed.to_string()))?;
    Ok(newest)
}

/// The change to the current version of a document.
async fn altered(
    app: &AppState,
    id: &DocumentId,
    alter: &impl Fn(&mut Value),
    asked: Precondition,
    if_absent: Absent,
) -> Result<Change, ApiError> {
    let now = newest(app, id, asked).await?.filter(|document| document.body.is_some());
    if now.is_none() && if_absent == Absent::Refused {
        return Err(absent(id));
    }
    let version = now.as_ref().map_or(0, |document| document.version);
    let body = now.and_then(|document| document.body);
    let mut body = body.map_or_else(|| Value::Object(Map::new()), |body| Value::clone(&body));
    alter(&mut body);
    Ok(Change::put(id.clone(), body).when(Precondition::Version(version)))
}
