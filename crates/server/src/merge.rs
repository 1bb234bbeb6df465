//! Changes some members of a document: a JSON Merge Patch (RFC 7396), made on what the document says now.

use axum::response::Response;
use midflight_core::{Change, DocumentId, Precondition};
use serde_json::{Map, Value};

use crate::app::App;
use crate::auth::Author;
use crate::log::documents::absent;
use crate::problem::{ApiError, Code};
use crate::write::{WriteParams, answer, submit};

/// How often a patch is made anew when the document moves under it.
const TRIES_MAX: u32 = 4;

/// What becomes of a patch of a document that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Absent {
    /// It makes the document.
    Made,
    /// 404.
    Refused,
}

/// Makes the edit that a patch is, under the precondition that the caller asked for.
pub(crate) async fn merge(
    app: &App,
    author: Author,
    id: &DocumentId,
    params: &WriteParams,
    patch: &Value,
    asked: Precondition,
    if_absent: Absent,
) -> Result<Response, ApiError> {
    let mut tries = 0;
    loop {
        tries += 1;
        let change = patched(app, id, patch, asked, if_absent).await?;
        match submit(app, params, params.edit(author.clone(), vec![change])).await {
            // Somebody else was faster, and the patch is as good on what it says now.
            Err(error)
                if asked == Precondition::None
                    && error.body().code == Code::PreconditionFailed.as_str()
                    && tries < TRIES_MAX => {}
            submitted => return Ok(answer(app, params, submitted?)),
        }
    }
}

/// The change that a patch makes of what a document says now.
async fn patched(
    app: &App,
    id: &DocumentId,
    patch: &Value,
    asked: Precondition,
    if_absent: Absent,
) -> Result<Change, ApiError> {
    let (_, heads) = app.engine.store().heads(std::slice::from_ref(id)).await?;
    let now = heads.into_iter().flatten().next().filter(|document| document.body.is_some());
    if now.is_none() && if_absent == Absent::Refused {
        return Err(absent(id));
    }
    let version = now.as_ref().map_or(0, |document| document.version);
    let body = now.and_then(|document| document.body);
    let mut body = body.map_or_else(|| Value::Object(Map::new()), |body| Value::clone(&body));
    json_patch::merge(&mut body, patch);
    let made_on = match asked {
        Precondition::None => Precondition::Version(version),
        asked => asked,
    };
    Ok(Change::put(id.clone(), body).when(made_on))
}
