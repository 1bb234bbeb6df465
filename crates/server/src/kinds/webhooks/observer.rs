//! What happens on this replica alone and is in no log: reloads that failed, revisions that are left out here, a log that
//! diverged.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use midflight_core::RevisionNumber;
use midflight_engine::Engine;
use midflight_live::Live;
use midflight_webhooks::{WebhookEvent, WebhookSet};
use tokio::sync::Notify;

use super::events;
use super::metrics::WebhooksMetrics;
use crate::kinds::context::KindContext;

/// How many events may wait to be stored. 1,000: what happens while the store is unavailable for a while.
const QUEUE_MAX: usize = 1_000;

/// Keeps what happens until it is stored.
pub(super) struct ReplicaObserver {
    queue: Arc<EventQueue>,
    replica: String,
    /// What was left out at the last look, and how the log had diverged.
    left_out: BTreeSet<RevisionNumber>,
    diverged: Option<String>,
}

struct EventQueue {
    waiting: Mutex<VecDeque<WebhookEvent>>,
    changed: Notify,
    metrics: WebhooksMetrics,
}

impl EventQueue {
    fn waiting(&self) -> MutexGuard<'_, VecDeque<WebhookEvent>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Past the bound the oldest is dropped: what happened last says more about how it is now.
    fn add(&self, event: WebhookEvent) {
        let mut waiting = self.waiting();
        if waiting.len() >= QUEUE_MAX {
            waiting.pop_front();
            self.metrics.dropped(1);
        }
        waiting.push_back(event);
    }
}

impl ReplicaObserver {
    /// Sees every reload from now on.
    pub(super) fn start(
        engine: &Engine,
        webhooks: Live<WebhookSet>,
        context: &KindContext,
        metrics: WebhooksMetrics,
    ) -> Self {
        let queue = Arc::new(EventQueue { waiting: Mutex::default(), changed: Notify::new(), metrics });
        let (kept, replica) = (Arc::clone(&queue), context.replica_id.clone());
        engine.history().observe(move |report| {
            if !report.event.outcome.is_live() && webhooks.load().active().next().is_some() {
                kept.add(events::failed(&replica, report));
            }
            kept.changed.notify_one();
        });
        let replica = context.replica_id.clone();
        Self { queue, replica, left_out: BTreeSet::new(), diverged: None }
    }

    /// Waits for the next reload.
    pub(super) async fn reload(&self) {
        self.queue.changed.notified().await;
    }

    /// Compares how the engine is with how it was.
    pub(super) fn look(&mut self, engine: &Engine) {
        let status = engine.status();
        if let Some(position) = &status.position {
            for (number, left_out) in &status.quarantined {
                if !self.left_out.contains(number) {
                    self.queue.add(events::quarantined(&self.replica, position.log, *number, left_out));
                }
            }
            self.left_out = status.quarantined.keys().copied().collect();
        }
        let diverged = status.diverged.as_ref().map(ToString::to_string);
        if let Some(found) = status.diverged.as_ref().filter(|_| diverged != self.diverged) {
            self.queue.add(events::diverged(&self.replica, found));
        }
        self.diverged = diverged;
    }

    /// What waits, oldest first.
    pub(super) fn waiting(&self) -> Vec<WebhookEvent> {
        self.queue.waiting().iter().cloned().collect()
    }

    /// Forgets events that are stored now.
    pub(super) fn stored(&self, events: &[WebhookEvent]) {
        self.queue.waiting().retain(|waiting| !events.iter().any(|stored| stored.id == waiting.id));
    }
}
