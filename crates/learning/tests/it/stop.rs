//! Stopping: what was learned is made, what was counted is written, and nobody is kept waiting.

use midflight_learning::AnswerSource;
use midflight_testkit::LlmDoes;

use crate::log::Way;
use crate::support::{begin, one, until, until_asked};

#[tokio::test]
async fn pending_questions_are_abandoned() {
    let (fleet, one) = one().await;
    fleet.double.next([LlmDoes::Hangs]);
    let asked = begin(one.ask("quanti ordini")).await;
    until_asked(&fleet, 1).await;
    let (answer, ()) = tokio::join!(asked, one.classifier.stop());
    assert_eq!((answer.source, answer.why.as_deref()), (AnswerSource::None, Some("the server is stopping")));
    assert!(fleet.learned().await.is_empty());
}

#[tokio::test]
async fn what_waits_to_be_learned_is_made_before_it_stops() {
    let (fleet, one) = one().await;
    one.log.set(Way::Silent);
    for n in 0..5 {
        assert_eq!(one.ask(&format!("quanti ordini {n}")).await.source, AnswerSource::Llm);
    }
    let stop = begin(one.classifier.stop()).await;
    one.log.set(Way::Open);
    stop.await;
    assert_eq!((fleet.learned().await.len(), one.classifier.counts().learned), (5, 5));
    assert_eq!(one.usage("profiles/default").await.llm, 5);
}

#[tokio::test]
async fn a_log_that_does_not_answer_does_not_keep_it_from_stopping() {
    let (_fleet, one) = one().await;
    one.put_patterns(&["a"]).await;
    one.ask("a").await;
    one.log.set(Way::Silent);
    // From here on time passes as soon as nobody does anything.
    tokio::time::pause();
    one.classifier.stop().await;
    tokio::time::resume();
    one.log.set(Way::Open);
    assert_eq!(one.usage("a").await.used, 0);
    one.classifier.flush().await;
    assert_eq!(one.usage("a").await.used, 1, "what is kept can be written as long as somebody asks for it");
}

#[tokio::test]
async fn a_bus_without_handles_ends() {
    let (_fleet, one) = one().await;
    let ended = std::sync::Arc::downgrade(one.engine.store());
    let crate::support::Replica { engine, classifier, patterns, .. } = one;
    drop(classifier);
    engine.stop().await;
    drop((engine, patterns));
    until("what writes and learns to end", async || ended.upgrade().is_none().then_some(())).await;
}
