//! What is counted of webhooks.

use metrics::{Counter, Gauge};
use midflight_http::metrics::registry::{MetricsRegistry, label};
use midflight_store::DeliveryCounts;

/// The metrics of the webhooks. A clone is the same.
#[derive(Clone)]
pub(super) struct WebhooksMetrics {
    delivered: Counter,
    failed: Counter,
    waiting: Gauge,
    dead: Gauge,
    dropped: Counter,
}

impl WebhooksMetrics {
    pub(super) fn new(registry: &MetricsRegistry) -> Self {
        let attempts = |outcome| {
            let help = "Attempts of this replica to send an event to a webhook, by outcome.";
            registry.counter("midflight_webhook_attempts_total", help, label("outcome", outcome))
        };
        let gauge = |name, help| registry.gauge(name, help, Vec::new());
        Self {
            delivered: attempts("delivered"),
            failed: attempts("failed"),
            waiting: gauge(
                "midflight_webhook_deliveries_waiting",
                "Deliveries of events that wait to be made.",
            ),
            dead: gauge("midflight_webhook_dead_letters", "Events that could not be delivered."),
            dropped: registry.counter(
                "midflight_webhook_events_dropped_total",
                "Events of this replica that were lost because too many waited to be stored.",
                Vec::new(),
            ),
        }
    }

    pub(super) fn attempted(&self, is_delivered: bool) {
        if is_delivered { &self.delivered } else { &self.failed }.increment(1);
    }

    pub(super) fn dropped(&self, events: usize) {
        self.dropped.increment(events as u64);
    }

    #[expect(clippy::cast_precision_loss, reason = "metrics are f64, and the counts are bounded")]
    pub(super) fn set(&self, counts: DeliveryCounts) {
        self.waiting.set(counts.waiting as f64);
        self.dead.set(counts.dead as f64);
    }
}
