//! Input that is wrong, huge or made to hurt: it is refused with a reason or answered, and it ends.

use std::sync::Arc;

use midflight_core::DocumentName;
use midflight_engine::{Kind, Work};
use midflight_patterns::limits::QUERY_BYTES_MAX;
use midflight_patterns::{ClassifyError, Patterns};
use serde_json::{Value, json};

use crate::support::{edit, id, refusals, snapshot};

fn pattern(text: &str, kind: &str) -> Value {
    json!({"pattern": text, "match": kind, "category": "A"})
}

#[test]
fn a_key_of_which_nothing_is_left_is_refused_and_an_empty_query_matches_nothing() {
    let empty = snapshot(&[("profiles/default", json!({"stop_words": ["oggi"]}))]);
    for (text, kind) in
        [("oggi?", "exact"), ("?!", "exact"), ("  ", "contains"), ("\u{200b}", "word"), ("\0", "prefix")]
    {
        let message = refusals(&empty, &[("p", pattern(text, kind))]);
        assert!(
            message.len() == 1 && message[0].starts_with("p /pattern empty_key: it is empty"),
            "{message:?}"
        );
    }
    let message = refusals(&empty, &[("p", pattern("", "exact"))]);
    assert!(message[0].contains("/pattern empty_key: a pattern has at least one character"), "{message:?}");
    let some = edit(&empty, &[("p", pattern(r"\b|$", "regex"))]).unwrap_err().to_string();
    assert!(some.contains("the regex matches the empty text"), "{some}");
    let some = edit(&empty, &[("a", pattern("^[^x]*.$", "regex")), ("b", pattern("?", "contains"))]).unwrap();
    for query in ["", "   ", "\u{200b}\u{feff}", "\0\u{7f}"] {
        assert_eq!(id(&some, query), None, "{query:?}");
    }
    assert_eq!(id(&some, "oggi?").as_deref(), Some("a"), "the text is there, only the key is empty");
}

#[test]
fn a_query_over_the_bound_is_refused_and_one_at_it_is_answered() {
    let some = snapshot(&[("p", pattern("b", "contains"))]);
    let huge = "é".repeat(1 << 19);
    let error = some.classify(&huge, None).unwrap_err();
    assert_eq!(error, ClassifyError::TooLong { bytes: 1 << 20 });
    assert_eq!(some.normalize(&huge, None).unwrap_err(), error);
    assert_eq!(error.to_string(), "the query has 1048576 bytes and may have 8192; send a shorter one");
    let input = |query: &str| {
        Patterns.answer(&some, &json!({ "query": query })).map_err(|it| (it.code, it.path.to_string()))
    };
    assert_eq!(input(&huge).unwrap_err(), ("too_long".into(), "/query".to_owned()));
    assert_eq!(
        input(&"a".repeat(QUERY_BYTES_MAX + 1)).unwrap_err(),
        ("invalid_input".into(), "/query".to_owned())
    );
    assert_eq!(id(&some, &("a".repeat(QUERY_BYTES_MAX - 1) + "b")).as_deref(), Some("p"));
}

#[test]
fn texts_from_right_to_left_and_their_marks_of_direction_match() {
    let some =
        snapshot(&[("he", pattern("שלום עולם", "exact")), ("ar", pattern("\u{202b}مرحبا\u{202c}", "word"))]);
    assert_eq!(id(&some, "\u{202e}שלום\u{202c} \u{200f}עולם!").as_deref(), Some("he"));
    assert_eq!(id(&some, "قال مرحبا.").as_deref(), Some("ar"));
    assert_eq!(id(&some, "قال مرحباا"), None);
}

#[test]
fn an_unknown_profile_is_refused_with_the_one_that_may_be_meant() {
    let some = snapshot(&[("profiles/italian", json!({}))]);
    let body = |profile: &str| json!({"pattern": "ciao", "category": "A", "profile": profile});
    assert_eq!(
        refusals(&some, &[("p", body("itallian"))]),
        [
            "p /profile unknown_profile: the profile \"itallian\" does not exist; did you mean \"italian\"?; put \
             profiles/itallian first, or in the same edit"
        ]
    );
    for beside in ["learning/itallian", "prompts/itallian"] {
        let body = if beside.starts_with('p') {
            json!({"instructions": "i", "categories": {"A": null}})
        } else {
            json!({})
        };
        let message = refusals(&some, &[(beside, body)]);
        assert!(
            message[0].starts_with(&format!("{beside}  unknown_profile: "))
                && message[0].contains("\"italian\"?"),
            "{message:?}"
        );
    }
    let error = some.classify("ciao", Some("itallian")).unwrap_err();
    assert_eq!(error.to_string(), "unknown profile \"itallian\"; did you mean \"italian\"?");
    let problem = Patterns.answer(&some, &json!({"query": "ciao", "profile": "itallian"})).unwrap_err();
    assert_eq!((&*problem.code, problem.path.as_str()), ("invalid_input", "/profile"));
    let together = [("p", body("new")), ("profiles/new", json!({})), ("learning/new", json!({}))];
    assert_eq!(edit(&some, &together).unwrap().profiles().count(), 3);
}

#[test]
fn a_profile_that_is_in_use_stays() {
    let in_use = [
        ("profiles/it", json!({})),
        ("learning/it", json!({})),
        ("prompts/it", json!({"instructions": "i", "categories": {"A": null}})),
        ("a", json!({"pattern": "ciao", "category": "A", "profile": "it"})),
        ("b", json!({"pattern": "x", "category": "A", "profile": "it", "status": "disabled"})),
    ];
    let before = snapshot(&in_use);
    let removed = |name: &'static str| (name, Value::Null);
    assert_eq!(
        refusals(&before, &[removed("profiles/it")]),
        [
            "profiles/it  in_use: 2 patterns have the profile; delete or change them first, or in the same edit",
            "profiles/it  in_use: learning/it belongs to the profile; delete it first, or in the same edit",
            "profiles/it  in_use: prompts/it belongs to the profile; delete it first, or in the same edit",
        ]
    );
    assert_eq!(
        refusals(
            &before,
            &[removed("profiles/it"), removed("a"), removed("learning/it"), removed("prompts/it")]
        )
        .len(),
        1
    );
    let moved = ("b", json!({"pattern": "x", "category": "A"}));
    let all = [removed("profiles/it"), removed("a"), moved, removed("learning/it"), removed("prompts/it")];
    let after = edit(&before, &all).unwrap();
    assert_eq!(after.profiles().collect::<Vec<_>>(), ["default"]);
    // A pattern that comes to it in the edit that takes it away has it too.
    let bare = snapshot(&in_use[..1]);
    assert_eq!(refusals(&bare, &[removed("profiles/it"), in_use[3].clone()]).len(), 1);
    assert_eq!(
        edit(&bare, &[removed("profiles/no"), removed("no"), removed("learning/no")])
            .unwrap()
            .profiles()
            .count(),
        2
    );
}

#[test]
fn expressions_made_to_hurt_are_refused_or_end() {
    let name = DocumentName::new("p").unwrap();
    for bomb in ["(a{500}){500}", r"(?:\w{50}){50}", "((((a{9}){9}){9}){9}){9}"] {
        let problems =
            Patterns.validate(&name, &Arc::new(pattern(bomb, "regex")), &Work::unbounded()).unwrap_err();
        assert_eq!(problems.iter().next().unwrap().code, "bad_regex", "{bomb}");
    }
    let deep = "(".repeat(400) + "a" + &")".repeat(400);
    assert!(Patterns.validate(&name, &Arc::new(pattern(&deep, "regex")), &Work::unbounded()).is_err());
    let evil = ["(a+)+b", "(a|a)*b", "(a|aa)+$b", "(.*a){12}b", "(?:a?){30}a{30}b", r"(\w+\s?)+!b"];
    let ids: Vec<_> = (0..evil.len()).map(|number| format!("evil{number}")).collect();
    let documents: Vec<_> = ids.iter().zip(evil).map(|(id, text)| (&**id, pattern(text, "regex"))).collect();
    let some = snapshot(&documents);
    assert_eq!(id(&some, &"a".repeat(QUERY_BYTES_MAX)), None);
    assert_eq!(id(&some, &("a".repeat(QUERY_BYTES_MAX - 1) + "b")).as_deref(), Some("evil0"));
    assert_eq!(id(&some, &"é".repeat(QUERY_BYTES_MAX / 2)), None);
}

#[test]
fn many_texts_within_each_other_end() {
    let texts: Vec<_> = (1..=200).map(|count| "a".repeat(count)).collect();
    let list = |kind: &str| json!({"any_of": texts, "match": kind, "category": "A", "order": 1});
    let mut excluded = list("contains");
    excluded["exclusion"] = json!(r"\ba+b$");
    let some =
        snapshot(&[("word", list("word")), ("contains", excluded), ("regex", pattern(r"\bb|a+c", "regex"))]);
    assert_eq!(id(&some, &("a".repeat(QUERY_BYTES_MAX - 1) + "b")), None);
    assert_eq!(id(&some, &"a".repeat(QUERY_BYTES_MAX)).as_deref(), Some("contains"));
}
