//! How many ask an LLM at once, and when it is left alone.

use std::sync::Arc;

use midflight_components::{BreakerState, ChatAnswer, ChatRequest, Llm, LlmCounts, LlmError};
use midflight_core::Phase;
use midflight_engine::Engine;
use midflight_testkit::{DEADLINE, LlmDoes, LlmDouble};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::llm::{settings_at, started};
use crate::support::{put, until};

/// A time that no test waits for, in milliseconds.
const LONG_MS: u64 = 3_600_000;

/// A double, and a client that asks it.
async fn asking(more: Value) -> (LlmDouble, Engine, Llm) {
    let (double, (engine, llm)) = (LlmDouble::start(), started(&Arc::default()).await);
    change(&double, &engine, more).await;
    (double, engine, llm)
}

async fn change(double: &LlmDouble, engine: &Engine, more: Value) {
    let mut all = json!({ "timeout_ms": 60_000, "retries": 0 });
    all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    engine.apply(put(settings_at(double.port(), all))).await.unwrap();
    double.asked();
}

async fn chat(llm: &Llm) -> Result<ChatAnswer, LlmError> {
    llm.chat(&ChatRequest::ask("what?")).await
}

fn spawn(llm: &Llm) -> JoinHandle<Result<ChatAnswer, LlmError>> {
    let llm = llm.clone();
    tokio::spawn(async move { chat(&llm).await })
}

fn breaker(llm: &Llm) -> BreakerState {
    llm.status().unwrap().breaker
}

fn fails() -> LlmDoes {
    LlmDoes::Says(500, "", String::new())
}

/// Waits until the double was asked so often in all, since it last said what it was asked.
async fn until_asked(double: &LlmDouble, times: usize) {
    let mut asked = 0;
    until("the double to be asked", async || {
        asked += double.asked().len();
        (asked >= times).then_some(())
    })
    .await;
    assert_eq!(asked, times);
}

/// Calls until the rest is over; what comes of the first that is let through.
fn let_through(llm: &Llm) -> JoinHandle<Result<ChatAnswer, LlmError>> {
    let llm = llm.clone();
    tokio::spawn(async move {
        let through = async {
            loop {
                match chat(&llm).await {
                    Err(LlmError::Resting { .. }) => tokio::task::yield_now().await,
                    other => return other,
                }
            }
        };
        tokio::time::timeout(DEADLINE, through).await.unwrap()
    })
}

#[tokio::test]
async fn no_more_ask_at_once_than_may_and_the_others_wait() {
    const CALLS: usize = 12;
    let (double, engine, llm) = asking(json!({ "concurrency_max": 3 })).await;
    double.next(vec![LlmDoes::Waits; CALLS]);
    let calls: Vec<_> = (0..CALLS).map(|_| spawn(&llm)).collect();
    for n in 0..CALLS {
        // Whoever is let go on makes room for one more.
        until_asked(&double, if n == 0 { 3 } else { usize::from(n + 2 < CALLS) }).await;
        assert_eq!(llm.status().unwrap().in_flight, 3.min(CALLS - n));
        double.go_on(1);
        until("one to be answered", async || (llm.counts().answered > n as u64).then_some(())).await;
    }
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap().tries, 1);
    }
    assert_eq!((double.at_once_max(), llm.status().unwrap().in_flight), (3, 0));

    // Who goes away makes room too, and so does a swap.
    double.next([LlmDoes::Waits, LlmDoes::Waits, LlmDoes::Waits, LlmDoes::Waits]);
    let mut removed: Vec<_> = (0..3).map(|_| spawn(&llm)).collect();
    until_asked(&double, 3).await;
    let next = spawn(&llm);
    removed.remove(0).abort();
    until_asked(&double, 1).await;
    change(&double, &engine, json!({ "concurrency_max": 1 })).await;
    assert_eq!((chat(&llm).await.unwrap().tries, llm.status().unwrap().in_flight), (1, 0));
    // One of them is let go on for the call that went away.
    double.go_on(4);
    for call in removed.into_iter().chain([next]) {
        call.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn one_that_fails_so_often_in_a_row_is_left_alone_until_it_is_swapped() {
    let breaker_settings = json!({ "breaker": { "failures": 3, "open_ms": LONG_MS } });
    let (double, engine, llm) = asking(breaker_settings.clone()).await;
    double.next([fails(), fails(), LlmDoes::Answers, fails(), fails(), fails()]);
    for answers in [false, false, true, false, false] {
        assert_eq!(chat(&llm).await.is_ok(), answers);
        assert_eq!(breaker(&llm), BreakerState::Closed);
    }
    assert!(matches!(chat(&llm).await, Err(LlmError::Refused { status: 500, .. })));
    assert_eq!((breaker(&llm), double.asked().len()), (BreakerState::Open, 6));
    for _ in 0..3 {
        let refused = chat(&llm).await;
        let Err(LlmError::Resting { retry_after_ms }) = refused else { panic!("{refused:?}") };
        assert!((1..=LONG_MS).contains(&retry_after_ms), "{retry_after_ms}");
    }
    assert!(double.asked().is_empty(), "nothing is sent");

    let mut other = breaker_settings;
    other["model"] = json!("other");
    change(&double, &engine, other).await;
    assert_eq!(breaker(&llm), BreakerState::Closed);
    assert_eq!(chat(&llm).await.unwrap().model, "other");
    let LlmCounts { calls, answered, failed, refused_by_breaker, tokens_asked, tokens_answered, .. } =
        llm.counts();
    assert_eq!((calls, answered, failed, refused_by_breaker), (10, 2, 5, 3));
    assert_eq!((tokens_asked, tokens_answered), (10, 4));
}

#[tokio::test]
async fn a_rollback_finds_the_breaker_as_it_was() {
    let faults = Arc::default();
    let (double, (engine, llm)) = (LlmDouble::start(), started(&faults).await);
    change(&double, &engine, json!({ "breaker": { "failures": 1, "open_ms": LONG_MS } })).await;
    double.next([fails()]);
    chat(&llm).await.unwrap_err();
    faults.fail_next(Phase::Verify);
    engine.apply(put(settings_at(double.port(), json!({ "model": "other" })))).await.unwrap_err();
    assert_eq!(breaker(&llm), BreakerState::Open);
    assert!(matches!(chat(&llm).await, Err(LlmError::Resting { .. })));
}

#[tokio::test]
async fn what_the_server_cannot_do_opens_it_and_what_it_will_not_do_does_not() {
    let (double, engine, llm) = asking(json!({})).await;
    let says = |status| LlmDoes::Says(status, "", String::new());
    let cases = [
        (says(500), 60_000, BreakerState::Open),
        (says(503), 60_000, BreakerState::Open),
        (says(429), 60_000, BreakerState::Open),
        (LlmDoes::Nonsense, 60_000, BreakerState::Open),
        (LlmDoes::Breaks, 60_000, BreakerState::Open),
        (LlmDoes::Hangs, 1000, BreakerState::Open),
        (says(400), 60_000, BreakerState::Closed),
        (says(401), 60_000, BreakerState::Closed),
        (LlmDoes::Says(200, "", "x".repeat(5 << 20)), 60_000, BreakerState::Closed),
    ];
    for (n, (does, timeout_ms, expected)) in cases.into_iter().enumerate() {
        let settings = json!({
            "model": format!("model {n}"), "timeout_ms": timeout_ms, "breaker": { "failures": 1, "open_ms": LONG_MS }
        });
        change(&double, &engine, settings).await;
        double.next([does.clone()]);
        let failed = chat(&llm).await.unwrap_err();
        assert_eq!(breaker(&llm), expected, "{failed}");
    }
    // A call with all its tries is one.
    let tries = json!({ "retries": 2, "breaker": { "failures": 2, "open_ms": LONG_MS } });
    change(&double, &engine, tries).await;
    double.next([fails(), fails(), fails()]);
    chat(&llm).await.unwrap_err();
    assert_eq!((breaker(&llm), double.asked().len()), (BreakerState::Closed, 3));
}

#[tokio::test]
async fn one_call_is_let_through_and_decides() {
    let (double, _engine, llm) = asking(json!({ "breaker": { "failures": 1, "open_ms": 1 } })).await;
    double.next([fails(), fails(), LlmDoes::Waits]);
    chat(&llm).await.unwrap_err();
    assert_eq!(breaker(&llm), BreakerState::Open);
    assert!(matches!(let_through(&llm).await.unwrap(), Err(LlmError::Refused { status: 500, .. })));
    assert_eq!(
        (breaker(&llm), double.asked().len()),
        (BreakerState::Open, 2),
        "a trial that fails opens it again"
    );

    let trial = let_through(&llm);
    until_asked(&double, 1).await;
    assert_eq!(breaker(&llm), BreakerState::HalfOpen);
    for _ in 0..5 {
        assert!(matches!(chat(&llm).await, Err(LlmError::Resting { .. })));
    }
    assert!(double.asked().is_empty(), "there is one trial");
    double.go_on(1);
    trial.await.unwrap().unwrap();
    assert_eq!(breaker(&llm), BreakerState::Closed);
    chat(&llm).await.unwrap();
}

#[tokio::test]
async fn an_abandoned_trial_frees_its_place() {
    let (double, _engine, llm) = asking(json!({ "breaker": { "failures": 1, "open_ms": 1 } })).await;
    double.next([fails(), LlmDoes::Waits]);
    chat(&llm).await.unwrap_err();
    let trial = let_through(&llm);
    until_asked(&double, 2).await;
    assert_eq!(breaker(&llm), BreakerState::HalfOpen);
    trial.abort();
    assert!(trial.await.unwrap_err().is_cancelled());
    let status = llm.status().unwrap();
    assert_eq!((status.breaker, status.in_flight), (BreakerState::Open, 0));
    chat(&llm).await.unwrap();
    assert_eq!(breaker(&llm), BreakerState::Closed);
    let LlmCounts { calls, answered, failed, refused_by_breaker, .. } = llm.counts();
    assert_eq!((answered, failed, calls - refused_by_breaker), (1, 1, 3), "one ended in nothing");
}
