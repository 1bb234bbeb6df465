//! What an execution may take: the length of texts that are matched, and the budget.

use std::time::{Duration, Instant};

use midflight_engine::{Interrupted, Work};
use midflight_rules::limits::{PATTERN_RESULT_BYTES_MAX, REGEX_INPUT_BYTES_MAX};
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
        let message = refused.to_string();
        assert!(
            message.contains("\"refund\"")
                && message.contains("order.note")
                && message.contains("regex_input_bytes_max"),
            "{message}"
        );
    }
    // The index leaves the rule out, so its text is not looked at.
    assert_eq!(execute(&snapshot, &data(9, 1 << 20), false, &work).as_deref(), Ok("-"));
}

/// Rules that write `note` out many times.
fn writing(rules: usize) -> RulesSnapshot {
    let conditions = json!({"item": condition("note", "not_equal", json!(""))});
    let rule = json!({"conditions": conditions, "action_result": "{{note}}".repeat(30)});
    let rules: Vec<_> = (0..rules).map(|n| (format!("r/{n}"), rule.clone())).collect();
    let mut documents = vec![("r", json!({}))];
    documents.extend(rules.iter().map(|(name, rule)| (name.as_str(), rule.clone())));
    snapshot(&documents)
}

#[test]
fn a_pattern_result_that_would_be_too_long_is_an_error_that_names_the_rule() {
    let (snapshot, work) = (writing(4), Work::unbounded());
    let data = |bytes: usize| json!({"note": "x".repeat(bytes)});
    // Three rules fit, and the fourth does not.
    let (fits, too_long) = (PATTERN_RESULT_BYTES_MAX / 120, PATTERN_RESULT_BYTES_MAX / 100);
    for explain in [false, true] {
        let written = execute(&snapshot, &data(fits), explain, &work).unwrap();
        assert_eq!(written.len(), fits * 120);
        let refused = execute(&snapshot, &data(too_long), explain, &work).unwrap_err();
        assert_eq!((refused.code(), refused.path().as_str()), ("pattern_result_too_long", "/data"));
        let message = refused.to_string();
        assert!(message.contains("\"3\"") && message.contains("pattern_result_bytes_max"), "{message}");
    }
}

#[test]
fn an_answer_is_taken_off_the_memory_of_its_budget() {
    let snapshot = writing(100);
    let data = json!({"note": "x".repeat(10)});
    let deadline = Instant::now() + Duration::from_secs(600);
    // The action results have 30 KB, and an explanation of each rule some 300 bytes more.
    for (explain, bytes, fits) in
        [(false, 29_000, false), (false, 40_000, true), (true, 40_000, false), (true, 90_000, true)]
    {
        match execute(&snapshot, &data, explain, &Work::new(deadline, bytes)) {
            Ok(_) => assert!(fits, "{bytes}"),
            Err(error) => {
                assert!(!fits && error.to_string().contains("more memory than it may have"), "{error}");
                let memory = Interrupted::Memory;
                assert!(matches!(error, ExecuteError::TooExpensive { why, .. } if why == memory));
            }
        }
    }
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
