//! Documents of any kind: list, read, put, delete, and their versions.

use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use midflight_core::{Change, DocumentId, Precondition, RevisionNumber};
use midflight_store::{DocumentQuery, DocumentVersion, StoreError, StoredDocument};
use midflight_wire::any_document::AnyDocument;
use midflight_wire::documents::{DocumentAnswer, DocumentList, VersionList};
use midflight_wire::edits::WriteAnswer;
use midflight_wire::problem::ProblemBody;
use serde::Deserialize;
use serde_json::Value;
use utoipa::IntoParams;

use super::collect::stored;
use super::seen_page::{self, OfLog};
use super::{cursor, from_copy, known_kind};
use crate::app::AppState;
use crate::body::JsonBody;
use crate::code::Code;
use crate::long_answer::{json, room_for_document, room_for_page};
use crate::params::{self, InPath, PageParams, Params, etag, precondition};
use crate::principal::Principal;
use crate::problem::ApiError;
use crate::wire::{document_answer, version_answer};
use crate::write::{WriteParams, answer, submit};

/// Which documents to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct DocumentListParams {
    /// Only those whose name starts so.
    #[serde(default)]
    prefix: String,
    /// As they were at this revision; the newest without.
    at: Option<u64>,
    /// How many at most; 50 by default, at most 500.
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// As of when to read a document.
#[derive(Debug, Clone, Copy, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ReadParams {
    /// As it was at this revision; as it is now without.
    at: Option<u64>,
}

/// The documents of a kind, by name. With a token that has scopes these are the documents in them; a page may have none
/// and a `next_cursor`, with which to go on. While the log is unavailable they are from the local copy, as
/// `from_copy` shows.
#[utoipa::path(get, path = "/api/v1/documents/{kind}", tag = "log",
    params(("kind" = String, Path, description = "The kind, as `rules`"), DocumentListParams),
    responses((status = 200, body = DocumentList), (status = "default", body = ProblemBody)))]
pub(super) async fn list_documents(
    State(app): State<AppState>,
    principal: Principal,
    InPath(kind): InPath<String>,
    Params(list): Params<DocumentListParams>,
) -> Result<Response, ApiError> {
    let after = cursor::read(&app, list.cursor.as_deref(), |name| params::document(&kind, name)).await?;
    if after.as_ref().is_some_and(|after| after.kind.as_str() != kind) {
        return Err(cursor::wrong());
    }
    let known = known_kind::known(&app, midflight_core::KindName::new(&kind)?).await?;
    let query = DocumentQuery {
        kind: Some(known),
        name_prefix: list.prefix,
        after,
        at: list.at.map(RevisionNumber::new),
        limit: params::limit(list.limit)?,
        bytes_max: Some(app.limits.answer_bytes_max as u64),
        ..DocumentQuery::default()
    };
    let room = room_for_page(&app, &principal).await?;
    let page = match seen_page::page(&principal, query.clone(), &OfLog(&app)).await {
        Err(error) if query.at.is_none() => {
            return from_copy::list((&app, &principal), query, room, error).await;
        }
        page => page?,
    };
    let next_cursor = cursor::written(&app, &principal, page.next, |id| id.name.to_string()).await?;
    let bytes = page.items.iter().map(StoredDocument::bytes).sum();
    let list = move || DocumentList {
        items: page.items.iter().map(document_answer).collect(),
        next_cursor,
        from_copy: None,
    };
    json(bytes, room, list).await
}

/// Reads a document, or its versions when the path ends with `/versions`. A document whose own name ends so is reached
/// with its last slash escaped (`%2F`).
pub(super) async fn read_document(
    state: State<AppState>,
    principal: Principal,
    OriginalUri(uri): OriginalUri,
    InPath((kind, name)): InPath<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let of_versions = uri.path().ends_with("/versions").then(|| name.strip_suffix("/versions")).flatten();
    match of_versions {
        Some(name) => {
            let page = Params::of(&uri)?;
            list_versions(state, principal, InPath((kind, name.to_owned())), page).await
        }
        None => get_document(state, principal, InPath((kind, name)), Params::of(&uri)?, headers).await,
    }
}

/// A document as the log has it now, or as it was at a revision. `If-None-Match` with its `ETag` answers 304 while it
/// is unchanged. While the log is unavailable it is from the local copy, as `from_copy` shows, and a write with its
/// `ETag` is refused.
#[utoipa::path(get, path = "/api/v1/documents/{kind}/{name}", tag = "log",
    params(("kind" = String, Path, description = "The kind"),
        ("name" = String, Path, description = "The name; slashes need no encoding"), ReadParams),
    responses((status = 200, body = DocumentAnswer), (status = 304, description = "Unchanged"),
        (status = "default", body = ProblemBody)))]
pub(crate) async fn get_document(
    State(app): State<AppState>,
    principal: Principal,
    InPath((kind, name)): InPath<(String, String)>,
    Params(params): Params<ReadParams>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    read((&app, &principal), &params::document(&kind, &name)?, params, &headers).await
}

/// The answer that is a document, or 404.
pub async fn read(
    (app, principal): (&AppState, &Principal),
    id: &DocumentId,
    ReadParams { at }: ReadParams,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    principal.check_sees(id)?;
    let known = headers.get(header::IF_NONE_MATCH);
    let unchanged = |tag| (StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response();
    // For the current version its head has it without the body.
    if let Some(known) = known.filter(|_| at.is_none()) {
        let head = match app.engine.store().document_head(id).await {
            // The local copy does not keep versions.
            Err(StoreError::Unavailable(_)) => None,
            head => head?,
        };
        let tag = head.filter(|head| !head.deleted).map(|head| etag(head.version));
        if let Some(tag) = tag.filter(|tag| tag == known) {
            return Ok(unchanged(tag));
        }
    }
    let room = room_for_document(app, principal).await?;
    let document = match stored(app, id, at.map(RevisionNumber::new)).await {
        Err(error) if at.is_none() => return from_copy::document(app, id.clone(), room, error).await,
        document => document?,
    };
    let document = document.ok_or_else(|| match at {
        Some(at) => ApiError::new(Code::NOT_FOUND, format!("document {id} does not exist at revision {at}")),
        None => absent(id),
    })?;
    let tag = etag(document.version);
    if known.is_some_and(|known| *known == tag) {
        return Ok(unchanged(tag));
    }
    let answer = json(document.bytes(), room, move || document_answer(&document)).await?;
    Ok(([(header::ETAG, tag)], answer).into_response())
}

/// The error for a document that is not there.
pub fn absent(id: &DocumentId) -> ApiError {
    ApiError::new(Code::NOT_FOUND, format!("document {id} does not exist"))
}

/// The versions of a document, newest first; deletions are versions too.
#[utoipa::path(get, path = "/api/v1/documents/{kind}/{name}/versions", tag = "log",
    params(("kind" = String, Path, description = "The kind"), ("name" = String, Path, description = "The name"),
        PageParams),
    responses((status = 200, body = VersionList), (status = "default", body = ProblemBody)))]
pub(super) async fn list_versions(
    State(app): State<AppState>,
    principal: Principal,
    InPath((kind, name)): InPath<(String, String)>,
    Params(page): Params<PageParams>,
) -> Result<Response, ApiError> {
    let id = params::document(&kind, &name)?;
    principal.check_sees(&id)?;
    let before = page.number()?;
    let bytes_max = Some(app.limits.answer_bytes_max as u64);
    let limit = page.limit()?;
    let room = room_for_page(&app, &principal).await?;
    let versions = app.engine.store().versions(&id, before, limit, bytes_max).await?;
    if versions.items.is_empty() && before.is_none() {
        return Err(absent(&id));
    }
    let long = |version: &DocumentVersion| version.author.len() + version.reason.len();
    let bytes = versions.items.iter().map(|version| version.document.bytes() + long(version) as u64).sum();
    let list = move || VersionList {
        items: versions.items.iter().map(version_answer).collect(),
        next_cursor: versions.next.map(|version| version.to_string()),
    };
    json(bytes, room, list).await
}

/// Puts a document: creates it (201), changes it, or finds it unchanged (200).
#[utoipa::path(put, path = "/api/v1/documents/{kind}/{name}", tag = "log",
    params(("kind" = String, Path, description = "The kind"), ("name" = String, Path, description = "The name"),
        WriteParams,
        ("If-Match" = Option<String>, Header, description = "`\"3\"`, `\"r42\"` (unchanged since) or `*`"),
        ("If-None-Match" = Option<String>, Header, description = "`*`: create, never change")),
    request_body = inline(AnyDocument),
    responses((status = 200, body = WriteAnswer), (status = 201, body = WriteAnswer),
        (status = 202, body = WriteAnswer), (status = "default", body = ProblemBody)))]
pub(crate) async fn put_document(
    principal: Principal,
    State(app): State<AppState>,
    InPath((kind, name)): InPath<(String, String)>,
    params: WriteParams,
    headers: HeaderMap,
    JsonBody(body): JsonBody<Value>,
) -> Result<Response, ApiError> {
    put(&app, &principal, params::document(&kind, &name)?, &params, &headers, body).await
}

/// Puts a document under the preconditions of the headers.
pub async fn put(
    app: &AppState,
    principal: &Principal,
    id: DocumentId,
    params: &WriteParams,
    headers: &HeaderMap,
    body: Value,
) -> Result<Response, ApiError> {
    let change = Change::put(id, body).when(precondition(headers)?);
    let submitted = submit(app, params, params.edit(principal, vec![change])).await?;
    Ok(answer(app, params, submitted).await)
}

/// Deletes a document; its versions stay in the log.
#[utoipa::path(delete, path = "/api/v1/documents/{kind}/{name}", tag = "log",
    params(("kind" = String, Path, description = "The kind"), ("name" = String, Path, description = "The name"),
        WriteParams,
        ("If-Match" = Option<String>, Header, description = "`\"3\"`, `\"r42\"` (unchanged since) or `*`")),
    responses((status = 200, body = WriteAnswer), (status = 202, body = WriteAnswer),
        (status = "default", body = ProblemBody)))]
pub(crate) async fn delete_document(
    principal: Principal,
    State(app): State<AppState>,
    InPath((kind, name)): InPath<(String, String)>,
    params: WriteParams,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    delete(&app, &principal, params::document(&kind, &name)?, &params, &headers).await
}

/// Deletes a document under the preconditions of the headers; 404 when it is not there.
pub async fn delete(
    app: &AppState,
    principal: &Principal,
    id: DocumentId,
    params: &WriteParams,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    principal.check_sees(&id)?;
    let asked = precondition(headers)?;
    if let Some(submitted) = params.repeated(app, principal).await? {
        return Ok(answer(app, params, submitted).await);
    }
    if asked == Precondition::None {
        let head = app.engine.store().document_head(&id).await?;
        if head.is_none_or(|head| head.deleted) {
            return Err(absent(&id));
        }
    }
    let change = Change::delete(id.clone()).when(asked);
    let submitted = submit(app, params, params.edit(principal, vec![change])).await?;
    Ok(answer(app, params, submitted).await)
}
