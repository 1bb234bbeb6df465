//! What is learned is what the policy says.

use midflight_learning::AnswerSource;
use midflight_patterns::PatternStatus;
use serde_json::{Value, json};

use crate::support::{Fleet, Replica, one, policy, until};

const QUERY: &str = "quanti ordini";

/// What is learned of the query once everything came to rest, under a policy; with that many more revisions.
async fn learned(body: Value) -> (Vec<String>, u64) {
    let (fleet, one) = one().await;
    one.put("learning/default", body).await;
    let before = fleet.head().await;
    assert_eq!(one.ask(QUERY).await.source, AnswerSource::Llm);
    one.classifier.stop().await;
    (fleet.learned().await, fleet.head().await - before)
}

#[tokio::test]
async fn what_the_policy_forbids_is_not_learned() {
    let cases = [
        json!({ "mode": "off" }),
        // The LLM is 0.95 sure.
        json!({ "threshold": 0.96 }),
        json!({ "never_categories": ["DANGER", "METRIC"] }),
        json!({ "never_contains": ["postgres", "ORDIN"] }),
        json!({ "key_chars_min": 14 }),
    ];
    for case in cases {
        assert_eq!(learned(policy(case.clone())).await, (Vec::new(), 0), "{case}");
    }
    let (made, revisions) = learned(policy(json!({ "threshold": 0.95, "key_chars_min": 13 }))).await;
    assert_eq!((made.len(), revisions), (1, 1), "the bounds themselves hold");
}

#[tokio::test]
async fn without_a_policy_nothing_is_learned() {
    let (fleet, one) = one().await;
    one.put("profiles/other", json!({})).await;
    one.put("prompts/other", crate::support::prompt(&["METRIC"])).await;
    let answer = one.classifier.classify(QUERY, Some("other")).await.unwrap();
    assert_eq!(answer.source, AnswerSource::Llm);
    one.classifier.stop().await;
    assert!(fleet.learned().await.is_empty());
}

#[tokio::test]
async fn each_profile_learns_for_itself() {
    let (fleet, one) = one().await;
    one.put("profiles/it", json!({ "stop_words": ["oggi"] })).await;
    one.put("prompts/it", crate::support::prompt(&["METRIC"])).await;
    one.put("learning/it", policy(json!({ "order": 7 }))).await;
    let ask = async |query: &str| one.classifier.classify(query, Some("it")).await.unwrap();
    assert_eq!(
        (ask(QUERY).await.source, one.ask(QUERY).await.source),
        (AnswerSource::Llm, AnswerSource::Llm)
    );
    one.until_learned(QUERY).await;
    let answer = until("both to be learned", async || {
        let answer = ask("quanti ordini oggi?").await;
        (answer.source == AnswerSource::Learned).then_some(answer)
    })
    .await;
    let id = answer.matched.unwrap().id;
    assert_eq!(fleet.document(&id).await.unwrap().body.unwrap()["order"], 7);
    assert_eq!(fleet.learned().await.len(), 2);
}

/// Asks until something is learned, and answers its id.
async fn pending(fleet: &Fleet, one: &Replica) -> String {
    assert_eq!(one.ask(QUERY).await.source, AnswerSource::Llm);
    until("a pattern to be made", async || fleet.learned().await.pop()).await
}

#[tokio::test]
async fn what_is_pending_answers_once_it_is_approved() {
    let (fleet, one) = one().await;
    one.put("learning/default", policy(json!({ "mode": "pending" }))).await;
    let id = pending(&fleet, &one).await;
    one.until_level(&fleet).await;
    assert_eq!(one.status_of(&id), Some(PatternStatus::Pending));
    let tried = one.tried_to_learn();
    until("it to be asked again", async || {
        assert_eq!(one.ask(QUERY).await.source, AnswerSource::Llm);
        // Whoever came while it was learned got that answer.
        (fleet.double.chats() >= 3).then_some(())
    })
    .await;
    one.set_status(&id, "approved").await;
    let chats = fleet.double.chats();
    assert_eq!(one.ask(QUERY).await.source, AnswerSource::Learned);
    one.classifier.stop().await;
    assert_eq!(
        (fleet.double.chats(), one.tried_to_learn()),
        (chats, tried),
        "it is not tried to make it again"
    );
    assert_eq!(fleet.document(&id).await.unwrap().version, 2);
}

#[tokio::test]
async fn a_disabled_pattern_is_not_learned_again() {
    let (fleet, one) = one().await;
    one.ask(QUERY).await;
    let id = one.until_learned(QUERY).await.matched.unwrap().id;
    one.set_status(&id, "disabled").await;
    let head = fleet.head().await;
    until("it to be asked again", async || {
        assert_eq!(one.ask(QUERY).await.source, AnswerSource::Llm);
        (fleet.double.chats() >= 3).then_some(())
    })
    .await;
    one.classifier.stop().await;
    assert_eq!((one.status_of(&id), fleet.head().await), (Some(PatternStatus::Disabled), head));
    assert_eq!(one.tried_to_learn(), 1);
}
