//! A thousand broken documents: none panics, none is refused without a reason and a place.

use std::sync::Arc;

use midflight_engine::{Kind, KindChange, Work};
use midflight_rules::import::import;
use midflight_rules::{ExecuteRequest, Rules};
use midflight_testkit::mutate::{self, Seeded, break_documents};
use serde_json::{Value, json};

use crate::support::snapshot;

pub(crate) fn documents() -> Vec<(&'static str, Value)> {
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

/// What is strange to rules beside what is strange to everything.
fn strange() -> Vec<Value> {
    let mut all = mutate::strange();
    all.push(
        (0..500).map(|n| json!({"attribute": format!("a{n}"), "operator": "equal", "constant": n})).collect(),
    );
    all
}

#[test]
fn a_thousand_broken_documents_are_taken_or_refused_with_a_reason() {
    let documents = documents();
    let before = snapshot(&documents);
    let data = json!({"a": {"b": 5}, "s": "x1", "x": 5});
    let answer = before.execute(&ExecuteRequest::new(None, &data)).unwrap();
    let is_unchanged = || assert_eq!(before.execute(&ExecuteRequest::new(None, &data)).as_ref(), Ok(&answer));
    break_documents(&documents, &strange(), |name, body| {
        let work = Work::unbounded();
        let document = Rules.validate(&name, body, &work)?;
        let next = Rules.compile(&before, vec![KindChange { name, document: Some(document) }], &work)?;
        drop(next.execute(&ExecuteRequest::new(Some("r"), &data)));
        is_unchanged();
        Ok(())
    });
    is_unchanged();
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
    let strange = strange();
    let mut seeded = Seeded::new(7);
    for _ in 0..1_000 {
        let broken = |text: &str, seeded: &mut Seeded| {
            seeded.broken(text, &strange).map_or("{".to_owned(), |value| value.to_string())
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
