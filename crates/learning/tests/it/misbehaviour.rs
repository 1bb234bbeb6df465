//! An LLM that misbehaves: nothing is classified then, it is said why, and nothing is learned.

use midflight_components::BreakerState;
use midflight_learning::{AnswerSource, QueryAnswer};
use midflight_testkit::LlmDoes;
use serde_json::json;

use crate::support::{LONG_MS, begin, one, one_with, until, until_asked};

#[track_caller]
fn check_nothing(answer: &QueryAnswer, was_asked: bool, why: &str) {
    assert_eq!((answer.source, answer.llm_used), (AnswerSource::None, was_asked), "{answer:?}");
    assert_eq!((&answer.category, answer.confidence, answer.action), (&None, 0.0, None));
    assert_eq!((&answer.direct_response, &answer.matched), (&None, &None));
    let output = answer.why.as_deref().unwrap_or_default();
    assert!(output.contains(why), "{why} is not in {output}");
}

#[tokio::test]
async fn misbehaviour_is_reported_and_nothing_is_learned_of_it() {
    let (fleet, one) = one().await;
    let before = fleet.head().await;
    let says = |status, headers, body: &str| LlmDoes::Says(status, headers, body.to_owned());
    let replies = |text: &str| LlmDoes::Replies(text.to_owned());
    let cases = [
        (says(429, "retry-after: 60\r\n", ""), "is busy"),
        (says(500, "", "out of order"), "answered 500: out of order"),
        (says(401, "", "who are you?"), "answered 401"),
        (says(200, "", "hello"), "is not a chat completion"),
        (LlmDoes::Nonsense, "is not a chat completion"),
        (LlmDoes::Breaks, "cannot be reached"),
        (replies("I think that it is METRIC."), "is not an object with a category and a confidence"),
        (replies(""), "is not an object"),
        (replies("{\"category\": \"METRIC\", \"confidence\": 7}"), "is not an object"),
        (replies("{\"category\": \"METRIC\", \"confid"), "is not an object"),
        (
            replies("{\"category\": \"ADMIN\", \"confidence\": 1}"),
            "the category \"ADMIN\", which the prompt does not",
        ),
        (
            replies("{\"category\": \"metric\", \"confidence\": 1}"),
            "the category \"metric\", which the prompt does not",
        ),
    ];
    for (does, why) in cases {
        fleet.double.next([does]);
        check_nothing(&one.ask("quanti ordini").await, true, why);
    }
    assert_eq!((one.tried_to_learn(), one.classifier.counts().answered[3]), (0, 12));
    assert_eq!(one.ask("quanti ordini").await.source, AnswerSource::Llm, "the next one is asked anew");
    one.until_learned("quanti ordini").await;
    assert_eq!((fleet.double.chats(), fleet.head().await), (13, before + 1));
}

#[tokio::test]
async fn one_that_hangs_is_waited_for_no_longer_than_may_be() {
    let (fleet, one) = one_with(json!({ "timeout_ms": 200 }), |_| ()).await;
    fleet.double.next([LlmDoes::Hangs]);
    check_nothing(&one.ask("quanti ordini").await, true, "did not answer within 200 ms");
    assert_eq!(one.classifier.counts().asking, 0);
}

#[tokio::test]
async fn one_that_fails_is_left_alone_and_patterns_answer_on() {
    let breaker = json!({ "breaker": { "failures": 2, "open_ms": LONG_MS } });
    let (fleet, one) = one_with(breaker, |_| ()).await;
    one.put_patterns(&["clienti"]).await;
    let fails = || LlmDoes::Says(503, "", String::new());
    fleet.double.next([fails(), fails()]);
    for _ in 0..2 {
        check_nothing(&one.ask("quanti ordini").await, true, "answered 503");
    }
    assert_eq!(one.llm.status().unwrap().breaker, BreakerState::Open);
    for _ in 0..3 {
        check_nothing(&one.ask("quanti ordini").await, false, "(circuit open); try again in");
    }
    assert_eq!(fleet.double.chats(), 2);
    assert_eq!(one.ask("clienti").await.source, AnswerSource::Pattern);
}

#[tokio::test]
async fn a_returning_query_is_asked_and_learned_again() {
    let (fleet, one) = one_with(json!({ "breaker": { "failures": 1, "open_ms": 1 } }), |_| ()).await;
    fleet.double.next([LlmDoes::Breaks, LlmDoes::Nonsense]);
    check_nothing(&one.ask("quanti ordini").await, true, "cannot be reached");
    assert_eq!(one.llm.status().unwrap().breaker, BreakerState::Open);
    until("it to be asked again", async || {
        (one.ask("quanti ordini").await.source == AnswerSource::Llm).then_some(())
    })
    .await;
    assert_eq!(one.llm.status().unwrap().breaker, BreakerState::Closed);
    assert_eq!(fleet.double.chats(), 3, "while it was left alone nothing was sent");
    one.until_learned("quanti ordini").await;
}

#[tokio::test]
async fn without_an_llm_or_a_prompt_it_is_reported() {
    let (fleet, one) = one().await;
    one.put("profiles/other", json!({})).await;
    let without = fleet.replica("two", None, |_| ()).await;
    check_nothing(
        &without.ask("quanti ordini").await,
        false,
        "no LLM is configured or available yet (config key llm)",
    );
    let unprompted = one.classifier.classify("quanti ordini", Some("other")).await.unwrap();
    check_nothing(&unprompted, false, "patterns/prompts/other");
    assert_eq!(fleet.double.chats(), 0);
}

#[tokio::test]
async fn more_questions_than_may_wait_are_not_asked() {
    let (fleet, one) = one_with(json!({}), |options| options.questions_max = 2).await;
    fleet.double.next([LlmDoes::Waits, LlmDoes::Waits]);
    let waiting = [begin(one.ask("quanti ordini")).await, begin(one.ask("quanti clienti")).await];
    let equal = begin(one.ask("Quanti ordini?")).await;
    check_nothing(&one.ask("quanti errori").await, false, "too many questions wait for the LLM");
    until_asked(&fleet, 2).await;
    fleet.double.go_on(2);
    for call in waiting.into_iter().chain([equal]) {
        assert_eq!(call.await.source, AnswerSource::Llm);
    }
    assert_eq!(one.ask("quanti errori").await.source, AnswerSource::Llm);
    assert_eq!(fleet.double.chats(), 3);
}
