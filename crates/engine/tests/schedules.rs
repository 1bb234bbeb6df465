//! Schedules: what waits for its time is done then, once, and is seen until then. The clock is the test's.
#![expect(clippy::unwrap_used, reason = "what is not there fails the test")]

#[path = "support/words.rs"]
mod words;

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use midflight_bus::MemoryBus;
use midflight_core::{Change, Edit, Outcome, Owner, RevisionNumber, Trigger};
use midflight_engine::{Engine, KindSlot, Limits, Refresh, Scheduled, schedule_id};
use midflight_live::Live;
use midflight_store::{MemoryStore, RevisionLog as _};
use serde_json::{Value, json};
use words::{WordMap, Words, edit, put};

/// A log, and a clock that all its replicas read.
#[derive(Clone, Default)]
struct Bench {
    store: MemoryStore,
    bus: MemoryBus,
    clock_ms: Arc<AtomicI64>,
    slot: Arc<Mutex<Option<KindSlot<Words>>>>,
}

impl Bench {
    /// A log whose clock shows a time.
    fn at(time: &str) -> Self {
        let bench = Self::default();
        bench.set_clock(time);
        bench
    }

    fn set_clock(&self, time: &str) {
        let time: Timestamp = time.parse().unwrap();
        self.clock_ms.store(time.as_millisecond(), Ordering::Relaxed);
    }

    async fn replica(&self) -> Engine {
        let mut builder =
            Engine::builder().store(Arc::new(self.store.clone())).bus(Arc::new(self.bus.clone()));
        *self.slot.lock().unwrap() = Some(builder.kind(Words));
        let clock_ms = Arc::clone(&self.clock_ms);
        let clock = move || Timestamp::from_millisecond(clock_ms.load(Ordering::Relaxed)).unwrap();
        builder.clock(Arc::new(clock)).inline_work(true);
        builder.refresh(Refresh { enabled: false, ..Refresh::default() });
        builder.start().await.unwrap()
    }

    fn words(&self, engine: &Engine) -> Live<WordMap> {
        engine.live(self.slot.lock().unwrap().unwrap())
    }

    fn text(&self, engine: &Engine, name: &str) -> Option<String> {
        let name = midflight_core::DocumentName::new(name).unwrap();
        self.words(engine).load().get(&name).map(|word| word.text.clone())
    }

    /// How many revisions have put that text.
    async fn times_put(&self, text: &str) -> usize {
        let all = self.store.since(RevisionNumber::ZERO, u32::MAX).await.unwrap();
        let documents = all.iter().flat_map(|one| &one.documents);
        documents.filter(|one| one.body.as_ref().is_some_and(|body| body["text"] == text)).count()
    }
}

/// The edit that schedules something.
fn schedule(name: &str, body: Value) -> Edit {
    Edit {
        author: "anna".into(),
        reason: "at night".into(),
        ..edit([Change::put(schedule_id(name).unwrap(), body)])
    }
}

fn putting(name: &str, text: &str) -> Value {
    json!([{"op": "put", "kind": "words", "name": name, "body": {"text": text}}])
}

/// Time goes by in which everything that is due is done; the clock of the test stands still.
async fn settle() {
    tokio::time::sleep(Duration::from_secs(10)).await;
}

fn one(engine: &Engine) -> Scheduled {
    let mut all = engine.schedules();
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

#[tokio::test(start_paused = true)]
async fn twenty_schedules_are_done_once_each_by_three_replicas() {
    let bench = Bench::at("2026-01-31T00:00:00Z");
    let replicas = [bench.replica().await, bench.replica().await, bench.replica().await];
    for n in 0..20 {
        let body = json!({"changes": putting(&format!("w{n}"), &format!("text {n}")),
            "not_before": "2026-01-31T03:00:00Z"});
        replicas[n % 3].apply(schedule(&format!("s{n}"), body)).await.unwrap();
    }
    settle().await;
    for replica in &replicas {
        let due: Vec<_> = replica.schedules().iter().filter_map(|it| it.next_at).collect();
        assert_eq!(due, vec!["2026-01-31T03:00:00Z".parse().unwrap(); 20]);
        assert!(bench.words(replica).load().is_empty(), "nothing is done before its time");
    }
    bench.set_clock("2026-01-31T03:00:00Z");
    settle().await;
    for (n, replica) in (0..20).zip(replicas.iter().cycle()) {
        assert_eq!(bench.text(replica, &format!("w{n}")), Some(format!("text {n}")));
        assert_eq!(bench.times_put(&format!("text {n}")).await, 1, "{n}");
        assert!(replica.schedules().is_empty());
    }
    let log = bench.store.since(RevisionNumber::new(20), 100).await.unwrap();
    assert_eq!(log.len(), 20);
    for appended in log {
        let revision = &appended.revision;
        let message = (revision.author.as_str(), revision.reason.as_str(), revision.trigger);
        assert_eq!(message, ("anna", "at night", Trigger::Schedule.into()));
        let ops: Vec<_> = revision.changes.iter().map(|it| format!("{} {}", it.op, it.id.kind)).collect();
        assert_eq!(
            ops,
            ["put words", "delete schedules"],
            "the edit and its schedule's end are one revision"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_missed_schedule_is_done_at_the_next_start_unless_its_window_is_closed() {
    let bench = Bench::at("2026-01-31T00:00:00Z");
    let engine = bench.replica().await;
    let window = json!({"cron": "0 3 * * *", "time_zone": "Europe/Rome", "length_ms": 1_800_000});
    let late = json!({"changes": putting("late", "done"), "not_before": "2026-01-31T01:00:00Z"});
    let night = json!({"changes": putting("night", "done"), "window": window});
    engine.apply(schedule("late", late)).await.unwrap();
    engine.apply(schedule("night", night)).await.unwrap();
    engine.stop().await;

    bench.set_clock("2026-01-31T05:00:00Z");
    let engine = bench.replica().await;
    settle().await;
    assert_eq!(bench.text(&engine, "late").as_deref(), Some("done"));
    assert_eq!(one(&engine).next_at, Some("2026-02-01T02:00:00Z".parse().unwrap()), "03:00 in Rome");
    engine.stop().await;

    bench.set_clock("2026-02-01T02:29:59Z");
    let engine = bench.replica().await;
    settle().await;
    assert_eq!(bench.text(&engine, "night").as_deref(), Some("done"), "the window is still open");
    assert!(engine.schedules().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_window_that_is_open_now_is_used_at_once() {
    let bench = Bench::at("2026-01-31T03:10:00Z");
    let engine = bench.replica().await;
    let body = json!({"changes": putting("a", "done"), "window": {"cron": "0 3 * * *"}});
    engine.apply(schedule("now", body)).await.unwrap();
    settle().await;
    assert_eq!(bench.text(&engine, "a").as_deref(), Some("done"));
}

#[tokio::test(start_paused = true)]
async fn what_is_cancelled_or_put_off_is_not_done() {
    let bench = Bench::at("2026-01-31T00:00:00Z");
    let engine = bench.replica().await;
    let at = |time: &str| json!({"changes": putting("a", "done"), "not_before": time});
    engine.apply(schedule("cancelled", at("2026-01-31T03:00:00Z"))).await.unwrap();
    engine.apply(schedule("put-off", at("2026-01-31T03:00:00Z"))).await.unwrap();
    engine.apply(edit([Change::delete(schedule_id("cancelled").unwrap())])).await.unwrap();
    engine.apply(schedule("put-off", at("2026-02-28T03:00:00Z"))).await.unwrap();
    bench.set_clock("2026-01-31T04:00:00Z");
    settle().await;
    assert_eq!((bench.text(&engine, "a"), one(&engine).id.name.as_str()), (None, "put-off"));
}

#[tokio::test(start_paused = true)]
async fn a_schedule_refused_at_its_time_has_the_reason_until_it_is_put_again() {
    let bench = Bench::at("2026-01-31T00:00:00Z");
    let engine = bench.replica().await;
    engine.apply(edit([put("a", "one")])).await.unwrap();
    let mut changes = putting("a", "two");
    changes[0]["if_version"] = json!(1);
    let body = json!({"changes": changes, "not_before": "2026-01-31T03:00:00Z"});
    engine.apply(schedule("s", body.clone())).await.unwrap();
    engine.apply(edit([put("a", "meanwhile")])).await.unwrap();
    bench.set_clock("2026-01-31T03:00:00Z");
    settle().await;

    let waiting = one(&engine);
    let refused = waiting.schedule.refused.clone().unwrap();
    assert_eq!((waiting.next_at, &refused["at"]), (None, &json!("2026-01-31T03:00:00Z")));
    let why = refused["problems"][0]["message"].as_str().unwrap();
    assert!(why.contains("the edit was made on version 1, but it is at version 2"), "{why}");
    let head = bench.store.head().await.unwrap();
    let newest =
        bench.store.versions(&schedule_id("s").unwrap(), None, 1, None).await.unwrap().items.remove(0);
    assert_eq!((newest.author.as_str(), newest.reason.as_str()), ("anna", "at night"));

    bench.set_clock("2026-03-31T03:00:00Z");
    settle().await;
    assert_eq!(bench.store.head().await.unwrap(), head, "it is not tried again");
    let mut full = body;
    full["changes"][0]["if_version"] = json!(2);
    engine.apply(schedule("s", full)).await.unwrap();
    settle().await;
    assert_eq!((bench.text(&engine, "a").as_deref(), engine.schedules().len()), (Some("two"), 0));
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_is_noticed_both_ways() {
    let bench = Bench::at("2026-01-31T02:59:59Z");
    let engine = bench.replica().await;
    let at = |name: &str, time: &str| {
        schedule(name, json!({"changes": putting(name, "done"), "not_before": time}))
    };
    let window = json!({"cron": "0 3 * * *", "length_ms": 600_000});
    engine.apply(schedule("w", json!({"changes": putting("w", "done"), "window": window}))).await.unwrap();
    engine.apply(at("s", "2026-01-31T03:00:00Z")).await.unwrap();
    settle().await;
    // Back by a month: the window opens earlier by then.
    bench.set_clock("2025-12-31T03:05:00Z");
    settle().await;
    assert_eq!((bench.text(&engine, "s"), bench.text(&engine, "w").as_deref()), (None, Some("done")));
    // Forward past a window that was never seen open: it is the next one that counts.
    let window = json!({"cron": "0 4 * * *", "length_ms": 600_000});
    engine.apply(schedule("v", json!({"changes": putting("v", "done"), "window": window}))).await.unwrap();
    settle().await;
    bench.set_clock("2026-06-30T12:00:00Z");
    settle().await;
    assert_eq!((bench.text(&engine, "s").as_deref(), bench.text(&engine, "v")), (Some("done"), None));
    assert_eq!(one(&engine).next_at, Some("2026-07-01T04:00:00Z".parse().unwrap()));
}

fn scheduled_reloads(engine: &Engine) -> usize {
    let wanted = |event: &midflight_core::ReloadEvent| {
        event.trigger == Trigger::Schedule && event.documents_changed == 0 && event.triggered_by == "anna"
    };
    engine.history().select(100, wanted).len()
}

#[tokio::test(start_paused = true)]
async fn a_reload_is_done_once_or_at_every_opening() {
    let bench = Bench::at("2026-01-31T00:00:00Z");
    let engine = bench.replica().await;
    engine.apply(edit([put("a", "one")])).await.unwrap();
    let once = json!({"reload": true, "not_before": "2026-01-31T01:00:00Z"});
    engine.apply(schedule("once", once)).await.unwrap();
    bench.set_clock("2026-01-31T01:00:00Z");
    settle().await;
    assert_eq!((scheduled_reloads(&engine), engine.schedules().len()), (1, 0));

    let nightly = json!({"reload": true, "repeat": true, "window": {"cron": "0 3 * * *"}});
    engine.apply(schedule("nightly", nightly)).await.unwrap();
    let head = bench.store.head().await.unwrap();
    for (time, reloads) in [
        ("2026-01-31T02:59:59Z", 1),
        ("2026-01-31T03:00:00Z", 2),
        ("2026-01-31T03:59:00Z", 2),
        ("2026-01-31T12:00:00Z", 2),
        ("2026-02-01T03:30:00Z", 3),
        ("2026-02-04T12:00:00Z", 3),
    ] {
        bench.set_clock(time);
        settle().await;
        assert_eq!(scheduled_reloads(&engine), reloads, "at {time}");
    }
    assert_eq!(bench.store.head().await.unwrap(), head, "no revision tells of it");
    assert_eq!(one(&engine).next_at, Some("2026-02-05T03:00:00Z".parse().unwrap()));
}

#[tokio::test(start_paused = true)]
async fn what_a_directory_would_bring_back_is_not_run() {
    let bench = Bench::at("2026-01-31T00:00:00Z");
    let engine = bench.replica().await;
    let body = json!({"changes": putting("a", "done"), "not_before": "2026-01-01T00:00:00Z"});
    let owner = Some(Owner::new("file:/etc/words"));
    engine.apply(Edit { owner, ..schedule("s", body) }).await.unwrap();
    settle().await;
    let refused = one(&engine).schedule.refused.clone().unwrap();
    assert!(
        refused["problems"][0]["message"].as_str().unwrap().contains("would put this one back"),
        "{refused}"
    );
    assert_eq!(bench.text(&engine, "a"), None);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_marked_as_refused_is_not_tried_for_ever() {
    let bench = Bench::at("2026-01-31T00:00:00Z");
    let engine = bench.replica().await;
    // A body that is as long as it may be has no room for the reason.
    let long = |length: usize| {
        let changes = json!([{"op": "put", "kind": "words", "name": "a", "body": {"text": "x".repeat(length), "needs": "b"}}]);
        json!({"changes": changes, "not_before": "2026-01-31T03:00:00Z"})
    };
    let room = Limits::default().body_bytes_max - long(0).to_string().len();
    engine.apply(schedule("s", long(room))).await.unwrap();
    let reloads =
        || engine.history().statistics(|_| true).by_outcome.get(&Outcome::ValidationFailed.into()).copied();
    bench.set_clock("2026-01-31T03:00:00Z");
    settle().await;
    let tried = reloads();
    settle().await;
    assert_eq!((tried, reloads()), (Some(2), Some(2)), "the edit, and the attempt to say so");
}

#[tokio::test(start_paused = true)]
async fn invalid_schedules_are_refused_at_once() {
    let bench = Bench::at("2026-01-31T00:00:00Z");
    let engine = bench.replica().await;
    let refused = engine.apply(schedule("s", json!({"reload": true, "window": {"cron": "0 0 31 2 *"}})));
    let refused = refused.await.unwrap_err().to_string();
    assert!(refused.contains("schedules/s at /window/cron: never occurs"), "{refused}");
}
