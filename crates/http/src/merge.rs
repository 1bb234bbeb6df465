//! Changes some members of a document, as by a JSON Merge Patch (RFC 7396): on its current version.

use axum::response::Response;
use midflight_core::{Change, Document, DocumentId, Precondition};
use serde_json::{Map, Value};

use crate::app::AppState;
use crate::code::Code;
use crate::log::documents::absent;
use crate::principal::Principal;
use crate::problem::ApiError;
use crate::write::{Submitted, WriteParams, answer, submit};

/// How often a patch is made again when other replicas change the document meanwhile. Each time, one of them made its
/// change, so this many changes in a row would have to be faster.
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
    // Waiting for other replicas may take long; the other patches of the document do not wait for that.
    let _turn = if params.is_short() { app.merge_turns.of(id).await } else { None };
    for _ in 0..TRIES_MAX {
        let change = altered(app, id, &alter, asked, if_absent).await?;
        match submit(app, params, params.edit(principal, vec![change])).await {
            // The document was changed by another writer. Whether the caller's own precondition still holds is seen
            // when it is read again.
            Err(error) if is_lost_race(&error) => {}
            submitted => return submitted,
        }
    }
    let detail = format!("{id} was changed {TRIES_MAX} times while the patch was made; send it again");
    Err(ApiError::new(Code::CONTENDED, detail))
}

/// Whether a write was refused since the document or the log was changed meanwhile.
#[must_use]
pub fn is_lost_race(error: &ApiError) -> bool {
    let lost = [Code::PRECONDITION_FAILED, Code::CONTENDED];
    lost.iter().any(|code| error.code() == code.as_str())
}

/// The change to the current version of a document.
async fn altered(
    app: &AppState,
    id: &DocumentId,
    alter: &impl Fn(&mut Value),
    asked: Precondition,
    if_absent: Absent,
) -> Result<Change, ApiError> {
    let (_, heads) = app.engine.store().heads(std::slice::from_ref(id)).await?;
    let newest = heads.into_iter().flatten().next();
    let head = newest.as_ref().map(Document::head);
    asked
        .check(id, head.as_ref())
        .map_err(|failed| ApiError::new(Code::PRECONDITION_FAILED, failed.to_string()))?;
    let now = newest.filter(|document| document.body.is_some());
    if now.is_none() && if_absent == Absent::Refused {
        return Err(absent(id));
    }
    let version = now.as_ref().map_or(0, |document| document.version);
    let body = now.and_then(|document| document.body);
    let mut body = body.map_or_else(|| Value::Object(Map::new()), |body| Value::clone(&body));
    alter(&mut body);
    Ok(Change::put(id.clone(), body).when(Precondition::Version(version)))
}
