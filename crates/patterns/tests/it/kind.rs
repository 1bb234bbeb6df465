//! The kind as the engine uses it: a pure function, its answers, its figures.

use std::sync::Arc;

use midflight_core::DocumentName;
use midflight_engine::testing::try_kind;
use midflight_engine::{Kind, KindChange, Work};
use midflight_patterns::{Match, PatternStatus, Patterns};
use serde_json::{Value, json};

use crate::support::{edit, snapshot};

fn documents() -> Vec<(&'static str, Value)> {
    vec![
        (
            "profiles/it",
            json!({"language": "it", "stop_words": ["oggi"], "punctuation": "unicode", "compatibility": true,
            "fold_accents": true, "description": "d"}),
        ),
        (
            "learning/it",
            json!({"mode": "auto", "threshold": 0.8, "never_categories": ["X"], "never_contains": ["sql"],
            "key_chars_min": 2, "order": 4, "demote_below": 0.4, "demote_after": 9, "llm_call_cost": 0.1}),
        ),
        (
            "prompts/it",
            json!({"instructions": "i", "categories": {"A": null, "B": {"description": "b", "action": "route"}},
            "temperature": 0.5, "tokens_max": 20}),
        ),
        (
            "hello",
            json!({"pattern": "Ciao!", "category": "GREETING", "direct_response": "Ciao.", "confidence": 0.9}),
        ),
        ("learned", json!({"pattern": "perché oggi", "profile": "it", "category": "A", "created_by": "llm"})),
        (
            "metric",
            json!({"any_of": ["quanti", "quante"], "match": "prefix", "category": "METRIC", "max_words": 4,
            "exclusion": "email", "order": 5, "tags": ["t"], "action": "tool", "status": "approved"}),
        ),
        ("danger", json!({"pattern": "password", "match": "contains", "category": "DANGER", "order": -1})),
        (
            "waiting",
            json!({"pattern": "password", "match": "word", "category": "DANGER", "status": "pending"}),
        ),
        (
            "regex",
            json!({"pattern": r"\bordini?\b", "match": "regex", "category": "METRIC", "action": "react"}),
        ),
    ]
}

fn inputs() -> Vec<Value> {
    let queries =
        ["ciao", "Quanti ordini?", "quante email", "la password", "un ordine", "perche", "", "?", "niente"];
    let asked = queries.iter().flat_map(|query| {
        [
            json!({ "query": query }),
            json!({"query": query, "profile": "it"}),
            json!({"query": query, "profile": null}),
        ]
    });
    asked
        .chain([json!({"query": "ciao", "profile": "no"}), json!({}), json!(7), json!({"query": 7})])
        .collect()
}

#[test]
fn it_is_the_pure_function_that_a_kind_must_be() {
    let documents = documents().into_iter().map(|(name, body)| (DocumentName::new(name).unwrap(), body));
    try_kind(&Patterns, &documents.collect::<Vec<_>>(), &inputs()).unwrap();
}

#[test]
fn an_answer_has_its_match_and_its_source() {
    let snapshot = snapshot(&documents());
    let answer = |input: Value| Patterns.answer(&snapshot, &input).unwrap();
    let greeting = json!({"category": "GREETING", "confidence": 0.9, "action": "respond", "direct_response": "Ciao.",
        "matched": {"id": "hello", "match": "exact", "key": "ciao"}, "source": "pattern", "normalized": "ciao"});
    assert_eq!(answer(json!({"query": " CIAO "})), greeting);
    let learned = answer(json!({"query": "Perché, oggi…", "profile": "it"}));
    assert_eq!((&learned["source"], &learned["normalized"]), (&json!("learned"), &json!("perche")));
    let metric = answer(json!({"query": "quante fatture"}));
    assert_eq!((&metric["matched"]["key"], &metric["action"]), (&json!("quante"), &json!("tool")));
    let regex = answer(json!({"query": "gli ORDINI di ieri"}));
    assert_eq!(regex["matched"], json!({"id": "regex", "match": "regex", "key": r"\bordini?\b"}));
    let none = json!({"category": null, "matched": null, "source": "none", "normalized": "x y"});
    assert_eq!(answer(json!({"query": "x, y"})), none);
    let figures = [("patterns", 6), ("profiles", 2), ("categories", 4)];
    assert_eq!(Patterns.figures(&snapshot), figures);
}

#[test]
fn the_lowest_order_answers_and_of_equals_the_first_by_id() {
    let pattern = |kind: &str, text: &str, order: i64| json!({"pattern": text, "match": kind, "category": "A", "order": order});
    let kinds = ["exact", "prefix", "contains", "word", "regex"];
    for first in 0..kinds.len() {
        let orders = |at: usize| if at == first { -1 } else { 3 };
        let ids = ["a", "b", "c", "d", "e"];
        let documents: Vec<_> =
            kinds.iter().enumerate().map(|(at, kind)| (ids[at], pattern(kind, "ciao", orders(at)))).collect();
        let all = snapshot(&documents);
        let found = all.classify("ciao", None).unwrap().found.unwrap();
        assert_eq!((found.pattern.id(), found.pattern.match_kind().as_str()), (ids[first], kinds[first]));
        // Without it the others are equals.
        let rest = edit(&all, &[(ids[first], Value::Null)]).unwrap();
        let found = rest.classify("ciao", None).unwrap().found.unwrap();
        assert_eq!(found.pattern.id(), if first == 0 { "b" } else { "a" });
    }
}

#[test]
fn what_a_snapshot_holds_can_be_looked_at() {
    let snapshot = snapshot(&documents());
    let ids = |after| snapshot.patterns(after).map(|pattern| pattern.id()).collect::<Vec<_>>();
    assert_eq!(ids(None), ["danger", "hello", "learned", "metric", "regex", "waiting"]);
    assert_eq!(ids(Some("learned")), ["metric", "regex", "waiting"]);
    let waiting = snapshot.pattern("waiting").unwrap();
    assert_eq!((waiting.status(), waiting.match_kind()), (PatternStatus::Pending, Match::Word));
    let learned = snapshot.pattern("learned").unwrap();
    assert_eq!(
        learned.texts().chain(learned.keys().map(|key| &**key)).collect::<Vec<_>>(),
        ["perché oggi", "perche"]
    );
    let categories: Vec<_> = snapshot.categories().collect();
    assert_eq!(categories, [("A", 1), ("DANGER", 2), ("GREETING", 1), ("METRIC", 2)]);
    assert_eq!(snapshot.profile("it").unwrap().language(), Some("it"));
    assert_eq!(snapshot.learning("it").unwrap().order, 4);
    assert_eq!(snapshot.prompt("it").unwrap().categories().count(), 2);
    assert!(snapshot.learning("default").is_none() && snapshot.prompt("no").is_none());
}

#[test]
fn a_budget_of_memory_or_time_ends_the_work() {
    let validate = |body: &Value, work: &Work| {
        Patterns
            .validate(&DocumentName::new("p").unwrap(), &Arc::new(body.clone()), work)
            .map_err(|problems| problems.to_string())
    };
    let texts: Vec<_> = (0..1_000).map(|number| format!(r"\w{{1,20}} {number}")).collect();
    let body = json!({"any_of": texts, "match": "regex", "category": "A"});
    let late = Work::new(std::time::Instant::now(), u64::MAX);
    assert!(validate(&body, &late).unwrap_err().contains("deadline"));
    let in_time = std::time::Instant::now() + std::time::Duration::from_secs(600);
    let body = json!({"any_of": texts[..10], "match": "regex", "category": "A"});
    let document = validate(&body, &Work::unbounded()).unwrap();
    let change = KindChange { name: DocumentName::new("p").unwrap(), document: Some(document) };
    let small = Work::new(in_time, 1 << 20);
    let problems = Patterns.compile(&Patterns.empty(), vec![change], &small).unwrap_err();
    assert_eq!(problems.iter().next().unwrap().code, "memory_exceeded");
}
