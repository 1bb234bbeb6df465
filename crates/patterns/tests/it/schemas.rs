//! The JSON Schemas agree with the validator.

use std::sync::Arc;
use std::sync::LazyLock;

use jsonschema::Validator;
use midflight_core::{DocumentName, check_body};
use midflight_engine::{DocumentSchema, Kind, Work};
use midflight_patterns::Patterns;
use midflight_patterns::limits::{
    CATEGORIES_MAX, CATEGORY_BYTES_MAX, PATTERN_CHARS_MAX, TEXTS_MAX, WORDS_MAX,
};
use midflight_testkit::schemas::{codes_of, compare_kind};
use serde_json::{Value, json};

use crate::mutations::documents;

static VALIDATORS: LazyLock<Vec<(&str, Validator)>> = LazyLock::new(|| {
    let validator =
        |schema: DocumentSchema| (schema.title, jsonschema::validator_for(&schema.schema).unwrap());
    Patterns.schemas().into_iter().map(validator).collect()
});

/// Whether the schema of a document's sort takes a body.
fn by_schema(name: &str, body: &Value) -> bool {
    let title = match name.split_once('/') {
        None => "pattern",
        Some(("profiles", _)) => "profile",
        Some(("learning", _)) => "learning",
        Some(_) => "prompt",
    };
    VALIDATORS.iter().find(|(it, _)| *it == title).unwrap().1.is_valid(body)
}

/// What only the kind knows: whether a regular expression is one, and whether a text has anything to be seen.
const READER_ONLY: &[&str] = &["bad_regex", "empty", "invalid_value"];

#[track_caller]
fn check(name: &str, bodies: &[Value], accepted: bool) {
    for body in bodies {
        let by_kind =
            Patterns.validate(&DocumentName::new(name).unwrap(), &Arc::new(body.clone()), &Work::unbounded());
        assert_eq!((by_schema(name, body), by_kind.is_ok()), (accepted, accepted), "{body}\n{by_kind:?}");
    }
}

/// A pattern with one member more or otherwise.
fn with(key: &str, value: Value) -> Value {
    let mut body = json!({"pattern": "ciao", "match": "contains", "category": "A"});
    body[key] = value;
    body
}

#[test]
fn patterns_that_one_accepts_the_other_accepts() {
    check(
        "p",
        &[
            json!({"pattern": "ciao", "category": "GREETING"}),
            json!({"any_of": ["a", "b"], "match": "regex", "category": "à-b.c", "confidence": 0, "action": "route",
            "direct_response": "", "status": "pending", "order": -1_000_000, "max_words": u32::MAX, "exclusion": "",
            "created_by": "llm", "description": "d", "tags": ["t"], "profile": "it"}),
            with("pattern", json!("é".repeat(PATTERN_CHARS_MAX))),
            with("category", json!("a".repeat(CATEGORY_BYTES_MAX))),
            with("confidence", json!(1.0)),
            with("order", json!(10.0)),
            with("max_words", json!(1)),
            with("profile", json!("_àé9.-:@+x")),
            with("match", json!("exact")),
        ],
        true,
    );
}

#[test]
fn patterns_that_one_refuses_the_other_refuses() {
    let too_many = vec!["a"; TEXTS_MAX + 1];
    check(
        "p",
        &[
            json!([]),
            json!({}),
            json!({"category": "A"}),
            json!({"pattern": "a"}),
            json!({"pattern": "a", "any_of": ["b"], "category": "A"}),
            json!({"any_of": [], "category": "A"}),
            json!({"any_of": ["a", ""], "category": "A"}),
            json!({"any_of": ["a", null], "category": "A"}),
            json!({"any_of": "a", "category": "A"}),
            json!({"any_of": too_many, "category": "A"}),
            json!({"pattern": "a", "category": "A", "max_words": 2}),
            json!({"pattern": "a", "category": "A", "match": "exact", "exclusion": "b"}),
            with("pattern", json!("")),
            with("pattern", json!(7)),
            with("pattern", Value::Null),
            with("pattern", json!("a".repeat(PATTERN_CHARS_MAX + 1))),
            with("match", json!("Contains")),
            with("match", Value::Null),
            with("category", json!("")),
            with("category", json!("a b")),
            with("category", json!("a\u{1}")),
            with("category", json!("a\u{3000}")),
            with("category", json!("a".repeat(CATEGORY_BYTES_MAX + 1))),
            with("confidence", json!(1.01)),
            with("confidence", json!("1")),
            with("action", json!("answer")),
            with("direct_response", json!(1)),
            with("status", json!(true)),
            with("order", json!(1_000_001)),
            with("order", json!(0.5)),
            with("order", json!(1e300)),
            with("max_words", json!(0)),
            with("max_words", json!(u64::from(u32::MAX) + 1)),
            with("exclusion", json!("a".repeat(PATTERN_CHARS_MAX + 1))),
            with("created_by", json!("me")),
            with("profile", json!("a/b")),
            with("profile", json!("")),
            with("profile", json!("-a")),
            with("profile", json!("a".repeat(257))),
            with("profile", json!("a b")),
            with("tags", json!([1])),
            with("tags", json!("t")),
            with("description", json!([])),
            with("patern", json!("a")),
        ],
        false,
    );
}

#[test]
fn profiles_agree() {
    let words = vec!["a"; WORDS_MAX];
    check(
        "profiles/it",
        &[
            json!({}),
            json!({"language": "it", "description": "d", "compatibility": true, "fold_accents": false, "punctuation": "keep",
            "stop_words": [" Oggi "]}),
            json!({"stop_words": words, "punctuation": "unicode"}),
        ],
        true,
    );
    check(
        "profiles/it",
        &[
            json!("it"),
            json!({"language": 1}),
            json!({"language": "a".repeat(10_001)}),
            json!({"compatibility": "yes"}),
            json!({"fold_accents": 1}),
            json!({"punctuation": "none"}),
            json!({"stop_words": "oggi"}),
            json!({"stop_words": ["due parole"]}),
            json!({"stop_words": [""]}),
            json!({"stop_words": ["a", 1]}),
            json!({"stop_words": vec!["a"; WORDS_MAX + 1]}),
            json!({"stopwords": []}),
        ],
        false,
    );
}

#[test]
fn learning_policies_agree() {
    check(
        "learning/it",
        &[
            json!({}),
            json!({"mode": "auto", "threshold": 0, "key_chars_min": 0, "order": 4, "demote_below": 1, "demote_after": 1_000_000,
            "llm_call_cost": 0.02, "never_categories": ["DANGER", ""], "never_contains": ["x y"], "description": "d"}),
        ],
        true,
    );
    check(
        "learning/it",
        &[
            json!([]),
            json!({"mode": "on"}),
            json!({"threshold": -0.1}),
            json!({"key_chars_min": -1}),
            json!({"key_chars_min": 1_000_001}),
            json!({"key_chars_min": 0.5}),
            json!({"order": 9_000_000}),
            json!({"demote_below": 2}),
            json!({"demote_after": null}),
            json!({"llm_call_cost": -1}),
            json!({"never_categories": [1]}),
            json!({"never_categories": vec!["a"; CATEGORIES_MAX + 1]}),
            json!({"never_contains": [""]}),
            json!({"never_contains": [" \t"]}),
            json!({"never_contains": {}}),
            json!({"treshold": 1}),
        ],
        false,
    );
}

#[test]
fn prompts_agree() {
    let prompt = |categories: Value| json!({"instructions": "i", "categories": categories});
    check(
        "prompts/it",
        &[
            prompt(json!({"A": null})),
            prompt(json!({"A": {}, "B": {"description": "", "action": "tool", "direct_response": "x"}})),
            json!({"instructions": "", "categories": {"A": null}, "temperature": 2, "tokens_max": 10_000, "description": "d"}),
        ],
        true,
    );
    let many: serde_json::Map<_, _> = (0..=CATEGORIES_MAX).map(|n| (format!("C{n}"), Value::Null)).collect();
    check(
        "prompts/it",
        &[
            json!(null),
            json!({"instructions": "i"}),
            json!({"categories": {"A": null}}),
            json!({"instructions": 1, "categories": {"A": null}}),
            prompt(json!({})),
            prompt(json!([])),
            prompt(json!(many)),
            prompt(json!({"": null})),
            prompt(json!({"a b": null})),
            prompt(json!({"A": 1})),
            prompt(json!({"A": {"action": "do"}})),
            prompt(json!({"A": {"description": 1}})),
            prompt(json!({"A": {"name": "a"}})),
            json!({"instructions": "i", "categories": {"A": null}, "temperature": 2.1}),
            json!({"instructions": "i", "categories": {"A": null}, "tokens_max": 0}),
            json!({"instructions": "i", "categories": {"A": null}, "tokens_max": 1.5}),
            json!({"instructions": "i", "categories": {"A": null}, "token_max": 1}),
        ],
        false,
    );
}

#[test]
fn the_schemas_and_the_reader_agree_on_broken_and_generated_documents() {
    let schemas: Vec<_> =
        Patterns.schemas().into_iter().map(|schema| (schema.names, schema.schema)).collect();
    let read = |name: &str, body: &Value| {
        let name = DocumentName::new(name).unwrap();
        let read = check_body(body)
            .or(())
            .and_then(|()| Patterns.validate(&name, &Arc::new(body.clone()), &Work::unbounded()).map(drop));
        read.map_err(|problems| codes_of(&problems))
    };
    compare_kind(&schemas, &documents(), &read, READER_ONLY);
}
