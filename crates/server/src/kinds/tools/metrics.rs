//! What is counted of the tools.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, Label, Unit};
use midflight_http::metrics::registry::{EXECUTION_SECONDS, MetricsRegistry, label};
use midflight_mcp::McpFigures;
use midflight_tools::ToolsSnapshot;
use midflight_wire::tools::SelectionCounts;

use super::agents::AgentMetrics;

/// What the names of all of them begin with.
pub(super) const PREFIX: &str = "midflight_tool";

/// How many tools have a label of their own. The others share `other`: a catalogue may have any number of tools, and
/// each label has a cost for the scraper.
const LABELS_MAX: usize = 200;
/// The uses that were reported, by tool and outcome.
const USES: &str = "midflight_tool_uses_total";
const USES_HELP: &str = "Reported uses of tools, by tool and outcome; past 200 tools as `other`.";
/// The label of the tools past that.
const OTHER: &str = "other";

/// The metrics of the tools. Cloning gives another handle on the same.
#[derive(Clone)]
pub(super) struct ToolsMetrics(Arc<ToolsCounters>);

struct ToolsCounters {
    selected_by_tool: ByTool,
    succeeded_by_tool: ByTool,
    failed_by_tool: ByTool,
    selected: ReadableCounter,
    nothing: ReadableCounter,
    ambiguous: ReadableCounter,
    searches: ReadableCounter,
    evaluations: ReadableCounter,
    selection_time: Histogram,
    agents: AgentMetrics,
    tools: Gauge,
    offered: Gauge,
    patterns: Gauge,
}

/// A counter for each tool, and one for all past [`LABELS_MAX`].
struct ByTool {
    name: &'static str,
    help: &'static str,
    /// The outcome that it counts, where there are several.
    outcome: Option<&'static str>,
    counters: Mutex<HashMap<Box<str>, Counter>>,
}

impl ByTool {
    fn new(name: &'static str, help: &'static str, outcome: Option<&'static str>) -> Self {
        Self { name, help, outcome, counters: Mutex::default() }
    }

    fn add(&self, registry: &MetricsRegistry, tool: &str) {
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        let name = if counters.contains_key(tool) || counters.len() < LABELS_MAX { tool } else { OTHER };
        let counter = counters.entry(name.into()).or_insert_with(|| {
            let mut labels = vec![Label::new("tool", name.to_owned())];
            labels.extend(self.outcome.map(|outcome| Label::from_static_parts("outcome", outcome)));
            registry.counter(self.name, self.help, labels)
        });
        counter.increment(1);
    }
}

/// A counter that can be read.
struct ReadableCounter {
    counter: Counter,
    count: AtomicU64,
}

impl ReadableCounter {
    fn new(counter: Counter) -> Self {
        Self { counter, count: AtomicU64::new(0) }
    }

    fn add(&self) {
        self.counter.increment(1);
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}

/// The result of a selection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Selected<'s> {
    /// The id of the best tool; none where there was none.
    pub(super) tool: Option<&'s str>,
    /// Whether the best candidates were too close to call.
    pub(super) is_ambiguous: bool,
    pub(super) took: Duration,
}

impl ToolsMetrics {
    pub(super) fn new(registry: &MetricsRegistry) -> Self {
        let selections = |outcome| {
            ReadableCounter::new(registry.counter(
                "midflight_tool_selections_total",
                "Selections among tools, by outcome.",
                label("outcome", outcome),
            ))
        };
        let counter = |name, help| ReadableCounter::new(registry.counter(name, help, Vec::new()));
        let gauge = |name, help| registry.gauge(name, help, Vec::new());
        Self(Arc::new(ToolsCounters {
            selected: selections("selected"),
            nothing: selections("nothing"),
            ambiguous: counter(
                "midflight_tool_selections_ambiguous_total",
                "Selections whose best candidates were too close to call.",
            ),
            searches: counter("midflight_tool_searches_total", "Searches for tools."),
            evaluations: counter("midflight_tool_evaluations_total", "Formulas that were evaluated."),
            selection_time: registry.sampled_histogram(
                "midflight_tool_selection_time_seconds",
                "Time of selections among tools, in seconds.",
                Unit::Seconds,
                EXECUTION_SECONDS,
                Vec::new(),
            ),
            tools: gauge("midflight_tools", "Tools being served."),
            offered: gauge("midflight_tools_offered", "Tools being served that are offered to selections."),
            patterns: gauge("midflight_tool_patterns", "Patterns of the tools being served."),
            agents: AgentMetrics::new(registry),
            selected_by_tool: ByTool::new(
                "midflight_tool_selected_total",
                "Selections by tool that was selected; past 200 tools as `other`.",
                None,
            ),
            succeeded_by_tool: ByTool::new(USES, USES_HELP, Some("success")),
            failed_by_tool: ByTool::new(USES, USES_HELP, Some("failure")),
        }))
    }

    /// Counts a selection that was answered.
    pub(super) fn selected(&self, registry: &MetricsRegistry, selected: Selected<'_>) {
        self.0.selection_time.record(selected.took.as_secs_f64());
        match selected.tool {
            Some(tool) => {
                self.0.selected.add();
                self.0.selected_by_tool.add(registry, tool);
            }
            None => self.0.nothing.add(),
        }
        if selected.is_ambiguous {
            self.0.ambiguous.add();
        }
    }

    /// Counts uses of a tool that were reported.
    pub(super) fn used(&self, registry: &MetricsRegistry, tool: &str, is_success: bool) {
        let by_tool = if is_success { &self.0.succeeded_by_tool } else { &self.0.failed_by_tool };
        by_tool.add(registry, tool);
    }

    /// Counts a call that was forwarded to its endpoint.
    pub(super) fn forwarded(&self, took: Duration, is_success: bool) {
        self.0.agents.forwarded(took, is_success);
    }

    pub(super) fn searched(&self) {
        self.0.searches.add();
    }

    pub(super) fn evaluated(&self) {
        self.0.evaluations.add();
    }

    /// What was counted since this replica started.
    pub(super) fn counts(&self) -> SelectionCounts {
        SelectionCounts {
            selected: self.0.selected.get(),
            nothing: self.0.nothing.get(),
            ambiguous: self.0.ambiguous.get(),
            searches: self.0.searches.get(),
            evaluations: self.0.evaluations.get(),
        }
    }

    /// Takes over what is served, and what the endpoint of agents has counted.
    #[expect(clippy::cast_precision_loss, reason = "counts of tools are far below where that matters")]
    pub(super) fn refresh(&self, tools: &ToolsSnapshot, agents: Option<&McpFigures>) {
        self.0.tools.set(tools.tool_count() as f64);
        self.0.offered.set(tools.offered_count() as f64);
        self.0.patterns.set(tools.pattern_count() as f64);
        if let Some(figures) = agents {
            self.0.agents.refresh(figures);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_past_the_bound_share_a_label() {
        let registry = MetricsRegistry::new();
        let metrics = ToolsMetrics::new(&registry);
        for n in 0..LABELS_MAX + 50 {
            let tool = format!("t{n}");
            let selected = Selected { tool: Some(&tool), is_ambiguous: n == 0, took: Duration::ZERO };
            metrics.selected(&registry, selected);
        }
        let nothing = Selected { tool: None, is_ambiguous: false, took: Duration::ZERO };
        metrics.selected(&registry, nothing);
        assert_eq!(metrics.0.selected_by_tool.counters.lock().unwrap().len(), LABELS_MAX + 1);
        let counts = metrics.counts();
        assert_eq!((counts.selected, counts.nothing, counts.ambiguous), (LABELS_MAX as u64 + 50, 1, 1));
    }
}
