//! How texts are found, and what a query must fulfil beside.

use serde_json::{Value, json};

use crate::support::{edit, id, snapshot};

fn pattern(kind: &str, text: &str) -> Value {
    json!({"pattern": text, "match": kind, "category": "A"})
}

#[track_caller]
fn check(kind: &str, text: &str, query: &str, expected: bool) {
    let found = id(&snapshot(&[("p", pattern(kind, text))]), query).is_some();
    assert_eq!(found, expected, "{kind} {text:?} in {query:?}");
}

#[test]
fn each_match_finds_its_text() {
    check("exact", "Ci sono errori?", "ci, SONO errori", true);
    check("exact", "ci sono", "ci sono errori", false);
    check("prefix", "quant", "Quanti ordini", true);
    check("prefix", "quant", "a quanti", false);
    check("prefix", "aa", "baaa", false);
    check("prefix", "«", "« sì", true);
    check("prefix", "'", "\u{2018}sì", true);
    check("contains", "rror", "gli ERRORI", true);
    check("contains", "sono  errori", "ci sono\terrori", true);
    check("contains", "sono errori", "ci sono, errori", false);
    check("contains", "cosi", "così", false);
    check("word", "errori", "gli errori!", true);
    check("word", "errore", "errore-errori", true);
    check("word", "error", "errori error", true);
    check("word", "error", "errori terror", false);
    check("word", "ora", "l'ora", true);
    check("word", "perch", "perché", false);
    check("word", "c++", "c++11", true);
    check("word", "+", "c++11", true);
    check("word", "न", "दिन", false);
    check("word", "ह", "हिन्दी", false);
    check("regex", r"^ordini?$", "ORDINI", true);
    check("regex", r"ordin[ei]\b", "gli ordini?", true);
    check("regex", r"a\.b", "a.b", true);
    check("regex", r"A\sB", "a\tb", true);
}

#[test]
fn an_unmet_condition_leaves_the_answer_to_the_next() {
    for kind in ["prefix", "contains", "word", "regex"] {
        let first = |body: Value| {
            let mut first = pattern(kind, "a");
            first["order"] = json!(0);
            first.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
            first
        };
        let (few, none) = (json!({"max_words": 2}), json!({"exclusion": "B$"}));
        let list =
            json!({"any_of": ["a", "a a"], "match": kind, "category": "A", "order": 1, "max_words": 3});
        let all = snapshot(&[
            ("few", first(few)),
            ("none", first(none)),
            ("list", list),
            ("rest", pattern(kind, "a")),
        ]);
        for (query, expected) in [
            ("a", "few"),
            ("a, a", "few"),
            ("a a a", "none"),
            ("a b", "few"),
            ("a a b", "list"),
            ("a a a b", "rest"),
        ] {
            assert_eq!(id(&all, query).as_deref(), Some(expected), "{kind} {query}");
        }
        let without = edit(&all, &[("rest", Value::Null), ("list", Value::Null)]).unwrap();
        assert_eq!((id(&without, "a a a b"), id(&all, "a a a b").as_deref()), (None, Some("rest")), "{kind}");
    }
}

#[test]
fn of_several_texts_one_is_enough_and_is_named() {
    let list = |kind: &str| json!({"any_of": ["uno", "due", "uno due"], "match": kind, "category": "A"});
    for (kind, query, key) in [
        ("exact", "Uno, due!", "uno due"),
        ("prefix", "due e tre", "due"),
        ("contains", "il due", "due"),
        ("word", "il due", "due"),
        ("regex", "due uno", "uno"),
    ] {
        let all = snapshot(&[("p", list(kind))]);
        assert_eq!(&**all.classify(query, None).unwrap().found.unwrap().key, key, "{kind}");
    }
}
