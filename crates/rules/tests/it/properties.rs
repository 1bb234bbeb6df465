//! Random documents, edits and inputs: the snapshot that grew by edits, the one compiled at once and the reference
//! interpreter answer the same, with the index and without.

use std::sync::LazyLock;

use midflight_engine::Kind;
use midflight_rules::{ExecuteRequest, RuleOutcome, Rules, RulesSnapshot};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use crate::naive::{self, Documents};
use crate::support::edit;

const RULESETS: [&str; 2] = ["a", "b"];
const CATALOGUE: usize = 4;

fn any_number() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => (-3..4_i64).prop_map(Value::from),
        2 => (-5..6_i32).prop_map(|halves| json!(f64::from(halves) / 2.0)),
        1 => select(vec![json!(9_007_199_254_740_992_u64), json!(9_007_199_254_740_993_u64), json!(9_007_199_254_740_992.0),
            json!(u64::MAX), json!(i64::MIN)]),
    ]
}

fn any_text() -> impl Strategy<Value = Value> {
    select(vec!["", "a", "ab", "b", "ba", "c", "2"]).prop_map(Value::from)
}

fn any_scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        5 => any_number(),
        4 => any_text(),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ]
}

fn any_value() -> impl Strategy<Value = Value> {
    let list = prop::collection::vec(any_scalar(), 0..3).prop_map(Value::from);
    prop_oneof![8 => any_scalar(), 1 => list, 1 => Just(json!({"k": 1}))]
}

fn any_constant() -> impl Strategy<Value = (&'static str, Value)> {
    let list = || prop::collection::vec(any_scalar(), 1..4).prop_map(Value::from);
    let long = prop::collection::vec(any_scalar(), 33..40).prop_map(Value::from);
    let deep = prop::collection::vec(any_value(), 1..3).prop_map(Value::from);
    let interval = (-3..2_i64, 0..4_i64).prop_map(|(low, width)| json!([low, low + width]));
    let orders = ["greater_than", "greater_than_or_equal", "less_than", "less_than_or_equal"];
    let texts = [
        "starts_with",
        "ends_with",
        "regex",
        "regex_search",
        "regex_match",
        "regex_not_match",
        "regex_not_search",
    ];
    let membership = || select(vec!["in", "not_in"]);
    prop_oneof![
        4 => (select(vec!["equal", "not_equal"]), any_value()),
        4 => (select(orders.to_vec()), prop_oneof![any_number(), any_text()]),
        2 => (membership(), list()),
        1 => (membership(), long),
        1 => (membership(), deep),
        2 => (Just("range"), prop_oneof![interval, list()])
            .prop_filter("a range ascends", |(_, range)| !is_empty_interval(range)),
        1 => (Just("contains"), any_scalar()),
        2 => (select(texts.to_vec()), select(vec!["a", "ab", "b"]).prop_map(Value::from)),
        1 => (Just("is_null"), prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::from)]),
    ]
}

fn is_empty_interval(range: &Value) -> bool {
    matches!(range.as_array().map(Vec::as_slice), Some([Value::Number(_), Value::Number(_)]))
        && range[0].as_f64() >= range[1].as_f64()
}

fn any_attribute() -> impl Strategy<Value = &'static str> {
    select(vec!["x", "y", "z.k", "z.0"])
}

fn any_condition() -> impl Strategy<Value = Value> {
    (any_attribute(), any_constant()).prop_map(|(attribute, (operator, constant))| {
        json!({"attribute": attribute, "operator": operator, "constant": constant})
    })
}

fn any_logic() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        4 => any_condition(),
        1 => (0..CATALOGUE).prop_map(|n| Value::from(format!("c{n}"))),
    ];
    let node = leaf.prop_recursive(3, 16, 4, |inner| {
        let items = prop::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            items.clone().prop_map(|items| json!({ "all": items })),
            items.clone().prop_map(|items| json!({ "any": items })),
            (select(vec!["inclusive", "exclusive", "and", "or"]), items)
                .prop_map(|(mode, items)| json!({"mode": mode, "items": items})),
            inner.prop_map(|item| json!({ "not": item })),
        ]
    });
    node.prop_map(|node| match node.get("attribute").is_some() || node.is_string() {
        true => json!({ "item": node }),
        false => node,
    })
}

fn any_rule() -> impl Strategy<Value = Value> {
    let action = select(vec!["Y", "N", "long", "{{x}}", "<{{z.k}}>"]);
    let status = select(vec!["active", "active", "active", "draft", "archived"]);
    (any_logic(), 0..3_i64, -4..5_i32, action, status).prop_map(|(conditions, priority, halves, action, status)| {
        json!({"conditions": conditions, "priority": priority, "rule_point": f64::from(halves) / 2.0, "weight": 0.5,
            "action_result": action, "status": status})
    })
}

/// One change: a document put, or (null) deleted.
fn any_change() -> impl Strategy<Value = (String, Value)> {
    let rule = (select(RULESETS.to_vec()), 0..30_u8).prop_map(|(ruleset, n)| format!("{ruleset}/{n}"));
    let condition = (0..CATALOGUE).prop_map(|n| format!("conditions/c{n}"));
    let compat = select(vec![json!({}), json!({"compat": "original"})]);
    prop_oneof![
        12 => (rule.clone(), any_rule()),
        4 => (rule, Just(Value::Null)),
        3 => (condition, any_condition()),
        1 => (select(RULESETS.to_vec()).prop_map(str::to_owned), compat),
    ]
}

fn any_input() -> impl Strategy<Value = Value> {
    let z = prop_oneof![any_value(), any_value().prop_map(|k| json!({ "k": k }))];
    let one = |strategy: BoxedStrategy<Value>| prop::option::weighted(0.85, strategy);
    (one(any_value().boxed()), one(any_value().boxed()), one(z.boxed())).prop_map(|(x, y, z)| {
        let members = [("x", x), ("y", y), ("z", z)];
        members.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
    })
}

static START: LazyLock<Vec<(String, Value)>> = LazyLock::new(|| {
    let condition = |n: usize| json!({"attribute": "x", "operator": "greater_than", "constant": n});
    let mut start: Vec<_> = (0..CATALOGUE).map(|n| (format!("conditions/c{n}"), condition(n))).collect();
    start.extend(RULESETS.map(|ruleset| (ruleset.to_owned(), json!({}))));
    start
});

fn apply(documents: &mut Documents, changes: &[(String, Value)]) {
    for (name, body) in changes {
        match body {
            Value::Null => documents.remove(name),
            body => documents.insert(name.clone(), body.clone()),
        };
    }
}

fn borrowed(documents: &[(String, Value)]) -> Vec<(&str, Value)> {
    documents.iter().map(|(name, body)| (name.as_str(), body.clone())).collect()
}

/// All that both ways of executing answer must be what the reference answers.
fn check(snapshot: &RulesSnapshot, documents: &Documents, input: &Value) -> Result<(), TestCaseError> {
    for ruleset in RULESETS {
        let expected = naive::execute(documents, ruleset, input);
        let request = ExecuteRequest::new(Some(ruleset), input);
        let fast = snapshot.execute(&request).unwrap();
        let explained = snapshot.execute(&ExecuteRequest { explain: true, ..request }).unwrap();
        for answer in [&fast, &explained] {
            prop_assert_eq!(&answer.pattern_result, &expected.pattern);
            prop_assert_eq!(answer.total_points, expected.total);
            prop_assert_eq!(answer.rules_executed, expected.outcomes.len());
        }
        let outcomes = explained.rule_evaluations.unwrap();
        for (found, (id, outcome)) in outcomes.iter().zip(&expected.outcomes) {
            prop_assert_eq!(
                (found.rule_id, found.outcome.as_str()),
                (id.as_str(), *outcome),
                "{}",
                &found.condition
            );
            prop_assert_eq!(found.detail.is_none(), found.outcome == RuleOutcome::Matched);
            let matched = fast.matched.contains(&found.rule_id);
            prop_assert_eq!(matched, found.outcome == RuleOutcome::Matched);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn edits_a_full_compile_and_the_reference_agree(
        edits in prop::collection::vec(prop::collection::vec(any_change(), 1..12), 1..8),
        inputs in prop::collection::vec(any_input(), 1..6),
    ) {
        let mut documents = Documents::new();
        apply(&mut documents, &START);
        let mut grown = edit(&Rules.empty(), &borrowed(&START)).unwrap();
        for changes in edits {
            let mut once = Documents::new();
            changes.into_iter().for_each(|(name, body)| drop(once.insert(name, body)));
            let changes: Vec<_> = once.into_iter().collect();
            // An edit that the original's typing makes impossible is refused, and leaves everything as it was.
            if let Ok(next) = edit(&grown, &borrowed(&changes)) {
                grown = next;
                apply(&mut documents, &changes);
            }
            check(&grown, &documents, &inputs[0])?;
        }
        let all: Vec<_> = documents.clone().into_iter().collect();
        let full = edit(&Rules.empty(), &borrowed(&all)).unwrap();
        for input in &inputs {
            check(&grown, &documents, input)?;
            check(&full, &documents, input)?;
        }
    }
}
