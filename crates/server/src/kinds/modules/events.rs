//! Events of modules: what they emit, and how their reloads end, on their way to those who listen.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use midflight_core::DocumentName;
use midflight_http::app::AppState;
use midflight_http::events::event::Event;
use midflight_module_host::{ModuleFailure, ModuleServices, PlainServices, ReloadOutcome, ReloadRecord};
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// The largest payload of an event, in bytes. 64 KiB: every listener gets it.
const PAYLOAD_BYTES_MAX: usize = 64 << 10;
/// The longest topic, in bytes.
const TOPIC_BYTES_MAX: usize = 256;
/// How many events may wait to be passed on.
const WAITING_MAX: usize = 1_024;

/// Where events of modules come in.
#[derive(Debug, Clone)]
pub(super) struct EventSender(mpsc::Sender<Event>);

/// Where they go out.
pub(super) type EventReceiver = mpsc::Receiver<Event>;

/// Both ends.
pub(super) fn channel() -> (EventSender, EventReceiver) {
    let (sender, receiver) = mpsc::channel(WAITING_MAX);
    (EventSender(sender), receiver)
}

/// Passes events on until the server stops.
pub(super) async fn pass_on(app: AppState, mut events: EventReceiver) {
    loop {
        let event = tokio::select! {
            event = events.recv() => event,
            () = app.stopping.cancelled() => return,
        };
        match event {
            Some(event) => app.events.send(&[event]),
            None => return,
        }
    }
}

impl EventSender {
    /// Tells how a reload ended. While too many events wait it is not sent; the history has it.
    pub(super) fn reloaded(&self, record: &ReloadRecord) {
        let event = match &record.result {
            Ok(report) => {
                let (event_type, outcome) = match report.outcome {
                    ReloadOutcome::Returned => ("module_returned", "returned"),
                    _ => ("module_reloaded", "reloaded"),
                };
                let data = json!({
                    "module": record.module.as_str(),
                    "outcome": outcome,
                    "generation": report.generation,
                    "from_version": report.from_version,
                    "to_version": report.to_version,
                    "pause_us": u64::try_from(report.pause.as_micros()).unwrap_or(u64::MAX),
                    "held": report.held,
                    "migrated_from": report.migrated_from,
                    "pre_copied_bytes": report.pre_copy.as_ref().map(|copy| copy.before_bytes),
                    "undone": report.undone,
                    "reason": record.reason,
                });
                Event::new(event_type, data)
            }
            Err(failure) => {
                let data = json!({
                    "module": record.module.as_str(),
                    "phase": failure.phase.word(),
                    "code": failure.code,
                    "message": failure.message,
                    "reason": record.reason,
                });
                Event::new("module_reload_failed", data)
            }
        };
        drop(self.0.try_send(event));
    }
}

/// What modules get of this server beside the host's own.
pub(super) struct ServerServices(pub(super) EventSender);

impl ModuleServices for ServerServices {
    fn now_ms(&self) -> u64 {
        PlainServices.now_ms()
    }

    fn emit(&self, module: &DocumentName, topic: &str, payload: Vec<u8>) -> Result<(), ModuleFailure> {
        if topic.len() > TOPIC_BYTES_MAX || payload.len() > PAYLOAD_BYTES_MAX {
            let message = format!(
                "the topic has {} bytes and may have {TOPIC_BYTES_MAX}, the payload has {} and may have {PAYLOAD_BYTES_MAX}",
                topic.len(),
                payload.len()
            );
            return Err(ModuleFailure::new("event_too_large", message));
        }
        let mut data = json!({ "module": module.as_str(), "topic": topic });
        let (key, value) = match serde_json::from_slice::<Value>(&payload) {
            Ok(value) => ("payload", value),
            Err(_) => ("payload_base64", Value::from(STANDARD.encode(&payload))),
        };
        if let Some(members) = data.as_object_mut() {
            members.insert(key.to_owned(), value);
        }
        self.0.0.try_send(Event::new("module_event", data)).map_err(|_| {
            let message = format!("{WAITING_MAX} events wait to be passed on; emit less");
            ModuleFailure::new("events_full", message)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn events_are_json_or_base64_and_bounded() {
        let (sender, mut events) = channel();
        let (services, module) = (ServerServices(sender), DocumentName::new("counter").unwrap());
        services.emit(&module, "t", b"{\"a\": 1}".to_vec()).unwrap();
        services.emit(&module, "t", vec![0xff]).unwrap();
        let (json, bytes) = (events.recv().await.unwrap(), events.recv().await.unwrap());
        let event = |member: &str, value: Value| {
            Event::new("module_event", json!({"module": "counter", "topic": "t", member: value}))
        };
        assert_eq!(
            (json, bytes),
            (event("payload", json!({"a": 1})), event("payload_base64", json!("/w==")))
        );
        let refused = services.emit(&module, "t", vec![0; PAYLOAD_BYTES_MAX + 1]).unwrap_err();
        assert_eq!(refused.code, "event_too_large");
        for _ in 0..WAITING_MAX {
            services.emit(&module, "t", Vec::new()).unwrap();
        }
        assert_eq!(services.emit(&module, "t", Vec::new()).unwrap_err().code, "events_full");
    }
}
