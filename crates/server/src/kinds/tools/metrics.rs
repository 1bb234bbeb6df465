//! What is counted of the tools.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, Label, Unit};
use midflight_tools::ToolsSnapshot;

use super::wire::SelectionCounts;
use midflight_http::metrics::registry::{EXECUTION_SECONDS, MetricsRegistry, label};

/// What the names of all of them begin with.
pub(super) const PREFIX: &str = "midflight_tool";

/// How many tools have a label of their own. The others share `other`: a catalogue may have any number of tools, and each label costs
/// whoever scrapes.
const LABELS_MAX: usize = 200;
/// The label of the tools past that.
const OTHER: &str = "other";

/// The metrics of the tools. Cloning gives another handle on the same.
#[derive(Clone)]
pub(super) struct ToolsMetrics(Arc<Inner>);

struct Inner {
    selected_by_tool: Mutex<HashMap<Box<str>, Counter>>,
    selected: Counted,
    nothing: Counted,
    ambiguous: Counted,
    searches: Counted,
    evaluations: Counted,
    selection_time: Histogram,
    tools: Gauge,
    offered: Gauge,
    patterns: Gauge,
}

/// A counter that can be read.
struct Counted {
    counter: Counter,
    count: AtomicU64,
}

impl Counted {
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

/// What came of a selection.
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
            Counted::new(registry.counter(
                "midflight_tool_selections_total",
                "Selections among tools, by outcome.",
                label("outcome", outcome),
            ))
        };
        let counter = |name, help| Counted::new(registry.counter(name, help, Vec::new()));
        let gauge = |name, help| registry.gauge(name, help, Vec::new());
        Self(Arc::new(Inner {
            selected: selections("selected"),
            nothing: selections("nothing"),
            ambiguous: counter(
                "midflight_tool_selections_ambiguous_total",
                "Selections whose best candidates were too close to call.",
            ),
            searches: counter("midflight_tool_searches_total", "Searches for tools."),
            evaluations: counter("midflight_tool_evaluations_total", "Formulas that were evaluated."),
            selection_time: registry.histogram(
                "midflight_tool_selection_time_seconds",
                "Time of selections among tools, in seconds.",
                Unit::Seconds,
                EXECUTION_SECONDS,
                Vec::new(),
            ),
            tools: gauge("midflight_tools", "Tools being served."),
            offered: gauge("midflight_tools_offered", "Tools being served that are offered to selections."),
            patterns: gauge("midflight_tool_patterns", "Patterns of the tools being served."),
            selected_by_tool: Mutex::default(),
        }))
    }

    /// Counts a selection that was answered.
    pub(super) fn selected(&self, registry: &MetricsRegistry, selected: Selected<'_>) {
        self.0.selection_time.record(selected.took.as_secs_f64());
        match selected.tool {
            Some(tool) => {
                self.0.selected.add();
                self.of_tool(registry, tool).increment(1);
            }
            None => self.0.nothing.add(),
        }
        if selected.is_ambiguous {
            self.0.ambiguous.add();
        }
    }

    /// The counter of a tool, or the one of all past [`LABELS_MAX`].
    fn of_tool(&self, registry: &MetricsRegistry, tool: &str) -> Counter {
        let mut counters = self.0.selected_by_tool.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(counter) = counters.get(tool) {
            return counter.clone();
        }
        let name = if counters.len() < LABELS_MAX { tool } else { OTHER };
        let counter = counters.entry(name.into()).or_insert_with(|| {
            registry.counter(
                "midflight_tool_selected_total",
                "Selections by tool that was selected; past 200 tools by `other`.",
                vec![Label::new("tool", name.to_owned())],
            )
        });
        counter.clone()
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

    /// Takes over what is served.
    #[expect(clippy::cast_precision_loss, reason = "counts of tools are far below where that matters")]
    pub(super) fn refresh(&self, tools: &ToolsSnapshot) {
        self.0.tools.set(tools.tool_count() as f64);
        self.0.offered.set(tools.offered_count() as f64);
        self.0.patterns.set(tools.pattern_count() as f64);
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
        assert_eq!(metrics.0.selected_by_tool.lock().unwrap().len(), LABELS_MAX + 1);
        let counts = metrics.counts();
        assert_eq!((counts.selected, counts.nothing, counts.ambiguous), (LABELS_MAX as u64 + 50, 1, 1));
    }
}
