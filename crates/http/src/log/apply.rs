//! Several changes as one revision, and forgetting old ones.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use midflight_core::{Change, DocumentId, JsonPointer, Precondition, RevisionNumber};
use midflight_wire::edits::{ApplyRequest, ChangeRequest, OpWord, WriteAnswer};
use midflight_wire::log::{CompactAnswer, CompactRequest};
use midflight_wire::problem::ProblemBody;

use crate::app::AppState;
use crate::body::JsonBody;
use crate::code::Code;
use crate::principal::Principal;
use crate::problem::ApiError;
use crate::write::{WriteParams, answer, submit};

/// Makes several changes, across kinds, as one revision: all or none.
#[utoipa::path(post, path = "/api/v1/apply", tag = "log", params(WriteParams), request_body = ApplyRequest,
    responses((status = 200, body = WriteAnswer), (status = 201, body = WriteAnswer),
        (status = 202, body = WriteAnswer), (status = "default", body = ProblemBody)))]
pub(super) async fn apply(
    principal: Principal,
    State(app): State<AppState>,
    params: WriteParams,
    JsonBody(request): JsonBody<ApplyRequest>,
) -> Result<Response, ApiError> {
    let changes = changes(request.changes)?;
    let params = params.or_reason(request.reason);
    let submitted = submit(&app, &params, params.edit(&principal, changes)).await?;
    Ok(answer(&app, &params, submitted).await)
}

/// The changes of a request.
pub fn changes(requests: Vec<ChangeRequest>) -> Result<Vec<Change>, ApiError> {
    let root = JsonPointer::root().key("changes");
    let mut wrong =
        ApiError::new(Code::INVALID_BODY, "some changes have the wrong shape; nothing was changed");
    let mut changes = Vec::with_capacity(requests.len());
    for (place, request) in requests.into_iter().enumerate() {
        match change(request, &root.index(place)) {
            Ok(change) => changes.push(change),
            Err((path, message)) => wrong = wrong.at(&path, message),
        }
    }
    if wrong.body().errors.is_empty() { Ok(changes) } else { Err(wrong) }
}

fn change(request: ChangeRequest, place: &JsonPointer) -> Result<Change, (JsonPointer, String)> {
    let id = DocumentId::new(&request.kind, &request.name)
        .map_err(|error| (place.key("name"), error.to_string()))?;
    let change = match (request.op, request.body) {
        (OpWord::Put, Some(body)) => Change::put(id, body),
        (OpWord::Delete, None) => Change::delete(id),
        (OpWord::Put, None) => return Err((place.key("body"), "put needs a body".to_owned())),
        (OpWord::Delete, Some(_)) => return Err((place.key("body"), "delete takes no body".to_owned())),
    };
    Ok(change.when(request.if_version.map_or(Precondition::None, Precondition::Version)))
}

/// Forgets what was before a revision. The current state stays, and so does the state at that revision.
#[utoipa::path(post, path = "/api/v1/compact", tag = "log", request_body = CompactRequest,
    responses((status = 200, body = CompactAnswer), (status = "default", body = ProblemBody)))]
pub(super) async fn compact(
    _: Principal,
    State(app): State<AppState>,
    JsonBody(request): JsonBody<CompactRequest>,
) -> Result<Json<CompactAnswer>, ApiError> {
    let store = app.engine.store();
    let forgotten = store.compact(RevisionNumber::new(request.keep_from)).await?;
    Ok(Json(CompactAnswer { first_revision: store.first().await?.get(), forgotten }))
}
