//! Metrics in Prometheus' text format. Each server has its own, so that two in one process do not mix.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Label, Level, Metadata, Recorder, Unit};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use midflight_components::BreakerState;
use midflight_engine::ReloadReport;
use midflight_learning::Source;
use midflight_patterns::NotLearned;

use crate::app::App;
use crate::problem::{ApiError, Code, ProblemBody};

/// Every metric, with its name and meaning. The first five are the seed's, under the prefix of this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Metric {
    RuleReloads,
    RuleReloadTime,
    RulesReloaded,
    MonitoringActive,
    RegistryVersion,
    DesiredRevision,
    Quarantined,
    StoreAvailable,
    StoreLastAnswer,
    LogDiverged,
    FromCopy,
    CopyCurrent,
    BusConnected,
    BusReconnects,
    HintsPublished,
    HintsHeard,
    HintsIgnored,
    ReloadsFailed,
    Executions,
    ExecutionTime,
    Classifications,
    ClassificationTime,
    PatternsLearned,
    LlmCalls,
    LlmFailures,
    LlmAvailable,
    WebsocketClients,
    Runaways,
    BlockedKinds,
    DirectoriesBlocked,
    LessonsNotLearned,
    LlmRateLimited,
}

impl Metric {
    const ALL: [Self; 32] = [
        Self::RuleReloads,
        Self::RuleReloadTime,
        Self::RulesReloaded,
        Self::MonitoringActive,
        Self::RegistryVersion,
        Self::DesiredRevision,
        Self::Quarantined,
        Self::StoreAvailable,
        Self::StoreLastAnswer,
        Self::LogDiverged,
        Self::FromCopy,
        Self::CopyCurrent,
        Self::BusConnected,
        Self::BusReconnects,
        Self::HintsPublished,
        Self::HintsHeard,
        Self::HintsIgnored,
        Self::ReloadsFailed,
        Self::Executions,
        Self::ExecutionTime,
        Self::Classifications,
        Self::ClassificationTime,
        Self::PatternsLearned,
        Self::LlmCalls,
        Self::LlmFailures,
        Self::LlmAvailable,
        Self::WebsocketClients,
        Self::Runaways,
        Self::BlockedKinds,
        Self::DirectoriesBlocked,
        Self::LessonsNotLearned,
        Self::LlmRateLimited,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::RuleReloads => "midflight_rule_reloads",
            Self::RuleReloadTime => "midflight_rule_reload_time",
            Self::RulesReloaded => "midflight_rules_reloaded",
            Self::MonitoringActive => "midflight_monitoring_active",
            Self::RegistryVersion => "midflight_registry_version",
            Self::DesiredRevision => "midflight_desired_revision",
            Self::Quarantined => "midflight_quarantined_revisions",
            Self::StoreAvailable => "midflight_store_available",
            Self::StoreLastAnswer => "midflight_store_last_answer_seconds",
            Self::LogDiverged => "midflight_log_diverged",
            Self::FromCopy => "midflight_from_copy",
            Self::CopyCurrent => "midflight_copy_current",
            Self::BusConnected => "midflight_bus_connected",
            Self::BusReconnects => "midflight_bus_reconnects",
            Self::HintsPublished => "midflight_hints_published",
            Self::HintsHeard => "midflight_hints_heard",
            Self::HintsIgnored => "midflight_hints_ignored",
            Self::ReloadsFailed => "midflight_reloads_failed",
            Self::Executions => "midflight_executions",
            Self::ExecutionTime => "midflight_execution_time_seconds",
            Self::Classifications => "midflight_classifications",
            Self::ClassificationTime => "midflight_classification_time_seconds",
            Self::PatternsLearned => "midflight_patterns_learned",
            Self::LlmCalls => "midflight_llm_calls",
            Self::LlmFailures => "midflight_llm_failures",
            Self::LlmAvailable => "midflight_llm_available",
            Self::WebsocketClients => "midflight_websocket_clients",
            Self::Runaways => "midflight_runaways",
            Self::BlockedKinds => "midflight_blocked_kinds",
            Self::DirectoriesBlocked => "midflight_directories_blocked",
            Self::LessonsNotLearned => "midflight_patterns_not_learned",
            Self::LlmRateLimited => "midflight_llm_rate_limited",
        }
    }

    const fn meaning(self) -> &'static str {
        match self {
            Self::RuleReloads => "Reloads that ended with what was wanted being served",
            Self::RuleReloadTime => "Time of each reload, in milliseconds",
            Self::RulesReloaded => "Documents that reloads changed",
            Self::MonitoringActive => "1 while the log is looked at from time to time without being told",
            Self::RegistryVersion => "The revision that is served",
            Self::DesiredRevision => "The newest revision known to be in the log",
            Self::Quarantined => "Revisions that are left out, since they did not hold here",
            Self::StoreAvailable => "1 while the log answers, as measured",
            Self::StoreLastAnswer => "Time since the log last answered, in seconds; -1 if it never did",
            Self::LogDiverged => {
                "1 while the log is another than the one that was followed, and is not followed"
            }
            Self::FromCopy => {
                "1 while what is served comes from the local copy, since the log was away at the start"
            }
            Self::CopyCurrent => "1 while the local copy of what is served can be written",
            Self::BusConnected => "1 while hints that the log moved go out and come in",
            Self::BusReconnects => "Times that what carries the hints was connected anew",
            Self::HintsPublished => "Hints that went out",
            Self::HintsHeard => "Hints that came in",
            Self::HintsIgnored => "Messages that came in and that nobody with the log's key had sent",
            Self::ReloadsFailed => "Reloads and edits that were refused or failed, by outcome",
            Self::Executions => "Requests to execute rules that were answered",
            Self::ExecutionTime => "Time of each such execution, in seconds",
            Self::Classifications => "Queries that were classified, by where the answer comes from",
            Self::ClassificationTime => "Time of each query that no LLM was asked about, in seconds",
            Self::PatternsLearned => "Patterns that were learned here",
            Self::LlmCalls => "Calls of the LLM",
            Self::LlmFailures => "Calls of the LLM that it did not answer",
            Self::LlmAvailable => "1 while an LLM is configured and is not left alone for having failed",
            Self::WebsocketClients => "WebSocket clients that are connected",
            Self::Runaways => "Threads that were abandoned because their work does not end",
            Self::BlockedKinds => "Kinds whose changes are refused here because of such work (runaways_max)",
            Self::LessonsNotLearned => "Answers of the LLM that were not learned here, by reason",
            Self::LlmRateLimited => {
                "Queries that the LLM was not asked about, since it was called often enough"
            }
            Self::DirectoriesBlocked => {
                "Watched directories whose changes are held back: unreadable, broken or with a loss to confirm"
            }
        }
    }

    fn key(self) -> Key {
        Key::from_static_name(self.name())
    }
}

/// The upper ends of the buckets of reload times: from one document of a few to all of a hundred thousand.
const RELOAD_MS: [f64; 12] = [0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 5000.0];
/// The upper ends of the buckets of execution times: from ten rules to a batch of many inputs.
const EXECUTION_SECONDS: [f64; 12] = [1e-6, 2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 5e-4, 1e-3, 1e-2, 1e-1, 1.0];

const METADATA: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, Some(module_path!()));

/// The metrics of one server.
pub(crate) struct Metrics {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    reloads: Counter,
    reload_time: Histogram,
    rules_reloaded: Counter,
    executions: Counter,
    execution_time: Histogram,
    classifications: [Counter; Source::ALL.len()],
    classification_time: Histogram,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut builder = PrometheusBuilder::new();
        for (metric, buckets) in [
            (Metric::RuleReloadTime, &RELOAD_MS[..]),
            (Metric::ExecutionTime, &EXECUTION_SECONDS[..]),
            (Metric::ClassificationTime, &EXECUTION_SECONDS[..]),
        ] {
            let name = Matcher::Full(metric.name().to_owned());
            // Only a list of no buckets is an error.
            builder = builder.set_buckets_for_metric(name, buckets).unwrap_or_default();
        }
        let recorder = builder.build_recorder();
        for metric in Metric::ALL {
            let (name, meaning) = (KeyName::from_const_str(metric.name()), metric.meaning().into());
            match metric {
                Metric::RuleReloadTime => {
                    recorder.describe_histogram(name, Some(Unit::Milliseconds), meaning)
                }
                Metric::ExecutionTime | Metric::ClassificationTime => {
                    recorder.describe_histogram(name, Some(Unit::Seconds), meaning)
                }
                Metric::RuleReloads
                | Metric::RulesReloaded
                | Metric::ReloadsFailed
                | Metric::Executions
                | Metric::Classifications
                | Metric::PatternsLearned
                | Metric::LessonsNotLearned
                | Metric::LlmRateLimited
                | Metric::LlmCalls
                | Metric::LlmFailures
                | Metric::BusReconnects
                | Metric::HintsPublished
                | Metric::HintsHeard
                | Metric::HintsIgnored => {
                    recorder.describe_counter(name, None, meaning);
                }
                _ => recorder.describe_gauge(name, None, meaning),
            }
        }
        let counter = |metric: Metric| recorder.register_counter(&metric.key(), &METADATA);
        let histogram = |metric: Metric| recorder.register_histogram(&metric.key(), &METADATA);
        Self {
            reloads: counter(Metric::RuleReloads),
            reload_time: histogram(Metric::RuleReloadTime),
            rules_reloaded: counter(Metric::RulesReloaded),
            executions: counter(Metric::Executions),
            execution_time: histogram(Metric::ExecutionTime),
            classifications: Source::ALL.map(|source| {
                let labels = vec![Label::from_static_parts("source", source.as_str())];
                let key = Key::from_parts(Metric::Classifications.name(), labels);
                recorder.register_counter(&key, &METADATA)
            }),
            classification_time: histogram(Metric::ClassificationTime),
            handle: recorder.handle(),
            recorder,
        }
    }

    /// Counts a reload.
    pub(crate) fn reloaded(&self, report: &ReloadReport) {
        let event = &report.event;
        if event.outcome.is_live() {
            self.reloads.increment(1);
            self.reload_time.record(event.took.as_secs_f64() * 1e3);
            self.rules_reloaded.increment(event.documents_changed as u64);
        } else {
            let labels = vec![Label::new("outcome", event.outcome.to_string())];
            let key = Key::from_parts(Metric::ReloadsFailed.name(), labels);
            self.recorder.register_counter(&key, &METADATA).increment(1);
        }
    }

    /// Counts an execution that was answered.
    pub(crate) fn executed(&self, took: Duration) {
        self.executions.increment(1);
        self.execution_time.record(took.as_secs_f64());
    }

    /// Counts a query that was classified; its time too, unless it is mostly that of an LLM.
    pub(crate) fn classified(&self, source: Source, llm_used: bool, took: Duration) {
        if let Some(place) = Source::ALL.iter().position(|known| *known == source) {
            self.classifications[place].increment(1);
        }
        if !llm_used {
            self.classification_time.record(took.as_secs_f64());
        }
    }

    /// Forgets the single times that were recorded, once they are in the summary; without it they would pile up
    /// between two scrapes.
    pub(crate) fn upkeep(&self) {
        self.handle.run_upkeep();
    }

    fn gauge(&self, metric: Metric) -> Gauge {
        self.recorder.register_gauge(&metric.key(), &METADATA)
    }

    fn render(&self, app: &App) -> String {
        let (status, bus) = (app.engine.status(), app.backend.buses.bus.status());
        let clients = app.limits.websocket_clients_max.saturating_sub(app.events.places.available_permits());
        let (llm, calls) = (app.llm.status(), app.llm.counts());
        let blocked = app.directories.iter().filter(|directory| directory.status().blocked).count();
        let truth = |holds: bool| if holds { 1.0 } else { 0.0 };
        for (metric, value) in [
            (Metric::MonitoringActive, truth(status.refresh.enabled)),
            (Metric::RegistryVersion, status.served.get() as f64),
            (Metric::DesiredRevision, status.desired.get() as f64),
            (Metric::Quarantined, status.quarantined.len() as f64),
            (Metric::StoreAvailable, truth(status.store.available)),
            (Metric::StoreLastAnswer, status.store.answered.map_or(-1.0, |ago| ago.as_secs_f64())),
            (Metric::LogDiverged, truth(status.diverged.is_some())),
            (Metric::FromCopy, truth(status.from_copy)),
            (Metric::CopyCurrent, truth(status.copy_error.is_none())),
            (Metric::BusConnected, truth(bus.connected)),
            (Metric::LlmAvailable, truth(llm.is_some_and(|llm| llm.breaker != BreakerState::Open))),
            (Metric::WebsocketClients, clients as f64),
            (Metric::Runaways, status.runaways as f64),
            (Metric::BlockedKinds, status.blocked_kinds.len() as f64),
            (Metric::DirectoriesBlocked, blocked as f64),
        ] {
            self.gauge(metric).set(value);
        }
        let learning = app.classifier.counts();
        for (reason, count) in NotLearned::REASONS.into_iter().zip(learning.not_learned) {
            let labels = vec![Label::from_static_parts("reason", reason)];
            let key = Key::from_parts(Metric::LessonsNotLearned.name(), labels);
            self.recorder.register_counter(&key, &METADATA).absolute(count);
        }
        let counter = |metric: Metric| self.recorder.register_counter(&metric.key(), &METADATA);
        for (metric, value) in [
            (Metric::BusReconnects, bus.reconnects),
            (Metric::HintsPublished, bus.published),
            (Metric::HintsHeard, bus.heard),
            (Metric::HintsIgnored, bus.ignored),
            (Metric::PatternsLearned, learning.learned),
            (Metric::LlmRateLimited, learning.llm_rate_limited),
            (Metric::LlmCalls, calls.calls),
            (Metric::LlmFailures, calls.failed),
        ] {
            counter(metric).absolute(value);
        }
        labelled(&self.handle.render(), &app.settings().metrics.labels)
    }
}

/// The samples with more labels on each.
fn labelled(text: &str, labels: &BTreeMap<String, String>) -> String {
    if labels.is_empty() {
        return text.to_owned();
    }
    let escaped = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let labels: Vec<_> =
        labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
    let labels = labels.join(",");
    let mut labelled = String::with_capacity(text.len() * 2);
    for line in text.split_inclusive('\n') {
        let end = line.find(['{', ' ']).filter(|_| !line.starts_with('#'));
        match end {
            None => labelled += line,
            Some(end) => {
                let (name, rest) = line.split_at(end);
                labelled += &match rest.strip_prefix('{') {
                    Some(rest) => format!("{name}{{{labels},{rest}"),
                    None => format!("{name}{{{labels}}}{rest}"),
                };
            }
        }
    }
    labelled
}

/// The metrics, in Prometheus' text format.
#[utoipa::path(get, path = "/metrics", tag = "health",
    responses((status = 200, body = String, content_type = "text/plain; version=0.0.4"),
        (status = "default", body = ProblemBody)))]
pub(crate) async fn scrape(State(app): State<App>) -> Result<impl IntoResponse, ApiError> {
    if !app.settings().metrics.enabled {
        let detail = "the metrics are switched off by the config (metrics.enabled)";
        return Err(ApiError::new(Code::NotFound, detail));
    }
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], app.metrics.render(&app)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_gets_the_labels_and_no_comment_does() {
        let labels =
            BTreeMap::from([("env".to_owned(), "a\"b".to_owned()), ("zone".to_owned(), "x".to_owned())]);
        let text = "# HELP a counts {x y}\na 1\nb{c=\"d e\"} 2\n\n";
        let expected = "# HELP a counts {x y}\na{env=\"a\\\"b\",zone=\"x\"} 1\nb{env=\"a\\\"b\",zone=\"x\",c=\"d e\"} 2\n\n";
        assert_eq!(labelled(text, &labels), expected);
        assert_eq!(labelled(text, &BTreeMap::new()), text);
    }
}
