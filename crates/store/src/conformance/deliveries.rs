//! What every store must do with deliveries.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use midflight_core::DocumentName;

use crate::{
    AttemptEnd, CursorMove, DeliveryQuery, DeliveryRetention, DeliveryState, DeliveryStore, NewDelivery,
    ResendQuery,
};

type TestedDeliveries = Arc<dyn DeliveryStore>;

const LONG: Duration = Duration::from_secs(3_600);

fn new(webhook: &str, id: &str) -> NewDelivery {
    NewDelivery {
        id: id.to_owned(),
        webhook: DocumentName::new(webhook).unwrap(),
        event: "revision.live".to_owned(),
        payload: format!("{{\"id\": \"{id}\", \"text\": \"é\\n\"}}"),
        dead: None,
    }
}

fn at(from: Option<u64>, to: u64) -> Option<CursorMove<'static>> {
    Some(CursorMove { source: "log", from, to })
}

async fn listed(store: &TestedDeliveries, query: DeliveryQuery) -> Vec<String> {
    let page = store.deliveries(DeliveryQuery { limit: 100, ..query }).await.unwrap();
    page.items.into_iter().map(|delivery| format!("{}/{}", delivery.new.webhook, delivery.new.id)).collect()
}

/// Deliveries are added with their cursor, once each, and only from where the cursor is.
pub async fn deliveries_are_added_once_with_their_cursor(store: TestedDeliveries) {
    assert_eq!(store.delivery_cursor("log").await.unwrap(), None);
    let both = [new("a", "1"), new("b", "1")];
    assert!(store.add_deliveries(&both, at(None, 1)).await.unwrap());
    assert!(!store.add_deliveries(&[new("a", "x")], at(None, 2)).await.unwrap(), "another was first");
    assert!(!store.add_deliveries(&[new("a", "x")], at(Some(0), 2)).await.unwrap());
    assert!(store.add_deliveries(&[new("a", "1"), new("a", "2")], at(Some(1), 2)).await.unwrap());
    assert!(store.add_deliveries(&[new("a", "3")], None).await.unwrap());
    assert!(store.add_deliveries(&[], at(Some(2), 5)).await.unwrap());
    assert_eq!(store.delivery_cursor("log").await.unwrap(), Some(5));
    assert_eq!(store.delivery_cursor("audit").await.unwrap(), None);
    assert_eq!(listed(&store, DeliveryQuery::default()).await, ["a/3", "a/2", "b/1", "a/1"]);
}

/// Of several callers at once, one moves the cursor.
pub async fn one_of_many_moves_a_cursor(store: TestedDeliveries) {
    let add = |nth: usize| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.add_deliveries(&[new("a", &nth.to_string())], at(None, 1)).await })
    };
    let mut moved = 0;
    for task in (0..8).map(add).collect::<Vec<_>>() {
        moved += usize::from(task.await.unwrap().unwrap());
    }
    assert_eq!((moved, listed(&store, DeliveryQuery::default()).await.len()), (1, 1));
}

/// What one caller claimed no other gets, until it is due again.
pub async fn a_delivery_is_claimed_by_one(store: TestedDeliveries) {
    store.add_deliveries(&[new("a", "1"), new("a", "2"), new("b", "3")], None).await.unwrap();
    let first = store.claim_deliveries(2, LONG).await.unwrap();
    let ids: Vec<_> = first.iter().map(|it| (it.new.id.as_str(), it.attempts)).collect();
    assert_eq!(ids, [("1", 1), ("2", 1)]);
    assert_eq!(first[0].new, new("a", "1"), "it comes back as it was");
    let second = store.claim_deliveries(10, Duration::ZERO).await.unwrap();
    assert_eq!(second.iter().map(|it| it.new.id.as_str()).collect::<Vec<_>>(), ["3"]);
    // A lease that is over: the one who had it is late.
    let again = store.claim_deliveries(10, LONG).await.unwrap();
    assert_eq!(again.iter().map(|it| (it.new.id.as_str(), it.attempts)).collect::<Vec<_>>(), [("3", 2)]);
    assert!(!store.end_attempt(second[0].number, 1, &AttemptEnd::Delivered).await.unwrap());
    assert!(store.end_attempt(second[0].number, 2, &AttemptEnd::Delivered).await.unwrap());
    assert!(!store.end_attempt(second[0].number, 2, &AttemptEnd::Delivered).await.unwrap(), "it ended");
}

/// An attempt that failed is made again or leaves a dead letter, which can be sent again.
pub async fn dead_letters_are_kept_and_sent_again(store: TestedDeliveries) {
    store.add_deliveries(&[new("a", "1"), new("a", "2"), new("b", "3")], None).await.unwrap();
    let claimed = store.claim_deliveries(10, LONG).await.unwrap();
    let again = AttemptEnd::Again { after: Duration::ZERO, error: "it answered 500".to_owned() };
    store.end_attempt(claimed[0].number, 1, &again).await.unwrap();
    let later = AttemptEnd::Again { after: LONG, error: "it answered 503".to_owned() };
    store.end_attempt(claimed[1].number, 1, &later).await.unwrap();
    store.end_attempt(claimed[2].number, 1, &AttemptEnd::Delivered).await.unwrap();
    let second = store.claim_deliveries(10, LONG).await.unwrap();
    assert_eq!(second.iter().map(|it| (it.new.id.as_str(), it.attempts)).collect::<Vec<_>>(), [("1", 2)]);
    assert_eq!(second[0].error.as_deref(), Some("it answered 500"));
    let dead = AttemptEnd::Dead { error: "it answered 410 Gone".to_owned() };
    store.end_attempt(second[0].number, 2, &dead).await.unwrap();
    let in_state = |state| DeliveryQuery { state: Some(state), ..DeliveryQuery::default() };
    assert_eq!(listed(&store, in_state(DeliveryState::Dead)).await, ["a/1"]);
    assert_eq!(listed(&store, in_state(DeliveryState::Waiting)).await, ["a/2"]);
    assert_eq!(listed(&store, in_state(DeliveryState::Delivered)).await, ["b/3"]);
    let counts = store.delivery_counts().await.unwrap();
    assert_eq!((counts.waiting, counts.dead), (1, 1));
    let of = |name: &str| ResendQuery::DeadOf(DocumentName::new(name).unwrap());
    assert_eq!(store.resend_deliveries(&of("b")).await.unwrap(), 0, "nothing of it is dead");
    assert_eq!(store.resend_deliveries(&of("a")).await.unwrap(), 1);
    assert_eq!(store.resend_deliveries(&ResendQuery::One(claimed[2].number)).await.unwrap(), 1);
    assert_eq!(store.resend_deliveries(&ResendQuery::One(claimed[1].number)).await.unwrap(), 0, "it waits");
    let third = store.claim_deliveries(10, LONG).await.unwrap();
    assert_eq!(
        third.iter().map(|it| (it.new.id.as_str(), it.attempts)).collect::<Vec<_>>(),
        [("1", 1), ("3", 1)]
    );
}

/// What is added as a dead letter is not claimed, and can be sent again. Those that wait are counted by webhook.
pub async fn a_delivery_may_be_a_dead_letter_from_the_beginning(store: TestedDeliveries) {
    let dead = |id: &str| NewDelivery { dead: Some("too many wait".to_owned()), ..new("a", id) };
    assert_eq!(store.deliveries_waiting().await.unwrap(), BTreeMap::new());
    let all = [new("a", "1"), dead("1"), dead("2"), new("a", "3"), new("b", "4")];
    assert!(store.add_deliveries(&all, None).await.unwrap());
    let name = |name: &str| DocumentName::new(name).unwrap();
    let waiting = store.deliveries_waiting().await.unwrap();
    assert_eq!(waiting, BTreeMap::from([(name("a"), 2), (name("b"), 1)]), "it waited already");
    let query = DeliveryQuery { state: Some(DeliveryState::Dead), limit: 10, ..DeliveryQuery::default() };
    let listed = store.deliveries(query).await.unwrap().items;
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].new.clone(), listed[0].attempts), (new("a", "2"), 0));
    assert_eq!(listed[0].error.as_deref(), Some("too many wait"));
    assert!(listed[0].ended_at.is_some());
    assert_eq!(store.claim_deliveries(10, LONG).await.unwrap().len(), 3);
    assert_eq!(store.resend_deliveries(&ResendQuery::DeadOf(name("a"))).await.unwrap(), 1);
    let claimed = store.claim_deliveries(10, LONG).await.unwrap();
    assert_eq!((claimed.len(), claimed[0].error.clone()), (1, None));
    // All of a webhook at once, those too that are claimed.
    assert_eq!(store.end_deliveries(&name("a"), "deleted").await.unwrap(), 3);
    assert!(!store.end_attempt(claimed[0].number, 1, &AttemptEnd::Delivered).await.unwrap(), "it ended");
    assert_eq!(store.deliveries_waiting().await.unwrap(), BTreeMap::from([(name("b"), 1)]));
    let of_a = DeliveryQuery { webhook: Some(name("a")), limit: 10, ..DeliveryQuery::default() };
    let ended = store.deliveries(of_a).await.unwrap().items;
    assert!(ended.iter().all(|it| it.error.as_deref() == Some("deleted") && it.ended_at.is_some()));
}

/// Lists have pages, and what ended is forgotten but for what is kept.
pub async fn deliveries_have_pages_and_are_forgotten(store: TestedDeliveries) {
    let all: Vec<_> = (1..=5).map(|nth| new(if nth == 5 { "b" } else { "a" }, &nth.to_string())).collect();
    store.add_deliveries(&all, None).await.unwrap();
    let first = store.deliveries(DeliveryQuery { limit: 3, ..DeliveryQuery::default() }).await.unwrap();
    let next = DeliveryQuery { limit: 3, before: first.next, ..DeliveryQuery::default() };
    let second = store.deliveries(next).await.unwrap();
    assert_eq!((first.items.len(), second.items.len(), second.next), (3, 2, None));
    let of_b = DeliveryQuery { webhook: Some(DocumentName::new("b").unwrap()), ..DeliveryQuery::default() };
    assert_eq!(listed(&store, of_b).await, ["b/5"]);
    for delivery in store.claim_deliveries(4, LONG).await.unwrap() {
        let end = match delivery.new.id.as_str() {
            "1" => AttemptEnd::Delivered,
            _ => AttemptEnd::Dead { error: "gone".to_owned() },
        };
        store.end_attempt(delivery.number, 1, &end).await.unwrap();
    }
    let keep = DeliveryRetention { delivered: LONG, dead: LONG, dead_max: 2 };
    assert_eq!(store.forget_deliveries(keep).await.unwrap(), 1, "a dead letter too many");
    assert_eq!(listed(&store, DeliveryQuery::default()).await, ["b/5", "a/4", "a/3", "a/1"]);
    assert_eq!(store.forget_deliveries(keep).await.unwrap(), 0);
    let none = DeliveryRetention { dead_max: 0, ..keep };
    assert_eq!(store.forget_deliveries(none).await.unwrap(), 2);
    assert_eq!(
        listed(&store, DeliveryQuery::default()).await,
        ["b/5", "a/1"],
        "what waits is never forgotten"
    );
}
