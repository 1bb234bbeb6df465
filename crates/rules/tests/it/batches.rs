//! Documents that meet: references, deletions, defaults, typing, and what one edit may do at once.

use midflight_engine::Kind;
use midflight_rules::{ExecuteRequest, Rules, RulesSnapshot};
use serde_json::{Value, json};

use crate::support::{edit, refusals, snapshot};

fn named(condition: &str) -> Value {
    json!({"conditions": {"mode": "and", "items": [{"attribute": "x", "operator": "equal", "constant": 1}, condition]}})
}

fn above(attribute: &str, constant: Value) -> Value {
    json!({"attribute": attribute, "operator": "greater_than", "constant": constant})
}

fn pattern(snapshot: &RulesSnapshot, ruleset: &str, data: Value) -> String {
    snapshot.execute(&ExecuteRequest::new(Some(ruleset), &data)).unwrap().pattern_result
}

#[test]
fn references_are_resolved_in_any_order_of_documents() {
    let first = snapshot(&[
        ("zebra", json!({})),
        ("a", json!({})),
        ("a/1", named("z9")),
        ("conditions/z9", above("y", json!(1))),
    ]);
    assert_eq!(pattern(&first, "a", json!({"x": 1, "y": 2})), "Y");
    let message = refusals(&first, &[("a/2", named("z8")), ("b/1", named("z9"))]);
    assert_eq!(
        message,
        [
            "a/2 /conditions/items/1 unknown_condition: the catalogue has no condition \"z8\"; did you mean \"z9\"?",
            "b/1  unknown_ruleset: the ruleset \"b\" does not exist; put rules/b first, or in the same edit",
        ]
    );
    let message =
        refusals(&Rules.empty(), &[("a", json!({})), ("a/1", json!({"conditions": {"item": "nope"}}))]);
    assert_eq!(
        message,
        ["a/1 /conditions/item unknown_condition: the catalogue has no condition \"nope\"; put it first, \
        in the same edit, or write the condition out here"]
    );
}

#[test]
fn what_is_in_use_is_not_deleted() {
    let mut documents = vec![("a", json!({})), ("conditions/c", above("y", json!(1)))];
    let rules = ["a/1", "a/2", "a/3", "a/4", "a/5"];
    documents.extend(rules.map(|rule| (rule, named("c"))));
    let first = snapshot(&documents);
    assert_eq!(first.users("c").collect::<Vec<_>>().len(), 5);
    assert_eq!(
        refusals(&first, &[("a", Value::Null)]),
        [
            "a  in_use: the ruleset still has the rules a/1, a/2, a/3 and 2 more; delete them first, or in the same edit"
        ]
    );
    assert_eq!(
        refusals(&first, &[("conditions/c", Value::Null)]),
        [
            "conditions/c  in_use: the condition is used by the rules a/1, a/2, a/3 and 2 more; change them first, or in \
         the same edit"
        ]
    );
    let mut all: Vec<_> = rules.iter().map(|rule| (*rule, Value::Null)).collect();
    all.extend([("a", Value::Null), ("conditions/c", Value::Null)]);
    let empty = edit(&first, &all).unwrap();
    assert_eq!((empty.ruleset_count(), empty.rule_count(), empty.condition_count()), (0, 0, 0));
    assert_eq!(first.rule_count(), 5, "the snapshot before is as it was");
}

#[test]
fn one_ruleset_is_the_default() {
    let first = snapshot(&[("a", json!({"default": true})), ("b", json!({}))]);
    assert_eq!(
        refusals(&first, &[("b", json!({"default": true}))]),
        ["b /default duplicate_default: the rulesets \"a\", \"b\" are all the default; only one may be"]
    );
    let moved = edit(&first, &[("a", json!({})), ("b", json!({"default": true}))]).unwrap();
    assert_eq!(moved.default_ruleset(), Some("b"));
    assert_eq!(edit(&moved, &[("b", Value::Null)]).unwrap().default_ruleset(), None);
}

#[test]
fn names_that_documents_cannot_have_are_refused() {
    for (name, code) in
        [("conditions", "reserved_name"), ("a/b/c", "bad_name"), ("conditions/a/b", "bad_name")]
    {
        let message = refusals(&Rules.empty(), &[(name, json!({}))]);
        assert!(message[0].contains(code), "{message:?}");
    }
}

#[test]
fn a_changed_condition_changes_every_rule_that_uses_it() {
    let first = snapshot(&[
        ("a", json!({})),
        ("b", json!({})),
        ("conditions/c", above("y", json!(10))),
        ("a/1", named("c")),
        ("a/2", json!({"conditions": {"item": above("y", json!(10))}})),
        ("b/1", json!({"conditions": {"not": "c"}})),
    ]);
    let data = json!({"x": 1, "y": 7});
    assert_eq!(
        (pattern(&first, "a", data.clone()), pattern(&first, "b", data.clone())),
        ("--".into(), "Y".into())
    );
    let second = edit(&first, &[("conditions/c", above("y", json!(5)))]).unwrap();
    assert_eq!(
        (pattern(&second, "a", data.clone()), pattern(&second, "b", data.clone())),
        ("Y-".into(), "-".into())
    );
    let third = edit(&second, &[("conditions/c", above("z", json!(5))), ("a/1", named("c"))]).unwrap();
    assert_eq!(pattern(&third, "a", json!({"x": 1, "z": 6})), "Y-");
    assert_eq!(pattern(&first, "a", data), "--", "the first snapshot is as it was");
}

#[test]
fn compat_original_types_constants_as_the_original_did() {
    let range = json!({"conditions": {"item": {"attribute": "n", "operator": "range", "constant": [1, 5]}}});
    let text = json!({"conditions": {"item": above("n", json!("3"))}});
    let list = json!({"attribute": "n", "operator": "range", "constant": "['DC','Marvel']"});
    let first = snapshot(&[("a", json!({})), ("a/1", range), ("a/2", text), ("conditions/list", list)]);
    assert_eq!(pattern(&first, "a", json!({"n": 4})), "Y-");
    let original = edit(&first, &[("a", json!({"compat": "original"}))]).unwrap();
    assert_eq!(pattern(&original, "a", json!({"n": 4})), "-Y");
    assert_eq!(pattern(&original, "a", json!({"n": 5})), "YY");
    let used = edit(&original, &[("a/3", json!({"conditions": {"item": "list"}}))]).unwrap();
    assert_eq!(pattern(&used, "a", json!({"n": "DC"})), "--Y");
    let expected = "a/3 /conditions wrong_type: the condition \"list\" does not fit: the constant of range is a list, \
                    not a string; fix the constant, or set compat: original on the ruleset \"a\"";
    assert_eq!(refusals(&used, &[("a", json!({}))]), [expected]);
    let back = edit(&original, &[("a", json!({}))]).unwrap();
    assert_eq!(pattern(&back, "a", json!({"n": 4})), "Y-");
}

#[test]
fn a_ruleset_of_thousands_is_edited_in_place_of_being_rebuilt() {
    let rule = |n: i64| json!({"conditions": {"item": {"attribute": "n", "operator": "equal", "constant": n}}, "priority": n % 7});
    let names: Vec<String> = (0..3_000).map(|n| format!("r/{n}")).collect();
    let mut documents = vec![("r", json!({}))];
    documents.extend(names.iter().zip(0..).map(|(name, n)| (name.as_str(), rule(n))));
    let mut snapshot = snapshot(&documents);
    // Empty it from the middle out, so that chunks shrink, join and vanish.
    for name in &names[500..2_900] {
        snapshot = edit(&snapshot, &[(name, Value::Null)]).unwrap();
    }
    assert_eq!(snapshot.rule_count(), 600);
    // Put some back one by one, so that a chunk fills up and splits.
    for (name, n) in names.iter().zip(0..).skip(1_000).take(400) {
        snapshot = edit(&snapshot, &[(name, rule(n))]).unwrap();
    }
    for n in [0, 499, 500, 999, 1_000, 1_399, 1_400, 2_899, 2_900, 2_999] {
        let data = json!({ "n": n });
        let answer = snapshot.execute(&ExecuteRequest::new(Some("r"), &data)).unwrap();
        let there = !(500..2_900).contains(&n) || (1_000..1_400).contains(&n);
        assert_eq!(answer.matched.len(), usize::from(there), "{n}");
        assert_eq!((answer.rules_executed, answer.pattern_result.len()), (1_000, 1_000));
    }
}
