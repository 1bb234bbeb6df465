//! The road of a change: edits, refusals, dry runs, followers, and what is left behind when any step fails.

#[path = "pipeline/bodies.rs"]
mod bodies;
#[path = "pipeline/contention.rs"]
mod contention;
#[path = "pipeline/first_edit.rs"]
mod first_edit;
#[path = "pipeline/leaked_threads.rs"]
mod leaked_threads;
#[path = "pipeline/leave_out.rs"]
mod leave_out;
#[path = "pipeline/pauses.rs"]
mod pauses;
#[path = "support/pool.rs"]
mod pool;
mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use midflight_bus::MemoryBus;
use midflight_core::{Change, Outcome, Owner, Phase, PlanStep, Precondition, RevisionNumber, Trigger};
use midflight_engine::testing::{fail_every_step, try_component, try_kind};
use midflight_engine::{Criticality, Engine, Faults, Kind, Limits, Refusal, ReloadScope};
use midflight_live::WorldBuilder;
use midflight_store::{EventStore as _, MemoryStore, RevisionLog as _};
use pool::{Pool, PoolState};
use serde_json::json;
use support::{Bench, Words, edit, id, put, small_limits};

#[tokio::test]
async fn an_edit_is_live_when_it_returns_and_its_event_has_the_phases() {
    let bench = Bench::new().await;
    let accepted = bench.engine.apply(edit([put("a", "one"), put("b", "two")])).await.unwrap();
    assert_eq!(bench.text("a").as_deref(), Some("one"));
    assert_eq!(bench.words.load().revision(), accepted.revision.unwrap().number);
    let event = accepted.event.unwrap();
    let phases: Vec<_> = event.phases.iter().filter_map(|time| time.phase.known()).collect();
    assert_eq!((event.outcome, phases.as_slice()), (Outcome::Success.into(), Phase::ALL));
    assert_eq!((event.documents_changed, event.from.get(), event.to.get()), (2, 0, 1));
}

#[tokio::test]
async fn what_changes_nothing_is_unchanged_and_what_is_the_same_is_left_out() {
    let bench = Bench::new().await;
    bench.engine.apply(edit([put("a", "one"), put("b", "two")])).await.unwrap();
    let again = bench.engine.apply(edit([put("a", "one")])).await.unwrap();
    assert_eq!((again.revision, again.event.unwrap().outcome), (None, Outcome::Unchanged.into()));
    let half = bench.engine.apply(edit([put("a", "one"), put("b", "three")])).await.unwrap();
    let changed: Vec<_> = half.documents.iter().map(|document| document.id.to_string()).collect();
    assert_eq!((changed, bench.head().await), (vec!["words/b".to_owned()], 2));
}

#[tokio::test]
async fn refusals_have_a_reason_and_change_nothing() {
    let bench = Bench::new().await;
    bench.engine.apply(edit([put("a", "one")])).await.unwrap();
    let world = bench.engine.world();
    let cases = [
        (edit([Change::put(id("x"), json!({"text": 1}))]), "words/x at /text: write a string"),
        (edit([Change::put(id("x"), json!([1]))]), "a body is an object"),
        (
            edit([Change::put(id("x"), json!({"text": "t", "needs": "gone"}))]),
            "words/x at /needs: gone is not there",
        ),
        (edit([put("x", "panic")]), "the kind's code panicked: told to"),
        (edit([put("x", "panic in validate")]), "words/x at the root: the kind's code panicked"),
        (edit([put("x", "memory")]), "more memory than its budget"),
        (edit([put("x", "y"), put("x", "z")]), "changed twice"),
        (edit([put("a", "two").when(Precondition::Version(7))]), "the edit was made on version 7"),
        (edit([put("a", "two").when(Precondition::Absent)]), "it was expected not to exist"),
        (
            edit([Change::put("tools/x".parse().unwrap(), json!({}))]),
            "unknown kind \"tools\"; expected one of: words",
        ),
        (edit([put("x", &"long".repeat(300_000))]), "the limit is 1048576"),
    ];
    for (edit, expected) in cases {
        let refused = bench.engine.apply(edit.clone()).await.unwrap_err();
        assert!(refused.to_string().contains(expected), "{refused}");
        let dry = bench.engine.dry_run(edit).await.unwrap_err();
        assert!(dry.to_string().contains(expected), "a dry run says the same: {dry}");
        assert!(Arc::ptr_eq(&world, &bench.engine.world()));
        assert_eq!(bench.head().await, 1);
    }
    assert!(
        bench.engine.status().last_reload.unwrap().outcome.is_live(),
        "no refused edit makes a replica ill"
    );
    assert!(bench.engine.status().last_refused.is_some());
}

#[tokio::test]
async fn work_that_does_not_end_is_refused_and_the_engine_serves_on() {
    let limits = small_limits();
    let bench = Bench::with(MemoryStore::new(), |builder, _| {
        builder.limits(limits);
    })
    .await;
    for text in ["for ever, asking", "for ever"] {
        let refused = bench.engine.apply(edit([put("x", text)])).await.unwrap_err();
        assert!(refused.to_string().contains("took longer than its deadline"), "{refused}");
    }
    assert_eq!(bench.engine.status().runaways, 1);
    bench.engine.apply(edit([put("a", "fine")])).await.unwrap();
    assert_eq!(bench.text("a").as_deref(), Some("fine"));
}

#[tokio::test]
async fn a_dry_run_answers_diff_and_plan_and_does_nothing() {
    let bench = Bench::new().await;
    let dry = bench.engine.dry_run(edit([put("a", "one"), put("checks/c", "x")])).await.unwrap_err();
    assert!(matches!(dry.refusal, Refusal::Invalid(_)), "{dry}");
    let dry = bench.engine.dry_run(edit([put("a", "one")])).await.unwrap();
    let plan = dry.plan.unwrap();
    assert_eq!((dry.diff.documents().len(), plan.to.get(), dry.revision), (1, 1, None));
    assert!(plan.steps.contains(&PlanStep::Append));
    assert_eq!(
        (bench.text("a"), bench.head().await, bench.engine.history().last().unwrap().id.0),
        (None, 0, 1)
    );
}

#[tokio::test]
async fn a_check_that_breaks_refuses_the_edit_that_breaks_it() {
    let bench = Bench::new().await;
    let check = Change::put(id("checks/greets"), json!({"input": "a", "expect": "hello"}));
    let refused = bench.engine.apply(edit([check.clone()])).await.unwrap_err();
    assert!(
        refused.to_string().contains("words/checks/greets at /expect: the check expects \"hello\""),
        "{refused}"
    );
    bench.engine.apply(edit([check, put("a", "hello")])).await.unwrap();
    let refused = bench.engine.apply(edit([put("a", "bye")])).await.unwrap_err();
    assert!(refused.to_string().contains("the answer is \"bye\""), "{refused}");
    let both = edit([put("a", "bye"), Change::delete(id("checks/greets"))]);
    bench.engine.apply(both).await.unwrap();
    assert_eq!(bench.text("a").as_deref(), Some("bye"));
}

#[tokio::test]
async fn every_step_can_fail_and_nothing_is_left_behind() {
    let faults = Arc::new(Faults::default());
    let state = Arc::new(PoolState::default());
    let bench = Bench::with(MemoryStore::new(), |builder, slot| {
        builder.faults(Arc::clone(&faults)).component(Pool::new(slot, &state));
    })
    .await;
    bench.engine.apply(edit([put("pool/size", "1"), put("other", "x")])).await.unwrap();
    let next = |n: usize| edit([put(&format!("pool/{n}"), "more"), put("other", &n.to_string())]);
    let probe = || {
        (
            state.in_use.load(Ordering::Relaxed),
            state.open.load(Ordering::Relaxed),
            state.paused.load(Ordering::Relaxed),
        )
    };
    fail_every_step(&bench.engine, &faults, next, probe).await.unwrap();
    assert_eq!(bench.engine.status().quarantined.len(), 0, "what was taken back in the log is put right");
}

#[tokio::test]
async fn a_failed_verification_is_rolled_back_here_and_in_the_log() {
    let state = Arc::new(PoolState::default());
    let bench = Bench::with(MemoryStore::new(), |builder, slot| {
        builder.component(Pool::new(slot, &state));
    })
    .await;
    bench.engine.apply(edit([put("pool/a", "1")])).await.unwrap();
    state.unwell.store(true, Ordering::Relaxed);
    let refused = bench.engine.apply(edit([put("pool/b", "2")])).await.unwrap_err();
    assert!(matches!(refused.refusal, Refusal::RolledBack(_)), "{refused}");
    assert_eq!((bench.text("pool/b"), bench.head().await, bench.engine.served().get()), (None, 3, 3));
    let (_, log) = bench.store.heads(&[id("pool/b")]).await.unwrap();
    assert_eq!(log[0].as_ref().unwrap().body, None);
    bench.engine.retired().await;
    assert_eq!((state.in_use.load(Ordering::Relaxed), state.open.load(Ordering::Relaxed)), (1, 0));
}

#[tokio::test]
async fn components_prepare_in_order_where_they_share_and_only_critical_ones_reject() {
    let state = Arc::new(PoolState::default());
    let bench = Bench::with(MemoryStore::new(), |builder, slot| {
        for (name, order) in [("second", 2), ("first", 1)] {
            let exclusive = vec!["port".to_owned()];
            builder.component(Pool { name, order, exclusive, ..Pool::new(slot, &state) });
        }
        let criticality = Criticality::BestEffort;
        builder.component(Pool { name: "tried", order: 3, criticality, ..Pool::new(slot, &Arc::default()) });
    })
    .await;
    // The start was the first time.
    state.log.lock().unwrap().clear();
    bench.engine.apply(edit([put("pool/a", "1")])).await.unwrap();
    let log = state.log.lock().unwrap().clone();
    let expected = [
        "prepare first",
        "prepared first",
        "prepare second",
        "prepared second",
        "pause first",
        "pause second",
    ];
    assert_eq!(log, expected, "none is paused before all are prepared");
    state.refuse.store(true, Ordering::Relaxed);
    let refused = bench.engine.apply(edit([put("pool/b", "1")])).await.unwrap_err();
    assert!(refused.to_string().contains("first: the server does not answer"), "{refused}");
    assert_eq!((bench.text("pool/b"), bench.head().await), (None, 1));
    bench.engine.apply(edit([put("unconcerned", "1")])).await.unwrap();
}

#[tokio::test]
async fn a_replica_follows_the_log_on_a_hint() {
    let writer = Bench::new().await;
    let reader = writer.beside().await;
    let mut changes = reader.engine.changes();
    writer.engine.apply(edit([put("a", "one")])).await.unwrap();
    while changes.changed().await.get() < 1 {}
    assert_eq!(reader.text("a").as_deref(), Some("one"));
    // And one that is behind when it edits follows first.
    let (x, y) =
        tokio::join!(writer.engine.apply(edit([put("x", "1")])), reader.engine.apply(edit([put("y", "1")])));
    let mut numbers = [x.unwrap().revision.unwrap().number.get(), y.unwrap().revision.unwrap().number.get()];
    numbers.sort_unstable();
    assert_eq!(numbers, [2, 3]);
}

#[tokio::test]
async fn an_invalid_revision_is_quarantined_until_it_is_fixed() {
    let bench = Bench::new().await;
    bench.engine.apply(edit([put("a", "one"), put("b", "one")])).await.unwrap();
    bench.by_hand([Change::put(id("a"), json!({"text": 7})), put("b", "two")]).await;
    bench.by_hand([put("c", "three")]).await;
    let event = bench.engine.reload(Trigger::Manual, "me", ReloadScope::New).await.unwrap();
    assert_eq!(event.outcome, Outcome::Success, "the last step was revision 3");
    let texts = || [bench.text("a"), bench.text("b"), bench.text("c")].map(Option::unwrap_or_default);
    assert_eq!(texts(), ["one", "one", "three"], "all of revision 2 is left out, and 3 is served");
    let status = bench.engine.status();
    let reasons: Vec<_> = status.quarantined.iter().map(|(n, q)| format!("{n}: {}", q.problems)).collect();
    assert_eq!(reasons, ["2: words/a at /text: write a string"]);
    assert_eq!(
        (status.served.get(), bench.words.load().world().quarantined()),
        (3, &[RevisionNumber::new(2)][..])
    );

    // A replica that starts now comes to the same.
    let late = bench.beside().await;
    assert_eq!([late.text("a"), late.text("b"), late.text("c")].map(Option::unwrap_or_default), texts());
    assert_eq!(late.engine.status().quarantined.len(), 1);

    // An edit elsewhere goes through, and one that puts it right brings in the rest of the revision too.
    bench.engine.apply(edit([put("d", "four")])).await.unwrap();
    assert_eq!(texts()[..2], ["one", "one"]);
    bench.engine.apply(edit([put("a", "five")])).await.unwrap();
    // The edit does not wait for that; whatever is asked next does.
    bench.engine.reload(Trigger::Notify, "me", ReloadScope::New).await.unwrap();
    assert_eq!(texts()[..2], ["five", "two"]);
    assert!(bench.engine.status().quarantined.is_empty());
    assert!(bench.words.load().world().quarantined().is_empty());
}

#[tokio::test]
async fn owned_documents_are_changed_by_their_owner_or_taken_over() {
    let bench = Bench::new().await;
    let owner = Some(Owner::new("file:/etc/words"));
    let mut owned = edit([put("a", "one")]);
    owned.owner.clone_from(&owner);
    bench.engine.apply(owned).await.unwrap();
    let refused = bench.engine.apply(edit([put("a", "two")])).await.unwrap_err();
    assert!(refused.to_string().contains("words/a belongs to file:/etc/words"), "{refused}");
    let same = bench.engine.apply(edit([put("a", "one")])).await.unwrap();
    assert_eq!(same.revision, None, "what changes nothing is nobody's to refuse");
    let mut taken = edit([put("a", "one")]);
    taken.take_over = true;
    let accepted = bench.engine.apply(taken).await.unwrap();
    assert_eq!(accepted.documents[0].owner, None, "taking over is a change even of the same text");
    bench.engine.apply(edit([put("a", "two")])).await.unwrap();
}

#[tokio::test]
async fn waiting_reloads_are_merged_and_a_full_queue_is_reported() {
    let limits = midflight_engine::Limits { queue_max: 8, ..small_limits() };
    let bench = Bench::with(MemoryStore::new(), |builder, _| {
        builder.limits(limits);
    })
    .await;
    let held = tokio::spawn({
        let engine = bench.engine.clone();
        async move { engine.apply(edit([put("x", "for ever, asking")])).await }
    });
    while !held.is_finished()
        && bench.engine.reload(Trigger::Manual, "probe", ReloadScope::New).await.is_err()
    {}
    let many: Vec<_> =
        (0..64).map(|_| bench.engine.reload(Trigger::Manual, "me", ReloadScope::New)).collect();
    let done = futures_util::future::join_all(many).await;
    let ids: std::collections::BTreeSet<_> = done.iter().flatten().map(|event| event.id).collect();
    let busy = done
        .iter()
        .filter(|one| matches!(one, Err(Refusal::Busy { queue_max: 8, bound: "queue_max" })))
        .count();
    assert!(ids.len() <= 8 && busy > 0, "{} reloads, {busy} sent away", ids.len());
    assert!(held.await.unwrap().is_err());
}

#[tokio::test]
async fn a_stop_ends_what_runs_and_refuses_new_work() {
    let bench = Bench::new().await;
    bench.engine.apply(edit([put("a", "one")])).await.unwrap();
    let running = tokio::spawn({
        let engine = bench.engine.clone();
        async move { engine.apply(edit([put("x", "for ever, asking")])).await }
    });
    tokio::task::yield_now().await;
    bench.engine.stop().await;
    let refused = running.await.unwrap().unwrap_err();
    assert!(matches!(refused.refusal, Refusal::Stopping), "{refused}");
    assert!(matches!(bench.engine.apply(edit([])).await.unwrap_err().refusal, Refusal::Stopping));
    assert_eq!(bench.text("a").as_deref(), Some("one"), "what is served stays readable");
    let kept =
        bench.store.events(midflight_store::EventQuery { limit: 10, ..Default::default() }).await.unwrap();
    assert!(kept.items.iter().any(|event| event.to.get() == 1), "history was written");
}

#[tokio::test]
async fn a_full_reload_compiles_everything_and_changes_nothing() {
    let bench = Bench::new().await;
    bench.engine.apply(edit([put("a", "one")])).await.unwrap();
    let before = bench.engine.world();
    let event = bench.engine.reload(Trigger::Manual, "me", ReloadScope::Everything).await.unwrap();
    assert_eq!((event.outcome, event.documents_changed), (Outcome::Success.into(), 0));
    assert!(!Arc::ptr_eq(&before, &bench.engine.world()));
    assert_eq!(bench.text("a").as_deref(), Some("one"));
    let event = bench.engine.reload(Trigger::Manual, "me", ReloadScope::New).await.unwrap();
    assert_eq!(event.outcome, Outcome::Unchanged);
}

#[tokio::test]
async fn the_harnesses_pass_what_is_right() {
    let name = |text: &str| midflight_core::DocumentName::new(text).unwrap();
    let documents = [(name("a"), json!({"text": "one"})), (name("b"), json!({"text": "two", "needs": "a"}))];
    try_kind(&Words, &documents, &[json!("a"), json!("b"), json!(7)]).unwrap();
    let mut world = WorldBuilder::new();
    let slot = world.add(Arc::new(Kind::empty(&Words)));
    let world = world.build();
    let state = Arc::new(PoolState::default());
    let pool = Pool {
        name: "pool",
        order: 1,
        exclusive: Vec::new(),
        criticality: Criticality::Critical,
        slot,
        state: Arc::clone(&state),
    };
    let probe = || {
        (
            state.in_use.load(Ordering::Relaxed),
            state.open.load(Ordering::Relaxed),
            state.paused.load(Ordering::Relaxed),
        )
    };
    try_component(&pool, &world, &world, probe).await.unwrap();
}

#[tokio::test]
async fn a_component_without_a_change_is_asked_at_the_start_and_one_that_was_left_behind_at_the_next_look() {
    let state = Arc::new(PoolState::default());
    let (given, tried) = (Arc::clone(&state), Arc::clone(&state));
    state.refuse.store(true, Ordering::Relaxed);
    let bench = Bench::with(MemoryStore::new(), move |builder, slot| {
        let criticality = Criticality::BestEffort;
        builder.component(Pool { criticality, ..Pool::new(slot, &given) });
    })
    .await;
    let behind = |bench: &Bench| bench.engine.status().behind.into_iter().collect::<Vec<_>>();
    assert_eq!(behind(&bench), ["pool"]);

    // An edit of something else does not wait for it.
    let done = bench.engine.apply(edit([put("other", "x")])).await.unwrap();
    assert_eq!(done.event.unwrap().components, []);
    let look = || bench.engine.reload(Trigger::Manual, "anna", ReloadScope::New);
    let event = look().await.unwrap();
    let states = |event: &midflight_core::ReloadEvent| {
        event.components.iter().map(|it| format!("{} {}", it.name, it.state)).collect::<Vec<_>>()
    };
    assert_eq!(states(&event), ["pool left_behind"]);

    // The engine looks by itself too, so either look may be the one.
    tried.refuse.store(false, Ordering::Relaxed);
    look().await.unwrap();
    let replaced = bench
        .engine
        .history()
        .select(1, |event| event.outcome == Outcome::Success && !event.components.is_empty());
    assert_eq!(states(&replaced[0]), ["pool replaced"]);
    assert_eq!((behind(&bench), tried.in_use.load(Ordering::Relaxed)), (Vec::<String>::new(), 1));
    assert_eq!(look().await.unwrap().outcome, Outcome::Unchanged);
}

#[tokio::test]
async fn a_hanging_component_that_is_retried_delays_no_edit() {
    let state = Arc::new(PoolState::default());
    let given = Arc::clone(&state);
    state.refuse.store(true, Ordering::Relaxed);
    let bench = Bench::with(MemoryStore::new(), move |builder, slot| {
        let criticality = Criticality::BestEffort;
        let exclusive = vec!["port".to_owned()];
        builder.component(Pool { criticality, exclusive, ..Pool::new(slot, &given) });
        builder.limits(Limits { reload_ms_max: 3_600_000, ..Limits::default() });
    })
    .await;
    state.hang.store(true, Ordering::Relaxed);
    let edits = async {
        state.hangs.notified().await;
        for n in 0..100 {
            bench.engine.apply(edit([put("other", &n.to_string())])).await.unwrap();
        }
        // An edit that concerns it takes its turn, and what hangs is released.
        state.hang.store(false, Ordering::Relaxed);
        bench.engine.apply(edit([put("pool/a", "1")])).await.unwrap();
        assert_eq!(state.open.load(Ordering::Relaxed), 0, "neither attempt is in use");
        state.refuse.store(false, Ordering::Relaxed);
        let mut events = bench.engine.history().listen();
        while !bench.engine.status().behind.is_empty() {
            events.recv().await.unwrap();
        }
    };
    tokio::time::timeout(midflight_testkit::DEADLINE, edits).await.unwrap();
    assert_eq!(state.in_use.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_start_without_a_critical_component_is_none() {
    let state = Arc::new(PoolState::default());
    state.refuse.store(true, Ordering::Relaxed);
    let (store, bus) = (Arc::new(MemoryStore::new()), Arc::new(MemoryBus::new()));
    let mut builder = Engine::builder().store(store).bus(bus);
    let slot = builder.kind(Words);
    builder.component(Pool::new(slot, &state));
    let error = builder.start().await.unwrap_err().to_string();
    assert!(error.contains("rejected") && error.contains("pool: the server does not answer"), "{error}");
}

#[tokio::test]
async fn a_critical_component_with_nothing_to_do_is_no_reason_not_to_start() {
    /// Has what it needs.
    struct Content;
    #[async_trait::async_trait]
    impl midflight_engine::Component for Content {
        fn name(&self) -> &str {
            "content"
        }
        fn sections(&self) -> Vec<midflight_engine::Section> {
            Vec::new()
        }
        async fn prepare(
            &self,
            _: &midflight_live::World,
            _: &midflight_live::World,
        ) -> Result<Option<Box<dyn midflight_engine::Prepared>>, midflight_core::Problems> {
            Ok(None)
        }
    }
    let bench = Bench::with(MemoryStore::new(), |builder, _| {
        builder.component(Content);
    })
    .await;
    assert!(bench.engine.status().behind.is_empty());
}
