//! What an execution may take: the length of texts that are matched, and the budget.

use midflight_engine::Work;
use midflight_rules::limits::REGEX_INPUT_BYTES_MAX;
use midflight_rules::{ExecuteError, ExecuteRequest, RulesSnapshot};
use serde_json::{Value, json};

use crate::support::snapshot;

fn condition(attribute: &str, operator: &str, constant: Value) -> Value {
    json!({"attribute": attribute, "operator": operator, "constant": constant})
}

/// A rule that matches `order.note`, but only of orders above 10.
fn matching() -> RulesSnapshot {
    let large = condition("order.total", "greater_than", json!(10));
    let noted = condition("order.note", "regex_search", json!(r"\w+\s+refund\b"));
    let conditions = json!({"all": [large, noted]});
    snapshot(&[("r", json!({})), ("r/refund", json!({ "conditions": conditions }))])
}

fn execute(
    snapshot: &RulesSnapshot,
    data: &Value,
    explain: bool,
    work: &Work,
) -> Result<String, ExecuteError> {
    let request = ExecuteRequest { explain, ..ExecuteRequest::new(Some("r"), data) };
    snapshot.execute_within(&request, work).map(|answer| answer.pattern_result)
}

#[test]
fn a_text_that_is_too_long_to_be_matched_is_an_error_that_names_rule_and_attribute() {
    let (snapshot, work) = (matching(), Work::unbounded());
    let data = |total: u32, bytes: usize| json!({"order": {"total": total, "note": "é".repeat(bytes / 2)}});
    for explain in [false, true] {
        assert_eq!(execute(&snapshot, &data(11, REGEX_INPUT_BYTES_MAX), explain, &work).as_deref(), Ok("-"));
        let refused = execute(&snapshot, &data(11, REGEX_INPUT_BYTES_MAX + 2), explain, &work).unwrap_err();
        assert_eq!((refused.code(), refused.path().as_str()), ("text_too_long", "/data/order/note"));
        let told = refused.to_string();
        assert!(
            told.contains("\"refund\"")
                && told.contains("order.note")
                && told.contains("regex_input_bytes_max"),
            "{told}"
        );
    }
    // The index leaves the rule out, so its text is not looked at.
    assert_eq!(execute(&snapshot, &data(9, 1 << 20), false, &work).as_deref(), Ok("-"));
}

#[test]
fn other_conditions_take_texts_of_any_length() {
    let contains = condition("note", "contains", json!("refund"));
    let snapshot = snapshot(&[("r", json!({})), ("r/1", json!({"conditions": {"item": contains}}))]);
    let data = json!({"note": format!("{}refund", "x".repeat(1 << 20))});
    assert_eq!(execute(&snapshot, &data, false, &Work::unbounded()).as_deref(), Ok("Y"));
}

#[test]
fn an_execution_that_is_not_wanted_any_more_has_no_partial_answer() {
    let snapshot = matching();
    let work = Work::unbounded();
    work.cancel();
    let data = json!({"order": {"total": 11, "note": "a refund"}});
    for explain in [false, true] {
        let refused = execute(&snapshot, &data, explain, &work).unwrap_err();
        assert_eq!(refused.code(), "too_expensive");
        assert!(refused.to_string().contains("\"refund\""), "{refused}");
    }
}

#[test]
fn rules_without_searches_ask_the_budget_too() {
    let mut documents = vec![("r".to_owned(), json!({}))];
    for n in 0..2_000 {
        let part = condition("list", "contains", json!(n));
        documents.push((format!("r/{n}"), json!({"conditions": {"item": part}})));
    }
    let documents: Vec<_> = documents.iter().map(|(name, body)| (name.as_str(), body.clone())).collect();
    let snapshot = snapshot(&documents);
    let work = Work::unbounded();
    work.cancel();
    let list: Vec<_> = (0..1_000).collect();
    for explain in [false, true] {
        let refused = execute(&snapshot, &json!({ "list": list }), explain, &work).unwrap_err();
        assert_eq!(refused.code(), "too_expensive");
    }
}
