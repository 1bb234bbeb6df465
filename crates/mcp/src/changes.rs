//! The changes of tools: remembered while they are followed, so that a call of a removed tool is answered with an
//! alternative.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use midflight_core::RevisionNumber;
use midflight_tools::diff::{Impact, diff_catalogues};
use midflight_tools::{Tool, ToolsSnapshot};

use crate::ToolFailure;
use crate::views::CatalogueView;

/// The most differences of a tool that are named in an answer.
const NAMED_MAX: usize = 5;

/// The last change of each tool, by the name that agents knew and by id; the oldest are forgotten first.
pub(crate) struct ChangeHistory {
    kept: Mutex<RememberedChanges>,
    entries_max: usize,
}

#[derive(Default)]
struct RememberedChanges {
    removed: HashMap<Arc<str>, GoneTool>,
    removed_order: VecDeque<Arc<str>>,
    changed: HashMap<Arc<str>, ToolChange>,
    changed_order: VecDeque<Arc<str>>,
}

/// A name that agents knew and that no tool has any more.
#[derive(Clone)]
struct GoneTool {
    revision: RevisionNumber,
    tool: Arc<Tool>,
}

/// What breaks callers in the last change of a tool that broke any.
#[derive(Clone)]
pub(crate) struct ToolChange {
    pub(crate) revision: RevisionNumber,
    pub(crate) messages: Vec<String>,
}

impl ChangeHistory {
    pub(crate) fn new(entries_max: usize) -> Self {
        Self { kept: Mutex::default(), entries_max: entries_max.max(1) }
    }

    /// Remembers what changed from one served catalogue to the next. Cost: a step for each tool, and a comparison for
    /// each that differs.
    pub(crate) fn record(&self, before: &ToolsSnapshot, after: &CatalogueView) {
        let revision = after.revision();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        for difference in diff_catalogues(before, after) {
            let Some(tool) = before.tool(&difference.id) else { continue };
            if difference.before.is_some() && difference.before != difference.after {
                let name: Arc<str> = tool.mcp_name().into();
                let removed = GoneTool { revision, tool: Arc::clone(tool) };
                let RememberedChanges { removed: entries, removed_order, .. } = &mut *kept;
                remember(entries, removed_order, name, removed, self.entries_max);
            }
            let breaking = difference.differences.iter().filter(|it| it.impact == Impact::Breaking);
            let messages: Vec<String> = breaking.take(NAMED_MAX).map(|it| it.message.clone()).collect();
            if !messages.is_empty() {
                let change = ToolChange { revision, messages };
                let RememberedChanges { changed: entries, changed_order, .. } = &mut *kept;
                remember(entries, changed_order, Arc::clone(tool.shared_id()), change, self.entries_max);
            }
        }
    }

    /// Why no tool of this name can be called in a catalogue; none when nothing is known of the name. `known` is the
    /// catalogue that the client works from, if it is another one.
    pub(crate) fn why_missing(
        &self,
        name: &str,
        view: &CatalogueView,
        known: Option<&CatalogueView>,
    ) -> Option<ToolFailure> {
        if let Some(tool) = view.by_mcp_name(name) {
            return (!tool.is_offered()).then(|| self.not_offered(tool, view));
        }
        let removed = self.kept.lock().unwrap_or_else(PoisonError::into_inner).removed.get(name).cloned();
        if let Some(removed) = removed.filter(|removed| removed.revision <= view.revision()) {
            return Some(missing(name, &removed.tool, view, &format!("in revision {}", removed.revision)));
        }
        let known = known.filter(|known| known.revision() < view.revision())?;
        let tool = known.by_mcp_name(name)?;
        Some(missing(name, tool, view, &format!("after revision {}", known.revision())))
    }

    fn not_offered(&self, tool: &Tool, view: &CatalogueView) -> ToolFailure {
        let state = if tool.is_enabled() { tool.status().as_str() } else { "switched off" };
        let since = self.of(tool, view).map(|change| format!(" since revision {}", change.revision));
        let message = format!(
            "`{}` is not offered{}: it is {state}; {}",
            tool.mcp_name(),
            since.unwrap_or_default(),
            instead(tool, view)
        );
        ToolFailure::new("tool_not_offered", message)
    }

    /// The last change of a tool that broke callers, up to a catalogue.
    pub(crate) fn of(&self, tool: &Tool, view: &CatalogueView) -> Option<ToolChange> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.changed.get(tool.id()).filter(|change| change.revision <= view.revision()).cloned()
    }
}

fn remember<T>(
    entries: &mut HashMap<Arc<str>, T>,
    order: &mut VecDeque<Arc<str>>,
    key: Arc<str>,
    value: T,
    entries_max: usize,
) {
    if entries.insert(Arc::clone(&key), value).is_some() {
        order.retain(|known| *known != key);
    }
    order.push_back(key);
    while order.len() > entries_max {
        if let Some(oldest) = order.pop_front() {
            entries.remove(&oldest);
        }
    }
}

fn missing(name: &str, old: &Tool, view: &CatalogueView, when: &str) -> ToolFailure {
    match view.tool(old.id()) {
        Some(tool) if tool.is_offered() => ToolFailure::new(
            "tool_renamed",
            format!("`{name}` was renamed to `{new}` {when}; call `{new}`", new = tool.mcp_name()),
        ),
        _ => {
            let message = format!("`{name}` was removed {when}; {}", instead(old, view));
            ToolFailure::new("tool_removed", message)
        }
    }
}

/// Which tool to use instead of a removed one: the one that fits its description best, of those that can do the same if
/// there are any.
fn instead(old: &Tool, view: &CatalogueView) -> String {
    let query = format!("{} {}", old.tool_name(), old.description());
    let wanted: Vec<&str> = old.capabilities().iter().map(|capability| &*capability.name).collect();
    let is_other = |tool: &Tool| tool.is_offered() && tool.id() != old.id();
    let can = |tool: &Tool| wanted.iter().any(|capability| tool.capability(capability).is_some());
    let found = view.search_among(&query, 1, |tool| is_other(tool) && can(tool));
    let found = if found.is_empty() { view.search_among(&query, 1, is_other) } else { found };
    match found.first() {
        Some(hit) => format!("use `{}`", hit.tool.mcp_name()),
        None => "no tool of the catalogue is similar; list the tools again".to_owned(),
    }
}
