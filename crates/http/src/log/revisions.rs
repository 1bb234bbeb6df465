//! Revisions: list, read, compare, and bring a state back.

use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use midflight_core::{DocumentId, DocumentName, Edit, RevisionNumber, Trigger};
use midflight_engine::SCHEDULES;
use midflight_store::{DocumentQuery, ListedRevision, RevisionQuery, StoreError, StoredDocument};
use midflight_wire::edits::WriteAnswer;
use midflight_wire::log::{RestoreRequest, RevisionDetail, RevisionDiff, RevisionList};
use midflight_wire::problem::ProblemBody;
use serde::Deserialize;
use utoipa::IntoParams;

use super::compare::{self, ComparisonPage};
use super::restore_point::RestorePoint;
use super::seen_page::{self, OfLog};
use super::{cursor, known_kind};
use crate::app::AppState;
use crate::body::OptionalJsonBody;
use crate::code::Code;
use crate::conflict::ComputedEdit;
use crate::long_answer::{json, room_for_document, room_for_page};
use crate::params::{self, InPath, PageParams, Params};
use crate::principal::Principal;
use crate::problem::ApiError;
use crate::wire::{CHANGES_LISTED_MAX, CHANGES_SHOWN_MAX, document_answer, revision_answer};
use crate::write::{WriteParams, answer};

/// How long a restore waits for another one to be computed.
const RESTORE_WAIT: Duration = Duration::from_secs(2);
/// How many documents of a revision or of a diff a page has unless asked.
const DOCUMENTS_DEFAULT: u32 = 500;

/// Which revisions to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct RevisionListParams {
    /// Only those that changed a document of this kind.
    kind: Option<String>,
    /// How many at most; 50 by default, at most 500.
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// The entries of the log, newest first.
#[utoipa::path(get, path = "/api/v1/revisions", tag = "log", params(RevisionListParams),
    responses((status = 200, body = RevisionList), (status = "default", body = ProblemBody)))]
pub(super) async fn list_revisions(
    State(app): State<AppState>,
    principal: Principal,
    Params(list): Params<RevisionListParams>,
) -> Result<Response, ApiError> {
    let query = RevisionQuery {
        kind: known_kind::filter(&app, list.kind.as_deref()).await?,
        before: params::number_cursor(list.cursor.as_deref())?.map(RevisionNumber::new),
        limit: params::limit(list.limit)?,
        changes_max: Some(CHANGES_LISTED_MAX),
    };
    let room = room_for_page(&app, &principal).await?;
    let mut page = app.engine.store().revisions(query).await?;
    page.items.retain_mut(|listed| show_to(&principal, listed));
    let bytes = page.items.iter().map(listed_bytes).sum();
    let list = move || RevisionList {
        items: page.items.iter().map(revision_answer).collect(),
        next_cursor: page.next.map(|number| number.to_string()),
    };
    json(bytes, room, list).await
}

/// Leaves of a revision what a caller may see, and answers whether there is anything. Of one with more changes than are
/// listed the others may be theirs.
pub(super) fn show_to(principal: &Principal, listed: &mut ListedRevision) -> bool {
    if principal.scopes().is_none() {
        return true;
    }
    let is_cut = listed.changes_count() > listed.revision.changes.len() as u64;
    let seen = listed.revision.changes.iter().filter(|change| principal.sees(&change.id));
    listed.revision.changes = seen.cloned().collect();
    is_cut || !listed.revision.changes.is_empty()
}

/// About what a revision is long in a list, in bytes.
fn listed_bytes(listed: &ListedRevision) -> u64 {
    const ENTRY_BYTES: usize = 256;
    let revision = &listed.revision;
    let changes = revision.changes.iter().map(|change| change.id.name.as_str().len() + ENTRY_BYTES / 4);
    let texts = revision.author.len() + revision.reason.len() + revision.key.as_ref().map_or(0, String::len);
    (ENTRY_BYTES + texts + changes.sum::<usize>()) as u64
}

/// One entry of the log with the documents it made.
#[utoipa::path(get, path = "/api/v1/revisions/{number}", tag = "log",
    params(("number" = u64, Path, description = "The revision"), PageParams),
    responses((status = 200, body = RevisionDetail), (status = "default", body = ProblemBody)))]
pub(super) async fn get_revision(
    State(app): State<AppState>,
    principal: Principal,
    InPath(number): InPath<u64>,
    Params(page): Params<PageParams>,
) -> Result<Response, ApiError> {
    let query = DocumentQuery {
        made_by: Some(RevisionNumber::new(number)),
        after: cursor::read(&app, page.text(), document).await?,
        limit: page.limit_or(DOCUMENTS_DEFAULT)?,
        bytes_max: Some(app.limits.answer_bytes_max as u64),
        ..DocumentQuery::default()
    };
    let mut listed = listed(&app, RevisionNumber::new(number)).await?;
    if !show_to(&principal, &mut listed) {
        return Err(principal.out_of_scope(&format!("every document of revision {number}")));
    }
    let room = room_for_page(&app, &principal).await?;
    let found = seen_page::page(&principal, query, &OfLog(&app)).await?;
    let next_cursor = cursor::written(&app, &principal, found.next, DocumentId::to_string).await?;
    let bytes = found.items.iter().map(StoredDocument::bytes).sum();
    let detail = move || RevisionDetail {
        revision: revision_answer(&listed),
        documents: found.items.iter().map(document_answer).collect(),
        next_cursor,
    };
    json(bytes, room, detail).await
}

/// A revision that can be read in full.
async fn listed(app: &AppState, asked: RevisionNumber) -> Result<ListedRevision, ApiError> {
    let store = app.engine.store();
    let changes_max = Some(CHANGES_SHOWN_MAX);
    let query = RevisionQuery { before: Some(asked.next()), limit: 1, changes_max, kind: None };
    let newest = store.revisions(query).await?.items.pop();
    if let Some(listed) = newest.filter(|listed| listed.revision.number == asked) {
        return Ok(listed);
    }
    let (first, head) = (store.first().await?, store.head().await?.number);
    Err(match asked != RevisionNumber::ZERO && asked < first {
        true => StoreError::Compacted { asked, first }.into(),
        false => StoreError::NoSuchRevision { asked, head }.into(),
    })
}

/// The document that a cursor is.
fn document(text: &str) -> Result<DocumentId, ApiError> {
    text.parse().map_err(|_| cursor::wrong())
}

/// What to compare a revision with.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct RevisionDiffParams {
    /// The revision to compare with; the one before without.
    against: Option<u64>,
    /// Show the diffs as unified text too.
    #[serde(default)]
    text: bool,
    /// How many documents at most; 500 by default, at most 500.
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// What differs between the states of the log at two revisions. A page ends with `diff_bytes_max`, after `diff_ms_max`,
/// or with `limit` documents; ask on with its `next_cursor`.
#[utoipa::path(get, path = "/api/v1/revisions/{number}/diff", tag = "log",
    params(("number" = u64, Path, description = "The revision"), RevisionDiffParams),
    responses((status = 200, body = RevisionDiff), (status = "default", body = ProblemBody)))]
pub(super) async fn diff_revisions(
    State(app): State<AppState>,
    principal: Principal,
    InPath(number): InPath<u64>,
    Params(params): Params<RevisionDiffParams>,
) -> Result<Response, ApiError> {
    let limit = params::limit(Some(params.limit.unwrap_or(DOCUMENTS_DEFAULT)))?;
    let after = cursor::read(&app, params.cursor.as_deref(), document).await?;
    let against = params.against.unwrap_or(number.saturating_sub(1));
    let range = (RevisionNumber::new(against), RevisionNumber::new(number));
    let room = room_for_document(&app, &principal).await?;
    let ComparisonPage { documents, next } =
        compare::page((&app, &principal), range, after, limit, params.text).await?;
    let next_cursor = cursor::written(&app, &principal, next, DocumentId::to_string).await?;
    let diff = move || RevisionDiff { against, revision: number, documents, next_cursor };
    json(app.limits.diff_bytes_max as u64, room, diff).await
}

/// Appends a revision that brings the state at a revision back, or a part of it.
#[utoipa::path(post, path = "/api/v1/revisions/{number}/restore", tag = "log",
    params(("number" = u64, Path, description = "The revision to go back to"), WriteParams),
    request_body(content = Option<RestoreRequest>),
    responses((status = 200, body = WriteAnswer), (status = 201, body = WriteAnswer),
        (status = 202, body = WriteAnswer),
        (status = "default", body = ProblemBody)))]
pub(super) async fn restore(
    principal: Principal,
    State(app): State<AppState>,
    InPath(number): InPath<u64>,
    params: WriteParams,
    OptionalJsonBody(request): OptionalJsonBody<RestoreRequest>,
) -> Result<Response, ApiError> {
    let request = request.unwrap_or_default();
    let kind = match request.kind.as_deref() {
        Some(kind) => Some(known_kind::known(&app, midflight_core::KindName::new(kind)?).await?),
        None => None,
    };
    let name = request.name.as_deref().map(DocumentName::new).transpose()?;
    let wanted = |id: &DocumentId| {
        let below = |name: &DocumentName| {
            let rest = id.name.as_str().strip_prefix(name.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        // What was scheduled then has been done or cancelled since: brought back, it would be done again at once.
        let of_kind = match &kind {
            Some(kind) => id.kind == *kind,
            None => id.kind.as_str() != SCHEDULES,
        };
        of_kind && name.as_ref().is_none_or(below)
    };
    let reason = match request.reason.as_str() {
        "" => format!("restore revision {number}"),
        reason => reason.to_owned(),
    };
    let params = params.or_reason(reason);
    let turn = tokio::time::timeout(RESTORE_WAIT, app.restores.acquire()).await;
    let turn = turn.map_err(|_| {
        ApiError::new(
            Code::BUSY,
            "another restore is being computed, and only one runs at a time; try again in a moment",
        )
    })?;
    let mut computed = ComputedEdit::new("the restore");
    let mut back = RestorePoint::to(RevisionNumber::new(number));
    loop {
        let head = computed.head(&app).await?;
        back.follow(&app, head, wanted).await?;
        let edit = Edit { trigger: Trigger::Manual, ..params.edit(&principal, back.changes()) };
        if let Some(submitted) = computed.submit(&app, &params, head, edit).await? {
            drop(turn);
            return Ok(answer(&app, &params, submitted).await);
        }
    }
}
