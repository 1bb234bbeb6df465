//! The scrape: what is known of the replica at that moment, and all that was counted.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use metrics::{Counter, Gauge, Label};

use super::registry::{MetricsRegistry, set_truth};
use crate::app::App;
use crate::code::Code;
use crate::problem::{ApiError, ProblemBody};

/// What is read of the engine, the bus, the sockets and the directories when the metrics are asked for.
pub(crate) struct ReplicaMetrics {
    monitoring: Gauge,
    served: Gauge,
    desired: Gauge,
    quarantined: Gauge,
    store_available: Gauge,
    store_answer: Gauge,
    diverged: Gauge,
    from_copy: Gauge,
    copy_current: Gauge,
    bus_connected: Gauge,
    bus_reconnects: Counter,
    hints_published: Counter,
    hints_heard: Counter,
    hints_ignored: Counter,
    websocket_clients: Gauge,
    runaways: Gauge,
    blocked_kinds: Gauge,
    blocked_directories: Gauge,
}

impl ReplicaMetrics {
    pub(crate) fn new(registry: &MetricsRegistry) -> Self {
        let gauge = |name, help| registry.gauge(name, help, Vec::new());
        let counter = |name, help| registry.counter(name, help, Vec::new());
        Self {
            monitoring: gauge(
                "midflight_monitoring_active",
                "1 while the log is looked at from time to time without being told",
            ),
            served: gauge("midflight_registry_version", "The revision that is served"),
            desired: gauge("midflight_desired_revision", "The newest revision known to be in the log"),
            quarantined: gauge(
                "midflight_quarantined_revisions",
                "Revisions that are left out, since they did not hold here",
            ),
            store_available: gauge("midflight_store_available", "1 while the log answers, as measured"),
            store_answer: gauge(
                "midflight_store_last_answer_seconds",
                "Time since the log last answered, in seconds; -1 if it never did",
            ),
            diverged: gauge(
                "midflight_log_diverged",
                "1 while the log is another than the one that was followed, and is not followed",
            ),
            from_copy: gauge(
                "midflight_from_copy",
                "1 while what is served comes from the local copy, since the log was away at the start",
            ),
            copy_current: gauge(
                "midflight_copy_current",
                "1 while the local copy of what is served can be written",
            ),
            bus_connected: gauge(
                "midflight_bus_connected",
                "1 while hints that the log moved go out and come in",
            ),
            bus_reconnects: counter(
                "midflight_bus_reconnects",
                "Times that what carries the hints was connected anew",
            ),
            hints_published: counter("midflight_hints_published", "Hints that went out"),
            hints_heard: counter("midflight_hints_heard", "Hints that came in"),
            hints_ignored: counter(
                "midflight_hints_ignored",
                "Messages that came in and that nobody with the log's key had sent",
            ),
            websocket_clients: gauge("midflight_websocket_clients", "WebSocket clients that are connected"),
            runaways: gauge(
                "midflight_runaways",
                "Threads that were abandoned because their work does not end",
            ),
            blocked_kinds: gauge(
                "midflight_blocked_kinds",
                "Kinds whose changes are refused here because of such work (runaways_max)",
            ),
            blocked_directories: gauge(
                "midflight_directories_blocked",
                "Watched directories whose changes are held back: unreadable, broken or with a loss to confirm",
            ),
        }
    }

    fn refresh(&self, app: &App) {
        let (status, bus) = (app.engine.status(), app.bus.status());
        set_truth(&self.monitoring, status.refresh.enabled);
        self.served.set(status.served.get() as f64);
        self.desired.set(status.desired.get() as f64);
        self.quarantined.set(status.quarantined.len() as f64);
        set_truth(&self.store_available, status.store.available);
        self.store_answer.set(status.store.answered.map_or(-1.0, |ago| ago.as_secs_f64()));
        set_truth(&self.diverged, status.diverged.is_some());
        set_truth(&self.from_copy, status.from_copy);
        set_truth(&self.copy_current, status.copy_error.is_none());
        set_truth(&self.bus_connected, bus.connected);
        self.bus_reconnects.absolute(bus.reconnects);
        self.hints_published.absolute(bus.published);
        self.hints_heard.absolute(bus.heard);
        self.hints_ignored.absolute(bus.ignored);
        let places = app.events.places.available_permits();
        self.websocket_clients.set(app.limits.websocket_clients_max.saturating_sub(places) as f64);
        self.runaways.set(status.runaways as f64);
        self.blocked_kinds.set(status.blocked_kinds.len() as f64);
        let blocked = app.directories.iter().filter(|directory| directory.status().blocked).count();
        self.blocked_directories.set(blocked as f64);
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
    let settings = (app.scrape)();
    if !settings.enabled {
        let detail = "the metrics are switched off by the config (metrics.enabled)";
        return Err(ApiError::new(Code::NOT_FOUND, detail));
    }
    app.replica_metrics.refresh(&app);
    for kind in app.engine.status().kinds {
        let labels = vec![Label::new("kind", kind.kind.to_string())];
        app.metrics
            .gauge("midflight_documents", "Documents that are served, by kind", labels)
            .set(kind.documents as f64);
    }
    app.kinds.iter().for_each(|kind| kind.metrics());
    let text = labelled(&app.metrics.render(), &settings.labels);
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text))
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
