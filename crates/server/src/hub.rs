//! Turns each reload into the events of the WebSocket and hands them to every client's own bounded queue.
//!
//! One reload is one place in a queue, however many events it makes, so a large edit does not push anybody out.

use std::sync::Arc;

use axum::extract::ws::Utf8Bytes;
use jiff::Timestamp;
use midflight_core::{DocumentName, Effect, Trigger};
use midflight_engine::ReloadReport;
use midflight_patterns::{LEARNING_FOLDER, PROFILES_FOLDER, PROMPTS_FOLDER};
use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Semaphore, broadcast};

use crate::app::App;
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
    let mut events: Vec<_> = report
        .changes
        .iter()
        .map(|(id, effect)| {
            let (sort, data) = describe(id.kind.as_str(), &id.name, revision);
            event(&format!("{sort}_{}", past(*effect)), &data)
        })
        .collect();
    let rules = app.rules_kind.as_str();
    let removed = |name: &DocumentName| sort_of_rule(name) == "rule";
    let took_rules_away =
        report.changes.iter().any(|(id, effect)| *effect == Effect::Remove && removed(&id.name));
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

/// The word for the sort of a document, and the data of its event.
fn describe(kind: &str, name: &DocumentName, revision: u64) -> (String, Value) {
    let mut data = json!({ "kind": kind, "name": name.as_str(), "revision": revision });
    let sort = match kind {
        "rules" => sort_of_rule(name),
        "patterns" => sort_of_pattern(name),
        _ if name.is_check() => "check",
        kind => kind.strip_suffix('s').unwrap_or(kind),
    };
    if kind != "rules" {
        return (sort.to_owned(), data);
    }
    let mut segments = name.segments();
    let (first, second) = (segments.next().unwrap_or_default(), segments.next());
    let ids = match (sort, second) {
        ("rule", Some(rule)) => vec![("ruleset_id", first), ("rule_id", rule)],
        ("condition", Some(condition)) => vec![("condition_id", condition)],
        ("check", Some(check)) => vec![("check_id", check)],
        _ => vec![("ruleset_id", first)],
    };
    if let Some(members) = data.as_object_mut() {
        members.extend(ids.into_iter().map(|(key, id)| (key.to_owned(), Value::from(id))));
    }
    (sort.to_owned(), data)
}

fn sort_of_rule(name: &DocumentName) -> &'static str {
    let mut segments = name.segments();
    match (segments.next(), segments.next()) {
        _ if name.is_check() => "check",
        (Some("conditions"), Some(_)) => "condition",
        (_, Some(_)) => "rule",
        _ => "ruleset",
    }
}

fn sort_of_pattern(name: &DocumentName) -> &'static str {
    match name.segments().next() {
        _ if name.is_check() => "check",
        Some(PROFILES_FOLDER) => "profile",
        Some(LEARNING_FOLDER) => "learning",
        Some(PROMPTS_FOLDER) => "prompt",
        _ => "pattern",
    }
}

fn past(effect: Effect) -> &'static str {
    match effect {
        Effect::Add => "added",
        Effect::Change => "updated",
        Effect::Remove => "removed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_named_as_the_seed_names_them() {
        for (kind, name, sort, id) in [
            ("rules", "loans", "ruleset", "ruleset_id"),
            ("rules", "loans/R1", "rule", "rule_id"),
            ("rules", "conditions/c1", "condition", "condition_id"),
            ("rules", "checks/young", "check", "check_id"),
            ("patterns", "p1", "pattern", "name"),
            ("patterns", "profiles/it", "profile", "name"),
            ("patterns", "checks/x", "check", "name"),
            ("config", "main", "config", "name"),
        ] {
            let (found, data) = describe(kind, &DocumentName::new(name).unwrap(), 7);
            assert_eq!(found, sort);
            assert!(data.get(id).is_some(), "{data}");
        }
    }
}
