//! What one replica learns, all answer.

use midflight_learning::AnswerSource;
use midflight_testkit::LlmDoes;

use crate::log::Way;
use crate::support::{two, until};

const QUERY: &str = "quanti ordini";

#[tokio::test]
async fn what_one_learns_the_other_answers() {
    let (fleet, one, two) = two().await;
    let output = one.ask(QUERY).await;
    let learned = two.until_learned("Quanti ordini?").await;
    assert_eq!((learned.category, learned.confidence), (output.category, output.confidence));
    assert_eq!(fleet.double.chats(), 1);
    two.set_status(&learned.matched.unwrap().id, "disabled").await;
    one.until_level(&fleet).await;
    assert_eq!(one.ask(QUERY).await.source, AnswerSource::Llm, "what is disabled is so everywhere");
}

#[tokio::test]
async fn two_that_learn_the_same_at_once_make_one_pattern() {
    let (fleet, one, two) = two().await;
    let before = fleet.head().await;
    let reply = |category| LlmDoes::Replies(format!("{{\"category\": \"{category}\", \"confidence\": 1}}"));
    // Neither can learn before both were answered.
    one.log.set(Way::Silent);
    two.log.set(Way::Silent);
    fleet.double.next([reply("METRIC"), reply("GREETING")]);
    let first = one.ask(QUERY).await;
    let second = two.ask(QUERY).await;
    assert_eq!((first.category.as_deref(), second.category.as_deref()), (Some("METRIC"), Some("GREETING")));
    assert_eq!(fleet.double.chats(), 2);
    one.log.set(Way::Open);
    two.log.set(Way::Open);
    tokio::join!(one.classifier.stop(), two.classifier.stop());
    assert_eq!((fleet.head().await, fleet.learned().await.len()), (before + 1, 1));
    assert_eq!(one.classifier.counts().learned + two.classifier.counts().learned, 1);
    let (here, there) = (one.until_learned(QUERY).await, two.until_learned(QUERY).await);
    assert_eq!((here.category, here.revision), (there.category, there.revision));
    assert_eq!(fleet.document(&here.matched.unwrap().id).await.unwrap().version, 1);
}

#[tokio::test]
async fn two_that_are_asked_the_same_again_and_again_end_with_one_pattern_each() {
    let (fleet, one, two) = two().await;
    let before = fleet.head().await;
    let queries: Vec<_> = (0..20).map(|n| format!("quanti ordini {n}")).collect();
    for query in &queries {
        let (here, there) = tokio::join!(one.ask(query), two.ask(query));
        for answer in [here, there] {
            assert!([AnswerSource::Llm, AnswerSource::Learned].contains(&answer.source), "{answer:?}");
        }
    }
    for query in &queries {
        one.until_learned(query).await;
        two.until_learned(query).await;
    }
    tokio::join!(one.classifier.stop(), two.classifier.stop());
    assert_eq!(fleet.learned().await.len(), 20);
    assert!(fleet.head().await - before <= 20, "no revision for what was there");
    assert_eq!(one.classifier.counts().learned + two.classifier.counts().learned, 20);
}

#[tokio::test]
async fn what_another_learned_meanwhile_is_in_the_way_of_nothing_else() {
    let (fleet, one, two) = two().await;
    let before = fleet.head().await;
    one.log.set(Way::Silent);
    let queries = ["quanti clienti", QUERY, "quanti errori", "quanti flussi"];
    for query in queries {
        assert_eq!(one.ask(query).await.source, AnswerSource::Llm);
    }
    two.ask(QUERY).await;
    two.until_learned(QUERY).await;
    one.log.set(Way::Open);
    for query in queries {
        one.until_learned(query).await;
    }
    one.classifier.stop().await;
    assert_eq!((one.classifier.counts().learned, two.classifier.counts().learned), (3, 1));
    assert_eq!(fleet.head().await, before + 4, "those that came together were made one by one");
}

#[tokio::test]
async fn one_that_cannot_write_answers_on_and_gets_what_the_others_learn() {
    let (fleet, one, two) = two().await;
    two.log.set(Way::ReadOnly);
    assert_eq!(two.ask(QUERY).await.source, AnswerSource::Llm);
    until("the log to refuse it", async || (two.tried_to_learn() == 1).then_some(())).await;
    assert!(fleet.learned().await.is_empty());
    assert_eq!(one.ask(QUERY).await.source, AnswerSource::Llm);
    two.until_learned(QUERY).await;
    assert_eq!((fleet.learned().await.len(), fleet.double.chats()), (1, 2));
}
