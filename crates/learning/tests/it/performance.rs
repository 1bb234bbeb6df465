//! How patterns do, ranked, and what they saved.

use midflight_learning::{Feedback, Savings};
use serde_json::json;

use crate::support::{one, policy, two};

#[tokio::test]
async fn patterns_are_ranked_by_what_is_surely_right_and_then_by_use() {
    let (fleet, one, two) = two().await;
    one.put_patterns(&["few", "many", "used", "wrong", "unused"]).await;
    two.until_level(&fleet).await;
    for (text, right, wrong) in [("few", 3, 0), ("many", 10, 1), ("wrong", 0, 2)] {
        for _ in 0..right {
            one.say(text, Feedback::Positive).await;
        }
        for _ in 0..wrong {
            two.say(text, Feedback::Negative).await;
        }
    }
    for text in ["used", "used", "few"] {
        two.ask(text).await;
    }
    one.classifier.flush().await;
    two.classifier.flush().await;
    let performance = one.classifier.performance(10).await.unwrap();
    let ranked: Vec<_> = performance.patterns.iter().map(|one| (&*one.id, one.wilson)).collect();
    let ids: Vec<_> = ranked.iter().map(|(id, _)| *id).collect();
    assert_eq!((ids, performance.ranked), (vec!["many", "few", "used", "wrong"], 4));
    // 10 of 11 and 3 of 3, by the tables of the score interval.
    assert!((ranked[0].1 - 0.6226).abs() < 1e-4 && (ranked[1].1 - 0.4385).abs() < 1e-4, "{ranked:?}");
    let first = &performance.patterns[0];
    assert_eq!((&*first.category, first.usage.right, first.usage.wrong), ("METRIC", 10, 1));
    assert_eq!(performance.revision.get(), fleet.head().await);
    let best = two.classifier.performance(1).await.unwrap();
    assert_eq!((best.patterns.len(), &*best.patterns[0].id, best.ranked), (1, "many", 4));
}

#[tokio::test]
async fn what_is_saved_is_what_the_calls_would_have_cost() {
    let (_fleet, one) = one().await;
    one.put("learning/default", policy(json!({ "llm_call_cost": 0.25 }))).await;
    one.put("profiles/other", json!({})).await;
    one.put_patterns(&["a"]).await;
    for query in ["a", "a", "a", "quanti ordini", ""] {
        one.ask(query).await;
    }
    one.classifier.classify("a", Some("other")).await.unwrap();
    one.classifier.flush().await;
    let profiles = one.classifier.performance(1).await.unwrap().profiles;
    let saved = Savings { matched: 3, llm: 1, none: 1, llm_call_cost: 0.25, cost_saved: 0.75 };
    let nothing = Savings { none: 1, ..Savings::default() };
    let found: Vec<_> = profiles.iter().map(|(name, savings)| (&**name, *savings)).collect();
    assert_eq!(found, [("default", saved), ("other", nothing)]);
}

#[tokio::test]
async fn what_is_deleted_is_ranked_no_more() {
    let (_fleet, one) = one().await;
    assert_eq!(one.classifier.performance(10).await.unwrap().ranked, 0);
    one.put_patterns(&["a"]).await;
    one.ask("a").await;
    one.classifier.flush().await;
    assert_eq!(one.classifier.performance(10).await.unwrap().ranked, 1);
    let edit = midflight_core::Edit {
        author: "tester".into(),
        reason: String::new(),
        trigger: midflight_core::Trigger::ApiUpdate,
        owner: None,
        take_over: false,
        changes: vec![midflight_core::Change::delete(crate::support::document("a"))],
    };
    one.engine.apply(edit).await.unwrap();
    assert_eq!(one.classifier.performance(10).await.unwrap().ranked, 0);
}
