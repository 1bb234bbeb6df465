//! A thousand broken documents: none panics, none is refused without a reason and a place.

use std::sync::Arc;

use midflight_core::{DocumentName, check_body};
use midflight_engine::{Kind, KindChange, Work};
use midflight_rules::import::import;
use midflight_rules::{ExecuteRequest, Rules};
use serde_json::{Value, json};

use crate::support::snapshot;

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
            "r",
            json!({"name": "n", "patterns": {"Y-": "go"}, "default": true, "tags": ["a"], "compat": "original"}),
        ),
        ("conditions/c1", json!({"attribute": "a.b", "operator": "range", "constant": [1, 20.5]})),
        (
            "conditions/c2",
            json!({"attribute": "s", "equation": "regex_match", "constant": "^(a|b){2,5}[0-9]+$"}),
        ),
        (
            "r/1",
            json!({"rule_name": "one", "type": "complex", "rule_point": 20, "weight": 0.1, "priority": 1,
                "conditions": {"mode": "inclusive", "items": ["c1", {"not": {"any": ["c2",
                    {"attribute": "x", "operator": "in", "constant": ["DC", 5, null]}]}}]}, "action_result": "{{s}}!"}),
        ),
    ]
}

/// A broken copy of a text or of the value it says.
fn broken(text: &str, seeded: &mut Seeded) -> Option<Value> {
    match seeded.below(3) {
        0 => {
            let mut bytes = text.as_bytes().to_vec();
            let at = seeded.below(bytes.len());
            bytes[at] ^= 1 << seeded.below(8);
            serde_json::from_slice(&bytes).ok()
        }
        1 => {
            let mut bytes = text.as_bytes().to_vec();
            let (at, end) = (seeded.below(bytes.len()), seeded.below(bytes.len()));
            bytes.drain(at.min(end)..at.max(end));
            serde_json::from_slice(&bytes).ok()
        }
        _ => {
            let mut value: Value = serde_json::from_str(text).ok()?;
            spoil(&mut value, seeded);
            Some(value)
        }
    }
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
        part => *part = strange(seeded),
    }
}

fn strange(seeded: &mut Seeded) -> Value {
    let all = [
        json!(null),
        json!(true),
        json!(-1),
        json!(1e308),
        json!(u64::MAX),
        json!(""),
        json!("((((((a{99}){99}){99}){99}"),
        json!([]),
        json!({}),
        json!([[[[[[[[[[1]]]]]]]]]]),
        (0..60).fold(json!("c1"), |inner, _| json!({ "not": inner })),
        (0..500).map(|n| json!({"attribute": format!("a{n}"), "operator": "equal", "constant": n})).collect(),
        json!("x".repeat(20_000)),
        json!("{{{{"),
    ];
    all[seeded.below(all.len())].clone()
}

#[test]
fn a_thousand_broken_documents_are_taken_or_refused_with_a_reason() {
    let documents = documents();
    let before = snapshot(&documents);
    let data = json!({"a": {"b": 5}, "s": "x1", "x": 5});
    let answer = before.execute(&ExecuteRequest::new(None, &data)).unwrap();
    let (mut seeded, mut tried, mut refused) = (Seeded(42), 0, 0);
    while tried < 1_000 {
        let (name, body) = &documents[seeded.below(documents.len())];
        let Some(body) = broken(&body.to_string(), &mut seeded) else { continue };
        tried += 1;
        let (name, work) = (DocumentName::new(name).unwrap(), Work::unbounded());
        let bad_body = check_body(&body);
        let compiled =
            bad_body.or(()).and_then(|()| Rules.validate(&name, &Arc::new(body.clone()), &work)).and_then(
                |document| Rules.compile(&before, vec![KindChange { name, document: Some(document) }], &work),
            );
        match compiled {
            Ok(next) => drop(next.execute(&ExecuteRequest::new(Some("r"), &data))),
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
        assert_eq!(before.execute(&ExecuteRequest::new(None, &data)).as_ref(), Ok(&answer));
    }
    assert!((200..1_000).contains(&refused), "{refused} were refused, so the mutations test little");
}

#[test]
fn a_thousand_broken_files_import_or_are_refused_with_a_reason() {
    let rules =
        json!({"rules_set": [{"id": "R1", "rule_name": "one", "conditions": {"item": "C1"}, "weight": 0.1}],
        "patterns": {"Y": "go"}})
        .to_string();
    let conditions = json!({"conditions_set": [
        {"condition_id": "C1", "attribute": "a", "equation": "range", "constant": "['x','y']"}]})
    .to_string();
    let mut seeded = Seeded(7);
    for _ in 0..1_000 {
        let broken = |text: &str, seeded: &mut Seeded| {
            broken(text, seeded).map_or("{".to_owned(), |value| value.to_string())
        };
        let (rules, conditions) = match seeded.below(2) {
            0 => (broken(&rules, &mut seeded), conditions.clone()),
            _ => (rules.clone(), broken(&conditions, &mut seeded)),
        };
        match import(&rules, Some(&conditions), "r") {
            Ok(imported) => {
                let work = Work::unbounded();
                let validated = imported
                    .documents
                    .iter()
                    .map(|(name, body)| Rules.validate(name, &Arc::new(body.clone()), &work));
                validated.filter_map(Result::err).for_each(|problems| assert!(problems.count() > 0));
            }
            Err(problems) => assert!(problems.iter().all(|problem| problem.message.len() > 10)),
        }
    }
}
