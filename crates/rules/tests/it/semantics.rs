//! What rules mean: outcomes, scores, patterns, templates, statuses and who is asked.

use midflight_engine::Kind;
use midflight_rules::{ExecuteError, ExecuteRequest, Execution, RuleOutcome, Rules, RulesSnapshot};
use serde_json::{Value, json};

use crate::support::{edit, snapshot};

fn condition(attribute: &str, operator: &str, constant: Value) -> Value {
    json!({"attribute": attribute, "operator": operator, "constant": constant})
}

fn execute<'s>(snapshot: &'s RulesSnapshot, data: &Value) -> Execution<'s> {
    let request = ExecuteRequest { explain: true, ..ExecuteRequest::new(Some("r"), data) };
    let explained = snapshot.execute(&request).unwrap();
    let plain = snapshot.execute(&ExecuteRequest::new(Some("r"), data)).unwrap();
    assert_eq!(plain.pattern_result, explained.pattern_result);
    assert_eq!((plain.total_points, &plain.matched), (explained.total_points, &explained.matched));
    explained
}

/// The outcome and the detail of the one rule that has these conditions.
#[track_caller]
fn check(conditions: Value, data: Value, outcome: RuleOutcome, detail: Option<&str>) {
    let snapshot = snapshot(&[("r", json!({})), ("r/one", json!({ "conditions": conditions }))]);
    let answer = execute(&snapshot, &data);
    let evaluation = &answer.rule_evaluations.as_ref().unwrap()[0];
    assert_eq!(
        (evaluation.outcome, evaluation.detail.as_deref()),
        (outcome, detail),
        "{}",
        evaluation.condition
    );
}

#[test]
fn false_missing_and_a_wrong_type_are_three_outcomes_with_their_reasons() {
    use RuleOutcome::{Matched, MissingInput, NotMatched, TypeError};
    let old = condition("person.age", "greater_than", json!(30));
    let here = condition("status", "equal", json!("here"));
    let item = json!({ "item": old });
    check(item.clone(), json!({"person": {"age": 31}}), Matched, None);
    check(item.clone(), json!({"person": {"age": 30}}), NotMatched, Some("person.age is 30"));
    check(item.clone(), json!({"person": {}}), MissingInput, Some("person.age is missing"));
    check(
        item,
        json!({"person": {"age": "31"}}),
        TypeError,
        Some("person.age is a string, the constant is a number"),
    );
    let both = json!({"mode": "inclusive", "items": [old, here]});
    check(both.clone(), json!({"status": "gone"}), NotMatched, Some("status is \"gone\""));
    check(both.clone(), json!({"status": "here"}), MissingInput, Some("person.age is missing"));
    check(both, json!({"status": 1}), TypeError, Some("status is a number, the constant is a string"));
    let either = json!({"mode": "exclusive", "items": [old, here]});
    check(either.clone(), json!({"status": "here"}), Matched, None);
    check(either, json!({"status": "gone"}), MissingInput, Some("person.age is missing"));
    check(json!({"not": old}), json!({}), MissingInput, Some("person.age is missing"));
    check(json!({"not": old}), json!({"person": {"age": 5}}), Matched, None);
    check(
        json!({"not": condition("a", "is_null", json!(null))}),
        json!({}),
        NotMatched,
        Some("a is missing"),
    );
}

#[test]
fn integers_beyond_what_a_double_holds_compare_exactly() {
    use RuleOutcome::{Matched, NotMatched};
    let above = json!({"item": condition("n", "greater_than", json!(9_007_199_254_740_992.0))});
    check(above.clone(), json!({"n": 9_007_199_254_740_993_u64}), Matched, None);
    check(above, json!({"n": 9_007_199_254_740_992_u64}), NotMatched, Some("n is 9007199254740992"));
    let equal = json!({"item": condition("n", "equal", json!(u64::MAX))});
    check(equal.clone(), json!({"n": u64::MAX}), Matched, None);
    check(equal, json!({"n": 18_446_744_073_709_551_616.0}), NotMatched, Some("n is 1.8446744073709552e+19"));
}

#[test]
fn rules_execute_by_priority_then_id_and_points_add_up() {
    let always = json!({"item": condition("a", "equal", json!(1))});
    let rule = |priority: i64, action: &str, point: f64| json!({"conditions": always, "priority": priority, "action_result": action, "rule_point": point, "weight": 0.5});
    let never = json!({"conditions": {"item": condition("a", "equal", json!(2))}, "priority": 2});
    let snapshot = snapshot(&[
        ("r", json!({"patterns": {"CBA-D": "known"}})),
        ("r/z", rule(-5, "C", 1.0)),
        ("r/b", rule(1, "A", 4.0)),
        ("r/a", rule(1, "B", -2.0)),
        ("r/n", never),
        ("r/last", rule(9, "D", 10.0)),
        ("r/draft", json!({"conditions": always, "status": "draft"})),
    ]);
    let answer = execute(&snapshot, &json!({"a": 1}));
    assert_eq!((answer.pattern_result.as_str(), answer.total_points), ("CBA-D", 6.5));
    assert_eq!(answer.action_recommendation, Some("known"));
    assert_eq!((answer.rules_executed, answer.matched.as_slice()), (5, &["z", "a", "b", "last"][..]));
    let ids: Vec<_> = snapshot.rules("r").unwrap().iter().map(|rule| rule.id).collect();
    assert_eq!(ids, ["z", "draft", "a", "b", "n", "last"]);
    let info = snapshot.ruleset("r").unwrap();
    assert_eq!((info.rules, info.active_rules), (6, 5));
    assert_eq!(Rules.figures(&snapshot), [("rules", 6), ("rulesets", 1), ("conditions", 0)]);

    let ids = ["last".to_owned(), "z".to_owned(), "last".to_owned()];
    let data = json!({"a": 1});
    let request = ExecuteRequest { rule_ids: Some(&ids), ..ExecuteRequest::new(Some("r"), &data) };
    let answer = snapshot.execute(&request).unwrap();
    assert_eq!((answer.pattern_result.as_str(), answer.rules_executed), ("CD", 2));
}

#[test]
fn templates_are_filled_from_the_input_or_the_rule_does_not_match() {
    let always = json!({"item": condition("a", "equal", json!(1))});
    let snapshot = snapshot(&[
        ("r", json!({})),
        ("r/1", json!({"conditions": always, "action_result": "<{{b.c}}>", "rule_point": 1})),
        ("r/2", json!({"conditions": always})),
    ]);
    let outcomes = |data: Value| {
        let answer = execute(&snapshot, &data);
        let first = answer.rule_evaluations.as_ref().unwrap()[0].clone();
        (answer.pattern_result, answer.total_points, first.outcome, first.detail)
    };
    assert_eq!(
        outcomes(json!({"a": 1, "b": {"c": 2}})),
        ("<2>Y".to_owned(), 1.0, RuleOutcome::Matched, None)
    );
    let detail = Some("b.c, which action_result writes out, is missing".to_owned());
    assert_eq!(outcomes(json!({"a": 1})), ("-Y".to_owned(), 0.0, RuleOutcome::MissingInput, detail));
    let detail = Some("b.c is an array, which action_result cannot write out".to_owned());
    assert_eq!(
        outcomes(json!({"a": 1, "b": {"c": []}})),
        ("-Y".to_owned(), 0.0, RuleOutcome::TypeError, detail)
    );
}

#[test]
fn drop_missing_leaves_rules_with_absent_attributes_out() {
    let rule = |attribute: &str, operator: &str| {
        json!({"conditions": {"item": {"attribute": attribute,
        "operator": operator, "constant": if operator == "is_null" { Value::Null } else { json!(1) }}}})
    };
    let either = json!({"conditions": {"any": [condition("a", "equal", json!(1)), condition("b", "equal", json!(1))]}});
    let snapshot = snapshot(&[
        ("r", json!({"drop_missing": true, "patterns": {"Y-Y": "three"}})),
        ("r/1", rule("a", "equal")),
        ("r/2", rule("b", "equal")),
        ("r/3", rule("c", "equal")),
        ("r/4", rule("b", "is_null")),
        ("r/5", either),
    ]);
    let answer = execute(&snapshot, &json!({"a": 1, "c": 2}));
    assert_eq!((answer.pattern_result.as_str(), answer.rules_executed), ("Y-Y", 3));
    assert_eq!(answer.action_recommendation, Some("three"));
    let dropped = &answer.rule_evaluations.unwrap()[4];
    assert_eq!(dropped.outcome, RuleOutcome::MissingInput);
    assert_eq!(dropped.detail.as_deref(), Some("b is missing, so the rule is left out (drop_missing)"));
}

#[test]
fn with_compat_original_an_empty_input_keeps_every_rule() {
    let rule = |attribute: &str| json!({"conditions": {"item": condition(attribute, "equal", json!(1))}});
    let rules = |ruleset: Value| {
        snapshot(&[("r", ruleset), ("r/1", rule("a")), ("r/2", rule("b")), ("r/3", rule("c"))])
    };
    let strict = rules(json!({"drop_missing": true}));
    assert_eq!(execute(&strict, &json!({})).pattern_result, "");
    let original = rules(json!({"drop_missing": true, "compat": "original"}));
    let answer = execute(&original, &json!({}));
    assert_eq!((answer.pattern_result.as_str(), answer.rules_executed), ("---", 3));
    assert_eq!(execute(&original, &json!({"b": 1})).pattern_result, "Y");
}

#[test]
fn with_compat_original_rules_match_other_types_by_the_index_and_without_it() {
    let rule =
        |operator: &str, constant: Value| json!({"conditions": {"item": condition("s", operator, constant)}});
    let rules = |ruleset: Value| {
        snapshot(&[
            ("r", ruleset),
            ("r/1", rule("not_equal", json!("open"))),
            ("r/2", rule("not_in", json!(["open", 5]))),
            ("r/3", rule("regex_not_search", json!("op"))),
            ("r/4", json!({"conditions": {"not": condition("s", "not_equal", json!("open"))}})),
            ("r/5", rule("contains", json!("\"open\""))),
        ])
    };
    let (strict, original) = (rules(json!({})), rules(json!({"compat": "original"})));
    for (value, by_strict, by_original) in [
        (json!("open"), "---Y-", "---YY"),
        (json!("\"open\""), "YY--Y", "YY--Y"),
        (json!("shut"), "YYY--", "YYY--"),
        (json!(null), "-----", "YYY--"),
        (json!(5), "-----", "Y----"),
        (json!(6), "-Y---", "YY---"),
        (json!([]), "-----", "YY---"),
    ] {
        let data = json!({ "s": value });
        assert_eq!(execute(&strict, &data).pattern_result, by_strict, "{data}");
        assert_eq!(execute(&original, &data).pattern_result, by_original, "{data}");
    }
    assert_eq!(execute(&original, &json!({})).pattern_result, "-----");
}

#[test]
fn nothing_is_executed_in_place_of_what_was_asked() {
    let always = json!({"conditions": {"item": condition("a", "equal", json!(1))}});
    let inactive = json!({"conditions": {"item": condition("a", "equal", json!(1))}, "status": "archived"});
    let first = snapshot(&[
        ("loans", json!({"default": true})),
        ("loans/R1", always),
        ("loans/R2", inactive),
        ("draft", json!({"status": "draft"})),
    ]);
    let data = json!({"a": 1});
    let refused = |ruleset, ids: Option<&[String]>| {
        let request = ExecuteRequest { rule_ids: ids, ..ExecuteRequest::new(ruleset, &data) };
        let error = first.execute(&request).unwrap_err();
        format!("{} at {}: {error}", error.code(), error.path())
    };
    assert_eq!(
        refused(Some("loan"), None),
        "unknown_ruleset at /ruleset: unknown ruleset \"loan\"; did you mean \"loans\"?"
    );
    assert_eq!(
        refused(Some("draft"), None),
        "ruleset_not_active at /ruleset: the ruleset \"draft\" is draft; only an active one executes"
    );
    assert_eq!(
        refused(None, Some(&["R1".to_owned(), "R9".to_owned()])),
        "unknown_rule at /rule_ids/1: the ruleset \"loans\" has no rule \"R9\"; did you mean \"R1\"?"
    );
    assert_eq!(
        refused(None, Some(&["R2".to_owned()])),
        "rule_not_active at /rule_ids/0: the rule \"R2\" is archived; only an active one executes"
    );
    assert_eq!(first.execute(&ExecuteRequest::new(None, &data)).unwrap().ruleset, "loans");
    let without = edit(&first, &[("loans", json!({}))]).unwrap();
    assert_eq!(without.execute(&ExecuteRequest::new(None, &data)), Err(ExecuteError::NoDefaultRuleset));
    let error = first.execute(&ExecuteRequest::new(None, &json!([1]))).unwrap_err();
    assert_eq!(error.to_problem().to_string(), "at /data: data is an object, not an array");
}

#[test]
fn each_condition_beside_the_index_is_asked_once_however_many_rules_share_it() {
    let mut documents = vec![
        ("r".to_owned(), json!({})),
        ("conditions/word".to_owned(), condition("text", "regex_search", json!("b+"))),
    ];
    for i in 0..600 {
        let inline = condition("text", "starts_with", json!("abb"));
        let conditions = json!({"any": [{"all": ["word", inline]}, {"all": [{"not": "word"}, inline]}]});
        documents.push((format!("r/{i}"), json!({ "conditions": conditions })));
    }
    let documents: Vec<_> = documents.iter().map(|(name, body)| (name.as_str(), body.clone())).collect();
    let snapshot = snapshot(&documents);
    let answer = execute(&snapshot, &json!({"text": "abb"}));
    assert_eq!((answer.matched.len(), answer.conditions_asked), (600, 2));
    let plain = |data: Value| {
        snapshot.execute(&ExecuteRequest::new(Some("r"), &data)).map(|answer| answer.conditions_asked)
    };
    assert_eq!(plain(json!({"text": "abb"})), Ok(2));
    // The index knows that a number matches no text, so nothing is asked at all.
    assert_eq!(plain(json!({"text": 5})), Ok(0));
}

#[test]
fn a_check_is_answered_with_what_an_input_determines() {
    let always = json!({"conditions": {"item": condition("a", "equal", json!(1))}, "rule_point": 2});
    let snapshot = snapshot(&[("r", json!({"default": true, "patterns": {"Y": "go"}})), ("r/1", always)]);
    let answer = Rules.answer(&snapshot, &json!({"data": {"a": 1}})).unwrap();
    assert_eq!(
        answer,
        json!({"total_points": 2.0, "pattern_result": "Y", "action_recommendation": "go", "rules_executed": 1,
            "rules_matched": 1, "matched": ["1"]})
    );
    for (input, path, code) in [
        (json!({}), "", "missing_field"),
        (json!({"data": {}, "ruleset": 1}), "/ruleset", "wrong_type"),
        (json!({"data": {}, "rule_ids": [1]}), "/rule_ids", "wrong_type"),
        (json!({"data": {}, "rules": []}), "/rules", "unknown_field"),
        (json!({"data": {}, "ruleset": "x"}), "/ruleset", "unknown_ruleset"),
        (json!(5), "", "missing_field"),
    ] {
        let problem = Rules.answer(&snapshot, &input).unwrap_err();
        assert_eq!((problem.path.as_str(), &*problem.code), (path, code), "{input}");
    }
}
