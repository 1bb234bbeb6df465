//! What people say of an answer: counted both ways, learned when it is a correction, and heeded when it is enough.

use midflight_core::{Change, Digest, EditKey, PrincipalId, RevisionNumber};
use midflight_engine::Refusal;
use midflight_learning::{AnswerSource, Corrected, Correction, Feedback, FeedbackError, Sender};
use midflight_patterns::{NotLearned, PatternStatus};
use midflight_store::{NewRevision, RevisionLog as _};
use serde_json::json;

use crate::log::Way;
use crate::support::{Fleet, Replica, begin, document, edit, one, policy, prompt, two};

const QUERY: &str = "quanti ordini";

fn correction(category: &str) -> Feedback {
    Feedback::Correction(category.to_owned())
}

/// The pattern that a correction made.
#[track_caller]
fn made(correction: Option<Correction>) -> Corrected {
    let Some(Correction::Made(made)) = correction else { panic!("{correction:?}") };
    made
}

async fn learned(one: &Replica) -> String {
    one.ask(QUERY).await;
    one.until_learned(QUERY).await.matched.unwrap().id.to_string()
}

#[tokio::test]
async fn feedback_counts_both_ways_for_the_pattern_that_answers() {
    let (fleet, one, two) = two().await;
    one.put_patterns(&["a"]).await;
    two.until_level(&fleet).await;
    let before = fleet.head().await;
    let output = one.say("A?", Feedback::Positive).await;
    assert_eq!((&*output.matched.unwrap().id, output.correction, output.revision.get()), ("a", None, before));
    one.say("a", Feedback::Negative).await;
    two.say("a", Feedback::Positive).await;
    two.say("a", correction("METRIC")).await;
    one.classifier.flush().await;
    two.classifier.flush().await;
    let usage = one.usage("a").await;
    assert_eq!((usage.right, usage.wrong, usage.accuracy()), (3, 1, Some(0.75)));
    assert_eq!((usage.used, fleet.head().await), (0, before), "it is no use, and no revision");
    let unknown = one.say("what nobody knows", Feedback::Negative).await;
    assert_eq!((unknown.matched, fleet.double.chats()), (None, 0));
}

#[tokio::test]
async fn a_correction_becomes_a_pattern_on_every_replica() {
    let (fleet, one, two) = two().await;
    let made = made(one.say("Quanti ordini?", correction("DANGER")).await.correction);
    assert_eq!((made.status, made.hidden_by, made.revision.get()), (PatternStatus::Approved, None, 3));
    let answer = two.until_learned(QUERY).await;
    assert_eq!((answer.category.as_deref(), answer.confidence), (Some("DANGER"), 1.0));
    let (revision, body) = (fleet.head().await, fleet.document(&made.id).await.unwrap().body.unwrap());
    assert_eq!((revision, &body["pattern"]), (3, &json!("Quanti ordini?")));
    let again = one.say(QUERY, correction("DANGER")).await;
    assert_eq!((again.correction, fleet.head().await), (Some(Correction::Agrees), 3));
    let greeting = one.say("salve", correction("GREETING")).await.correction;
    assert!(matches!(greeting, Some(Correction::Made(_))), "{greeting:?}");
    assert_eq!(one.ask("salve").await.direct_response.as_deref(), Some("Ciao!"));
    assert_eq!(fleet.double.chats(), 0);
}

#[tokio::test]
async fn what_was_learned_wrong_is_corrected_in_place_and_not_doubted_for_what_it_was() {
    let (fleet, one) = one().await;
    let id = learned(&one).await;
    for _ in 0..2 {
        one.say(QUERY, Feedback::Negative).await;
    }
    one.classifier.flush().await;
    let made = made(one.say(QUERY, correction("DANGER")).await.correction);
    assert_eq!(&*made.id, id);
    one.classifier.flush().await;
    assert_eq!(one.usage(&id).await.wrong, 3);
    assert_eq!(one.status_of(&id), Some(PatternStatus::Approved));
    assert_eq!(one.ask(QUERY).await.category.as_deref(), Some("DANGER"));
    assert_eq!(fleet.learned().await, [id]);
}

#[tokio::test]
async fn a_correction_follows_the_policy_and_reports_conflicts() {
    let (fleet, one) = one().await;
    one.put("word", json!({ "pattern": "ordini", "match": "word", "category": "METRIC", "order": 1 })).await;
    let hidden = made(one.say(QUERY, correction("DANGER")).await.correction);
    assert_eq!((hidden.hidden_by.as_deref(), hidden.status), (Some("word"), PatternStatus::Approved));
    one.classifier.flush().await;
    assert_eq!(one.usage("word").await.wrong, 1);

    one.put("learning/default", policy(json!({ "mode": "pending" }))).await;
    let waits = made(one.say("quanti clienti", correction("DANGER")).await.correction);
    assert_eq!((waits.status, waits.hidden_by), (PatternStatus::Pending, None));
    assert_eq!(one.ask("quanti clienti").await.source, AnswerSource::Llm);

    one.put("learning/default", policy(json!({ "mode": "off" }))).await;
    let before = fleet.head().await;
    let off = one.say("quanti errori", correction("DANGER")).await.correction;
    assert_eq!((off, fleet.head().await), (Some(Correction::NotLearned(NotLearned::Off)), before));
}

#[tokio::test]
async fn what_cannot_be_a_correction_is_refused_and_not_counted() {
    let (fleet, one) = one().await;
    one.put_patterns(&["ordini"]).await;
    let before = fleet.head().await;
    let say = async |query: &str, feedback| {
        one.classifier.feedback(query, None, feedback, "anna").await.unwrap_err()
    };
    let unknown = say("ordini", correction("DANGEROUS")).await;
    assert!(matches!(unknown, FeedbackError::UnknownCategory { .. }));
    let output = unknown.to_string();
    assert!(output.starts_with("unknown category \"DANGEROUS\""), "{output}");
    let near = say("ordini", correction("DANGERR")).await.to_string();
    assert!(near.contains("did you mean \"DANGER\"?"), "{near}");
    let long = "x".repeat(9_000);
    assert!(matches!(say(&long, Feedback::Positive).await, FeedbackError::Classify(_)));
    // The exact pattern of the query says something else, and is somebody's own.
    let taken = say("ordini", correction("DANGER")).await;
    let FeedbackError::Refused(refused) = &taken else { panic!("{taken:?}") };
    let Refusal::Invalid(problems) = &refused.refusal else { panic!("{taken:?}") };
    assert!(problems.to_string().contains("the pattern \"ordini\" matches \"ordini\" already"), "{problems}");
    one.log.set(Way::Closed);
    assert!(matches!(say("clienti", correction("DANGER")).await, FeedbackError::Refused(_)));
    one.log.set(Way::Open);
    one.classifier.flush().await;
    assert_eq!((one.usage("ordini").await.wrong, fleet.head().await), (0, before));
}

#[tokio::test]
async fn a_pattern_that_is_wrong_too_often_waits_to_be_approved_again() {
    let (fleet, one, two) = two().await;
    let id = learned(&one).await;
    two.until_level(&fleet).await;
    let before = fleet.head().await;
    one.say(QUERY, Feedback::Positive).await;
    one.say(QUERY, Feedback::Negative).await;
    one.classifier.flush().await;
    two.say(QUERY, Feedback::Positive).await;
    two.say(QUERY, Feedback::Negative).await;
    two.classifier.flush().await;
    assert_eq!((one.status_of(&id), fleet.head().await), (Some(PatternStatus::Approved), before));
    // At the bound it stays; below, whoever writes what was missing takes it out, everywhere and once.
    one.say(QUERY, Feedback::Negative).await;
    two.say(QUERY, Feedback::Negative).await;
    tokio::join!(one.classifier.flush(), two.classifier.flush());
    one.classifier.flush().await;
    two.classifier.flush().await;
    for replica in [&one, &two] {
        replica.until_level(&fleet).await;
        assert_eq!(replica.status_of(&id), Some(PatternStatus::Pending));
    }
    assert_eq!(fleet.head().await, before + 1);
    let asked = fleet.double.chats();
    assert_eq!(two.ask(QUERY).await.source, AnswerSource::Llm);
    two.classifier.stop().await;
    assert_eq!((fleet.double.chats(), fleet.head().await), (asked + 1, before + 1));
    let document = fleet.document(&id).await.unwrap();
    assert_eq!((document.version, &document.body.unwrap()["category"]), (2, &json!("METRIC")));
}

#[tokio::test]
async fn few_votes_a_bound_of_zero_or_another_profile_demote_nothing() {
    let (fleet, one) = one().await;
    one.put("profiles/other", json!({})).await;
    one.put("elsewhere", json!({ "pattern": "a", "category": "METRIC", "profile": "other" })).await;
    one.put_patterns(&["a", "b"]).await;
    one.put("learning/default", policy(json!({ "demote_below": 0.0 }))).await;
    let before = fleet.head().await;
    for _ in 0..5 {
        one.say("a", Feedback::Negative).await;
        one.classifier.feedback("a", Some("other"), Feedback::Negative, "anna").await.unwrap();
    }
    one.classifier.flush().await;
    one.put("learning/default", policy(json!({}))).await;
    for _ in 0..2 {
        one.say("b", Feedback::Negative).await;
    }
    one.classifier.flush().await;
    assert_eq!(fleet.head().await, before + 1, "that of the policy");
    one.say("b", Feedback::Negative).await;
    one.classifier.flush().await;
    assert_eq!(one.status_of("b"), Some(PatternStatus::Pending), "those that a person made too");
    assert_eq!(one.status_of("elsewhere"), Some(PatternStatus::Approved));
}

/// A pattern of which enough was said, before a flush.
async fn doubted() -> (Fleet, Replica) {
    let (fleet, one) = one().await;
    one.put_patterns(&["a"]).await;
    for _ in 0..3 {
        one.say("a", Feedback::Negative).await;
    }
    (fleet, one)
}

#[tokio::test]
async fn a_doubt_outlives_a_log_that_fails() {
    let (_fleet, one) = doubted().await;
    // It is counted, and it is not known.
    one.log.set(Way::Lossy);
    one.classifier.flush().await;
    one.log.set(Way::Open);
    one.classifier.flush().await;
    assert_eq!(one.status_of("a"), Some(PatternStatus::Pending));

    // Whoever wrote it is gone before what came of it.
    let (_fleet, one) = doubted().await;
    drop(begin(one.classifier.flush()).await);
    assert_eq!((one.usage("a").await.wrong, one.status_of("a")), (3, Some(PatternStatus::Approved)));
    one.classifier.flush().await;
    assert_eq!(one.status_of("a"), Some(PatternStatus::Pending));
}

#[tokio::test]
async fn a_doubt_outlives_a_log_that_fails_between_the_look_and_the_edit() {
    let (fleet, one) = doubted().await;
    let flush = begin(one.classifier.flush()).await;
    one.log.set(Way::Closed);
    flush.await;
    assert_eq!(one.status_of("a"), Some(PatternStatus::Approved));
    one.log.set(Way::Open);
    let before = fleet.head().await;
    one.classifier.flush().await;
    one.classifier.flush().await;
    assert_eq!((one.status_of("a"), fleet.head().await), (Some(PatternStatus::Pending), before + 1));
}

#[tokio::test]
async fn what_another_writer_changed_meanwhile_is_kept() {
    let (fleet, one) = doubted().await;
    let flush = begin(one.classifier.flush()).await;
    let body = json!({ "pattern": "a", "category": "DANGER" });
    let change = Change::put(document("a"), body.clone());
    let edit = edit(vec![change]);
    let (created_at, expected_head) = (Default::default(), fleet.log.head().await.unwrap());
    fleet
        .log
        .append(NewRevision { edit: &edit, created_at, expected_head, documents_max: 100 })
        .await
        .unwrap();
    let before = fleet.head().await;
    flush.await;
    one.classifier.flush().await;
    assert_eq!(*fleet.document("a").await.unwrap().body.unwrap(), body);
    assert_eq!(fleet.head().await, before);
}

#[tokio::test]
async fn what_a_prompt_has_no_more_is_no_category_to_correct_to() {
    let (_fleet, one) = one().await;
    one.put("prompts/default", prompt(&["METRIC"])).await;
    let removed = one.classifier.feedback(QUERY, None, correction("DANGER"), "anna").await.unwrap_err();
    assert!(removed.to_string().starts_with("unknown category \"DANGER\""), "{removed}");
    one.put("d", json!({ "pattern": "d", "category": "DANGER" })).await;
    let known = one.say(QUERY, correction("DANGER")).await.correction;
    assert!(matches!(known, Some(Correction::Made(_))), "{known:?}");
}

fn keyed(key: &str, request: &str) -> Sender {
    let key = EditKey::new(key).of_request(Digest::of_bytes(request.as_bytes()));
    Sender { author: "anna".to_owned(), principal: Some(PrincipalId::new("t1")), key: Some(key) }
}

#[tokio::test]
async fn feedback_that_is_sent_again_under_its_key_counts_once_on_all_replicas() {
    let (fleet, one, two) = two().await;
    one.put_patterns(&["a"]).await;
    two.until_level(&fleet).await;
    let say = async |replica: &Replica, feedback, key: &str, request: &str| {
        replica.classifier.feedback("a", None, feedback, keyed(key, request)).await.unwrap().is_repeated
    };
    assert!(!say(&one, Feedback::Positive, "k1", "positive").await);
    assert!(say(&two, Feedback::Positive, "k1", "positive").await);
    assert!(say(&one, Feedback::Positive, "k1", "positive").await);
    assert!(!say(&two, correction("METRIC"), "k2", "agrees").await, "it agrees, and that is counted");
    assert!(say(&one, correction("METRIC"), "k2", "agrees").await);
    assert!(!say(&one, Feedback::Negative, "k3", "negative").await);
    let usage = one.usage("a").await;
    assert_eq!((usage.right, usage.wrong), (2, 1), "written without a flush");
}

#[tokio::test]
async fn a_correction_that_is_sent_again_under_its_key_is_made_once_and_does_not_agree_with_itself() {
    let (fleet, one, two) = two().await;
    one.put_patterns(&["ordini"]).await;
    two.until_level(&fleet).await;
    let say = async |replica: &Replica, request: &str| {
        replica.classifier.feedback("quanti?", None, correction("DANGER"), keyed("k", request)).await
    };
    let first = say(&one, "one").await.unwrap();
    let made = made(first.correction);
    two.until_level(&fleet).await;
    for replica in [&one, &two] {
        let again = say(replica, "one").await.unwrap();
        assert_eq!((again.is_repeated, again.correction), (true, Some(Correction::Repeated(made.revision))));
        assert_eq!(again.matched.map(|matched| matched.id), Some(made.id.clone()));
    }
    let reused = say(&two, "two").await.unwrap_err();
    let FeedbackError::Refused(refused) = reused else { panic!("{reused}") };
    assert!(matches!(refused.refusal, Refusal::KeyReused { .. }), "{refused}");
    one.classifier.flush().await;
    two.classifier.flush().await;
    let usage = one.usage(&made.id).await;
    assert_eq!((usage.right, usage.wrong), (0, 0));
    let before = RevisionNumber::new(made.revision.get() - 1);
    let revision = fleet.log.since(before, 1).await.unwrap().remove(0).revision;
    assert_eq!(
        (revision.principal.as_ref().map(PrincipalId::as_str), revision.key.as_deref()),
        (Some("t1"), Some("k"))
    );
}
