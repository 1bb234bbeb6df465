//! The importer on the original's own files, where they are at hand, and on files of the same shapes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use midflight_rules::import::{ConflictPolicy, ImportedRules, import, settle};
use midflight_rules::{ExecuteRequest, RulesSnapshot};
use serde_json::{Value, json};

/// The text of one of the original's files; none, said aloud, where they are not at hand.
pub(crate) fn original(file: &str) -> Option<String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/rules").join(file);
    let text = std::fs::read_to_string(&path).ok();
    if text.is_none() {
        eprintln!("SKIPPED: the original's file {file} is not at {}", path.display());
    }
    text
}

fn read(rules: &str, conditions: Option<&str>) -> ImportedRules {
    import(rules, conditions, "imported").unwrap_or_else(|problems| panic!("{problems}"))
}

fn compiled(imported: &ImportedRules) -> RulesSnapshot {
    let documents = imported.documents.iter().map(|(name, body)| (name.as_str(), body.clone()));
    crate::support::snapshot(&documents.collect::<Vec<_>>())
}

fn imported(rules: &str, conditions: Option<&str>) -> RulesSnapshot {
    compiled(&read(rules, conditions))
}

/// The body of one document.
fn body<'a>(imported: &'a ImportedRules, name: &str) -> &'a Value {
    let found = imported.documents.iter().find(|(found, _)| found.as_str() == name);
    &found.unwrap_or_else(|| panic!("{name} is not among {:?}", imported.documents)).1
}

#[test]
fn version_4_and_its_27_conditions_answer_as_the_original() {
    let (Some(rules), Some(conditions)) =
        (original("rules_config_v4.json"), original("conditions_config.json"))
    else {
        return;
    };
    let imported = read(&rules, Some(&conditions));
    assert_eq!(imported.notices.len(), 2, "{:?}", imported.notices);
    for (rule, priority) in [("R0001", 1), ("R0002", 2), ("R0003", 3)] {
        assert_eq!(body(&imported, &format!("imported/{rule}"))["priority"], priority, "{rule}");
    }
    let snapshot = compiled(&imported);
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
fn versions_1_and_3_are_refused_for_the_one_condition_that_is_missing() {
    for (file, place, rule, missing) in [
        (
            "rules_config_v1.json",
            "/rules_set/1/condition",
            "R0002",
            r#"title equal "'Superman'" (C0002 is title equal "Superman")"#,
        ),
        (
            "rules_config_v3.json",
            "/rules_set/2/condition",
            "R0003",
            "days_since_bomc_approval greater_than 10 (C0011 is days_since_bomc_approval greater_than 2)",
        ),
    ] {
        let (Some(rules), Some(conditions)) = (original(file), original("conditions_config.json")) else {
            return;
        };
        let problems = import(&rules, Some(&conditions), "old").unwrap_err();
        let messages: Vec<_> = problems.iter().collect();
        assert_eq!(messages.len(), 1, "{problems}");
        assert_eq!((messages[0].path.as_str(), &*messages[0].code), (place, "unknown_condition"));
        let expected = format!("rule {rule}: the conditions file has no condition {missing}; add it there");
        assert!(messages[0].message.starts_with(&expected), "{problems}");
        // Without a catalogue each condition is written out in its rule.
        assert_eq!(imported(&rules, None).rule_count(), 3);
    }
    let Some(rules) = original("rules_config_v1.json") else { return };
    let snapshot = imported(&rules, None);
    let data = json!({"issue": 31, "title": "Superman", "publisher": "DC"});
    let answer = snapshot.execute(&ExecuteRequest::new(Some("imported"), &data)).unwrap();
    assert_eq!((answer.total_points, answer.action_recommendation), (950.0, Some("Approved")));
}

#[test]
fn version_2_is_refused_naming_its_shape() {
    let Some(rules) = original("rules_config_v2.json") else { return };
    let problems = import(&rules, None, "old").unwrap_err();
    let messages = problems.to_string();
    assert!(
        messages.contains("at /rules_set_details: this is the shape rules_set_details (version 2)"),
        "{messages}"
    );
    assert!(messages.contains("rule_point"), "{messages}");
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
    let made = read(&seed, None);
    assert_eq!(
        made.notices,
        ["ruleset imported: its actions are kept in its metadata; they are not executed"]
    );
    let actions = &body(&made, "imported")["metadata"]["actions"];
    assert_eq!(actions.as_array().map(Vec::len), Some(4), "{actions}");
    let snapshot = compiled(&made);
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
    assert_eq!((answer.total_points, answer.action_recommendation), (10.0, Some("go")));
    assert_eq!((answer.matched.as_slice(), answer.pattern_result.as_str()), (&["R1", "Rule-Two"][..], "AY"));
}

#[test]
fn ids_that_come_twice_and_rules_without_conditions_are_refused() {
    let rules = json!({"rules_set": [
        {"id": "R1", "conditions": {"item": "C1"}}, {"id": "R1", "conditions": {"item": "C1"}},
        {"id": "R2"}, {"conditions": {"item": "C1"}}, 5,
    ]});
    let messages = import(&rules.to_string(), Some("{}"), "x").unwrap_err().to_string();
    for part in [
        "at /conditions_set: write conditions_set: a list",
        "at /rules_set/1: duplicate id \"x/R1\"",
        "at /rules_set/2: a rule needs conditions",
        "at /rules_set/3: a rule needs an id",
        "at /rules_set/4: a rule needs an id",
    ] {
        assert!(messages.contains(part), "{part}\nis not in\n{messages}");
    }
}

/// What each member of a rule becomes, and what is said of it.
#[test]
fn a_rule_keeps_its_meaning_and_what_is_written_otherwise_is_listed() {
    let condition = json!({"attribute": "a", "operator": "equal", "constant": 1});
    let rule = |more: Value| {
        let mut rule = json!({"id": "R1", "conditions": {"item": condition}, "weight": 1, "rule_point": 2});
        rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        read(&json!({ "rules_set": [rule] }).to_string(), None)
    };
    let check = |more: Value, member: &str, value: Value, notice: &str| {
        let imported = rule(more);
        assert_eq!(body(&imported, "imported/R1")[member], value);
        match notice {
            "" => assert!(imported.notices.is_empty(), "{:?}", imported.notices),
            notice => assert_eq!(imported.notices, [notice]),
        }
        compiled(&imported);
    };
    check(json!({"result": "Z"}), "action_result", json!("Z"), "");
    check(json!({"result": "Z", "action_result": "Z"}), "action_result", json!("Z"), "");
    let kept = "rule R1: result: no meaning here; kept in its metadata";
    check(json!({"result": "Z", "action_result": "A"}), "metadata", json!({"result": "Z"}), kept);
    check(
        json!({"action_result": "{score}"}),
        "action_result",
        json!("{{score}}"),
        "rule R1: action_result \"{score}\" becomes \"{{score}}\"; a match with a value that is missing counts as none",
    );
    check(
        json!({"result": "string join({a},\"-\",{b})"}),
        "action_result",
        json!("{{a}}-{{b}}"),
        "rule R1: result \"string join({a},\\\"-\\\",{b})\" becomes \"{{a}}-{{b}}\"; a match with a value that is missing \
         counts as none",
    );
    let zero = "rule R1: without a weight a match gives 0 points; weight: 0 is written";
    check(json!({"weight": null}), "weight", json!(0), zero);
    check(json!({"tags": ["x", 5]}), "tags", json!(["x", "5"]), "");
    check(json!({"metadata": {"owner": "me"}}), "metadata", json!({"owner": "me"}), "");
    check(
        json!({"type": "standard", "created_by": "me", "metadata": {"type": 1}}),
        "metadata",
        json!({"type": 1, "type_": "standard", "created_by": "me"}),
        "rule R1: created_by, type: no meaning here; kept in its metadata",
    );
    check(
        json!({"actions": [{"send": "mail"}]}),
        "metadata",
        json!({"actions": [{"send": "mail"}]}),
        "rule R1: its actions are kept in its metadata; they are not executed",
    );
}

#[test]
fn templates_are_filled_as_they_were() {
    let rules = json!({"rules_set": [
        {"id": "R1", "attribute": "a", "condition": "greater_than", "constant": "0", "weight": 1, "rule_point": 1,
            "action_result": "string join({a},\"-\",{b})"},
        {"id": "R2", "attribute": "a", "condition": "greater_than", "constant": "0", "rule_point": 5, "result": "{b}"},
    ]});
    let snapshot = imported(&rules.to_string(), None);
    let answer =
        snapshot.execute(&ExecuteRequest::new(Some("imported"), &json!({"a": 5, "b": "x"}))).unwrap();
    assert_eq!((answer.pattern_result.as_str(), answer.total_points), ("5-xx", 1.0));
    let bad =
        json!({"rules_set": [{"id": "R1", "conditions": {"item": "C1"}, "action_result": "string join(a)"}]});
    let messages = import(&bad.to_string(), None, "x").unwrap_err().to_string();
    assert!(
        messages.contains("at /rules_set/0/action_result: rule R1: string join takes attributes"),
        "{messages}"
    );
}

#[test]
fn equal_priorities_keep_the_order_of_the_file() {
    let rule = |id: &str, action: &str| {
        json!({"id": id, "attribute": "a", "condition": "equal", "constant": 1, "weight": 1, "priority": 1,
            "action_result": action})
    };
    let rules = json!({"rules_set": [rule("Z", "1"), rule("M", "2"), rule("A", "3")]});
    let made = read(&rules.to_string(), None);
    assert_eq!(made.notices.len(), 2, "{:?}", made.notices);
    assert!(
        made.notices[0].starts_with("rule M: priority 1 becomes 2, so that it stays after"),
        "{:?}",
        made.notices
    );
    let snapshot = compiled(&made);
    let data = json!({"a": 1});
    let answer = snapshot.execute(&ExecuteRequest::new(Some("imported"), &data)).unwrap();
    assert_eq!((answer.pattern_result.as_str(), answer.matched), ("123", vec!["Z", "M", "A"]));
}

#[test]
fn flat_rules_are_matched_to_the_catalogue_by_what_they_ask() {
    let conditions = json!({"conditions_set": [
        {"condition_id": "C1", "attribute": "a", "equation": "greater_than", "constant": 30},
        {"condition_id": "C2", "attribute": "a", "operator": "equal", "constant": "30", "tags": ["t"], "team": "x"},
    ]});
    let flat = |id: &str, operator: &str, constant: Value| json!({"id": id, "attribute": "a", "condition": operator, "constant": constant, "weight": 1});
    let file = |rules: Vec<Value>| json!({ "rules_set": rules }).to_string();
    let known = file(vec![
        flat("R1", "greater_than", json!(30.0)),
        json!({"id": "R2", "condition": "C2", "weight": 1, "priority": 1}),
    ]);
    let made = read(&known, Some(&conditions.to_string()));
    assert_eq!(body(&made, "imported/R1")["conditions"], json!({"item": "C1"}));
    assert_eq!(body(&made, "imported/R2")["conditions"], json!({"item": "C2"}));
    assert_eq!(body(&made, "conditions/C2")["tags"], json!(["t"]));
    assert_eq!(body(&made, "conditions/C2")["metadata"], json!({"team": "x"}));
    assert_eq!(
        made.notices,
        [
            "condition C2: team: no meaning here; kept in its metadata",
            "rule R1: its condition is C1 of the catalogue",
        ]
    );
    let unknown = file(vec![
        flat("R1", "greater_than", json!(31)),
        flat("R2", "less_than", json!(1)),
        json!({"id": "R3", "condition": "C9"}),
    ]);
    let messages = import(&unknown, Some(&conditions.to_string()), "x").unwrap_err().to_string();
    for part in [
        "at /rules_set/0/condition: rule R1: the conditions file has no condition a greater_than 31 (C1 is a greater_than 30); add",
        "at /rules_set/1/condition: rule R2: the conditions file has no condition a less_than 1; add",
        "at /rules_set/2/condition: rule R3: \"C9\" is neither a condition of the catalogue nor an operator",
    ] {
        assert!(messages.contains(part), "{part}\nis not in\n{messages}");
    }
}

/// The documents of an import of one ruleset, whose rules name all conditions.
fn sharing(ruleset: &str, conditions: &[(&str, Value)]) -> ImportedRules {
    let condition = |(id, constant): &(&str, Value)| json!({"condition_id": id, "attribute": "a", "equation": "greater_than", "constant": constant});
    let catalogue = json!({"conditions_set": conditions.iter().map(condition).collect::<Vec<_>>()});
    let ids: Vec<_> = conditions.iter().map(|(id, _)| *id).collect();
    let rules = json!({"rules_set": [
        {"id": "R1", "conditions": {"mode": "and", "items": ids}, "weight": 1},
        {"id": "R2", "conditions": {"not": {"item": ids[0]}}, "weight": 1, "priority": 1},
    ]});
    import(&rules.to_string(), Some(&catalogue.to_string()), ruleset)
        .unwrap_or_else(|problems| panic!("{problems}"))
}

fn existing(imports: &[&ImportedRules]) -> BTreeMap<String, Value> {
    let documents = imports.iter().flat_map(|imported| &imported.documents);
    documents.map(|(name, body)| (name.as_str().to_owned(), body.clone())).collect()
}

#[test]
fn an_import_into_another_ruleset_does_not_change_shared_conditions() {
    let first = sharing("one", &[("C1", json!(10)), ("C2", json!(20))]);
    let there = existing(&[&first]);
    let second = || sharing("two", &[("C1", json!(11)), ("C2", json!(20.0)), ("C3", json!(30))]);
    let settled = |policy| settle(second(), "two", &there, policy);

    let refused = settled(ConflictPolicy::Refuse).unwrap_err();
    let messages: Vec<_> = refused.iter().collect();
    assert_eq!(
        (messages.len(), &*messages[0].code, messages[0].path.as_str()),
        (1, "condition_conflict", "/conditions_set")
    );
    assert_eq!(
        messages[0].message,
        "condition C1: the catalogue has another one of this id, a greater_than 10, used by one; this one is a greater_than \
         11. Name it two-C1 with --on-conflict prefix, or change it for all with --on-conflict replace"
    );

    let prefixed = settled(ConflictPolicy::Prefix).unwrap();
    let names: Vec<_> = prefixed.documents.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["conditions/C3", "conditions/two-C1", "two", "two/R1", "two/R2"]);
    assert_eq!(body(&prefixed, "two/R1")["conditions"]["items"], json!(["two-C1", "C2", "C3"]));
    assert_eq!(body(&prefixed, "two/R2")["conditions"], json!({"not": {"item": "two-C1"}}));
    assert_eq!(
        prefixed.notices,
        [
            "condition C1: the catalogue has another one of this id, a greater_than 10, used by one; this one is imported as \
             two-C1",
            "condition C2: the catalogue has an equal one; it is shared and not changed",
        ]
    );
    let mut both = there.clone();
    both.extend(existing(&[&prefixed]));
    let both: Vec<_> = both.iter().map(|(name, body)| (name.as_str(), body.clone())).collect();
    let snapshot = crate::support::snapshot(&both);
    let pattern = |ruleset: &str, a: f64| {
        let data = json!({ "a": a });
        snapshot.execute(&ExecuteRequest::new(Some(ruleset), &data)).unwrap().pattern_result
    };
    assert_eq!((pattern("one", 10.5), pattern("two", 10.5)), ("--".to_owned(), "-Y".to_owned()));

    let replaced = settled(ConflictPolicy::Replace).unwrap();
    assert_eq!(body(&replaced, "conditions/C1")["constant"], 11);
    assert!(replaced.notices[0].ends_with("it is replaced for all"), "{:?}", replaced.notices);
}

#[test]
fn a_ruleset_that_is_imported_again_changes_its_own_conditions() {
    let first = sharing("one", &[("C1", json!(10))]);
    let there = existing(&[&first]);
    let again = settle(sharing("one", &[("C1", json!(11))]), "one", &there, ConflictPolicy::Refuse).unwrap();
    assert_eq!(body(&again, "conditions/C1")["constant"], 11);
    assert_eq!(settle(first.clone(), "one", &there, ConflictPolicy::Refuse), Ok(first));

    // A prefixed one is found again, and is not prefixed twice.
    let second = |constant: Value| sharing("two", &[("C1", constant)]);
    let prefixed = settle(second(json!(11)), "two", &there, ConflictPolicy::Prefix).unwrap();
    let mut both = there.clone();
    both.extend(existing(&[&prefixed]));
    let again = settle(second(json!(12)), "two", &both, ConflictPolicy::Prefix).unwrap();
    assert_eq!(body(&again, "conditions/two-C1")["constant"], 12);
    let taken = sharing("two", &[("C1", json!(11)), ("two-C1", json!(5))]);
    let refused = settle(taken, "two", &there, ConflictPolicy::Prefix).unwrap_err().to_string();
    assert!(refused.contains("the id two-C1 cannot be taken"), "{refused}");
}
