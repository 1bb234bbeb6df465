//! What is counted of the rules.

use std::time::Duration;

use metrics::{Counter, Histogram, Unit};
use midflight_core::KindName;
use midflight_engine::{Engine, ReloadReport};

use midflight_http::metrics::registry::{EXECUTION_SECONDS, MetricsRegistry, RELOAD_MS};

/// The metrics of the rules. Cloning gives another handle on the same.
#[derive(Clone)]
pub(super) struct RulesMetrics {
    reloads: Counter,
    reload_time: Histogram,
    documents: Counter,
    executions: Counter,
    execution_time: Histogram,
}

impl RulesMetrics {
    /// Counts reloads from now on.
    pub(super) fn start(kind: KindName, engine: &Engine, registry: &MetricsRegistry) -> Self {
        let counter = |name, help| registry.counter(name, help, Vec::new());
        let metrics = Self {
            reloads: counter("midflight_rule_reloads_total", "Successful reloads that changed rules."),
            reload_time: registry.histogram(
                "midflight_rule_reload_time",
                "Time of successful reloads that changed rules, in milliseconds.",
                Unit::Milliseconds,
                RELOAD_MS,
                Vec::new(),
            ),
            documents: counter(
                "midflight_rules_reloaded_total",
                "Documents of the kind rules changed by reloads.",
            ),
            executions: counter("midflight_executions_total", "Executions of rules."),
            execution_time: registry.sampled_histogram(
                "midflight_execution_time_seconds",
                "Time of executions of rules, in seconds.",
                Unit::Seconds,
                EXECUTION_SECONDS,
                Vec::new(),
            ),
        };
        let reloads = metrics.clone();
        engine.history().observe(move |report| reloads.reloaded(&kind, report));
        metrics
    }

    fn reloaded(&self, kind: &KindName, report: &ReloadReport) {
        let event = &report.event;
        if event.outcome.is_live() && event.kinds.contains(kind) {
            self.reloads.increment(1);
            self.reload_time.record(event.took.as_secs_f64() * 1e3);
            self.documents.increment(report.changed.get(kind).copied().unwrap_or(0) as u64);
        }
    }

    /// Counts an execution that was answered.
    pub(super) fn executed(&self, took: Duration) {
        self.executions.increment(1);
        self.execution_time.record(took.as_secs_f64());
    }
}
