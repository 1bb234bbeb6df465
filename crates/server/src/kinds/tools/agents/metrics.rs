//! What is counted of agents.

use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, Unit};
use midflight_mcp::{CallClass, McpFigures};

use midflight_http::metrics::registry::{MetricsRegistry, label};

/// The upper ends of the buckets of forwarded calls, in seconds: from an endpoint nearby to the longest time that one
/// may take.
const FORWARD_SECONDS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// The metrics of agents.
pub(in super::super) struct AgentMetrics {
    sessions: Gauge,
    listeners: Gauge,
    notices: Counter,
    list_pages: Counter,
    /// In the order of [`CallClass::ALL`].
    calls: Vec<Counter>,
    forwarded_success: Histogram,
    forwarded_failure: Histogram,
}

impl AgentMetrics {
    pub(in super::super) fn new(registry: &MetricsRegistry) -> Self {
        let calls = |class: &CallClass| {
            registry.counter(
                "midflight_tool_mcp_calls_total",
                "Calls of tools by agents, by outcome.",
                label("outcome", class.as_str()),
            )
        };
        let forwarded = |outcome| {
            registry.histogram(
                "midflight_tool_mcp_forward_time_seconds",
                "Time of calls of tools that were forwarded to their endpoint, in seconds, by outcome.",
                Unit::Seconds,
                FORWARD_SECONDS,
                label("outcome", outcome),
            )
        };
        Self {
            sessions: registry.gauge(
                "midflight_tool_mcp_sessions",
                "Sessions of agents that are open on this replica (protocol until 2025-11-25).",
                Vec::new(),
            ),
            listeners: registry.gauge(
                "midflight_tool_mcp_listeners",
                "Open streams of agents that wait for notices of changes.",
                Vec::new(),
            ),
            notices: registry.counter(
                "midflight_tool_mcp_notices_total",
                "Notices of a changed list of tools that were sent to agents.",
                Vec::new(),
            ),
            list_pages: registry.counter(
                "midflight_tool_mcp_list_pages_total",
                "Pages of lists of tools that were sent to agents.",
                Vec::new(),
            ),
            calls: CallClass::ALL.iter().map(calls).collect(),
            forwarded_success: forwarded("success"),
            forwarded_failure: forwarded("failure"),
        }
    }

    /// Counts a call that was forwarded to its endpoint.
    pub(in super::super) fn forwarded(&self, took: Duration, is_success: bool) {
        let histogram = if is_success { &self.forwarded_success } else { &self.forwarded_failure };
        histogram.record(took.as_secs_f64());
    }

    /// Takes over what the endpoint of agents has counted.
    #[expect(clippy::cast_precision_loss, reason = "counts of sessions are far below where that matters")]
    pub(in super::super) fn refresh(&self, figures: &McpFigures) {
        if let Some(sessions) = figures.sessions {
            self.sessions.set(sessions as f64);
        }
        self.listeners.set(figures.listeners as f64);
        self.notices.absolute(figures.notices);
        self.list_pages.absolute(figures.list_pages);
        for (counter, (_, count)) in self.calls.iter().zip(&figures.calls) {
            counter.absolute(*count);
        }
    }
}
