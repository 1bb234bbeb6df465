//! Several replicas on one log: who serves what, and what each says of it.
#![expect(clippy::unwrap_used, reason = "what is not there fails the test")]

#[path = "support/variables.rs"]
mod variables;
#[path = "support/words.rs"]
mod words;

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use jiff::Timestamp;
use midflight_bus::MemoryBus;
use midflight_core::{Change, DocumentId, Outcome, RevisionNumber, Trigger};
use midflight_engine::{
    AckState, AppliedExtent, AwaitScope, EditMode, Engine, Identity, InvalidPolicy, Refresh, ReloadScope,
    differing_inputs,
};
use midflight_store::{MemoryStore, NewRevision, RevisionLog as _};
use serde_json::json;
use variables::{Changing, Variables};
use words::{Words, edit, id, put};

/// Longer than anything here takes.
const DEADLINE: Duration = Duration::from_secs(60);
const EVERYWHERE: EditMode =
    EditMode { invalid: InvalidPolicy::Refuse, reach: AwaitScope::Everywhere, extent: AppliedExtent::Edit };

async fn replica(name: &str, store: &MemoryStore, bus: &MemoryBus) -> Engine {
    let mut builder = Engine::builder().store(Arc::new(store.clone())).bus(Arc::new(bus.clone()));
    builder.kind(Words);
    builder.refresh(Refresh { enabled: false, ..Refresh::default() });
    builder.identity(Identity { id: name.to_owned(), has_others: true, ..Identity::default() });
    builder.start().await.unwrap()
}

fn names(acks: &[(String, AckState)], wanted: &AckState) -> Vec<String> {
    acks.iter().filter(|(_, ack)| ack == wanted).map(|(name, _)| name.clone()).collect()
}

/// Waits until every one of them is seen.
async fn all_seen(engine: &Engine, wanted: &[&str]) {
    let seen = async {
        loop {
            let seen = engine.replicas().await.unwrap();
            if seen.iter().map(|one| one.replica.id.as_str()).eq(wanted.iter().copied()) {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, seen).await.unwrap();
}

#[tokio::test]
async fn an_edit_is_acknowledged_by_every_replica_that_is_alive_and_refused_with_the_reason() {
    let (store, bus) = (MemoryStore::new(), MemoryBus::new());
    let (a, b, c) = (
        replica("a", &store, &bus).await,
        replica("b", &store, &bus).await,
        replica("c", &store, &bus).await,
    );
    all_seen(&a, &["a", "b", "c"]).await;
    let accepted = a.apply_with(edit([put("x", "one")]), EVERYWHERE).await.unwrap();
    let number = accepted.revision.unwrap().number;
    let acks = a.acks(number, DEADLINE).await.unwrap();
    assert_eq!(names(&acks.announced, &AckState::Serves), ["a", "b", "c"]);
    assert!(b.served() == number && c.served() == number, "an ack means served");

    // A revision by hand that does not hold is refused by each, and each says why.
    let bad = edit([Change::put(id("x"), json!({"text": 3}))]);
    let created_at = Timestamp::UNIX_EPOCH;
    let expected_head = store.head().await.unwrap();
    let by_hand = NewRevision { edit: &bad, created_at, expected_head, documents_max: 10 };
    store.append(by_hand).await.unwrap();
    let accepted = b.apply_with(edit([put("y", "two")]), EVERYWHERE).await.unwrap();
    let third = accepted.revision.unwrap().number;
    assert_eq!(third, RevisionNumber::new(3));
    assert_eq!(names(&b.acks(third, DEADLINE).await.unwrap().announced, &AckState::Serves), ["a", "b", "c"]);
    for (name, ack) in b.acks(RevisionNumber::new(2), DEADLINE).await.unwrap().announced {
        assert!(matches!(&ack, AckState::Refuses(why) if why.contains("write a string")), "{name}: {ack:?}");
    }

    // One that stops in order is not waited for; a revision that is not there yet is missing everywhere.
    c.stop().await;
    all_seen(&a, &["a", "b"]).await;
    let none_yet = async {
        // Those who wait for acknowledgements share a look at the replicas, which may be some milliseconds old.
        while names(
            &a.acks(RevisionNumber::new(9), Duration::ZERO).await.unwrap().announced,
            &AckState::Missing,
        ) != ["a", "b"]
        {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, none_yet).await.unwrap();
    a.stop().await;
    b.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_with_many_edits_does_not_keep_others_from_theirs() {
    let (store, bus) = (MemoryStore::new(), MemoryBus::new());
    let (a, b) = (replica("a", &store, &bus).await, replica("b", &store, &bus).await);
    all_seen(&a, &["a", "b"]).await;
    let many = async {
        let edits = (0_u64..).map(|n| {
            let (a, change) = (a.clone(), put(&format!("many{}", n % 100), &n.to_string()));
            async move { a.apply(edit([change])).await.unwrap() }
        });
        let mut edits = futures_util::stream::iter(edits).buffer_unordered(8);
        while edits.next().await.is_some() {}
    };
    let few = async {
        for n in 0..50 {
            b.apply(edit([put("few", &n.to_string())])).await.unwrap();
        }
    };
    tokio::select! {
        () = many => panic!(),
        () = few => {}
    }
}

fn refers() -> Change {
    let id: DocumentId = "variables/greeting".parse().unwrap();
    Change::put(id, json!({"variable": "GREETING"}))
}

/// Waits until the replicas that differ by an input are these.
async fn differing_are(engine: &Engine, wanted: &[&str]) {
    let are = async {
        loop {
            let seen = engine.replicas().await.unwrap();
            let all_report = seen.iter().all(|one| one.replica.inputs.contains_key("env:GREETING"));
            let differing = differing_inputs(&seen);
            if all_report && differing.keys().map(String::as_str).eq(wanted.iter().copied()) {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, are).await.unwrap();
}

#[tokio::test]
async fn a_replica_whose_environment_differs_reports_it() {
    let (store, bus) = (MemoryStore::new(), MemoryBus::new());
    let other = Changing::new("bye");
    let mut engines = Vec::new();
    for (name, environment) in
        [("a", Changing::new("hello")), ("b", Changing::new("hello")), ("c", other.clone())]
    {
        let mut builder = Engine::builder().store(Arc::new(store.clone())).bus(Arc::new(bus.clone()));
        builder.kind(Variables);
        builder.environment(environment);
        builder.refresh(Refresh { enabled: false, ..Refresh::default() });
        builder.identity(Identity { id: name.to_owned(), has_others: true, ..Identity::default() });
        engines.push(builder.start().await.unwrap());
    }
    let [a, _, c] = &engines[..] else { panic!() };
    all_seen(a, &["a", "b", "c"]).await;
    a.apply_with(edit([refers()]), EVERYWHERE).await.unwrap();
    differing_are(a, &["c"]).await;
    differing_are(c, &["c"]).await;
    other.set("hello");
    let event = c.reload(Trigger::Manual, "test", ReloadScope::New).await.unwrap();
    assert_eq!(event.outcome.known(), Some(Outcome::Success));
    differing_are(a, &[]).await;
}

#[tokio::test]
async fn one_reload_makes_an_edit_and_brings_in_current_inputs() {
    let environment = Changing::new("one");
    let mut builder = Engine::builder().memory();
    let (slot, _) = (builder.kind(Variables), builder.kind(Words));
    builder.environment(environment.clone());
    let engine = builder.start().await.unwrap();
    let live = engine.live(slot);
    let announced = || live.load().values().map(|announced| announced.text.clone()).collect::<Vec<_>>();
    let reloads = || engine.history().select(usize::MAX, |_| true).len();
    engine.apply(edit([refers()])).await.unwrap();
    environment.set("two");
    engine.apply(edit([put("x", "one")])).await.unwrap();
    assert_eq!(announced(), ["one"], "an edit is about what it changes");
    let look = EditMode { extent: AppliedExtent::Look, ..EditMode::default() };
    let before = reloads();
    engine.apply_with(edit([put("x", "two")]), look).await.unwrap();
    assert_eq!((announced(), reloads()), (vec!["two".to_owned()], before + 1));
    // Also when there is nothing else to do.
    environment.set("three");
    let same = engine.apply_with(edit([put("x", "two")]), look).await.unwrap();
    assert!(same.revision.is_none());
    assert_eq!((announced(), reloads()), (vec!["three".to_owned()], before + 2));
}
