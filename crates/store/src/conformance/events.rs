//! What every store must do with reload events.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use midflight_core::{
    ComponentState, ComponentTime, JsonPointer, Outcome, Phase, PhaseTime, Problem, Problems, ReloadEvent,
    ReloadId, Trigger,
};

use super::{id, number};
use crate::{EventQuery, EventStore};

type SharedEventStore = Arc<dyn EventStore>;

fn event(n: u64) -> ReloadEvent {
    let problem = Problem::new("odd", JsonPointer::root().key("a/b"), "is odd").in_document(&id("x"));
    let (trigger, outcome) = match (n.is_multiple_of(2), n.is_multiple_of(3)) {
        (true, _) => (Trigger::Manual, Outcome::Success),
        (false, true) => (Trigger::Periodic, Outcome::ValidationFailed),
        (false, false) => (Trigger::Periodic, Outcome::Success),
    };
    ReloadEvent {
        id: ReloadId(n),
        trigger: trigger.into(),
        triggered_by: "anna".into(),
        started_at: Timestamp::from_millisecond(1_700_000_000_000).unwrap(),
        took: Duration::from_nanos(1_234_567 + n),
        phases: vec![PhaseTime { phase: Phase::Load.into(), took: Duration::from_nanos(99) }],
        outcome: outcome.into(),
        from: number(n),
        to: number(n + 1),
        kinds: vec!["rules".parse().unwrap()],
        documents_changed: 3,
        components: vec![ComponentTime {
            name: "pool".into(),
            state: ComponentState::Replaced.into(),
            took: Duration::from_nanos(77),
        }],
        problems: Problems::from(problem).with_unlisted(4),
    }
}

/// The newest events are kept as they were recorded, and found by kind, trigger and outcome.
pub async fn events_are_kept_within_their_bound(store: SharedEventStore) {
    let events: Vec<_> = (1..=10).map(event).collect();
    store.record_events(&events, 8).await.unwrap();
    let select = |query| store.events(EventQuery { limit: 5, ..query });
    let all = select(EventQuery::default()).await.unwrap();
    assert_eq!(all.items, events[5..].iter().rev().cloned().collect::<Vec<_>>());
    let rest = select(EventQuery { before: all.next, ..EventQuery::default() }).await.unwrap();
    assert_eq!(rest.items.iter().map(|event| event.id.0).collect::<Vec<_>>(), [5, 4, 3]);
    let odd = EventQuery {
        trigger: Some(Trigger::Periodic.into()),
        outcome: Some(Outcome::ValidationFailed.into()),
        kind: Some("rules".parse().unwrap()),
        ..EventQuery::default()
    };
    assert_eq!(select(odd).await.unwrap().items.iter().map(|event| event.id.0).collect::<Vec<_>>(), [9, 3]);
    let none = EventQuery { kind: Some("tools".parse().unwrap()), ..EventQuery::default() };
    assert!(select(none).await.unwrap().items.is_empty());
}

/// Words that only a newer version knows come back as they were, and are found by.
pub async fn words_of_a_newer_version_are_stored(store: SharedEventStore) {
    let mut newer = event(2);
    newer.trigger = "canary".parse().unwrap();
    newer.outcome = "half_live".parse().unwrap();
    newer.phases[0].phase = "shadow".parse().unwrap();
    newer.components[0].state = "warmed".parse().unwrap();
    store.record_events(&[event(1), newer.clone(), event(3)], 9).await.unwrap();
    let found = store.events(EventQuery { limit: 9, ..EventQuery::default() }).await.unwrap().items;
    assert_eq!(found, [event(3), newer.clone(), event(1)]);
    let by_words = EventQuery {
        trigger: Some("canary".parse().unwrap()),
        outcome: Some("half_live".parse().unwrap()),
        limit: 9,
        ..EventQuery::default()
    };
    assert_eq!(store.events(by_words).await.unwrap().items, [newer]);
}
