//! Turns each reload into events, and passes them on.

use midflight_core::{DocumentId, Effect, KindName, ReloadEvent, Trigger};
use midflight_engine::ReloadReport;
use serde_json::{Value, json};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::event::Event;
use crate::app::AppState;
use crate::kind::{Kinds, add_to};
use crate::sorts::DocumentSorts;
use crate::wire::{ms, problem_items, stamp};

/// Passes every reload on until the server stops.
pub(crate) async fn run(app: AppState, mut reports: broadcast::Receiver<ReloadReport>) {
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
                app.events.send(&events(&app.kinds, &app.sorts, &report));
            }
            Err(RecvError::Lagged(missed)) => {
                tracing::warn!(missed, "event stream lagged; events dropped");
                app.events.send(&[Event::new("events_missed", json!({ "reloads": missed }))]);
            }
            Err(RecvError::Closed) => return,
        }
    }
}

/// The events of a reload: one for each document, one with the count of those that are left out if some are, those that
/// its kinds add, and one for each kind. A reload that changed no document has none.
fn events(kinds: &Kinds, sorts: &DocumentSorts, report: &ReloadReport) -> Vec<Event> {
    let reload = &report.event;
    if !reload.outcome.is_live() {
        let failed = |kind| Event::new(format!("{kind}_reload_failed"), summary(kinds, kind, reload));
        return reload.kinds.iter().map(failed).collect();
    }
    if report.changes.is_empty() {
        return Vec::new();
    }
    let revision = reload.to.get();
    let mut events: Vec<_> =
        report.changes.iter().map(|(id, effect)| changed(sorts, id, *effect, revision)).collect();
    if reload.documents_changed > report.changes.len() {
        events.push(truncated(report));
    }
    let own = reload.kinds.iter().filter_map(|kind| kinds.of(kind));
    events.extend(own.flat_map(|kind| kind.events(report, sorts)));
    events.extend(reload.kinds.iter().map(|kind| reloaded(kinds, kind, reload)));
    events
}

/// The event of one document.
fn changed(sorts: &DocumentSorts, id: &DocumentId, effect: Effect, revision: u64) -> Event {
    let sort = sorts.of(id);
    let mut data = json!({ "kind": id.kind.as_str(), "name": id.name.as_str(), "revision": revision });
    if let Some(members) = data.as_object_mut() {
        members.extend(sort.ids.iter().map(|(key, id)| (key.clone().into_owned(), Value::from(*id))));
    }
    Event::new(format!("{}_{}", sort.word, past(effect)), data)
}

/// The event of a reload that changed more documents than are reported one by one (`changes_reported_max`). The
/// revision has all of them.
fn truncated(report: &ReloadReport) -> Event {
    let counts: serde_json::Map<_, _> =
        report.changed.iter().map(|(kind, count)| (kind.to_string(), Value::from(*count))).collect();
    let revision = report.event.to.get();
    let data = json!({
        "revision": revision,
        "listed": report.changes.len(),
        "documents_changed": report.event.documents_changed,
        "changed": counts,
        "href": format!("/api/v1/revisions/{revision}"),
    });
    Event::new("changes_truncated", data)
}

/// The event of a kind whose documents a live reload was about.
pub fn reloaded(kinds: &Kinds, kind: &KindName, reload: &ReloadEvent) -> Event {
    Event::new(format!("{kind}_reloaded"), summary(kinds, kind, reload))
}

/// What the events of a reload have in common, with the members of the kind that they are about.
fn summary(kinds: &Kinds, kind: &KindName, reload: &ReloadEvent) -> Value {
    let mut summary = json!({
        "status": if reload.outcome.is_live() { "success" } else { "failed" },
        "timestamp": stamp(reload.started_at),
        "reload_time_ms": ms(reload.took),
        "reload_id": reload.id.0,
        "outcome": reload.outcome.as_str(),
        "trigger": reload.trigger.as_str(),
        "revision": reload.to.get(),
        "documents_changed": reload.documents_changed,
        "errors": problem_items(&reload.problems),
    });
    if let (Some(kind), Some(members)) = (kinds.of(kind), summary.as_object_mut()) {
        add_to(members, kind.summary());
    }
    summary
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
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::time::Duration;

    use jiff::Timestamp;
    use midflight_core::{Outcome, Problems, ReloadId, RevisionNumber};

    use super::*;
    use crate::kind::{KindApi, Members, members_of};

    /// The server side of a kind.
    struct Tools;

    impl KindApi for Tools {
        fn kind(&self) -> KindName {
            KindName::new("tools").unwrap()
        }

        fn summary(&self) -> Members {
            members_of(&json!({ "tools_loaded": 2, "outcome": "not for a kind to say" })).unwrap()
        }

        fn events(&self, report: &ReloadReport, _: &DocumentSorts) -> Vec<Event> {
            vec![Event::new("tools_counted", json!({ "changes": report.changes.len() }))]
        }
    }

    /// The events of a reload that changed these documents, each as its type and what of its data differs between
    /// kinds.
    #[track_caller]
    fn check(outcome: Outcome, kinds: &[&str], changes: &[(&str, Effect)], expected: &[(&str, Value)]) {
        let reload = ReloadEvent {
            id: ReloadId(3),
            trigger: Trigger::Manual.into(),
            triggered_by: "admin".to_owned(),
            started_at: Timestamp::UNIX_EPOCH,
            took: Duration::from_millis(2),
            phases: Vec::new(),
            outcome: outcome.into(),
            from: RevisionNumber::new(6),
            to: RevisionNumber::new(7),
            kinds: kinds.iter().map(|kind| KindName::new(kind).unwrap()).collect(),
            documents_changed: changes.len(),
            components: Vec::new(),
            problems: Problems::default(),
        };
        let changes: Vec<(DocumentId, _)> =
            changes.iter().map(|(id, effect)| (id.parse().unwrap(), *effect)).collect();
        let report =
            ReloadReport { event: Arc::new(reload), changes: changes.into(), changed: BTreeMap::new() };
        let kinds = Kinds::new(vec![Arc::new(Tools)]);
        let mut found = events(&kinds, &DocumentSorts::new(Vec::new()), &report);
        for event in &mut found {
            let data = event.data.as_object_mut().unwrap();
            let is_summary = event.event_type.contains("_reload");
            assert!(!is_summary || data.get("outcome") == Some(&json!(outcome.as_str())), "{data:?}");
            data.retain(|key, _| ["name", "tools_loaded", "changes"].contains(&key.as_str()));
        }
        let found: Vec<_> = found.into_iter().map(|event| (event.event_type, event.data)).collect();
        let expected: Vec<_> =
            expected.iter().map(|(event_type, data)| ((*event_type).to_owned(), data.clone())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_kind_without_a_server_side_has_its_events_and_nothing_of_another_kind() {
        check(
            Outcome::Success,
            &["greetings"],
            &[("greetings/it", Effect::Add), ("greetings/en", Effect::Remove)],
            &[
                ("greeting_added", json!({"name": "it"})),
                ("greeting_removed", json!({"name": "en"})),
                ("greetings_reloaded", json!({})),
            ],
        );
        check(
            Outcome::ValidationFailed,
            &["greetings"],
            &[("greetings/it", Effect::Add)],
            &[("greetings_reload_failed", json!({}))],
        );
    }

    #[test]
    fn a_kind_adds_events_and_members_to_what_is_about_it() {
        check(
            Outcome::Success,
            &["greetings", "tools"],
            &[("greetings/it", Effect::Change), ("tools/hammer", Effect::Change)],
            &[
                ("greeting_updated", json!({"name": "it"})),
                ("tool_updated", json!({"name": "hammer"})),
                ("tools_counted", json!({"changes": 2})),
                ("greetings_reloaded", json!({})),
                ("tools_reloaded", json!({"tools_loaded": 2})),
            ],
        );
        check(
            Outcome::ValidationFailed,
            &["tools"],
            &[],
            &[("tools_reload_failed", json!({"tools_loaded": 2}))],
        );
    }

    #[test]
    fn a_reload_that_changed_nothing_has_no_event() {
        check(Outcome::Unchanged, &[], &[], &[]);
    }
}
