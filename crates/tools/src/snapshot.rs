//! What is served: the tools of one revision, with the indexes by which they are found.

use std::ops::Bound;
use std::sync::{Arc, OnceLock};

use imbl::{HashMap, OrdMap};
use midflight_core::{Digest, hint};
use midflight_engine::{Interrupted, Work};

use crate::corrections::{EstimateCorrection, EstimateCorrections};
use crate::digest::catalogue_digest;
use crate::limits::QUERY_BYTES_MAX;
use crate::search::{SearchHit, SearchIndex};
use crate::settings::SelectionSettings;
use crate::tool::Tool;

/// Tools by a name of theirs.
pub(crate) type ToolsByName = OrdMap<Arc<str>, Arc<Tool>>;

/// The catalogue at a revision, compiled. A clone shares everything and costs the same however large it is.
#[derive(Debug, Clone, Default)]
pub struct ToolsSnapshot {
    pub(crate) tools: ToolsByName,
    pub(crate) by_tool_name: ToolsByName,
    pub(crate) by_mcp_name: ToolsByName,
    /// By capability, platform and category: the tools with it, by tool name. Those that are not offered are in them
    /// too.
    pub(crate) by_capability: OrdMap<Arc<str>, ToolsByName>,
    pub(crate) by_platform: OrdMap<Arc<str>, ToolsByName>,
    pub(crate) by_category: OrdMap<Arc<str>, ToolsByName>,
    pub(crate) search: SearchIndex,
    pub(crate) settings: Arc<SelectionSettings>,
    /// By the id of the tool.
    pub(crate) corrections: HashMap<Arc<str>, Arc<EstimateCorrections>>,
    pub(crate) patterns: usize,
    pub(crate) offered: usize,
    /// Made when it is first asked for.
    pub(crate) digest: OnceLock<Digest>,
}

impl ToolsSnapshot {
    /// How many tools there are, those that are not offered too.
    #[must_use]
    pub fn tool_count(&self) -> usize {
        self.tools.len()
    }

    /// How many of them are offered: switched on, and active or in testing.
    #[must_use]
    pub fn offered_count(&self) -> usize {
        self.offered
    }

    /// How many patterns all tools have.
    #[must_use]
    pub fn pattern_count(&self) -> usize {
        self.patterns
    }

    /// A tool by its id, the name of its document.
    #[must_use]
    pub fn tool(&self, id: &str) -> Option<&Arc<Tool>> {
        self.tools.get(id)
    }

    /// A tool by its tool name.
    #[must_use]
    pub fn by_tool_name(&self, tool_name: &str) -> Option<&Arc<Tool>> {
        self.by_tool_name.get(tool_name)
    }

    /// A tool by the name by which agents know it.
    #[must_use]
    pub fn by_mcp_name(&self, mcp_name: &str) -> Option<&Arc<Tool>> {
        self.by_mcp_name.get(mcp_name)
    }

    /// Every tool by id, those that are not offered too; those after `after` only.
    pub fn tools(&self, after: Option<&str>) -> impl Iterator<Item = &Arc<Tool>> {
        range(&self.tools, after)
    }

    /// Every tool in the order of tool names; those after `after` only.
    pub fn tools_by_name(&self, after: Option<&str>) -> impl Iterator<Item = &Arc<Tool>> {
        range(&self.by_tool_name, after)
    }

    /// The tools that are offered, in the order of the names by which agents know them; those after `after` only.
    pub fn offered(&self, after: Option<&str>) -> impl Iterator<Item = &Arc<Tool>> {
        range(&self.by_mcp_name, after).filter(|tool| tool.is_offered())
    }

    /// The tools of a platform by tool name.
    pub fn of_platform(&self, platform: &str) -> impl Iterator<Item = &Arc<Tool>> {
        self.by_platform.get(platform).into_iter().flat_map(OrdMap::values)
    }

    /// The tools of a category by tool name.
    pub fn of_category(&self, category: &str) -> impl Iterator<Item = &Arc<Tool>> {
        self.by_category.get(category).into_iter().flat_map(OrdMap::values)
    }

    /// The tools that have a capability, by tool name.
    pub fn with_capability(&self, capability: &str) -> impl Iterator<Item = &Arc<Tool>> {
        self.by_capability.get(capability).into_iter().flat_map(OrdMap::values)
    }

    /// The capabilities of all tools, ascending, with how many tools have each.
    pub fn capabilities(&self) -> impl Iterator<Item = (&str, usize)> {
        counts(&self.by_capability)
    }

    /// The platforms of all tools, ascending, with how many tools have each.
    pub fn platforms(&self) -> impl Iterator<Item = (&str, usize)> {
        counts(&self.by_platform)
    }

    /// The categories of all tools, ascending, with how many tools have each.
    pub fn categories(&self) -> impl Iterator<Item = (&str, usize)> {
        counts(&self.by_category)
    }

    /// The tools that fit a query best (BM25 over names, titles, descriptions, use cases and arguments), at most `max`,
    /// best first; of equals, the first by name. Those that are not offered are left out. Only the first 8 KiB of the
    /// query count. Cost: one step for each tool that has a word of the query.
    #[must_use]
    pub fn search(&self, query: &str, max: usize) -> Vec<SearchHit<'_>> {
        self.search_among(query, max, Tool::is_offered)
    }

    /// The same among the tools that `is_wanted`.
    pub fn search_among(
        &self,
        query: &str,
        max: usize,
        is_wanted: impl Fn(&Tool) -> bool,
    ) -> Vec<SearchHit<'_>> {
        // Without a bound nothing interrupts it.
        self.search_within(query, max, is_wanted, &Work::unbounded()).unwrap_or_default()
    }

    /// As [`ToolsSnapshot::search_among`], within a budget of time.
    ///
    /// # Errors
    /// When `work` is interrupted.
    pub fn search_within(
        &self,
        query: &str,
        max: usize,
        is_wanted: impl Fn(&Tool) -> bool,
        work: &Work,
    ) -> Result<Vec<SearchHit<'_>>, Interrupted> {
        let cut = (0..=query.len().min(QUERY_BYTES_MAX)).rev().find(|at| query.is_char_boundary(*at));
        self.search.search(&query[..cut.unwrap_or_default()], max, is_wanted, work)
    }

    /// How candidates are compared.
    #[must_use]
    pub fn settings(&self) -> &SelectionSettings {
        &self.settings
    }

    /// What the estimates of a pattern are multiplied with; `tool` is the id of the tool.
    #[must_use]
    pub fn correction(&self, tool: &str, capability: &str, pattern: &str) -> EstimateCorrection {
        self.corrections
            .get(tool)
            .map_or_else(EstimateCorrection::default, |corrections| corrections.of(capability, pattern))
    }

    /// The digest of all tools that are offered: SHA-256 over their digests, sorted. Cost: when it is first asked for,
    /// linear in the tools, some 0.4 us each; then none.
    #[must_use]
    pub fn digest(&self) -> Digest {
        *self.digest.get_or_init(|| catalogue_digest(self.offered(None).map(|tool| tool.digest())))
    }

    /// What may have been meant by a tool name that no tool has, as a clause; or nothing. Cost: a comparison with each
    /// name.
    #[must_use]
    pub fn near_tool(&self, tool_name: &str) -> String {
        // Without a bound nothing interrupts it.
        self.near_tool_within(tool_name, &Work::unbounded()).unwrap_or_default()
    }

    /// As [`ToolsSnapshot::near_tool`], within a budget of time.
    ///
    /// # Errors
    /// When `work` is interrupted.
    pub fn near_tool_within(&self, tool_name: &str, work: &Work) -> Result<String, Interrupted> {
        let names = self.by_tool_name.keys().take_while(|_| work.check().is_ok());
        let near = hint(tool_name, names.map(|name| &**name));
        work.check().map(|()| near)
    }
}

fn range<'s>(tools: &'s ToolsByName, after: Option<&str>) -> impl Iterator<Item = &'s Arc<Tool>> {
    let from = after.map_or(Bound::Unbounded, Bound::Excluded);
    tools.range::<_, str>((from, Bound::Unbounded)).map(|(_, tool)| tool)
}

fn counts(index: &OrdMap<Arc<str>, ToolsByName>) -> impl Iterator<Item = (&str, usize)> {
    index.iter().map(|(name, tools)| (&**name, tools.len()))
}
