//! Tools in lists: pages, platforms, categories.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use midflight_engine::{Interrupted, Work};
use midflight_http::code::Code;
use midflight_http::long_answer::room_for_page;
use midflight_http::params::{InPath, Params};
use midflight_http::principal::Principal;
use midflight_http::problem::ApiError;
use midflight_http::wire::quarantined_revisions;
use midflight_tools::Tool;
use midflight_wire::problem::ProblemBody;
use midflight_wire::tools::{CategoryTools, PlatformTools, ToolList};
use serde::Deserialize;
use utoipa::IntoParams;

use super::answers::FoundList;
use super::app::ToolsApp;
use super::compute::{BRIEF_ITEMS_MAX, ComputeBounds, computed};

/// How many tools a page has unless asked, and at most.
const PAGE_SIZE: usize = 50;
const PAGE_SIZE_MAX: usize = 100;
const PAGE_MAX: usize = 1_000_000;
/// How many tools a list without pages has at most.
pub(super) const LISTED_MAX: usize = 1_000;
/// What to ask for when a list without pages is too long.
const IN_PAGES: &str = "read them in pages, with GET /api/v1/tools?platform=NAME&category=NAME&page_size=10";

/// Which tools to list. Without `status` and `enabled`, those that are active and switched on; with either, all that it
/// names.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ToolParams {
    /// The page, from 1; 1 by default.
    #[param(minimum = 1, maximum = 1_000_000)]
    page: Option<usize>,
    /// How many tools a page has, from 1 to 100; 50 by default.
    #[param(minimum = 1, maximum = 100)]
    page_size: Option<usize>,
    /// Only those of this platform.
    platform: Option<String>,
    /// Only those of this category.
    category: Option<String>,
    /// Only those of this status: `active`, `deprecated`, `disabled`, `testing` or `draft`.
    #[param(pattern = "^(active|deprecated|disabled|testing|draft)$")]
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
        if !(1..=PAGE_MAX).contains(&page) {
            return wrong(format!("invalid page {page}: expected 1 to {PAGE_MAX}"));
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

/// The tools that are served, by name, in pages. A page that has more than `answer_bytes_max` is refused; ask for a
/// smaller `page_size`.
#[utoipa::path(get, path = "/api/v1/tools", tag = "tools", params(ToolParams),
    responses((status = 200, body = ToolList), (status = "default", body = ProblemBody)))]
pub(super) async fn list_tools(
    State(app): State<ToolsApp>,
    principal: Principal,
    Params(params): Params<ToolParams>,
) -> Result<Response, ApiError> {
    let (page, page_size) = params.check()?;
    let room = room_for_page(&app, &principal).await?;
    let tools = app.parts.tools.snapshot();
    let (revision, quarantined) = (tools.revision(), quarantined_revisions(tools.quarantined()));
    let bounds = ComputeBounds::of_list(&app, "ask for a smaller page_size, or read the tools one by one");
    let is_tried = tools.tool_count() <= BRIEF_ITEMS_MAX;
    let job = move |work: &Work| {
        let skip = (page - 1).saturating_mul(page_size);
        let (mut found, mut total) = (FoundList::default(), 0_usize);
        for tool in tools.tools_by_name(None) {
            work.check()?;
            if !params.wants(tool) {
                continue;
            }
            if total >= skip && found.len() < page_size {
                found.add(tool, 0, work)?;
            }
            total += 1;
        }
        Ok((found, total))
    };
    let (found, total) = computed(&app, &principal, bounds, is_tried, job).await?;
    let list = ToolList { tools: Vec::new(), total, page, page_size, revision: revision.get(), quarantined };
    found.answer((&app, room), revision, (list, "tools"), |_, tool, _| tool).await
}

/// The first tools that are listed, and how many are. `more` is how many bytes the answer of a tool has beside its own.
pub(super) fn listed<'s>(
    tools: impl Iterator<Item = &'s Arc<Tool>>,
    more: impl Fn(&Tool) -> u64,
    work: &Work,
) -> Result<(FoundList, usize), Interrupted> {
    let (mut found, mut total) = (FoundList::default(), 0);
    for tool in tools {
        work.check()?;
        if !is_listed(tool) {
            continue;
        }
        if total < LISTED_MAX {
            found.add(tool, more(tool), work)?;
        }
        total += 1;
    }
    Ok((found, total))
}

/// The tools of a platform that are active and switched on, by name. A platform that no tool has is an empty list. More
/// than `answer_bytes_max` are refused; read them in pages.
#[utoipa::path(get, path = "/api/v1/tools/platform/{platform}", tag = "tools",
    params(("platform" = String, Path, description = "The platform, as `linux`")),
    responses((status = 200, body = PlatformTools), (status = "default", body = ProblemBody)))]
pub(super) async fn of_platform(
    State(app): State<ToolsApp>,
    principal: Principal,
    InPath(platform): InPath<String>,
) -> Result<Response, ApiError> {
    let room = room_for_page(&app, &principal).await?;
    let tools = app.parts.tools.snapshot();
    let (at, quarantined) = (tools.revision(), quarantined_revisions(tools.quarantined()));
    let (bounds, is_tried) = (ComputeBounds::of_list(&app, IN_PAGES), tools.tool_count() <= BRIEF_ITEMS_MAX);
    let name = platform.clone();
    let job = move |work: &Work| listed(tools.of_platform(&name), |_| 0, work);
    let (found, total) = computed(&app, &principal, bounds, is_tried, job).await?;
    let list = PlatformTools { platform, tools: Vec::new(), total, revision: at.get(), quarantined };
    found.answer((&app, room), at, (list, "tools"), |_, tool, _| tool).await
}

/// The tools of a category that are active and switched on, by name. A category that no tool has is an empty list. More
/// than `answer_bytes_max` are refused; read them in pages.
#[utoipa::path(get, path = "/api/v1/tools/category/{category}", tag = "tools",
    params(("category" = String, Path, description = "The category, as `network`")),
    responses((status = 200, body = CategoryTools), (status = "default", body = ProblemBody)))]
pub(super) async fn of_category(
    State(app): State<ToolsApp>,
    principal: Principal,
    InPath(category): InPath<String>,
) -> Result<Response, ApiError> {
    let room = room_for_page(&app, &principal).await?;
    let tools = app.parts.tools.snapshot();
    let (at, quarantined) = (tools.revision(), quarantined_revisions(tools.quarantined()));
    let (bounds, is_tried) = (ComputeBounds::of_list(&app, IN_PAGES), tools.tool_count() <= BRIEF_ITEMS_MAX);
    let name = category.clone();
    let job = move |work: &Work| listed(tools.of_category(&name), |_| 0, work);
    let (found, total) = computed(&app, &principal, bounds, is_tried, job).await?;
    let list = CategoryTools { category, tools: Vec::new(), total, revision: at.get(), quarantined };
    found.answer((&app, room), at, (list, "tools"), |_, tool, _| tool).await
}
