//! Texts of tools that instruct a model, or hide something.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use midflight_core::Diff;
use midflight_engine::{Interrupted, Work};
use midflight_http::compute::TimeLimit;
use midflight_http::params::{self, Params};
use midflight_http::principal::Principal;
use midflight_http::problem::ApiError;
use midflight_http::wire::quarantined_revisions;
use midflight_live::Pinned;
use midflight_tools::lint::lint;
use midflight_tools::{Tool, ToolsSnapshot};
use midflight_wire::problem::ProblemBody;
use midflight_wire::tools::{LintItem, LintList};
use serde::Deserialize;
use utoipa::IntoParams;

use super::app::ToolsApp;
use super::compute::{ComputeBounds, computed};
use super::names::{KIND, served};
use super::wire::lint_item;

/// How many tools of one edit are looked at for its answer, and among how many names of others: it delays the answer.
const EDITED_MAX: usize = 10;
const NAMES_MAX: usize = 1_000;

/// Which tools to look at.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct LintParams {
    /// Only this tool.
    tool_name: Option<String>,
    /// How many tools are looked at, at most; 50 by default, at most 500.
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Findings in the texts of the served tools: instructions to a model, URLs, encoded blobs, names of other tools, and
/// platforms and categories that look misspelled. Characters that are not shown are refused when a tool is written, and
/// are no finding here.
#[utoipa::path(get, path = "/api/v1/tools/lint", tag = "tools", params(LintParams),
    responses((status = 200, body = LintList), (status = "default", body = ProblemBody)))]
pub(super) async fn lint_tools(
    State(app): State<ToolsApp>,
    principal: Principal,
    Params(params): Params<LintParams>,
) -> Result<Json<LintList>, ApiError> {
    let limit = params::limit(params.limit)? as usize;
    let tools = app.parts.tools.snapshot();
    let named = params.tool_name.as_deref();
    let one = named.map(|name| served(&tools, name, &principal).map(Arc::clone)).transpose()?;
    let time = TimeLimit { ms_max: app.parts.limits.lint_ms_max, name: "lint_ms_max" };
    let bounds = ComputeBounds { time, cure: "ask for fewer tools with limit" };
    let is_tried = one.is_some() && tools.tool_count() <= NAMES_MAX;
    let list = move |work: &Work| list(&tools, one.as_ref(), params.cursor.as_deref(), limit, work);
    computed(&app, &principal, bounds, is_tried, list).await.map(Json)
}

fn list(
    tools: &Pinned<ToolsSnapshot>,
    one: Option<&Arc<Tool>>,
    after: Option<&str>,
    limit: usize,
    work: &Work,
) -> Result<LintList, Interrupted> {
    let (wanted, next_cursor) = match one {
        Some(tool) => (vec![tool], None),
        None => {
            let mut rest = tools.tools(after);
            let wanted: Vec<_> = rest.by_ref().take(limit).collect();
            let next = wanted.last().filter(|_| rest.next().is_some()).map(|tool| tool.id().to_owned());
            (wanted, next)
        }
    };
    let names: Vec<&str> = tools.tools_by_name(None).map(|tool| tool.tool_name()).collect();
    /// What a finding has beside its texts.
    const ITEM_BYTES: usize = 64;
    let mut items = Vec::new();
    for tool in &wanted {
        // Each name is looked for in every text of the tool.
        let others = names.iter().copied().take_while(|_| work.check().is_ok());
        let findings = lint(tool, others);
        work.check()?;
        for finding in &findings {
            let texts = finding.path.as_str().len() + finding.message.len() + tool.tool_name().len();
            work.charge((ITEM_BYTES + texts) as u64)?;
            items.push(lint_item(tool, finding));
        }
    }
    Ok(LintList {
        items,
        tools: wanted.len(),
        next_cursor,
        revision: tools.revision().get(),
        quarantined: quarantined_revisions(tools.quarantined()),
    })
}

/// What was found in one tool. In a large catalogue names of other tools are not looked for: that costs a step for
/// each.
pub(super) fn findings(tools: &ToolsSnapshot, tool: &Tool) -> Vec<LintItem> {
    let others = tools.tools_by_name(None).map(|other| other.tool_name());
    let is_small = tools.tool_count() <= NAMES_MAX;
    let findings = lint(tool, others.take(if is_small { NAMES_MAX } else { 0 }));
    findings.iter().map(|finding| lint_item(tool, finding)).collect()
}

/// What was found in the tools that an edit put; none for an edit of anything else.
pub(super) fn of_edit(tools: &ToolsSnapshot, diff: &Diff) -> Option<Vec<LintItem>> {
    let put = diff.documents().iter().filter(|it| it.id.kind.as_str() == KIND && it.new.is_some());
    let mut edited = put.filter_map(|it| tools.tool(it.id.name.as_str())).take(EDITED_MAX).peekable();
    edited.peek()?;
    Some(edited.flat_map(|tool| findings(tools, tool)).collect())
}
