//! The audit over HTTP: pages of it, and all of it as JSON lines.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use futures_util::StreamExt as _;
use futures_util::stream::unfold;
use midflight_store::{AuditQuery, AuditRecord};
use midflight_wire::audit::{AuditItem, AuditList};
use midflight_wire::problem::ProblemBody;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::routes;

use super::trail::write_to_the_end;
use crate::app::AppState;
use crate::code::Code;
use crate::params::{Params, limit, number_cursor, time};
use crate::principal::Permission::Admin;
use crate::problem::ApiError;
use crate::routes::Routes;
use crate::wire::stamp;

/// How many entries are read for an export at once.
const EXPORT_PAGE: u32 = 500;

/// The routes of the audit.
pub(crate) fn routes() -> Routes<AppState> {
    Routes::new().at(Admin, routes!(list_audit)).at(Admin, routes!(export_audit))
}

/// Which entries.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct AuditParams {
    /// Only of who has this name.
    actor: Option<String>,
    /// Only of this method and route, as `PUT /api/v1/documents/{kind}/{name}`.
    action: Option<String>,
    /// Only those that ended so: `success`, `refused`, `failed` or `unknown`.
    #[param(pattern = "^(success|refused|failed|unknown)$")]
    outcome: Option<String>,
    /// Only from this time on, as `2026-01-31T03:00:00Z`.
    since: Option<String>,
    /// Only from before this time.
    until: Option<String>,
    /// How many at most; 50 by default, at most 500.
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Which entries of all.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct AuditExportParams {
    /// Only of who has this name.
    actor: Option<String>,
    /// Only of this method and route, as `PUT /api/v1/documents/{kind}/{name}`.
    action: Option<String>,
    /// Only those that ended so: `success`, `refused`, `failed` or `unknown`.
    #[param(pattern = "^(success|refused|failed|unknown)$")]
    outcome: Option<String>,
    /// Only from this time on, as `2026-01-31T03:00:00Z`.
    since: Option<String>,
    /// Only from before this time.
    until: Option<String>,
}

impl From<AuditExportParams> for AuditParams {
    fn from(params: AuditExportParams) -> Self {
        let AuditExportParams { actor, action, outcome, since, until } = params;
        Self { actor, action, outcome, since, until, limit: None, cursor: None }
    }
}

impl AuditParams {
    fn query(self, limit: u32) -> Result<AuditQuery, ApiError> {
        if let Some(outcome) =
            self.outcome.as_deref().filter(|it| !["success", "refused", "failed", "unknown"].contains(it))
        {
            let detail = format!("invalid outcome {outcome:?}: expected success, refused, failed or unknown");
            return Err(ApiError::new(Code::INVALID_PARAMETER, detail));
        }
        Ok(AuditQuery {
            actor: self.actor,
            action: self.action,
            outcome: self.outcome,
            since: time("since", self.since.as_deref())?,
            until: time("until", self.until.as_deref())?,
            before: number_cursor(self.cursor.as_deref())?,
            limit,
        })
    }
}

/// What was done and refused: whatever changes documents, tokens or what is served or is for admins alone, every login
/// (`GET /api/v1/whoami`), and every refusal (401 and 403), newest first. Logins, reads, refusals and requests of unknown
/// callers that are equal but for their time are one entry with a count.
#[utoipa::path(get, path = "/api/v1/audit", tag = "access", params(AuditParams),
    responses((status = 200, body = AuditList), (status = "default", body = ProblemBody)))]
async fn list_audit(
    State(app): State<AppState>,
    Params(params): Params<AuditParams>,
) -> Result<Json<AuditList>, ApiError> {
    let limit = limit(params.limit)?;
    let query = params.query(limit)?;
    // What was answered before is in it.
    write_to_the_end(&app.audit, app.engine.store().clone()).await?;
    let page = app.engine.store().audit(query).await?;
    Ok(Json(AuditList {
        items: page.items.into_iter().map(audit_item).collect(),
        next_cursor: page.next.map(|number| number.to_string()),
    }))
}

/// All entries as JSON lines, newest first.
#[utoipa::path(get, path = "/api/v1/audit/export", tag = "access", params(AuditExportParams),
    responses((status = 200, body = String, content_type = "application/x-ndjson"),
        (status = "default", body = ProblemBody)))]
async fn export_audit(
    State(app): State<AppState>,
    Params(params): Params<AuditExportParams>,
) -> Result<Response, ApiError> {
    let query = AuditParams::from(params).query(EXPORT_PAGE)?;
    write_to_the_end(&app.audit, app.engine.store().clone()).await?;
    let chunks = unfold(Some((app, query)), |state| async move {
        let (app, query) = state?;
        let page = match app.engine.store().audit(query.clone()).await {
            Ok(page) => page,
            // It cuts the connection, so that half an export is not taken for a complete one.
            Err(error) => return Some((Err(error), None)),
        };
        let mut text = String::new();
        for item in page.items.into_iter().map(audit_item) {
            text.push_str(&serde_json::to_string(&item).unwrap_or_default());
            text.push('\n');
        }
        let next = page.next.map(|number| (app, AuditQuery { before: Some(number), ..query }));
        Some((Ok(text), next))
    });
    // What compresses answers asks again after the end.
    let chunks = chunks.fuse();
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(chunks)).into_response())
}

fn audit_item(AuditRecord { number, entry }: AuditRecord) -> AuditItem {
    AuditItem {
        number,
        at: stamp(entry.at),
        replica: entry.replica,
        actor: entry.actor,
        principal: entry.principal,
        role: entry.role,
        action: entry.action,
        target: entry.target,
        outcome: entry.outcome,
        status: entry.status,
        code: entry.code,
        from: entry.from,
        request_id: entry.request_id,
        revision: entry.revision,
        count: entry.count,
    }
}
