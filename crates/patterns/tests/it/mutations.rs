//! A thousand broken documents: none panics, none is refused without a reason and a place.

use std::sync::Arc;

use midflight_core::{DocumentName, check_body};
use midflight_engine::{Kind, KindChange, Work};
use midflight_patterns::Patterns;
use midflight_patterns::import::{families, labelled, rows};
use serde_json::{Value, json};

use crate::schemas::by_schema;
use crate::support::{edit, snapshot};

/// A seeded generator of numbers (splitmix64), so that every run breaks the same documents.
struct Seeded(u64);

impl Seeded {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end).unwrap()).unwrap()
    }
}

fn documents() -> Vec<(&'static str, Value)> {
    vec![
        (
            "profiles/it",
            json!({"language": "it", "stop_words": ["oggi", "ora"], "punctuation": "unicode",
            "compatibility": true, "fold_accents": true, "description": "d"}),
        ),
        (
            "learning/it",
            json!({"mode": "auto", "threshold": 0.8, "never_categories": ["X"], "never_contains": ["sql"],
            "key_chars_min": 2, "order": 4, "demote_below": 0.4, "demote_after": 9, "llm_call_cost": 0.1}),
        ),
        (
            "prompts/it",
            json!({"instructions": "i", "categories": {"A": null, "B": {"description": "b", "action": "route",
            "direct_response": "r"}}, "temperature": 0.5, "tokens_max": 20}),
        ),
        (
            "hello",
            json!({"pattern": "ciao", "profile": "it", "category": "GREETING", "direct_response": "Ciao.",
            "confidence": 0.9, "created_by": "llm", "status": "approved"}),
        ),
        (
            "metric",
            json!({"any_of": ["quanti", "quante volte"], "match": "prefix", "category": "METRIC", "max_words": 4,
            "exclusion": "email|posta", "order": 5, "tags": ["t"], "action": "tool"}),
        ),
        (
            "regex",
            json!({"any_of": ["^(a|b){2,5}[0-9]+$", r"\bciao\b"], "match": "regex", "category": "C", "order": -1}),
        ),
    ]
}

/// A broken copy of a text or of the value it says.
fn broken(text: &str, seeded: &mut Seeded) -> Option<Value> {
    let mut bytes = text.as_bytes().to_vec();
    let (at, end) = (seeded.below(bytes.len()), seeded.below(bytes.len()));
    match seeded.below(3) {
        0 => bytes[at] ^= 1 << seeded.below(8),
        1 => drop(bytes.drain(at.min(end)..at.max(end))),
        _ => {
            let mut value: Value = serde_json::from_str(text).ok()?;
            spoil(&mut value, seeded);
            return Some(value);
        }
    }
    serde_json::from_slice(&bytes).ok()
}

/// Puts something strange in place of one part of a value.
fn spoil(value: &mut Value, seeded: &mut Seeded) {
    let deeper = seeded.below(4) > 0;
    match value {
        Value::Object(members) if deeper && !members.is_empty() => {
            let at = seeded.below(members.len());
            members.values_mut().nth(at).into_iter().for_each(|member| spoil(member, seeded));
        }
        Value::Array(items) if deeper && !items.is_empty() => {
            let at = seeded.below(items.len());
            spoil(&mut items[at], seeded);
        }
        part => *part = strange()[seeded.below(strange().len())].clone(),
    }
}

fn strange() -> Vec<Value> {
    vec![
        json!(null),
        json!(true),
        json!(-1),
        json!(0.5),
        json!(1e308),
        json!(u64::MAX),
        json!(""),
        json!("\u{0}\u{200b}"),
        json!("a b/c"),
        json!("((((((a{99}){99}){99}){99}"),
        json!([]),
        json!({}),
        json!([[[[[[[[[[1]]]]]]]]]]),
        json!(["a", null, ["b"]]),
        (0..60).fold(json!("c1"), |inner, _| json!({ "not": inner })),
        json!(vec!["x"; 1_001]),
        json!("x".repeat(20_000)),
    ]
}

/// Every place of a value, as a pointer.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(key, member)| places(member, &format!("{at}/{key}"), found));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, item)| places(item, &format!("{at}/{i}"), found));
        }
        _ => {}
    }
}

#[test]
fn something_strange_at_any_place_is_taken_by_schema_and_kind_or_refused_by_both() {
    let (mut tried, mut refused) = (0, 0);
    for (name, body) in documents() {
        let mut all = Vec::new();
        places(&body, "", &mut all);
        for (place, strange) in all.iter().flat_map(|place| strange().into_iter().map(move |it| (place, it)))
        {
            let mut bent = body.clone();
            *bent.pointer_mut(place).unwrap() = strange;
            tried += 1;
            let validated = Patterns.validate(
                &DocumentName::new(name).unwrap(),
                &Arc::new(bent.clone()),
                &Work::unbounded(),
            );
            // What only the kind knows: whether a regular expression is one, and whether a text has anything to be seen.
            let only_the_kind = |problems: &midflight_core::Problems| {
                problems.iter().all(|it| ["bad_regex", "empty", "invalid_value"].contains(&&*it.code))
            };
            match validated {
                Ok(_) => assert!(by_schema(name, &bent), "{name} {place}: {bent}"),
                Err(problems) => {
                    refused += 1;
                    assert!(
                        !by_schema(name, &bent) || only_the_kind(&problems),
                        "{name} {place}: {problems}"
                    );
                    let near = |path: &str| place.starts_with(path) || path.starts_with(place.as_str());
                    assert!(problems.iter().any(|it| near(it.path.as_str())), "{name} {place}: {problems}");
                }
            }
        }
    }
    assert!(tried > 700 && refused * 2 > tried, "{refused} of {tried} were refused");
}

#[test]
fn a_thousand_broken_documents_are_taken_or_refused_with_a_reason() {
    let documents = documents();
    let before = snapshot(&documents);
    let inputs = [
        json!({"query": "ciao"}),
        json!({"query": "Ciao, oggi", "profile": "it"}),
        json!({"query": "quanti ab7"}),
    ];
    let answers = || inputs.iter().map(|input| Patterns.answer(&before, input)).collect::<Vec<_>>();
    let answered = answers();
    let (mut seeded, mut tried, mut refused) = (Seeded(42), 0, 0);
    while tried < 1_000 {
        let (name, body) = &documents[seeded.below(documents.len())];
        let Some(body) = broken(&body.to_string(), &mut seeded) else { continue };
        tried += 1;
        let (name, work) = (DocumentName::new(name).unwrap(), Work::unbounded());
        let validated =
            check_body(&body).or(()).and_then(|()| Patterns.validate(&name, &Arc::new(body.clone()), &work));
        let compiled = validated.and_then(|document| {
            Patterns.compile(&before, vec![KindChange { name, document: Some(document) }], &work)
        });
        match compiled {
            Ok(next) => inputs.iter().for_each(|input| drop(Patterns.answer(&next, input))),
            Err(problems) => {
                refused += 1;
                assert!(problems.count() > 0);
                for problem in problems.iter() {
                    let path = problem.path.as_str();
                    assert!(path.is_empty() || path.starts_with('/'), "{problem}");
                    assert!(problem.message.len() > 10 && problem.message.len() < 2_000, "{problem}");
                }
            }
        }
        assert_eq!(answers(), answered);
    }
    assert!((200..1_000).contains(&refused), "{refused} were refused, so the mutations test little");
}

#[test]
fn a_thousand_broken_files_import_or_are_refused_with_a_reason() {
    let families_file = json!({"temporal_stop_words": ["oggi"], "never_learn_contains": ["sql"],
        "note_order_2": "skipped entirely when regex \\bx matches", "rules": [
            {"list_name": "one", "match": "exact", "values": ["ciao"], "category": "A", "order": 1, "max_words": null},
            {"list_name": "two", "match": "regex_search", "values": ["a.c"], "category": "B", "order": 2, "max_words": 3},
            {"list_name": null, "match": "hash_lookup(normalized)", "values": null, "order": 3}]});
    let rows_file = json!([{"id": 3, "pattern": "ciao", "category": "A", "confidence": "0.9", "created_by": "llm",
        "status": "pending", "enabled": true, "times_used": 2}]);
    let (families_file, rows_file) = (families_file.to_string(), rows_file.to_string());
    let mut seeded = Seeded(7);
    for round in 0..1_000 {
        let file = if round % 2 == 0 { &families_file } else { &rows_file };
        let file = broken(file, &mut seeded).map_or("{".to_owned(), |value| value.to_string());
        let imported = if round % 2 == 0 { families(&file, "it") } else { rows(&file, "it", Some(4)) };
        match imported {
            Ok(imported) => {
                let documents = imported.documents.iter().map(|(name, body)| (name.as_str(), body.clone()));
                let made = edit(&Patterns.empty(), &documents.collect::<Vec<_>>());
                made.err().into_iter().for_each(|problems| assert!(problems.count() > 0));
                assert!(imported.bad.iter().all(|bad| bad.place.starts_with('/') && bad.why.len() > 10));
            }
            Err(error) => assert!(error.to_string().len() > 10, "{error}"),
        }
        let messages = labelled(&file.replace(',', "\t")).unwrap_err().to_string();
        assert!(messages.contains("first line"), "{messages}");
    }
}
