//! Tools in lists: pages, platforms, categories.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use midflight_core::DocumentId;
use midflight_http::code::Code;
use midflight_http::long_answer::{json, room_for_page};
use midflight_http::params::{InPath, Params, document};
use midflight_http::principal::Principal;
use midflight_http::problem::ApiError;
use midflight_http::wire::quarantined_revisions;
use midflight_live::Pinned;
use midflight_tools::{Tool, ToolsSnapshot};
use midflight_wire::problem::ProblemBody;
use midflight_wire::tools::{CategoryTools, PlatformTools, ToolAnswer, ToolList};
use serde::Deserialize;
use utoipa::IntoParams;

use super::app::ToolsApp;
use super::authors::authors;
use super::names::KIND;
use super::wire::tool_answer;

/// How many tools a page has unless asked, and at most.
const PAGE_SIZE: usize = 50;
const PAGE_SIZE_MAX: usize = 100;
/// How many tools a list without pages has at most.
pub(super) const LISTED_MAX: usize = 1_000;

/// Which tools to list. Without `status` and `enabled`, those that are active and switched on; with either, all that it
/// names.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ToolParams {
    /// The page, from 1; 1 by default.
    page: Option<usize>,
    /// How many tools a page has, from 1 to 100; 50 by default.
    page_size: Option<usize>,
    /// Only those of this platform.
    platform: Option<String>,
    /// Only those of this category.
    category: Option<String>,
    /// Only those of this status: `active`, `deprecated`, `disabled`, `testing` or `draft`.
    status: Option<String>,
    /// Only those that are switched on, or only those that are not.
    enabled: Option<bool>,
}

/// The statuses of tools.
const STATUSES: [&str; 5] = ["active", "deprecated", "disabled", "testing", "draft"];

impl ToolParams {
    fn check(&self) -> Result<(usize, usize), ApiError> {
        let wrong = |detail: String| Err(ApiError::new(Code::INVALID_PARAMETER, detail));
        let (page, size) = (self.page.unwrap_or(1), self.page_size.unwrap_or(PAGE_SIZE));
        if page == 0 {
            return wrong("invalid page 0: expected 1 or more".to_owned());
        }
        if !(1..=PAGE_SIZE_MAX).contains(&size) {
            return wrong(format!("invalid page_size {size}: expected 1 to {PAGE_SIZE_MAX}"));
        }
        if let Some(status) = self.status.as_deref().filter(|status| !STATUSES.contains(status)) {
            let (status, all) = (midflight_core::clip(status), STATUSES.join(", "));
            return wrong(format!("invalid status {status:?}: expected one of {all}"));
        }
        Ok((page, size))
    }

    fn wants(&self, tool: &Tool) -> bool {
        let is_of = |wanted: &Option<String>, found: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| found == Some(wanted))
        };
        let is_wanted = match (&self.status, self.enabled) {
            (None, None) => is_listed(tool),
            (status, enabled) => {
                status.as_deref().is_none_or(|status| tool.status().as_str() == status)
                    && enabled.is_none_or(|enabled| tool.is_enabled() == enabled)
            }
        };
        is_wanted && is_of(&self.platform, tool.platform()) && is_of(&self.category, tool.category())
    }
}

/// Whether a list has a tool that does not ask for a status: as in the compatibility API, what is active and switched on.
pub(super) fn is_listed(tool: &Tool) -> bool {
    tool.is_enabled() && tool.status() == midflight_tools::ToolStatus::Active
}

/// The tools that are served, by name, in pages.
#[utoipa::path(get, path = "/api/v1/tools", tag = "tools", params(ToolParams),
    responses((status = 200, body = ToolList), (status = "default", body = ProblemBody)))]
pub(super) async fn list_tools(
    State(app): State<ToolsApp>,
    Params(params): Params<ToolParams>,
) -> Result<Json<ToolList>, ApiError> {
    let (page, page_size) = params.check()?;
    let tools = app.parts.tools.snapshot();
    let (revision, quarantined) = (tools.revision(), quarantined_revisions(tools.quarantined()));
    // Among many, those that are wanted may be far apart; other requests must not wait for them.
    let found = tokio::task::spawn_blocking(move || {
        let skip = (page - 1).saturating_mul(page_size);
        let mut total = 0_usize;
        let mut found = Vec::with_capacity(page_size);
        for tool in tools.tools_by_name(None).filter(|tool| params.wants(tool)) {
            if total >= skip && found.len() < page_size {
                found.push(Arc::clone(tool));
            }
            total += 1;
        }
        (found, total)
    });
    let (found, total) = found.await.map_err(|error| ApiError::internal(&error))?;
    let tools = answers(&app, &found, revision).await?;
    Ok(Json(ToolList { tools, total, page, page_size, revision: revision.get(), quarantined }))
}

/// Tools as answers, with who made them what they are.
pub(super) async fn answers(
    app: &ToolsApp,
    tools: &[Arc<Tool>],
    revision: midflight_core::RevisionNumber,
) -> Result<Vec<ToolAnswer>, ApiError> {
    let ids: Vec<DocumentId> =
        tools.iter().map(|tool| document(KIND, tool.id())).collect::<Result<_, _>>()?;
    let authors = authors(app, &ids, revision).await?;
    let answer = |(tool, authors): (&Arc<Tool>, Option<_>)| {
        tool_answer(tool.id(), tool.body(), Option::as_ref(&authors))
    };
    Ok(tools.iter().zip(authors).map(answer).collect())
}

/// The first tools that are listed, and how many are.
pub(super) fn listed<'s>(tools: impl Iterator<Item = &'s Arc<Tool>>) -> (Vec<Arc<Tool>>, usize) {
    let (mut found, mut total) = (Vec::new(), 0);
    for tool in tools.filter(|tool| is_listed(tool)) {
        if total < LISTED_MAX {
            found.push(Arc::clone(tool));
        }
        total += 1;
    }
    (found, total)
}

/// About how long the answers of tools are, in bytes.
pub(super) fn bytes(tools: &[Arc<Tool>]) -> u64 {
    /// What an answer has beside its texts.
    const ENTRY_BYTES: usize = 512;
    let of_tool = |tool: &Arc<Tool>| {
        let texts = ["defaults", "dependencies", "metadata"].map(|key| match tool.body().get(key) {
            Some(value) => value.to_string().len(),
            None => 2,
        });
        ENTRY_BYTES + tool.description().len() + texts.iter().sum::<usize>()
    };
    tools.iter().map(|tool| of_tool(tool) as u64).sum()
}

/// The tools of a platform that are active and switched on, by name. A platform that no tool has is an empty list.
#[utoipa::path(get, path = "/api/v1/tools/platform/{platform}", tag = "tools",
    params(("platform" = String, Path, description = "The platform, as `linux`")),
    responses((status = 200, body = PlatformTools), (status = "default", body = ProblemBody)))]
pub(super) async fn of_platform(
    State(app): State<ToolsApp>,
    principal: Principal,
    InPath(platform): InPath<String>,
) -> Result<Response, ApiError> {
    let snapshot = app.parts.tools.snapshot();
    let (found, total) = listed(snapshot.of_platform(&platform));
    let (tools, room, bytes) = prepared(&app, &principal, &snapshot, &found).await?;
    let (revision, quarantined) = (snapshot.revision().get(), quarantined_revisions(snapshot.quarantined()));
    json(bytes, room, move || PlatformTools { platform, tools, total, revision, quarantined }).await
}

/// The tools of a category that are active and switched on, by name. A category that no tool has is an empty list.
#[utoipa::path(get, path = "/api/v1/tools/category/{category}", tag = "tools",
    params(("category" = String, Path, description = "The category, as `network`")),
    responses((status = 200, body = CategoryTools), (status = "default", body = ProblemBody)))]
pub(super) async fn of_category(
    State(app): State<ToolsApp>,
    principal: Principal,
    InPath(category): InPath<String>,
) -> Result<Response, ApiError> {
    let snapshot = app.parts.tools.snapshot();
    let (found, total) = listed(snapshot.of_category(&category));
    let (tools, room, bytes) = prepared(&app, &principal, &snapshot, &found).await?;
    let (revision, quarantined) = (snapshot.revision().get(), quarantined_revisions(snapshot.quarantined()));
    json(bytes, room, move || CategoryTools { category, tools, total, revision, quarantined }).await
}

type PreparedTools = (Vec<ToolAnswer>, midflight_http::byte_budget::HeldBytes, u64);

async fn prepared(
    app: &ToolsApp,
    principal: &Principal,
    snapshot: &Pinned<ToolsSnapshot>,
    found: &[Arc<Tool>],
) -> Result<PreparedTools, ApiError> {
    let room = room_for_page(app, principal).await?;
    let tools = answers(app, found, snapshot.revision()).await?;
    Ok((tools, room, bytes(found)))
}
