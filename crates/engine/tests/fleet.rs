//! Several replicas on one log: who serves what, and what each says of it.
#![expect(clippy::unwrap_used, reason = "what is not there fails the test")]

#[path = "support/words.rs"]
mod words;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use midflight_bus::MemoryBus;
use midflight_core::{Change, RevisionNumber};
use midflight_engine::{Ack, EditMode, Engine, Identity, Invalid, Reach, Refresh};
use midflight_store::{MemoryStore, NewRevision, RevisionLog as _};
use serde_json::json;
use words::{Words, edit, id, put};

/// Longer than anything here takes.
const DEADLINE: Duration = Duration::from_secs(60);
const EVERYWHERE: EditMode = EditMode { invalid: Invalid::Refuse, reach: Reach::Everywhere };

async fn replica(name: &str, store: &MemoryStore, bus: &MemoryBus) -> Engine {
    let mut builder = Engine::builder(Arc::new(store.clone()), Arc::new(bus.clone()));
    builder.kind(Words);
    builder.refresh(Refresh { enabled: false, ..Refresh::default() });
    builder.identity(Identity { id: name.to_owned(), has_others: true, ..Identity::default() });
    builder.start().await.unwrap()
}

fn names(acks: &[(String, Ack)], wanted: &Ack) -> Vec<String> {
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
    assert_eq!(names(&acks, &Ack::Serves), ["a", "b", "c"]);
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
    assert_eq!(names(&b.acks(third, DEADLINE).await.unwrap(), &Ack::Serves), ["a", "b", "c"]);
    for (name, ack) in b.acks(RevisionNumber::new(2), DEADLINE).await.unwrap() {
        assert!(matches!(&ack, Ack::Refuses(why) if why.contains("write a string")), "{name}: {ack:?}");
    }

    // One that stops in order is not waited for; a revision that is not there yet is missing everywhere.
    c.stop().await;
    all_seen(&a, &["a", "b"]).await;
    let none_yet = async {
        // Those who wait for acknowledgements share a look at the replicas, which may be some milliseconds old.
        while names(&a.acks(RevisionNumber::new(9), Duration::ZERO).await.unwrap(), &Ack::Missing)
            != ["a", "b"]
        {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, none_yet).await.unwrap();
    a.stop().await;
    b.stop().await;
}
