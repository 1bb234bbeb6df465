//! The metrics of a replica that are read at each scrape.

use metrics::{Counter, Gauge};

use super::registry::MetricsRegistry;
use crate::tls::health::CertificateMetrics;

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
    /// Set at each sample, since it takes a read of the store.
    pub(super) lag: Gauge,
    pub(super) bus_connected: Gauge,
    pub(super) bus_reconnects: Counter,
    pub(super) hints_published: Counter,
    pub(super) hints_received: Counter,
    pub(super) hints_ignored: Counter,
    pub(crate) connections_refused: Counter,
    pub(super) websocket_clients: Gauge,
    pub(super) runaways: Gauge,
    pub(super) blocked_kinds: Gauge,
    pub(super) blocked_directories: Gauge,
    /// Those of the certificate, where connections are encrypted.
    pub(super) certificate: Option<CertificateMetrics>,
}

impl ReplicaMetrics {
    pub(crate) fn new(registry: &MetricsRegistry, has_tls: bool) -> Self {
        let gauge = |name, help| registry.gauge(name, help, Vec::new());
        let counter = |name, help| registry.counter(name, help, Vec::new());
        Self {
            certificate: has_tls.then(|| CertificateMetrics::new(registry)),
            monitoring: gauge("midflight_monitoring_active", "1 while the log is polled periodically."),
            served: gauge("midflight_registry_version", "Revision being served."),
            desired: gauge("midflight_desired_revision", "Newest known revision of the log."),
            quarantined: gauge(
                "midflight_quarantined_revisions",
                "Quarantined revisions: invalid on this replica and not served.",
            ),
            store_available: gauge("midflight_store_available", "1 while the store of the log is available."),
            store_answer: gauge(
                "midflight_store_last_answer_seconds",
                "Time since the last response of the store, in seconds; -1 before the first.",
            ),
            diverged: gauge(
                "midflight_log_diverged",
                "1 while the log has diverged from the one that was followed; it is not followed then.",
            ),
            from_copy: gauge(
                "midflight_from_copy",
                "1 while the local copy is served because the log was unavailable at the start.",
            ),
            copy_current: gauge("midflight_copy_current", "1 while the local copy can be written."),
            lag: registry.sampled_gauge(
                "midflight_lag_seconds",
                "Longest time that a replica which reports had not served a revision of the log, in seconds; every \
                 ten seconds. NaN while that is unknown.",
                Vec::new(),
            ),
            bus_connected: gauge("midflight_bus_connected", "1 while the bus is connected."),
            bus_reconnects: counter("midflight_bus_reconnects_total", "Reconnects of the bus."),
            hints_published: counter("midflight_hints_published_total", "Hints published."),
            hints_received: counter("midflight_hints_heard_total", "Hints received."),
            hints_ignored: counter(
                "midflight_hints_ignored_total",
                "Messages received without a valid signature, and ignored.",
            ),
            connections_refused: counter(
                "midflight_connections_refused_total",
                "Connections closed because their address had as many as one may have (connections_per_address_max).",
            ),
            websocket_clients: gauge("midflight_websocket_clients", "Connected WebSocket clients."),
            runaways: gauge(
                "midflight_runaways",
                "Threads abandoned because their computation does not end.",
            ),
            blocked_kinds: gauge(
                "midflight_blocked_kinds",
                "Kinds whose edits are refused because of abandoned threads (runaways_max).",
            ),
            blocked_directories: gauge(
                "midflight_directories_blocked",
                "Watched directories that are not followed: unreadable, invalid, older than the log, or with deletions to confirm.",
            ),
        }
    }
}
