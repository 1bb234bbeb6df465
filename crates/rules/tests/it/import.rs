//! The importer on the original's own files, where they are at hand, and on files of the same shapes.

use std::path::PathBuf;

use midflight_rules::import::import;
use midflight_rules::{ExecuteRequest, RulesSnapshot};
use serde_json::{Value, json};

/// The text of one of the original's files; none, said aloud, where they are not at hand.
fn original(file: &str) -> Option<String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/rules").join(file);
    let text = std::fs::read_to_string(&path).ok();
    if text.is_none() {
        eprintln!("SKIPPED: the original's file {file} is not at {}", path.display());
    }
    text
}

fn imported(rules: &str, conditions: Option<&str>) -> RulesSnapshot {
    let documents = import(rules, conditions, "imported").unwrap_or_else(|problems| panic!("{problems}"));
    let documents: Vec<_> = documents.iter().map(|(name, body)| (name.as_str(), body.clone())).collect();
    crate::support::snapshot(&documents)
}

#[test]
fn version_4_and_its_27_conditions_answer_as_the_original_did() {
    let (Some(rules), Some(conditions)) =
        (original("rules_config_v4.json"), original("conditions_config.json"))
    else {
        return;
    };
    let snapshot = imported(&rules, Some(&conditions));
    assert_eq!((snapshot.condition_count(), snapshot.rule_count()), (27, 3));
    let data = json!({"age_till_now": 150, "status": "uat", "days_since_starting_uat": 40,
        "days_since_bomc_approval": 3});
    let answer = snapshot.execute(&ExecuteRequest::new(Some("imported"), &data)).unwrap();
    assert_eq!((answer.total_points, answer.pattern_result.as_str()), (3.5, "YY-"));
    assert_eq!(answer.action_recommendation, None);
    let Some(event) = original("test-event.json") else { return };
    let event: Value = serde_json::from_str(&event).unwrap();
    let answer = snapshot.execute(&ExecuteRequest::new(Some("imported"), &event)).unwrap();
    assert_eq!(answer.pattern_result, "Y--");
    assert_eq!(answer.action_recommendation, Some("Need to clear backlog"));
}

#[test]
fn versions_1_and_3_are_refused_naming_the_missing_condition() {
    for (file, missing) in [
        ("rules_config_v1.json", ["greater_than", "equal", "range"]),
        ("rules_config_v3.json", ["greater_than", "greater_than", "greater_than"]),
    ] {
        let (Some(rules), Some(conditions)) = (original(file), original("conditions_config.json")) else {
            return;
        };
        let problems = import(&rules, Some(&conditions), "old").unwrap_err();
        let told: Vec<_> = problems.iter().collect();
        assert_eq!(told.len(), missing.len());
        for (i, (problem, missing)) in told.iter().zip(missing).enumerate() {
            assert_eq!(
                (problem.path.as_str(), &*problem.code),
                (&*format!("/rules_set/{i}/condition"), "unknown_condition")
            );
            let expected = format!("{missing:?} is not among the catalogue's conditions");
            assert!(problem.message.starts_with(&expected), "{problem}");
        }
    }
}

#[test]
fn version_2_is_refused_naming_its_shape() {
    let Some(rules) = original("rules_config_v2.json") else { return };
    let problems = import(&rules, None, "old").unwrap_err();
    let told = problems.to_string();
    assert!(
        told.contains("at /rules_set_details: this is the shape rules_set_details (version 2)"),
        "{told}"
    );
    assert!(told.contains("rule_point"), "{told}");
}

#[test]
fn the_fixtures_and_the_database_seed_import() {
    let (Some(rules), Some(conditions)) =
        (original("fixture_rules_config.json"), original("fixture_conditions_config.json"))
    else {
        return;
    };
    let snapshot = imported(&rules, Some(&conditions));
    let data = json!({"status": "open", "priority": 11});
    let answer = snapshot.execute(&ExecuteRequest::new(Some("imported"), &data)).unwrap();
    assert_eq!((answer.total_points, answer.pattern_result.as_str()), (100.0, "ABC"));
    assert_eq!(answer.action_recommendation, Some("REVIEWED"));

    let Some(seed) = original("db_seed_sample_ruleset.json") else { return };
    let snapshot = imported(&seed, None);
    assert_eq!(snapshot.default_ruleset(), Some("imported"));
    let answer = snapshot.execute(&ExecuteRequest::new(None, &json!({"score": 90}))).unwrap();
    assert_eq!((answer.total_points, answer.pattern_result.as_str()), (150.0, "YY-"));
}

#[test]
fn shapes_like_the_originals_are_read_wherever_this_runs() {
    let conditions = json!({"conditions_set": [
        {"condition_id": "C1", "condition_name": "one", "attribute": "a", "equation": "greater_than", "constant": "10"},
        {"condition_id": "C2", "attribute": "b", "equation": "range", "constant": "['x','y']"},
    ]});
    let rules = json!({"rules_set": [
        {"id": "R1", "rule_name": "Rule 1", "type": "complex", "conditions": {"mode": "inclusive", "items": ["C1", "C2"]},
         "message": "both", "result": "Y", "weight": 0.5, "rule_point": 20, "priority": 1, "action_result": "A"},
        {"rulename": "Rule Two", "type": "simple", "conditions": {"item": "C2"}, "rulepoint": 3, "priority": 2},
    ], "patterns": {"AY": "go"}});
    let snapshot = imported(&rules.to_string(), Some(&conditions.to_string()));
    let answer =
        snapshot.execute(&ExecuteRequest::new(Some("imported"), &json!({"a": 11, "b": "x"}))).unwrap();
    assert_eq!((answer.total_points, answer.action_recommendation), (13.0, Some("go")));
    assert_eq!((answer.matched.as_slice(), answer.pattern_result.as_str()), (&["R1", "Rule-Two"][..], "AY"));
}

#[test]
fn ids_that_come_twice_and_rules_without_conditions_are_refused() {
    let rules = json!({"rules_set": [
        {"id": "R1", "conditions": {"item": "C1"}}, {"id": "R1", "conditions": {"item": "C1"}},
        {"id": "R2"}, {"conditions": {"item": "C1"}}, 5,
    ]});
    let told = import(&rules.to_string(), Some("{}"), "x").unwrap_err().to_string();
    for part in [
        "at /conditions_set: write conditions_set: a list",
        "at /rules_set/1: \"x/R1\" is there twice",
        "at /rules_set/2: a rule needs conditions",
        "at /rules_set/3: a rule needs an id",
        "at /rules_set/4: a rule needs an id",
    ] {
        assert!(told.contains(part), "{part}\nis not in\n{told}");
    }
}
