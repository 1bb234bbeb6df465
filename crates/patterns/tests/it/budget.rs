//! What a classification may take: the budget is asked before every search of a regular expression.

use std::time::Duration;

use midflight_engine::{Interrupted, Work};
use midflight_patterns::{ClassifyError, PatternsSnapshot};
use serde_json::{Value, json};

use crate::support::{id, snapshot};

fn regexes(count: usize) -> PatternsSnapshot {
    let any: Vec<_> = (0..count).map(|n| format!(r"\b\w+ [0-9]+ {n}\b")).collect();
    let exclusion =
        json!({"pattern": "order", "match": "contains", "category": "C", "exclusion": r"\bsecret\b"});
    let documents: [(&str, Value); 3] = [
        ("exact", json!({"pattern": "ciao", "category": "A", "order": 1})),
        ("regexes", json!({"any_of": any, "match": "regex", "category": "B"})),
        ("excluding", exclusion),
    ];
    snapshot(&documents)
}

fn interrupted(snapshot: &PatternsSnapshot, query: &str, work: &Work) -> Option<Interrupted> {
    match snapshot.classify_within(query, None, work) {
        Ok(_) => None,
        Err(ClassifyError::TooExpensive { why }) => Some(why),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_query_whose_budget_is_spent_has_no_answer_and_not_that_nothing_matches() {
    let snapshot = regexes(20);
    let work = Work::unbounded();
    work.cancel();
    assert_eq!(interrupted(&snapshot, "quanti 12 7 perché", &work), Some(Interrupted::Cancelled));
    assert_eq!(
        interrupted(&snapshot, "an order", &work),
        Some(Interrupted::Cancelled),
        "an exclusion searches too"
    );
    assert_eq!(interrupted(&snapshot, "Ciao!", &work), None, "a key comes first in the declared order");
    assert_eq!(id(&snapshot, "quanti 12 7 perché").as_deref(), Some("regexes"));
    assert_eq!(id(&snapshot, "an order, secret").as_deref(), None);
}

#[test]
fn a_search_that_may_take_long_is_not_begun_on_a_brief_budget() {
    let snapshot = regexes(20);
    let brief = Work::unbounded().with_steps_of(Duration::from_millis(10));
    assert_eq!(interrupted(&snapshot, "quanti 12 7 perché", &brief), None);
    assert_eq!(interrupted(&snapshot, &"perché ".repeat(1_000), &brief), Some(Interrupted::LongStep));
    assert_eq!(interrupted(&snapshot, &"perché ".repeat(1_000), &PatternsSnapshot::budget()), None);
}

#[test]
fn literals_within_each_other_ask_the_budget_too() {
    let texts: Vec<_> = (1..=50).map(|count| "a".repeat(count)).collect();
    let snapshot = snapshot(&[("nested", json!({"any_of": texts, "match": "word", "category": "A"}))]);
    let query = "a".repeat(4_000) + "b";
    assert_eq!(interrupted(&snapshot, &query, &Work::unbounded()), None);
    let work = Work::unbounded();
    work.cancel();
    assert_eq!(interrupted(&snapshot, &query, &work), Some(Interrupted::Cancelled));
}
