//! Two patterns that answer have no text in common: the second is refused, naming the first.

use serde_json::{Value, json};

use crate::support::{edit, id, refusals, snapshot};

fn pattern(text: &str, kind: &str) -> Value {
    json!({"pattern": text, "match": kind, "category": "A"})
}

fn with(mut body: Value, key: &str, value: Value) -> Value {
    body[key] = value;
    body
}

#[test]
fn the_second_of_one_key_is_refused_naming_the_first() {
    for kind in ["exact", "prefix", "contains", "word", "regex"] {
        let other = if kind == "regex" { "ciao" } else { "CIAO" };
        let before = snapshot(&[("first", pattern("ciao", kind))]);
        let message = refusals(&before, &[("second", pattern(other, kind))]);
        assert_eq!(
            message,
            [format!(
                "second /pattern duplicate_pattern: the pattern \"first\" matches \"ciao\" already ({kind}, profile \
                 \"default\"); change that one, or disable it"
            )]
        );
        assert_eq!(id(&before, "ciao").as_deref(), Some("first"));
        // Also where both are new, and where a list has it.
        let both = [("a", pattern("ciao", kind)), ("b", pattern("ciao", kind))];
        let message = refusals(&snapshot(&[]), &both);
        assert!(message[0].starts_with("b /pattern duplicate_pattern: the pattern \"a\""), "{message:?}");
        let list = json!({"any_of": ["x", "ciao"], "match": kind, "category": "A"});
        let message = refusals(&before, &[("second", list)]);
        assert!(
            message.len() == 1
                && message[0].starts_with("second /any_of/1 duplicate_pattern: the pattern \"first\"")
        );
    }
    let twice = json!({"any_of": ["Ciao!", "x", "ciao"], "category": "A"});
    let message = refusals(&snapshot(&[]), &[("p", twice)]);
    assert_eq!(message, ["p /any_of/2 duplicate_pattern: the list has the key \"ciao\" twice"]);
}

#[test]
fn different_patterns_may_coexist() {
    let before = snapshot(&[
        ("profiles/it", json!({})),
        ("first", pattern("ciao", "exact")),
        ("contains", pattern("ciao", "contains")),
        ("regex", pattern("ciao", "regex")),
    ]);
    let beside = [
        ("a", with(pattern("ciao", "exact"), "profile", json!("it"))),
        ("b", pattern("ciao", "word")),
        ("c", with(pattern("ciao", "contains"), "max_words", json!(3))),
        ("d", with(pattern("ciao", "contains"), "exclusion", json!("mondo"))),
        ("e", with(pattern("ciao", "exact"), "status", json!("pending"))),
        ("f", with(pattern("ciao", "exact"), "status", json!("disabled"))),
        ("g", pattern("CIAO", "regex")),
    ];
    let all = edit(&before, &beside).unwrap();
    assert_eq!((all.pattern_count(), id(&all, "ciao").as_deref()), (10, Some("b")));
}

#[test]
fn a_pending_one_may_wait_and_is_refused_when_it_is_approved() {
    let pending = with(pattern("ciao", "exact"), "status", json!("pending"));
    let before = snapshot(&[("first", pattern("ciao", "exact")), ("second", pending.clone())]);
    let approved = pattern("Ciao?", "exact");
    let message = refusals(&before, &[("second", approved.clone())]);
    assert!(
        message[0].starts_with("second /pattern duplicate_pattern: the pattern \"first\""),
        "{message:?}"
    );
    // With the first out of the way, in the same edit, it answers.
    for first in [Value::Null, pending, pattern("salve", "exact"), pattern("ciao", "word")] {
        let swapped =
            edit(&before, &[("first", first), ("second", with(approved.clone(), "order", json!(0)))])
                .unwrap();
        assert_eq!(id(&swapped, "ciao").as_deref(), Some("second"));
    }
}

#[test]
fn two_swap_their_texts_in_one_edit() {
    for kind in ["exact", "prefix", "contains", "word", "regex"] {
        let before = snapshot(&[("a", pattern("ciao", kind)), ("b", pattern("salve", kind))]);
        let swapped = edit(&before, &[("a", pattern("salve", kind)), ("b", pattern("ciao", kind))]).unwrap();
        assert_eq!(
            (id(&swapped, "ciao"), id(&swapped, "salve")),
            (Some("b".into()), Some("a".into())),
            "{kind}"
        );
        assert_eq!(
            (id(&before, "ciao"), id(&before, "salve")),
            (Some("a".into()), Some("b".into())),
            "{kind}"
        );
    }
}

#[test]
fn a_profile_by_which_two_become_one_is_refused() {
    let before = snapshot(&[
        ("profiles/it", json!({})),
        ("a", with(pattern("perché", "exact"), "profile", json!("it"))),
        ("b", with(pattern("perche oggi", "exact"), "profile", json!("it"))),
        ("c", with(pattern("oggi", "exact"), "profile", json!("it"))),
    ]);
    let folding = json!({"fold_accents": true, "stop_words": ["oggi"]});
    let mut message = refusals(&before, &[("profiles/it", folding.clone())]);
    message.sort();
    assert!(
        message[0].starts_with("b /pattern duplicate_pattern: the pattern \"a\" matches \"perche\""),
        "{message:?}"
    );
    assert!(
        message[1].starts_with("c /pattern empty_key: it is empty after normalization by its profile"),
        "{message:?}"
    );
    let cured = [("profiles/it", folding), ("b", Value::Null), ("c", Value::Null)];
    let after = edit(&before, &cured).unwrap();
    assert_eq!(after.classify("PERCHE, oggi?", Some("it")).unwrap().found.unwrap().pattern.id(), "a");
    assert!(before.classify("perche", Some("it")).unwrap().found.is_none());
}
