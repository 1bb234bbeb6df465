//! The metrics of a replica that are read when they are asked for.

use metrics::{Counter, Gauge};

use super::registry::MetricsRegistry;

/// What is read of the engine, the bus, the sockets and the directories when the metrics are asked for.
pub(crate) struct ReplicaMetrics {
    pub(super) monitoring: Gauge,
    pub(super) served: Gauge,
    pub(super) desired: Gauge,
    pub(super) quarantined: Gauge,
    pub(super) store_available: Gauge,
    pub(super) store_answer: Gauge,
    pub(super) diverged: Gauge,
    pub(super) from_copy: Gauge,
    pub(super) copy_current: Gauge,
    pub(super) bus_connected: Gauge,
    pub(super) bus_reconnects: Counter,
    pub(super) hints_published: Counter,
    pub(super) hints_heard: Counter,
    pub(super) hints_ignored: Counter,
    pub(super) websocket_clients: Gauge,
    pub(super) runaways: Gauge,
    pub(super) blocked_kinds: Gauge,
    pub(super) blocked_directories: Gauge,
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
}
