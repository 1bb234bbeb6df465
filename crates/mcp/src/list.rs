//! `tools/list`: pages of one catalogue.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use midflight_core::RevisionNumber;
use rmcp::ErrorData;
use rmcp::model::{CacheScope, ListToolsResult, MetaObject, Tool as McpTool};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::meta_tools;
use crate::seal::{SealError, SealPurpose};
use crate::shared::{McpShared, past_error, revision_meta};
use crate::views::CatalogueView;
use crate::{Expose, MIN_REVISION_KEY, McpCaller, PastError, REVISION_KEY, definition};

/// Where a list continues.
#[derive(Serialize, Deserialize)]
struct Cursor {
    /// The revision of the first page, and so of all.
    revision: u64,
    /// The name of the last tool of the catalogue that was listed; none where only tools of the server were.
    after: Option<String>,
    /// Until when the list can be continued, in ms since 1970: counted from its first page.
    until_ms: u64,
}

/// One page for a caller. `is_modern` is whether the client knows caching hints.
pub(crate) async fn list(
    shared: &McpShared,
    caller: &McpCaller,
    cursor: Option<&str>,
    min_revision: Option<&Value>,
    is_modern: bool,
) -> Result<ListToolsResult, ErrorData> {
    let (view, after, until_ms) = match cursor {
        Some(cursor) => resume(shared, caller, cursor).await?,
        None => {
            wait_for_min_revision(shared, caller, min_revision).await?;
            let view = shared.views.of(caller).await.map_err(|error| past_error(&error))?;
            (view, None, now_ms().saturating_add(shared.options.cursor_ms_max))
        }
    };
    let mut page = ToolPage::new(shared);
    if cursor.is_none() {
        first_tools(shared, caller, &mut page);
    }
    let rest = match &caller.expose {
        Expose::All => {
            let offered = view.offered(after.as_deref()).filter(|tool| !shared.is_taken(tool.mcp_name()));
            page.fill(offered.map(|tool| definition::of_catalogue(tool)))
        }
        Expose::Search => None,
        Expose::PinnedAndSearch(pinned) => {
            let pinned = view.pinned(pinned).filter(|tool| !shared.is_taken(tool.mcp_name()));
            let rest = pinned.filter(|tool| after.as_deref().is_none_or(|after| tool.mcp_name() > after));
            page.fill(rest.map(|tool| definition::of_catalogue(tool)))
        }
    };
    let mut result = ListToolsResult::with_all_items(page.tools);
    if let Some(after) = rest {
        let left = Duration::from_millis(until_ms.saturating_sub(now_ms()));
        let cursor = Cursor { revision: view.revision().get(), after: Some(after), until_ms };
        result.next_cursor = shared.sealer.seal(SealPurpose::Cursor, &[&caller.name], &cursor, left);
        shared.views.hold(&view, left);
    }
    result.meta = Some(MetaObject(revision_meta(&view, None)));
    if is_modern {
        let scope = if caller.may_share_list() { CacheScope::Public } else { CacheScope::Private };
        result = result.with_ttl_ms(shared.options.list_ttl_ms).with_cache_scope(scope);
    }
    shared.counts.list_page();
    Ok(result)
}

/// The tools that are on the first page whatever the catalogue has.
fn first_tools(shared: &McpShared, caller: &McpCaller, page: &mut ToolPage) {
    let meta_tools = caller.searches().then(meta_tools::definitions).into_iter().flatten();
    let own = shared.own.values().map(|entry| definition::of_own(&entry.tool));
    let mut tools: Vec<McpTool> = meta_tools.chain(own).collect();
    tools.sort_by(|a, b| a.name.cmp(&b.name));
    tools.into_iter().for_each(|tool| page.add(tool));
}

/// A page while it is filled.
struct ToolPage {
    tools: Vec<McpTool>,
    bytes: usize,
    tools_max: usize,
    bytes_max: usize,
    /// How many of the tools are of the catalogue.
    of_catalogue: usize,
}

impl ToolPage {
    fn new(shared: &McpShared) -> Self {
        let options = &shared.options;
        let (tools_max, bytes_max) = (options.page_tools_max.max(1), options.page_bytes_max);
        Self { tools: Vec::new(), bytes: 0, tools_max, bytes_max, of_catalogue: 0 }
    }

    fn add(&mut self, tool: McpTool) {
        self.bytes += serde_json::to_vec(&tool).map_or(0, |json| json.len());
        self.tools.push(tool);
    }

    /// Takes tools of the catalogue while there is room, one at least; answers the name of the last one if there are
    /// more.
    fn fill(&mut self, tools: impl Iterator<Item = McpTool>) -> Option<String> {
        let mut last: Option<String> = None;
        for tool in tools {
            let is_full = self.tools.len() >= self.tools_max || self.bytes >= self.bytes_max;
            if is_full && self.of_catalogue > 0 {
                return last;
            }
            last = Some(tool.name.to_string());
            self.of_catalogue += 1;
            self.add(tool);
        }
        None
    }
}

async fn resume(
    shared: &McpShared,
    caller: &McpCaller,
    sealed: &str,
) -> Result<(CatalogueView, Option<String>, u64), ErrorData> {
    let opened = shared.sealer.open::<Cursor>(SealPurpose::Cursor, &[&caller.name], sealed);
    let cursor = opened.map_err(|error| {
        ErrorData::invalid_params(
            match error {
                SealError::Expired => "invalid cursor: it expired; list again from the first page",
                SealError::Forged => {
                    "invalid cursor: it was not made for this list; list again from the first page"
                }
            },
            None,
        )
    })?;
    let revision = RevisionNumber::new(cursor.revision);
    let view = shared.views.at(revision, caller).await.map_err(|error| {
        if let PastError::Busy { .. } = error {
            return past_error(&error);
        }
        let message = format!("invalid cursor: {error}; list again from the first page");
        ErrorData::invalid_params(message, None)
    })?;
    Ok((view, cursor.after, cursor.until_ms))
}

/// Waits for the revision that the client knows of, so that no replica behind a load balancer returns an older list.
async fn wait_for_min_revision(
    shared: &McpShared,
    caller: &McpCaller,
    min_revision: Option<&Value>,
) -> Result<(), ErrorData> {
    let Some(min_revision) = min_revision else { return Ok(()) };
    let Some(number) = min_revision.as_u64() else {
        let message = format!("invalid _meta[\"{MIN_REVISION_KEY}\"]: expected the number of a revision");
        return Err(ErrorData::invalid_params(message, None));
    };
    let at_most = Duration::from_millis(shared.options.min_revision_ms_max);
    if caller.at.is_some() || shared.views.wait_for(RevisionNumber::new(number), at_most).await {
        return Ok(());
    }
    let served = shared.views.served().revision().get();
    let message = format!(
        "this replica serves revision {served}, which is older than min_revision {number}; list again"
    );
    Err(ErrorData::internal_error(message, Some(json!({REVISION_KEY: served}))))
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
