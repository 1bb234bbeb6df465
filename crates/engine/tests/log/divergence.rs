//! A log that is not the one that was followed, on a log in memory, and edits that are made once (HR-14).

use std::sync::Arc;
use std::time::Duration;

use crate::support::{Bench, Words, edit, put};
use midflight_bus::{Bus as _, Hint, MemoryBus};
use midflight_core::{Edit, EditKey, Outcome, RevisionNumber, Trigger};
use midflight_engine::{Engine, Limits, Refusal};
use midflight_store::{LastGoodFile, MemoryStore, RevisionLog as _};

/// Waits for a condition, which must come about by itself.
async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let all = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), all).await.unwrap_or_else(|_| panic!("{what}"));
}

/// A start whose copy is ahead of the log says so and serves the copy; it does not take the earlier state for the
/// newest.
#[tokio::test]
async fn a_start_with_a_copy_ahead_of_the_log_serves_the_copy_and_reports_it() {
    let folder = tempfile::tempdir().unwrap();
    let copy = || LastGoodFile::new(folder.path().join("copy"));
    let log = MemoryStore::new();
    let bench = Bench::with(log.clone(), |builder, _| {
        builder.last_good(copy());
    })
    .await;
    bench.engine.apply(edit([put("a", "one")])).await.unwrap();
    let earlier = log.copy();
    bench.engine.apply(edit([put("a", "two")])).await.unwrap();
    bench.engine.stop().await;

    let bench = Bench::with(earlier.clone(), |builder, _| {
        builder.last_good(copy());
    })
    .await;
    let status = bench.engine.status();
    let diverged = status.diverged.unwrap();
    assert_eq!((diverged.position.get(), diverged.found.number.get()), (2, 1));
    assert!(status.stale_since.is_some());
    assert_eq!((status.served.get(), status.from_copy, bench.text("a").as_deref()), (2, true, Some("two")));
    let refused = bench.engine.apply(edit([put("a", "three")])).await.unwrap_err();
    assert!(matches!(refused.refusal, Refusal::LogDiverged(_)), "{refused}");

    let event = bench.engine.adopt_log("anna", "restored").await.unwrap();
    assert_eq!(
        (event.outcome, event.trigger, event.from.get(), event.to.get()),
        (Outcome::Success.into(), Trigger::Adopt.into(), 2, 1)
    );
    assert_eq!((bench.text("a").as_deref(), bench.engine.served().get()), (Some("one"), 1));
    bench.engine.apply(edit([put("a", "three")])).await.unwrap();
    assert_eq!(bench.engine.status().stale_since, None);
    bench.engine.stop().await;
    let bench = Bench::with(earlier, |builder, _| {
        builder.last_good(copy());
    })
    .await;
    assert_eq!((bench.engine.status().diverged, bench.text("a").as_deref()), (None, Some("three")));
    bench.engine.stop().await;
}

/// A copy of another history that cannot be served: the log is followed as it is, and that stays visible until an
/// operator adopts it.
#[tokio::test]
async fn a_start_that_cannot_serve_its_copy_of_another_history_reports_it() {
    let folder = tempfile::tempdir().unwrap();
    let copy = || LastGoodFile::new(folder.path().join("copy"));
    let log = MemoryStore::new();
    let bench = Bench::with(log.clone(), |builder, _| {
        builder.last_good(copy());
    })
    .await;
    bench.engine.apply(edit([put("a", "one")])).await.unwrap();
    let earlier = log.copy();
    bench.engine.apply(edit([put("b", &"longer than it may be".repeat(4))])).await.unwrap();
    bench.engine.stop().await;

    // The limits of the new process do not allow what the copy has.
    let bench = Bench::with(earlier, |builder, _| {
        builder.last_good(copy());
        builder.limits(Limits { body_bytes_max: 64, ..Limits::default() });
    })
    .await;
    let status = bench.engine.status();
    assert_eq!((status.served.get(), bench.text("a").as_deref()), (1, Some("one")));
    let abandoned = status.abandoned_copy.unwrap();
    assert_eq!((abandoned.position.get(), abandoned.found.number.get()), (2, 1));
    bench.engine.adopt_log("anna", "revision 2 is lost").await.unwrap();
    assert_eq!(bench.engine.status().abandoned_copy, None);
    bench.engine.stop().await;
}

/// Another database that happens to be as long.
#[tokio::test]
async fn a_start_on_another_log_is_detected_by_its_id() {
    let folder = tempfile::tempdir().unwrap();
    let copy = || LastGoodFile::new(folder.path().join("copy"));
    for round in 0..2 {
        let log = MemoryStore::new();
        log.append(midflight_store::NewRevision {
            edit: &edit([put("a", "one")]),
            created_at: crate::support::midflight_engine_now(),
            expected_head: log.head().await.unwrap(),
            documents_max: 9,
        })
        .await
        .unwrap();
        let bench = Bench::with(log, |builder, _| {
            builder.last_good(copy());
        })
        .await;
        assert_eq!(bench.engine.status().diverged.is_some(), round == 1);
        bench.engine.stop().await;
    }
}

/// A hint that was recorded and proved says again what the log has lost. A replica one revision before it is not
/// misled.
#[tokio::test]
async fn a_replayed_hint_of_a_lost_revision_is_not_served() {
    let (log, bus) = (MemoryStore::new(), MemoryBus::new());
    let writer = engine(&log, &bus).await;
    writer.apply(edit([put("a", "one")])).await.unwrap();
    let earlier = log.copy();
    let mut hints = bus.subscribe().await.unwrap();
    writer.apply(edit([put("a", "lost")])).await.unwrap();
    let recorded = loop {
        if let Some(midflight_bus::HintEvent::Hint(hint)) = hints.next().await {
            break hint;
        }
    };
    assert_eq!((recorded.head.get(), recorded.change.is_some()), (2, true));
    writer.stop().await;

    let bus = MemoryBus::new();
    let fresh = engine(&earlier, &bus).await;
    let before = fresh.status().last_checked_at;
    bus.publish(recorded).await.unwrap();
    until("it to look at the log", || fresh.status().last_checked_at != before).await;
    assert_eq!((fresh.served().get(), fresh.status().diverged), (1, None));
    let made = fresh.apply(edit([put("a", "two")])).await.unwrap().revision.unwrap();
    assert_eq!(made.number.get(), 2);
    fresh.stop().await;
}

/// A hint that contradicts what is served is a reason to look, at an older number too.
#[tokio::test]
async fn a_hint_that_contradicts_what_was_followed_brings_a_look() {
    let bench = Bench::new().await;
    for text in ["one", "two"] {
        bench.engine.apply(edit([put("a", text)])).await.unwrap();
    }
    let position = bench.engine.status().position.unwrap();
    let before = bench.engine.status().last_checked_at;
    let digest = midflight_core::Digest::of_bytes(b"another");
    let number = RevisionNumber::new(1);
    let announced = Some(position.at(number, digest));
    bench.bus.publish(Hint { head: number, announced, change: None, awaited: false }).await.unwrap();
    until("it to look at the log", || bench.engine.status().last_checked_at != before).await;
    assert_eq!(bench.engine.status().diverged, None);
    bench.engine.stop().await;
}

/// Two replicas are asked for the same edit at once, many times.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_edit_with_a_key_is_made_once_however_many_replicas_are_asked() {
    let bench = Bench::new().await;
    let other = bench.beside().await;
    for round in 0..20 {
        let head = bench.head().await;
        let asked = (0..8).map(|n| {
            let engine = if n % 2 == 0 { bench.engine.clone() } else { other.engine.clone() };
            let wanted = edit([put("a", &format!("{round} {n}"))]);
            let wanted = Edit { key: Some(EditKey::new(format!("webhook:crm {round}"))), ..wanted };
            tokio::spawn(async move { engine.apply(wanted).await.unwrap() })
        });
        let asked: Vec<_> = asked.collect();
        let mut made = 0;
        for one in asked {
            let accepted = one.await.unwrap();
            made += u64::from(accepted.revision.is_some());
            let number = accepted.revision.map(|revision| revision.number).or(accepted.repeats);
            assert_eq!(number, Some(RevisionNumber::new(head + 1)));
        }
        assert_eq!((made, bench.head().await), (1, head + 1));
    }
    bench.engine.stop().await;
    other.engine.stop().await;
}

async fn engine(log: &MemoryStore, bus: &MemoryBus) -> Engine {
    use std::sync::atomic::{AtomicI64, Ordering};
    // A clock of its own that moves at every look, so that a look is seen.
    let ticks = AtomicI64::new(0);
    let mut builder = Engine::builder().store(Arc::new(log.clone())).bus(Arc::new(bus.clone()));
    builder.kind(Words);
    builder.clock(Arc::new(move || {
        jiff::Timestamp::from_millisecond(ticks.fetch_add(1, Ordering::Relaxed)).unwrap()
    }));
    builder.start().await.unwrap()
}
