//! What components stop for the time of a swap goes on, whatever ends the reload.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use midflight_core::{Outcome, Phase};
use midflight_engine::{Criticality, Faults};
use midflight_store::MemoryStore;

use crate::pool::{Pool, PoolState};
use crate::support::{Bench, edit, put, small_limits};

/// An engine with two pools of one state, of which the second is of that criticality.
async fn bench(state: &Arc<PoolState>, second: &Arc<PoolState>, criticality: Criticality) -> Bench {
    let limits = small_limits();
    Bench::with(MemoryStore::new(), |builder, slot| {
        builder.limits(limits);
        builder.component(Pool { name: "first", order: 1, ..Pool::new(slot, state) });
        builder.component(Pool { name: "second", order: 2, criticality, ..Pool::new(slot, second) });
    })
    .await
}

fn is_still(state: &PoolState) -> (u64, u64) {
    (state.paused.load(Ordering::Relaxed), state.open.load(Ordering::Relaxed))
}

#[tokio::test]
async fn a_pause_that_fails_rejects_the_edit_and_those_paused_before_go_on() {
    let (state, second) = (Arc::new(PoolState::default()), Arc::new(PoolState::default()));
    let bench = bench(&state, &second, Criticality::Critical).await;
    bench.engine.apply(edit([put("pool/a", "1")])).await.unwrap();
    bench.engine.retired().await;
    let (before, open) = (bench.head().await, is_still(&state));
    second.refuse_pause.store(true, Ordering::Relaxed);
    let refused = bench.engine.apply(edit([put("pool/b", "1")])).await.unwrap_err();
    assert!(refused.to_string().contains("second: the old does not stop"), "{refused}");
    assert_eq!(refused.event.unwrap().outcome, Outcome::Rejected);
    assert_eq!((bench.head().await, is_still(&state), is_still(&second).0), (before, open, 0));
    second.refuse_pause.store(false, Ordering::Relaxed);
    bench.engine.apply(edit([put("pool/b", "1")])).await.unwrap();
    bench.engine.retired().await;
    assert_eq!((state.in_use.load(Ordering::Relaxed), is_still(&state).0), (2, 0));
}

#[tokio::test]
async fn a_pause_that_does_not_end_is_abandoned_at_the_deadline() {
    let (state, second) = (Arc::new(PoolState::default()), Arc::new(PoolState::default()));
    let bench = bench(&state, &second, Criticality::Critical).await;
    bench.engine.apply(edit([put("pool/a", "1")])).await.unwrap();
    second.hang_in_pause.store(true, Ordering::Relaxed);
    let refused = bench.engine.apply(edit([put("pool/b", "1")])).await.unwrap_err();
    assert!(refused.to_string().contains("second took longer than its deadline"), "{refused}");
    assert_eq!((is_still(&state).0, is_still(&second).0), (0, 0));
}

#[tokio::test]
async fn one_that_is_only_tried_for_is_left_behind_when_it_does_not_pause() {
    let (state, second) = (Arc::new(PoolState::default()), Arc::new(PoolState::default()));
    let bench = bench(&state, &second, Criticality::BestEffort).await;
    bench.engine.apply(edit([put("pool/a", "1")])).await.unwrap();
    second.refuse_pause.store(true, Ordering::Relaxed);
    let accepted = bench.engine.apply(edit([put("pool/b", "1")])).await.unwrap();
    let states: Vec<_> =
        accepted.event.unwrap().components.iter().map(|it| format!("{} {}", it.name, it.state)).collect();
    assert_eq!(states, ["first replaced", "second left_behind"]);
    assert_eq!((state.in_use.load(Ordering::Relaxed), second.in_use.load(Ordering::Relaxed)), (2, 1));
    assert_eq!((is_still(&state).0, is_still(&second).0), (0, 0));
    assert!(bench.engine.status().behind.contains("second"));
}

/// The last thing that may fail after the pause and before the log has the edit.
#[tokio::test]
async fn an_edit_that_fails_after_the_pause_resumes_everything() {
    let state = Arc::new(PoolState::default());
    let faults = Arc::new(Faults::default());
    let bench = Bench::with(MemoryStore::new(), |builder, slot| {
        builder.faults(Arc::clone(&faults)).component(Pool::new(slot, &state));
    })
    .await;
    bench.engine.apply(edit([put("pool/a", "1")])).await.unwrap();
    bench.engine.retired().await;
    let open = is_still(&state);
    faults.fail_next(Phase::Append);
    bench.engine.apply(edit([put("pool/b", "1")])).await.unwrap_err();
    assert!(state.log.lock().unwrap().last().unwrap().starts_with("pause"), "it was paused");
    assert_eq!(is_still(&state), open);
    bench.engine.apply(edit([put("pool/b", "1")])).await.unwrap();
    assert_eq!((state.in_use.load(Ordering::Relaxed), is_still(&state).0), (2, 0));
}
