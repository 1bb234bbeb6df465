//! One event as WebSocket clients get it.

use axum::extract::ws::Utf8Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::wire::stamp;

/// An event: its type, as `rule_added`, and its members.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub(crate) event_type: String,
    pub(crate) data: Value,
}

impl Event {
    /// An event of this type, with its members: a JSON object.
    #[must_use]
    pub fn new(event_type: impl Into<String>, data: Value) -> Self {
        Self { event_type: event_type.into(), data }
    }

    /// The message of the event, sent now.
    pub(crate) fn to_message(&self) -> Utf8Bytes {
        let (event_type, timestamp) = (&self.event_type, stamp(Timestamp::now()));
        json!({ "event_type": event_type, "timestamp": timestamp, "data": self.data }).to_string().into()
    }
}
