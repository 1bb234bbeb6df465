//! Turns each reload into the events of the WebSocket and hands them to every client's own bounded queue.
//!
//! One reload is one place in a queue, however many events it makes, so a large edit does not push anybody out.

use std::sync::Arc;

use axum::extract::ws::Utf8Bytes;
use jiff::Timestamp;
use midflight_core::{DocumentId, Effect, Trigger};
use midflight_engine::ReloadReport;
use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Semaphore, broadcast};

use crate::app::App;
use crate::sorts::DocumentSorts;
use crate::wire::{ms, stamp};

/// The events of one reload, ready to be sent.
pub(crate) type Batch = Arc<[Utf8Bytes]>;

/// Where WebSocket clients get their events from.
pub(crate) struct Hub {
    batches: broadcast::Sender<Batch>,
    /// A place for each client.
    pub(crate) places: Arc<Semaphore>,
}

impl Hub {
    pub(crate) fn new(clients_max: usize, queue_max: usize) -> Self {
        let places = Arc::new(Semaphore::new(clients_max.min(Semaphore::MAX_PERMITS)));
        Self { batches: broadcast::Sender::new(queue_max.max(1)), places }
    }

    /// Hears every reload from now on.
    pub(crate) fn listen(&self) -> broadcast::Receiver<Batch> {
        self.batches.subscribe()
    }

    fn send(&self, batch: Vec<Utf8Bytes>) {
        if !batch.is_empty() {
            // Nobody listening is no fault.
            drop(self.batches.send(batch.into()));
        }
    }
}

/// Passes every reload on until the server stops.
pub(crate) async fn run(app: App, mut reports: broadcast::Receiver<ReloadReport>) {
    loop {
        let report = tokio::select! {
            report = reports.recv() => report,
            () = app.stopping.cancelled() => return,
        };
        match report {
            Ok(report) => {
                if report.event.trigger == Trigger::Adopt && report.event.outcome.is_live() {
                    app.recent.adopted(report.event.id).await;
                }
                app.metrics.reloaded(&report);
                app.hub.send(events(&app, &report));
            }
            Err(RecvError::Lagged(missed)) => {
                tracing::warn!(missed, "reloads came faster than they could be told");
                app.hub.send(vec![event("events_missed", &json!({ "reloads": missed }))]);
            }
            Err(RecvError::Closed) => return,
        }
    }
}

/// One message as clients get it.
pub(crate) fn event(event_type: &str, data: &Value) -> Utf8Bytes {
    let timestamp = stamp(Timestamp::now());
    json!({ "event_type": event_type, "timestamp": timestamp, "data": data }).to_string().into()
}

fn events(app: &App, report: &ReloadReport) -> Vec<Utf8Bytes> {
    let outcome = report.event.outcome;
    if !outcome.is_live() {
        let kinds = report.event.kinds.iter();
        return kinds.map(|kind| event(&format!("{kind}_reload_failed"), &summary(app, report))).collect();
    }
    let asked_for = matches!(report.event.trigger, Trigger::Manual);
    if report.changes.is_empty() && !asked_for {
        return Vec::new();
    }
    let revision = report.event.to.get();
    let mut events: Vec<_> =
        report.changes.iter().map(|(id, effect)| changed(&app.sorts, id, *effect, revision)).collect();
    let rules = app.rules_kind.as_str();
    let is_rule = |id: &DocumentId| id.kind == app.rules_kind && app.sorts.of(id).word == "rule";
    let took_rules_away = report.changes.iter().any(|(id, effect)| *effect == Effect::Remove && is_rule(id));
    if took_rules_away && app.rules.load().rule_count() == 0 {
        events.push(event("registry_cleared", &json!({ "revision": revision })));
    }
    let mut kinds: Vec<_> = report.event.kinds.iter().map(|kind| kind.as_str()).collect();
    if kinds.is_empty() {
        kinds.push(rules);
    }
    events.extend(kinds.iter().map(|kind| event(&format!("{kind}_reloaded"), &summary(app, report))));
    events
}

/// The data of `rules_reloaded`, in the seed's words.
fn summary(app: &App, report: &ReloadReport) -> Value {
    let (reload, rules) = (&report.event, app.rules.load());
    json!({
        "status": if reload.outcome.is_live() { "success" } else { "failed" },
        "timestamp": stamp(reload.started_at),
        "reload_time_ms": ms(reload.took),
        "rules_loaded": rules.rule_count(),
        "rulesets_loaded": rules.ruleset_count(),
        "reload_id": reload.id.0,
        "outcome": reload.outcome.as_str(),
        "trigger": reload.trigger.as_str(),
        "revision": reload.to.get(),
        "documents_changed": reload.documents_changed,
        "errors": crate::wire::items(&reload.problems),
    })
}

/// The event of one document.
fn changed(sorts: &DocumentSorts, id: &DocumentId, effect: Effect, revision: u64) -> Utf8Bytes {
    let sort = sorts.of(id);
    let mut data = json!({ "kind": id.kind.as_str(), "name": id.name.as_str(), "revision": revision });
    if let Some(members) = data.as_object_mut() {
        members.extend(sort.ids.iter().map(|(key, id)| (key.clone().into_owned(), Value::from(*id))));
    }
    event(&format!("{}_{}", sort.word, past(effect)), &data)
}

fn past(effect: Effect) -> &'static str {
    match effect {
        Effect::Add => "added",
        Effect::Change => "updated",
        Effect::Remove => "removed",
    }
}
