//! Revisions: list, read, compare, and bring a state back.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use midflight_core::{Change, DocumentId, DocumentName, Edit, Precondition, RevisionNumber, Trigger};
use midflight_engine::SCHEDULES;
use midflight_store::{RevisionQuery, StoreError};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::collect::between;
use crate::app::App;
use crate::auth::Author;
use crate::body::OptionalJsonBody;
use crate::params::{self, InPath, Params};
use crate::problem::{ApiError, ProblemBody};
use crate::wire::{
    DocumentAnswer, DocumentDiffAnswer, RevisionAnswer, RevisionDetail, RevisionDiff, RevisionList,
    WriteAnswer,
};
use crate::write::{ComputedTries, WriteParams, answer};

/// Which revisions to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListParams {
    /// Only those that changed a document of this kind.
    kind: Option<String>,
    /// How many at most; 50 unless said, at most 500.
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// The entries of the log, newest first.
#[utoipa::path(get, path = "/api/v1/revisions", tag = "log", params(ListParams),
    responses((status = 200, body = RevisionList), (status = "default", body = ProblemBody)))]
pub(super) async fn list_revisions(
    State(app): State<App>,
    Params(list): Params<ListParams>,
) -> Result<Json<RevisionList>, ApiError> {
    let query = RevisionQuery {
        kind: params::kind(list.kind.as_deref())?,
        before: params::number_cursor(list.cursor.as_deref())?.map(RevisionNumber::new),
        limit: params::limit(list.limit)?,
    };
    let page = app.engine.store().revisions(query).await?;
    Ok(Json(RevisionList {
        items: page.items.iter().map(RevisionAnswer::from).collect(),
        next_cursor: page.next.map(|number| number.to_string()),
    }))
}

/// One entry of the log with the documents it made.
#[utoipa::path(get, path = "/api/v1/revisions/{number}", tag = "log",
    params(("number" = u64, Path, description = "The revision")),
    responses((status = 200, body = RevisionDetail), (status = "default", body = ProblemBody)))]
pub(super) async fn get_revision(
    State(app): State<App>,
    InPath(number): InPath<u64>,
) -> Result<Json<RevisionDetail>, ApiError> {
    let asked = RevisionNumber::new(number);
    let page = match number.checked_sub(1) {
        Some(before) => app.engine.store().since(RevisionNumber::new(before), 1).await?,
        None => Vec::new(),
    };
    let Some(one) = page.into_iter().find(|one| one.revision.number == asked) else {
        let head = app.engine.store().head().await?;
        return Err(StoreError::NoSuchRevision { asked, head }.into());
    };
    Ok(Json(RevisionDetail {
        revision: RevisionAnswer::from(&one.revision),
        documents: one.documents.iter().map(DocumentAnswer::from).collect(),
    }))
}

/// What to compare a revision with.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct DiffParams {
    /// The revision to compare with; the one before without.
    against: Option<u64>,
}

/// What differs between the states of the log at two revisions.
#[utoipa::path(get, path = "/api/v1/revisions/{number}/diff", tag = "log",
    params(("number" = u64, Path, description = "The revision"), DiffParams),
    responses((status = 200, body = RevisionDiff), (status = "default", body = ProblemBody)))]
pub(super) async fn diff_revisions(
    State(app): State<App>,
    InPath(number): InPath<u64>,
    Params(params): Params<DiffParams>,
) -> Result<Json<RevisionDiff>, ApiError> {
    let against = params.against.unwrap_or(number.saturating_sub(1));
    let (from, to) = (RevisionNumber::new(against), RevisionNumber::new(number));
    let diff = between(&app, from, to, |_| true).await?;
    Ok(Json(RevisionDiff { against, revision: number, documents: DocumentDiffAnswer::all(&diff) }))
}

/// What of a state to bring back.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RestoreRequest {
    /// Only documents of this kind; all but schedules without.
    #[serde(default)]
    kind: Option<String>,
    /// Only this document, or those below it (`loans` is the ruleset and its rules).
    #[serde(default)]
    name: Option<String>,
    /// Why.
    #[serde(default)]
    reason: String,
}

/// Appends a revision that brings the state at a revision back, or a part of it.
#[utoipa::path(post, path = "/api/v1/revisions/{number}/restore", tag = "log",
    params(("number" = u64, Path, description = "The revision to go back to"), WriteParams),
    request_body = RestoreRequest, security(("token" = [])),
    responses((status = 200, body = WriteAnswer), (status = 202, body = WriteAnswer),
        (status = "default", body = ProblemBody)))]
pub(super) async fn restore(
    author: Author,
    State(app): State<App>,
    InPath(number): InPath<u64>,
    Params(params): Params<WriteParams>,
    OptionalJsonBody(request): OptionalJsonBody<RestoreRequest>,
) -> Result<Response, ApiError> {
    let request = request.unwrap_or_default();
    let kind = request.kind.as_deref().map(midflight_core::KindName::new).transpose()?;
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
    let mut tries = ComputedTries::default();
    loop {
        let head = tries.head(&app).await?;
        let back = between(&app, head, RevisionNumber::new(number), wanted).await?;
        // The conditions are for one that is scheduled: it is made on whatever the state is then.
        let unchanged = Precondition::UnchangedSince(head);
        let changes: Vec<Change> = back.changes().into_iter().map(|change| change.when(unchanged)).collect();
        let edit = Edit { trigger: Trigger::Manual, ..params.edit(author.clone(), changes) };
        if let Some(submitted) = tries.submit(&app, &params, head, edit).await? {
            return Ok(answer(&app, &params, submitted));
        }
    }
}
