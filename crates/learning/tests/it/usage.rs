//! Uses: counted once each over all replicas, beside the log, whatever becomes of the way to it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use midflight_core::{Change, KindName};
use midflight_learning::PatternUsage;
use midflight_store::{TallyQuery, TallyStore as _};
use midflight_testkit::DEADLINE;
use serde_json::json;

use crate::log::Way;
use crate::support::{Fleet, Replica, begin, document, one, one_with, two, until};

async fn used(replica: &Replica, id: &str) -> u64 {
    replica.usage(id).await.used
}

async fn ask(replica: &Replica, query: &str, times: usize) {
    for _ in 0..times {
        replica.ask(query).await;
    }
}

/// Everything that is written, by name and counter.
async fn written(fleet: &Fleet) -> Vec<(String, String, u64)> {
    let kind = KindName::new("patterns").unwrap();
    let all = TallyQuery { kind, names: None, after: None, limit: 1_000 };
    let tallies = fleet.log.tallies(all).await.unwrap().items;
    tallies.into_iter().map(|tally| (tally.name.to_string(), tally.counter, tally.count)).collect()
}

#[tokio::test]
async fn uses_on_all_replicas_add_up_and_make_no_revision() {
    let (fleet, one, two) = two().await;
    one.put_patterns(&["a", "b"]).await;
    two.until_level(&fleet).await;
    let before = fleet.head().await;
    ask(&one, "a", 3).await;
    ask(&two, "A!", 4).await;
    ask(&two, "b", 1).await;
    assert_eq!(used(&one, "a").await, 0, "it is not written while somebody waits for an answer");
    for _ in 0..3 {
        one.classifier.flush().await;
        two.classifier.flush().await;
    }
    let usage = one.usage("a").await;
    assert!(usage.last_used_at.is_some());
    assert_eq!(
        PatternUsage { last_used_at: None, ..usage },
        PatternUsage { used: 7, ..PatternUsage::default() }
    );
    assert_eq!((used(&two, "a").await, used(&one, "b").await), (7, 1));
    assert_eq!((two.usage("nobody").await, fleet.head().await), (PatternUsage::default(), before));
}

#[tokio::test]
async fn every_answer_is_counted_for_its_profile() {
    let (fleet, one) = one().await;
    one.put_patterns(&["a"]).await;
    ask(&one, "a", 2).await;
    ask(&one, "quanti ordini", 1).await;
    one.until_learned("quanti ordini").await;
    ask(&one, "", 3).await;
    one.classifier.flush().await;
    let id = fleet.learned().await.remove(0);
    let expected = [
        ("a", "used", 2),
        (&*id, "used", 1),
        ("profiles/default", "llm", 1),
        ("profiles/default", "matched", 3),
        ("profiles/default", "none", 3),
    ];
    let expected: Vec<_> =
        expected.map(|(name, word, count)| (name.to_owned(), word.to_owned(), count)).into();
    assert_eq!(written(&fleet).await, expected);
}

#[tokio::test]
async fn what_was_counted_is_written_at_a_stop() {
    let (fleet, one, two) = two().await;
    one.put_patterns(&["a"]).await;
    ask(&one, "a", 5).await;
    one.classifier.stop().await;
    assert_eq!(used(&two, "a").await, 5);
    one.classifier.stop().await;
    // Who comes late is answered and counted all the same, if somebody writes it.
    ask(&one, "a", 1).await;
    one.classifier.flush().await;
    assert_eq!((used(&two, "a").await, fleet.double.chats()), (6, 0));
}

#[tokio::test]
async fn what_is_counted_is_written_from_time_to_time() {
    let (_fleet, one) = one_with(json!({}), |options| options.flush = Duration::from_millis(1)).await;
    one.put_patterns(&["a"]).await;
    for times in 1..=3 {
        ask(&one, "a", 1).await;
        until("it to be written", async || (used(&one, "a").await == times).then_some(())).await;
    }
}

#[tokio::test]
async fn a_log_that_fails_loses_nothing_and_counts_nothing_twice() {
    let (fleet, one) = one().await;
    one.put_patterns(&["a", "b"]).await;
    let written = async || {
        one.log.set(Way::Open);
        (used(&one, "a").await, used(&one, "b").await)
    };
    ask(&one, "a", 2).await;
    one.log.set(Way::Closed);
    one.classifier.flush().await;
    assert_eq!(written().await, (0, 0));
    // The batch comes, and it is not known that it did; meanwhile more is counted.
    one.log.set(Way::Lossy);
    one.classifier.flush().await;
    ask(&one, "b", 1).await;
    one.classifier.flush().await;
    assert_eq!(written().await, (2, 0));
    one.classifier.flush().await;
    assert_eq!(written().await, (2, 1));
    // Whoever waited for it is gone while the log says nothing.
    ask(&one, "a", 4).await;
    one.log.set(Way::Silent);
    drop(begin(one.classifier.flush()).await);
    ask(&one, "b", 1).await;
    one.log.set(Way::Open);
    one.classifier.stop().await;
    assert_eq!(written().await, (6, 2));
    assert_eq!(fleet.double.chats(), 0);
}

#[tokio::test]
async fn more_than_one_batch_is_written_whole_though_the_log_fails_in_between() {
    const PATTERNS: usize = 6_000;
    let (fleet, one) = one().await;
    let ids: Vec<_> = (0..PATTERNS).map(|n| format!("p{n}")).collect();
    let body = |id: &String| json!({ "pattern": id, "category": "METRIC" });
    one.apply(ids.iter().map(|id| Change::put(document(id), body(id))).collect()).await;
    for id in &ids {
        one.ask(id).await;
    }
    // The first batch comes and its answer is lost; then both go through.
    one.log.set(Way::Lossy);
    one.classifier.flush().await;
    one.log.set(Way::Open);
    one.ask("p7").await;
    one.classifier.flush().await;
    let mut counts = BTreeMap::new();
    let all: Vec<_> = ids.iter().map(|id| id.as_str().into()).collect();
    for (id, usage) in one.classifier.usage(&all).await.unwrap() {
        *counts.entry(usage.used).or_insert(0) += 1;
        assert!(usage.used == 1 || id == "p7");
    }
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), [(1, PATTERNS - 1), (2, 1)]);
    assert_eq!(fleet.double.chats(), 0);
}

#[tokio::test]
async fn many_count_at_once_and_each_use_counts_once() {
    let (_fleet, one) = one().await;
    one.put_patterns(&["a", "b"]).await;
    let classifiers = (0..8).map(|n| {
        let classifier = one.classifier.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            for round in 0..500 {
                let query = if (n + round) % 2 == 0 { "a" } else { "b" };
                runtime.block_on(classifier.classify(query, None)).unwrap();
            }
        })
    });
    let classifiers: Vec<_> = classifiers.collect();
    let mut flushes = 0;
    let deadline = Instant::now() + DEADLINE;
    while classifiers.iter().any(|thread| !thread.is_finished()) {
        one.classifier.flush().await;
        flushes += 1;
        assert!(Instant::now() < deadline, "{flushes} flushes");
    }
    for thread in classifiers {
        thread.join().unwrap();
    }
    one.classifier.flush().await;
    assert_eq!((used(&one, "a").await, used(&one, "b").await), (2_000, 2_000));
    assert_eq!(one.classifier.counts().answered[0], 4_000);
}
