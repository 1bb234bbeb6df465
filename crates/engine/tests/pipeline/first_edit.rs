//! Edits of a start: nothing runs on anything else first, and nothing but the coordinator appends.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use midflight_core::{Change, Outcome, Phase, Trigger};
use midflight_engine::{Engine, Faults, FirstEdit, FirstEditWhen, Refusal, ReloadScope, StartError};
use midflight_store::{MemoryStore, RevisionLog as _};
use serde_json::json;

use crate::pool::{Pool, PoolState};
use crate::support::{Bench, Words, edit, id, put};

fn first(when: FirstEditWhen, changes: impl IntoIterator<Item = Change>) -> FirstEdit {
    FirstEdit { edit: edit(changes), when }
}

async fn started(store: &MemoryStore, edits: &[FirstEdit]) -> Bench {
    Bench::with(store.clone(), |builder, _| {
        for first in edits {
            builder.first_edit(first.clone());
        }
    })
    .await
}

fn made(bench: &Bench) -> Vec<Option<u64>> {
    bench.engine.first_edits().iter().map(|revision| revision.map(|it| it.get())).collect()
}

#[tokio::test]
async fn the_first_reload_serves_it_and_no_component_sees_anything_else() {
    let (store, state) = (MemoryStore::new(), Arc::new(PoolState::default()));
    let pool = [put("pool", "big"), put("a", "one")];
    let bench = Bench::with(store.clone(), |builder, slot| {
        builder.component(Pool::new(slot, &state));
        builder.first_edit(first(FirstEditWhen::Differs, pool.clone()));
    })
    .await;
    assert_eq!(
        (made(&bench), bench.text("a").as_deref(), bench.head().await),
        (vec![Some(1)], Some("one"), 1)
    );
    assert_eq!(*state.log.lock().unwrap(), ["prepare pool", "prepared pool", "pause pool"]);
    assert_eq!(state.in_use.load(Ordering::Relaxed), 2);
    let events = bench.engine.history().select(10, |_| true);
    let message: Vec<_> = events.iter().map(|event| (event.trigger, event.outcome, event.to.get())).collect();
    assert_eq!(message, [(Trigger::Startup.into(), Outcome::Success.into(), 1)]);
    // The next start finds it in the log.
    let again = started(&store, &[first(FirstEditWhen::Differs, pool)]).await;
    assert_eq!((made(&again), again.head().await), (vec![None], 1));
}

#[tokio::test]
async fn each_is_made_when_it_is_due() {
    let store = MemoryStore::new();
    let edits = |text: &str| {
        [first(FirstEditWhen::Differs, [put("a", text)]), first(FirstEditWhen::LogIsEmpty, [put("b", text)])]
    };
    let bench = started(&store, &edits("one")).await;
    assert_eq!((made(&bench), bench.text("b").as_deref()), (vec![Some(1), Some(2)], Some("one")));
    let bench = started(&store, &edits("two")).await;
    assert_eq!(made(&bench), [Some(3), None]);
    let texts = (bench.text("a"), bench.text("b"));
    assert_eq!(texts, (Some("two".to_owned()), Some("one".to_owned())));
}

#[tokio::test]
async fn one_that_is_refused_stops_the_start_and_is_not_in_the_log() {
    let refused = |store: &MemoryStore, change: Change| {
        let mut builder = Engine::builder().store(Arc::new(store.clone()));
        builder.kind(Words);
        builder.first_edit(first(FirstEditWhen::Differs, [change]));
        async move {
            match builder.start().await.unwrap_err() {
                StartError::FirstEdit { refused, .. } => refused.refusal,
                other => panic!("{other}"),
            }
        }
    };
    let store = MemoryStore::new();
    let wrong = || Change::put(id("a"), json!({ "text": 1 }));
    assert!(matches!(refused(&store, wrong()).await, Refusal::Invalid(_)));
    assert_eq!(store.head().await.unwrap().number.get(), 0);
    started(&store, &[first(FirstEditWhen::LogIsEmpty, [put("b", "one")])]).await;
    assert!(matches!(refused(&store, wrong()).await, Refusal::Invalid(_)));
    let long = edit([put("a", "one")]);
    let long = FirstEdit {
        edit: midflight_core::Edit { reason: "x".repeat(2000), ..long },
        when: FirstEditWhen::Differs,
    };
    let mut builder = Engine::builder().store(Arc::new(store.clone()));
    builder.first_edit(long);
    assert!(builder.start().await.unwrap_err().to_string().contains("reason_bytes_max"));
    assert_eq!(store.head().await.unwrap().number.get(), 1);
}

#[tokio::test]
async fn it_is_made_on_a_log_that_does_not_pass_as_a_whole() {
    let bench = Bench::new().await;
    bench.engine.apply(edit([put("a", "one")])).await.unwrap();
    bench.by_hand([Change::put(id("b"), json!({ "text": 1 }))]).await;
    let started = started(&bench.store, &[first(FirstEditWhen::Differs, [put("a", "two")])]).await;
    assert_eq!((made(&started), started.text("a").as_deref()), (vec![Some(3)], Some("two")));
    assert_eq!(started.engine.status().quarantined.len(), 1);
}

#[tokio::test]
async fn of_two_processes_that_start_at_once_one_makes_it() {
    let store = MemoryStore::new();
    let edits = [
        first(FirstEditWhen::Differs, [put("a", "one")]),
        first(FirstEditWhen::LogIsEmpty, [put("b", "one")]),
    ];
    let (one, other) = tokio::join!(started(&store, &edits), started(&store, &edits));
    for bench in [&one, &other] {
        bench.engine.reload(Trigger::Manual, "me", ReloadScope::New).await.unwrap();
        assert_eq!((bench.text("a").as_deref(), bench.text("b").as_deref()), (Some("one"), Some("one")));
    }
    assert_eq!(store.head().await.unwrap().number.get(), 2);
}

#[tokio::test]
async fn one_that_did_not_verify_is_in_the_log_and_is_looked_at_again() {
    let (store, faults) = (MemoryStore::new(), Arc::new(Faults::default()));
    faults.fail_next(Phase::Verify);
    let bench = Bench::with(store.clone(), |builder, _| {
        builder.faults(Arc::clone(&faults));
        builder.first_edit(first(FirstEditWhen::Differs, [put("a", "one")]));
    })
    .await;
    assert_eq!(
        (made(&bench), bench.text("a").as_deref(), bench.head().await),
        (vec![Some(1)], Some("one"), 1)
    );
}
