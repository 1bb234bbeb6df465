//! What every bus must do. Each case takes a way to make ends of one bus; [`crate::conformance_tests`] makes a test of
//! each.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a case is a test: it panics where it fails"
)]

use std::sync::Arc;
use std::time::Duration;

use midflight_core::{
    Appended, ChangeSummary, Digest, Document, DocumentId, LogHead, LogId, Op, Owner, PrincipalId, Revision,
    RevisionNumber, Trigger,
};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::{Bus, Hint, HintEvent, Hints};

/// How long anything may take; what takes longer has failed.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Makes one more end of a bus. All ends know the same key.
pub type ConnectBus = Box<dyn Fn() -> Arc<dyn Bus> + Send + Sync>;

/// Makes a test of every case, each on the ends that an async expression answers.
#[macro_export]
macro_rules! conformance_tests {
    ($make:expr) => {
        $crate::conformance_tests!(@each $make;
            a_hint_is_received_by_all_with_its_change, a_burst_is_a_few_wakes_and_ends_with_the_newest,
            a_change_too_large_to_carry_does_not_delay_the_hint, a_waiter_is_not_forgotten_in_a_burst,
            a_later_listener_receives_later_hints, an_idle_listener_delays_no_other,
            dropping_an_end_closes_its_hints, the_status_counts,
        );
    };
    (@each $make:expr; $($case:ident,)+) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            let (ends, _guard) = $make.await;
            $crate::conformance::$case(ends).await;
        }
    )+};
}

/// A hint that carries nothing.
#[must_use]
pub fn hint(head: u64) -> Hint {
    Hint { head: RevisionNumber::new(head), announced: None, change: None, awaited: false }
}

/// A hint that carries a revision with a document of that body, and the deletion of another.
#[must_use]
pub fn hint_with(head: u64, body: Value) -> Hint {
    let number = RevisionNumber::new(head);
    let document = |name: &str, body: Option<Value>| Document {
        id: DocumentId::new("rules", name).unwrap(),
        version: 2,
        revision: number,
        owner: body.is_some().then(|| Owner::new("file:/rules")),
        body: body.map(Arc::new),
    };
    let documents = vec![document("größe/Ä", Some(body)), document("gone", None)];
    let summary = |document: &Document| ChangeSummary {
        id: document.id.clone(),
        op: if document.body.is_some() { Op::Put } else { Op::Delete },
        version: document.version,
    };
    let revision = Revision {
        number,
        author: "anna".into(),
        principal: Some(PrincipalId::new("t1")),
        reason: "because".into(),
        trigger: Trigger::ApiUpdate.into(),
        created_at: jiff::Timestamp::from_millisecond(1_700_000_000_123).unwrap(),
        key: Some("http:t1:one".into()),
        changes: documents.iter().map(summary).collect(),
        digest: Digest::of_bytes(b"computed below"),
    };
    let log = LogHead::empty(LogId::new([7; 16]));
    let mut change = Appended { revision, documents, parent: log.digest };
    change.revision.digest = change.computed_digest(&log.digest);
    Hint {
        announced: Some(log.at(number, change.revision.digest)),
        change: Some(Arc::new(change)),
        ..hint(head)
    }
}

/// Waits until a bus has reached its server.
pub async fn connected(bus: &dyn Bus) {
    let reached = async {
        while !bus.status().connected {
            sleep(Duration::from_millis(1)).await;
        }
    };
    assert!(timeout(DEADLINE, reached).await.is_ok(), "not connected: {:?}", bus.status());
}

/// The next hint; none once the bus is closed.
pub async fn heard(hints: &mut dyn Hints) -> Option<HintEvent> {
    timeout(DEADLINE, hints.next()).await.expect("something is heard in time")
}

/// All hints up to one of that head, including it.
pub async fn received_up_to(hints: &mut dyn Hints, head: u64) -> Vec<HintEvent> {
    let mut all = Vec::new();
    loop {
        let next = heard(hints).await.expect("the bus is open");
        let is_it = matches!(&next, HintEvent::Hint(hint) if hint.head == RevisionNumber::new(head));
        all.push(next);
        if is_it {
            return all;
        }
    }
}

async fn ends_of(ends: &ConnectBus, count: usize) -> Vec<Arc<dyn Bus>> {
    let ends: Vec<_> = (0..count).map(|_| ends()).collect();
    for end in &ends {
        connected(&**end).await;
    }
    ends
}

/// Every listener of every end receives a hint, the sender included, with exactly that change.
pub async fn a_hint_is_received_by_all_with_its_change(ends: ConnectBus) {
    let ends = ends_of(&ends, 3).await;
    let mut all = Vec::new();
    for end in ends.iter().chain(&ends) {
        all.push(end.subscribe().await.unwrap());
    }
    let hint = hint_with(42, json!({"floats": [0.1, 5e-324], "int": u64::MAX, "text": "☃ \u{0} \" \\"}));
    ends[1].publish(hint.clone()).await.unwrap();
    for hints in &mut all {
        assert_eq!(received_up_to(&mut **hints, 42).await.pop(), Some(HintEvent::Hint(hint.clone())));
    }
}

/// A listener that is busy while a thousand hints arrive receives a few of them, in order, and the newest last.
pub async fn a_burst_is_a_few_wakes_and_ends_with_the_newest(ends: ConnectBus) {
    let ends = ends_of(&ends, 2).await;
    let mut hints = ends[1].subscribe().await.unwrap();
    let mut in_time = ends[1].subscribe().await.unwrap();
    for head in 1..=1000 {
        ends[0].publish(hint(head)).await.unwrap();
    }
    // Once another one has received the last, all of them were there for the busy one.
    received_up_to(&mut *in_time, 1000).await;
    let wakes = received_up_to(&mut *hints, 1000).await;
    assert!(wakes.len() <= 3, "{} wakes", wakes.len());
}

/// What does not fit is left out; the hint comes all the same.
pub async fn a_change_too_large_to_carry_does_not_delay_the_hint(ends: ConnectBus) {
    let ends = ends_of(&ends, 2).await;
    let mut hints = ends[1].subscribe().await.unwrap();
    for (head, length) in [(7, 7000), (8, 8000), (9, 200 << 10), (10, 300 << 10), (11, 3 << 20)] {
        let whole = hint_with(head, json!({ "text": "x".repeat(length) }));
        ends[0].publish(whole.clone()).await.unwrap();
        let Some(HintEvent::Hint(hint)) = received_up_to(&mut *hints, head).await.pop() else {
            unreachable!()
        };
        assert!(hint.change.is_none() || hint.change == whole.change, "a change is whole or absent");
        assert!(hint.change.is_some() || length > 7000, "what fits everywhere comes along");
    }
}

/// Of many hints that are merged, one states that a caller waits; so does the merged hint.
pub async fn a_waiter_is_not_forgotten_in_a_burst(ends: ConnectBus) {
    let ends = ends_of(&ends, 2).await;
    let mut hints = ends[1].subscribe().await.unwrap();
    for head in 1..=100 {
        ends[0].publish(Hint { awaited: head == 50, ..hint(head) }).await.unwrap();
    }
    let all = received_up_to(&mut *hints, 100).await;
    assert!(all.iter().any(|heard| matches!(heard, HintEvent::Hint(hint) if hint.awaited)));
}

/// A new listener receives what is published from then on.
pub async fn a_later_listener_receives_later_hints(ends: ConnectBus) {
    let ends = ends_of(&ends, 2).await;
    let mut early = ends[1].subscribe().await.unwrap();
    ends[0].publish(hint(1)).await.unwrap();
    received_up_to(&mut *early, 1).await;
    let mut late = ends[1].subscribe().await.unwrap();
    ends[0].publish(hint(2)).await.unwrap();
    let all = received_up_to(&mut *late, 2).await;
    assert!(!all.contains(&HintEvent::Hint(hint(1))));
}

/// A listener that went, and one that never fetches, are no trouble for the others.
pub async fn an_idle_listener_delays_no_other(ends: ConnectBus) {
    let ends = ends_of(&ends, 2).await;
    drop(ends[1].subscribe().await.unwrap());
    let _idle = ends[1].subscribe().await.unwrap();
    let mut hints = ends[1].subscribe().await.unwrap();
    for head in 1..=10 {
        ends[0].publish(hint(head)).await.unwrap();
        received_up_to(&mut *hints, head).await;
    }
}

/// When all handles of a bus are dropped its listeners are notified; until then the others continue.
pub async fn dropping_an_end_closes_its_hints(ends: ConnectBus) {
    let mut both = ends_of(&ends, 2).await;
    let mut of_both = Vec::new();
    for end in &both {
        of_both.push(end.subscribe().await.unwrap());
    }
    drop(both.pop());
    both[0].publish(hint(1)).await.unwrap();
    received_up_to(&mut *of_both[0], 1).await;
    drop((both, ends));
    for hints in &mut of_both {
        while heard(&mut **hints).await.is_some() {}
    }
}

/// The status names the bus and counts what went out and came in.
pub async fn the_status_counts(ends: ConnectBus) {
    let end = ends_of(&ends, 1).await.remove(0);
    let mut hints = end.subscribe().await.unwrap();
    end.publish(hint(1)).await.unwrap();
    received_up_to(&mut *hints, 1).await;
    let counted = async {
        while end.status().published == 0 {
            sleep(Duration::from_millis(1)).await;
        }
    };
    assert!(timeout(DEADLINE, counted).await.is_ok());
    let status = end.status();
    assert!(!status.name.is_empty() && !status.address.is_empty() && status.connected);
    assert_eq!((status.heard, status.ignored, status.reconnects), (1, 0, 0), "{status:?}");
}
