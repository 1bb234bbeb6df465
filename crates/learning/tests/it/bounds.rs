//! What is learned is bounded: in how much there is, how fast it comes, whose it is, and what is in it.

use midflight_core::Change;
use midflight_learning::{AnswerSource, AskedBy};
use midflight_patterns::NotLearned;
use midflight_testkit::DEADLINE;
use serde_json::{Value, json};

use crate::log::Way;
use crate::support::{Fleet, Replica, document, one, one_with, policy, until};

impl Replica {
    /// Puts a policy that learns at once, with more members.
    async fn learns(&self, more: Value) {
        self.put("learning/default", policy(more)).await;
    }

    /// How often something was not learned for that reason.
    fn left(&self, reason: &str) -> u64 {
        let place = NotLearned::REASONS.iter().position(|known| *known == reason).unwrap();
        self.classifier.counts().not_learned[place]
    }

    async fn ask_anonymously(&self, query: &str) -> AnswerSource {
        let asked = self.classifier.classify_for(query, None, AskedBy::Anonymous);
        tokio::time::timeout(DEADLINE, asked).await.unwrap().unwrap().source
    }
}

/// The texts of all that is learned, as they were asked.
async fn texts(fleet: &Fleet) -> Vec<String> {
    let mut texts = Vec::new();
    for name in fleet.learned().await {
        if let Some(body) = fleet.document(&name).await.unwrap().body {
            texts.push(body["pattern"].as_str().unwrap().to_owned());
        }
    }
    texts.sort();
    texts
}

#[tokio::test]
async fn the_least_used_is_deleted_in_the_revision_of_a_new_one() {
    let (fleet, one) = one().await;
    one.learns(json!({ "learned_max": 3 })).await;
    for query in ["quanti a", "quanti b", "quanti c"] {
        one.ask(query).await;
        one.until_learned(query).await;
    }
    // `a` was used twice, `c` thrice, `b` once.
    one.ask("quanti a").await;
    one.ask("quanti c").await;
    one.ask("quanti c").await;
    one.classifier.flush().await;
    let before = fleet.head().await;
    one.ask("quanti d").await;
    one.until_learned("quanti d").await;
    assert_eq!(
        (texts(&fleet).await, fleet.head().await),
        (["quanti a", "quanti c", "quanti d"].map(str::to_owned).to_vec(), before + 1)
    );
    // Of those that were never used, the oldest.
    one.learns(json!({ "learned_max": 2 })).await;
    one.classifier.flush().await;
    one.ask("quanti e").await;
    one.until_learned("quanti e").await;
    assert_eq!(texts(&fleet).await, ["quanti c", "quanti e"]);
    assert_eq!(one.patterns.load().pattern_count(), 2);
    // A policy that lets nothing be learned any more lets what was learned go.
    one.learns(json!({ "learned_max": 0 })).await;
    one.ask("quanti f").await;
    until("it to be left", async || (one.left("full") == 1).then_some(())).await;
    assert!(texts(&fleet).await.is_empty());
}

#[tokio::test]
async fn what_a_person_made_or_changed_is_never_deleted() {
    let (fleet, one) = one().await;
    one.put_patterns(&["salve"]).await;
    one.learns(json!({ "learned_max": 2, "mode": "pending" })).await;
    let mut ids = Vec::new();
    for query in ["quanti a", "quanti b"] {
        one.ask(query).await;
        ids.push(
            until("a pattern to be made", async || {
                fleet.learned().await.into_iter().find(|id| !ids.contains(id))
            })
            .await,
        );
    }
    one.set_status(&ids[0], "approved").await;
    one.ask("quanti c").await;
    until("the other to go", async || (texts(&fleet).await == ["quanti a", "quanti c"]).then_some(())).await;
    let third = fleet.learned().await.into_iter().find(|id| *id != ids[0] && *id != ids[1]).unwrap();
    one.set_status(&third, "disabled").await;
    let before = fleet.head().await;
    one.ask("quanti d").await;
    until("it to be left", async || (one.left("full") == 1).then_some(())).await;
    assert_eq!((texts(&fleet).await.len(), fleet.head().await), (2, before));
    assert!(one.patterns.load().pattern("salve").is_some());
}

#[tokio::test]
async fn what_a_check_needs_is_kept_and_another_is_deleted() {
    let (fleet, one) = one().await;
    one.learns(json!({ "learned_max": 2 })).await;
    for query in ["quanti a", "quanti b"] {
        one.ask(query).await;
        one.until_learned(query).await;
    }
    let check = json!({ "input": { "query": "quanti a" }, "expect": { "category": "METRIC" } });
    one.apply(vec![Change::put(document("checks/a"), check)]).await;
    // The first to go would be `a`; the check refuses that, and the next lesson takes another.
    until("one to go", async || {
        one.ask("quanti c").await;
        (texts(&fleet).await == ["quanti a", "quanti c"]).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_a_person_changed_on_another_replica_is_not_deleted() {
    let (fleet, one) = one().await;
    let two =
        fleet.replica("two", Some(json!({})), |options| options.pause = std::time::Duration::ZERO).await;
    one.learns(json!({ "learned_max": 1 })).await;
    one.ask("quanti a").await;
    let id = one.until_learned("quanti a").await.matched.unwrap().id;
    two.until_level(&fleet).await;
    // This one does not know of the change yet when it looks for what may go.
    one.log.set(Way::Silent);
    one.ask("quanti b").await;
    two.set_status(&id, "disabled").await;
    one.log.set(Way::Open);
    until("it to be left", async || (one.left("full") == 1).then_some(())).await;
    assert_eq!(texts(&fleet).await, ["quanti a"]);
}

#[tokio::test]
async fn queries_with_personal_data_are_not_learned_and_are_masked_for_the_llm() {
    let (fleet, one) = one().await;
    let before = fleet.head().await;
    for query in [
        "ordini di ann.lee@mail.example",
        "ordine 20481",
        "saldo di IT60 X054 2811 1010 0000 0123 456",
        // As it is read it is a number, as it is written it is none.
        "ordine 2\u{200b}0\u{200b}4\u{200b}8",
    ] {
        assert_eq!(one.ask(query).await.source, AnswerSource::Llm, "{query}");
    }
    one.classifier.stop().await;
    assert_eq!((fleet.head().await, one.left("personal_data")), (before, 4));
    let asked: Vec<_> = fleet.double.asked().iter().filter_map(midflight_testkit::LlmAsked::query).collect();
    assert_eq!(asked[..3], ["ordini di [email]", "ordine [number]", "saldo di [iban]"]);
}

#[tokio::test]
async fn a_policy_sets_what_is_personal_and_whether_the_llm_may_see_it() {
    let (fleet, one) = one().await;
    one.learns(json!({ "redact": ["email"], "redact_llm": false })).await;
    one.ask("ordine 20481").await;
    one.until_learned("ordine 20481").await;
    one.ask("ordini di a@b.example").await;
    one.classifier.stop().await;
    assert_eq!((texts(&fleet).await, one.left("personal_data")), (vec!["ordine 20481".to_owned()], 1));
    let asked: Vec<_> = fleet.double.asked().iter().filter_map(midflight_testkit::LlmAsked::query).collect();
    assert_eq!(asked, ["ordine 20481", "ordini di a@b.example"]);
}

#[tokio::test]
async fn an_anonymous_caller_teaches_nothing() {
    let (fleet, one) = one().await;
    let before = fleet.head().await;
    assert_eq!(one.ask_anonymously("quanti ordini").await, AnswerSource::Llm);
    until("it to be left", async || (one.left("anonymous") == 1).then_some(())).await;
    assert_eq!(fleet.head().await, before);
    // It is answered by what others teach, and one who may teach does so for all who wait for the same answer.
    let (first, second) = tokio::join!(one.ask_anonymously("quanti clienti"), one.ask("quanti clienti"));
    assert_eq!((first, second.source), (AnswerSource::Llm, AnswerSource::Llm));
    one.until_learned("quanti clienti").await;
    assert_eq!(one.ask_anonymously("quanti clienti").await, AnswerSource::Learned);
    one.learns(json!({ "learn_from": "everyone" })).await;
    assert_eq!(one.ask_anonymously("quanti ordini").await, AnswerSource::Llm);
    one.until_learned("quanti ordini").await;
}

#[tokio::test]
async fn lessons_and_calls_have_a_rate() {
    let (fleet, one) = one().await;
    one.learns(json!({ "lessons_per_minute_max": 2, "llm_calls_per_minute_max": 4 })).await;
    let mut sources = Vec::new();
    for n in 0..6 {
        let answer = one.ask(&format!("quanti ordini {n}")).await;
        if answer.source == AnswerSource::None {
            let why = answer.why.as_deref().unwrap().to_owned();
            assert!(why.contains("llm_calls_per_minute_max is 4") && !answer.llm_used, "{why}");
        }
        sources.push(answer.source);
    }
    assert_eq!(sources, [[AnswerSource::Llm; 4].as_slice(), &[AnswerSource::None; 2]].concat());
    until("the lessons to be over", async || (one.left("rate") == 2).then_some(())).await;
    one.classifier.stop().await;
    assert_eq!((fleet.learned().await.len(), fleet.double.chats()), (2, 4));
    assert_eq!(one.classifier.counts().llm_rate_limited, 2);
    one.learns(json!({ "llm_calls_per_minute_max": 0 })).await;
    assert_eq!(one.ask("quanti flussi").await.source, AnswerSource::None);
}

#[tokio::test]
async fn patterns_within_a_pause_are_one_revision_and_the_first_does_not_wait() {
    let (fleet, one) =
        one_with(json!({}), |options| options.pause = std::time::Duration::from_secs(3_600)).await;
    let before = fleet.head().await;
    one.ask("quanti ordini").await;
    one.until_learned("quanti ordini").await;
    for n in 0..20 {
        assert_eq!(one.ask(&format!("quanti clienti {n}")).await.source, AnswerSource::Llm);
    }
    assert_eq!(one.ask("quanti clienti 7").await.source, AnswerSource::Llm);
    assert_eq!((fleet.head().await, fleet.double.chats()), (before + 1, 21), "equal queries wait with it");
    // A stop does not wait for the pause.
    one.classifier.stop().await;
    assert_eq!((fleet.head().await, fleet.learned().await.len()), (before + 2, 21));
}
