//! Hands the events of reloads to every WebSocket client's own bounded queue.
//!
//! One reload is one place in a queue, however many events it makes, so a large edit does not close any connection.

use std::sync::Arc;

use axum::extract::ws::Utf8Bytes;
use tokio::sync::{Semaphore, broadcast};

use super::event::Event;

/// The events of one reload, ready to be sent.
pub(crate) type EventBatch = Arc<[Utf8Bytes]>;

/// Where WebSocket clients get their events from.
pub struct EventBroadcaster {
    batches: broadcast::Sender<EventBatch>,
    /// A place for each client.
    pub(crate) places: Arc<Semaphore>,
}

impl EventBroadcaster {
    pub(crate) fn new(clients_max: usize, queue_max: usize) -> Self {
        let places = Arc::new(Semaphore::new(clients_max.min(Semaphore::MAX_PERMITS)));
        Self { batches: broadcast::Sender::new(queue_max.max(1)), places }
    }

    /// Receives the events of every reload from now on.
    pub(crate) fn listen(&self) -> broadcast::Receiver<EventBatch> {
        self.batches.subscribe()
    }

    /// Sends the events of one reload to every client.
    pub fn send(&self, events: &[Event]) {
        if !events.is_empty() {
            // It fails only when no client is connected.
            drop(self.batches.send(events.iter().map(Event::to_message).collect()));
        }
    }
}
