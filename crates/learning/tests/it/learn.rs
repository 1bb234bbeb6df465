//! What an LLM says is learned once, after its answer, and answered from then on.

use futures_util::future::join_all;
use midflight_core::Trigger;
use midflight_learning::{AnswerSource, Counts};
use midflight_patterns::{Action, Match};
use midflight_store::{RevisionLog as _, RevisionQuery};
use midflight_testkit::LlmDoes;
use serde_json::json;

use crate::log::Way;
use crate::support::{begin, one, one_with, prompt, until, until_asked};

#[tokio::test]
async fn an_llm_answer_is_learned_once_and_used_from_then_on() {
    let (fleet, one) = one().await;
    let before = fleet.head().await;
    let first = one.ask("Quanti ordini?").await;
    assert_eq!((first.source, first.category.as_deref()), (AnswerSource::Llm, Some("METRIC")));
    assert_eq!((first.confidence, first.action, first.llm_used), (0.95, Some(Action::Tool), true));
    assert_eq!((first.matched, first.why, first.normalized.as_str()), (None, None, "quanti ordini"));
    assert_eq!(first.revision.get(), before);
    let again = one.until_learned("quanti   ORDINI!").await;
    assert_eq!((again.category.as_deref(), again.confidence, again.llm_used), (Some("METRIC"), 0.95, false));
    assert_eq!(again.revision.get(), before + 1);
    let matched = again.matched.unwrap();
    assert_eq!((matched.how, &*matched.key), (Match::Exact, "quanti ordini"));
    assert_eq!(fleet.double.chats(), 1);

    let document = fleet.document(&matched.id).await.unwrap();
    let body = document.body.unwrap();
    let output = ["pattern", "created_by", "status", "match"].map(|key| body[key].as_str().unwrap());
    assert_eq!(output, ["Quanti ordini?", "llm", "approved", "exact"]);
    let newest = RevisionQuery { limit: 1, ..RevisionQuery::default() };
    let revision = fleet.log.revisions(newest).await.unwrap().items.remove(0).revision;
    assert_eq!(
        (revision.author.as_str(), revision.trigger, revision.reason.as_str()),
        ("learning", Trigger::Learned.into(), "learned from one")
    );
    let counts = one.classifier.counts();
    assert_eq!(counts, Counts { answered: [0, 1, 1, 0], learned: 1, ..Counts::default() });
}

#[tokio::test]
async fn what_is_to_be_answered_at_once_is_learned_with_its_answer() {
    let (_fleet, one) = one().await;
    let output = one.ask("Ciao a tutti").await;
    let learned = one.until_learned("ciao a tutti!").await;
    for answer in [output, learned] {
        assert_eq!(answer.direct_response.as_deref(), Some("Ciao!"));
        assert_eq!(answer.action, Some(Action::Respond));
    }
}

#[tokio::test]
async fn of_a_hundred_equal_queries_at_once_one_is_asked_and_learned() {
    let (fleet, one) = one().await;
    let before = fleet.head().await;
    fleet.double.next([LlmDoes::Waits]);
    let variants = ["quanti ordini", "Quanti ordini?", "  QUANTI   ordini!", "\"quanti\" ordini"];
    let all = join_all((0..100).map(|n| one.ask(variants[n % variants.len()])));
    let release = async {
        until_asked(&fleet, 1).await;
        assert_eq!(one.classifier.counts().asking, 1);
        fleet.double.go_on(1);
    };
    let (answers, ()) = tokio::join!(all, release);
    for answer in answers {
        assert_eq!((answer.source, answer.category.as_deref()), (AnswerSource::Llm, Some("METRIC")));
    }
    one.until_learned("quanti ordini").await;
    one.classifier.stop().await;
    assert_eq!((fleet.double.chats(), fleet.head().await), (1, before + 1));
    assert_eq!(fleet.learned().await.len(), 1);
    assert_eq!(one.classifier.counts().answered, [0, 1, 100, 0]);
}

#[tokio::test]
async fn an_answer_never_waits_for_the_log() {
    let (fleet, one) = one_with(json!({}), |options| options.questions_max = 2).await;
    let before = fleet.head().await;
    one.log.set(Way::Silent);
    let queries = ["quanti ordini", "quanti clienti", "quanti errori", "quanti flussi"];
    for query in queries {
        assert_eq!(one.ask(query).await.source, AnswerSource::Llm, "{query}");
    }
    assert_eq!(one.ask("quanti ordini").await.source, AnswerSource::Llm);
    assert_eq!(fleet.double.chats(), 4, "what was answered is not asked again while it waits to be learned");
    assert_eq!((fleet.head().await, one.classifier.counts().asking), (before, 0));
    one.log.set(Way::Open);
    for query in queries {
        one.until_learned(query).await;
    }
    assert_eq!(fleet.head().await, before + 2, "those that waited are learned together");
}

#[tokio::test]
async fn what_the_log_refuses_is_learned_when_it_is_asked_again() {
    let (fleet, one) = one().await;
    let before = fleet.head().await;
    one.log.set(Way::Closed);
    assert_eq!(one.ask("quanti ordini").await.source, AnswerSource::Llm);
    until("the log to refuse it", async || (one.tried_to_learn() == 1).then_some(())).await;
    assert_eq!(fleet.head().await, before);
    one.log.set(Way::Open);
    until("it to be learned", async || {
        let source = one.ask("quanti ordini").await.source;
        assert!([AnswerSource::Llm, AnswerSource::Learned].contains(&source));
        (source == AnswerSource::Learned).then_some(())
    })
    .await;
    assert_eq!(fleet.head().await, before + 1);
}

#[tokio::test]
async fn a_caller_that_leaves_takes_nothing_from_waiters() {
    let (fleet, one) = one().await;
    fleet.double.next([LlmDoes::Waits]);
    let first = begin(one.ask("quanti ordini")).await;
    until_asked(&fleet, 1).await;
    let second = begin(one.ask("quanti ordini")).await;
    drop(first);
    fleet.double.go_on(1);
    assert_eq!(second.await.source, AnswerSource::Llm);
    one.until_learned("quanti ordini").await;

    // Nobody waits for this one any more, and it is paid for.
    fleet.double.next([LlmDoes::Waits]);
    drop(begin(one.ask("quanti clienti")).await);
    until_asked(&fleet, 2).await;
    fleet.double.go_on(1);
    one.until_learned("quanti clienti").await;
    assert_eq!(fleet.double.chats(), 2);
}

#[tokio::test]
async fn an_answer_is_of_the_prompt_that_its_revision_has() {
    let (fleet, one) = one().await;
    fleet.double.next([LlmDoes::Waits]);
    let old = begin(one.ask("quanti ordini")).await;
    until_asked(&fleet, 1).await;
    let changed = one.put("prompts/default", prompt(&["GREETING"])).await;
    let new = begin(one.ask("quanti ordini")).await;
    fleet.double.go_on(1);
    let (old, new) = tokio::join!(old, new);
    assert_eq!((old.category.as_deref(), old.revision.next()), (Some("METRIC"), changed));
    assert_eq!((new.category, new.source, new.revision), (None, AnswerSource::None, changed));
    assert!(new.why.as_deref().unwrap().contains("the prompt changed"), "{:?}", new.why);
    one.classifier.stop().await;
    assert_eq!(fleet.head().await, changed.get(), "a category that is none any more is not learned");
}
