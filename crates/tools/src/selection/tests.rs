//! Selections: the formulas of the features, policies, ambiguity, and what is never dropped.

use midflight_engine::{Interrupted, Work};
use serde_json::{Value, json};

use super::*;
use crate::PreferenceMode;
use crate::testing::{edit, snapshot};

fn pattern(time: impl Into<Value>, cost: impl Into<Value>, more: Value) -> Value {
    let mut pattern = json!({"time_estimate_ms": time.into(), "cost_estimate": cost.into()});
    if let Value::Object(more) = more {
        pattern.as_object_mut().unwrap().extend(more);
    }
    pattern
}

fn body(patterns: Value) -> Value {
    json!({"description": "A tool that lists assets.", "capabilities": {"query": {"patterns": patterns}}})
}

fn request(input: Value) -> SelectionRequest {
    SelectionRequest::read(&input).unwrap_or_else(|problems| panic!("{problems}"))
}

/// The candidates as `tool/pattern`, best first.
fn order(snapshot: &ToolsSnapshot, input: Value) -> Vec<String> {
    let request = request(input);
    let selection = snapshot.select(&request).unwrap();
    selection.candidates.iter().map(|it| format!("{}/{}", it.tool.tool_name(), it.pattern.name)).collect()
}

#[test]
fn features_and_scores_are_those_of_the_formulas() {
    let preference = json!({"complexity_score": 0.3, "preference_match": {"accuracy": 0.9, "completeness": 0.7, "speed": 0.1}});
    let tools = snapshot(&[("a", body(json!({"p": pattern("200 + 3 * N", 4, preference)})))]);
    let request = request(json!({"capabilities": ["query"], "mode": "accurate"}));
    let selection = tools.select(&request).unwrap();
    let candidate = &selection.candidates[0];
    assert_eq!((candidate.time_ms, candidate.cost), (500.0, 4.0));
    // 1 - (ln 500 - ln 50) / (ln 60000 - ln 50), from Python.
    let expected = [0.675_238_344_191_794_6, 0.6, 0.7, 0.9, 0.7];
    for (found, expected) in candidate.features.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
    }
    let score = 0.15 * (expected[0] + expected[1] + expected[2] + expected[4]) + 0.4 * expected[3];
    assert!((candidate.score - score).abs() < 1e-12);
}

#[test]
fn estimates_past_the_scale_are_clamped() {
    let tools = snapshot(&[(
        "a",
        body(json!({"fast": pattern(-5, -1, json!({})), "slow": pattern(1e9, 1e9, json!({}))})),
    )]);
    let request = request(json!({"tool_name": "a"}));
    let selection = tools.select(&request).unwrap();
    let features: Vec<_> =
        selection.candidates.iter().map(|it| (&*it.pattern.name, it.features[0], it.features[1])).collect();
    assert_eq!(features, [("fast", 1.0, 1.0), ("slow", 0.0, 0.0)]);
}

#[test]
fn the_mode_decides_and_equals_go_by_tool_then_pattern() {
    let quick = pattern(50, 9, json!({"preference_match": {"accuracy": 0.2, "completeness": 0.5}}));
    let exact = pattern(9000, 1, json!({"preference_match": {"accuracy": 1.0, "completeness": 0.5}}));
    let tools = snapshot(&[
        ("b", body(json!({"quick": quick, "exact": exact}))),
        ("a", body(json!({"y": pattern(900, 5, json!({})), "x": pattern(900, 5, json!({}))}))),
    ]);
    let best = |mode: &str| order(&tools, json!({"capabilities": ["query"], "mode": mode})).remove(0);
    assert_eq!(
        (best("fast"), best("accurate"), best("cheap")),
        ("b/quick".into(), "b/exact".into(), "b/exact".into())
    );
    let equals: Vec<_> = order(&tools, json!({"capabilities": ["query"]}))
        .into_iter()
        .filter(|it| it.starts_with('a'))
        .collect();
    assert_eq!(equals, ["a/x", "a/y"]);
}

#[test]
fn a_variable_that_was_not_given_is_named_and_its_pattern_is_not_dropped() {
    let patterns = json!({
        "known": pattern("N + pages + p95_latency", 1, json!({})),
        "unknown": pattern("200 + 5 * num_files", 1, json!({})),
        "condition": pattern(1, 1, json!({"policy": {"requires_background_if": "size_gb > 2"}})),
        "failing": pattern("10 / (N - 100)", 1, json!({})),
    });
    let tools = snapshot(&[("a", body(patterns))]);
    let not_evaluated = |input: Value| -> Vec<String> {
        let request = request(input);
        let selection = tools.select(&request).unwrap();
        selection.not_evaluated.iter().map(|it| format!("{}: {}", it.pattern.name, it.because)).collect()
    };
    let found = not_evaluated(json!({"capabilities": ["query"]}));
    assert_eq!(found[0], "condition: the variable \"size_gb\" of \"size_gb > 2\" was not given");
    assert!(found[1].starts_with("failing: division by zero"), "{found:?}");
    assert_eq!(found[2], "unknown: the variable \"num_files\" of \"200 + 5 * num_files\" was not given");
    let given = json!({"capabilities": ["query"], "context": {"num_files": 3, "size_gb": 1, "N": 50}});
    assert_eq!(not_evaluated(given), Vec::<String>::new());
}

#[test]
fn every_rule_of_a_policy_has_a_verdict_with_its_reason() {
    let policy = json!({"policy": {"max_cost": 5, "requires_approval": true, "production_safe": false,
        "max_execution_time": 1, "allowed_environments": ["staging", "production"], "required_permissions": ["admin", "ops"],
        "max_N_immediate": 50, "requires_background_if": "N > 10"}});
    let tools = snapshot(&[("a", body(json!({"p": pattern("20 * N", "N / 10", policy)})))]);
    let verdicts = |input: Value| -> Vec<String> {
        let request = request(input);
        let answer = tools.select(&request).unwrap().to_json();
        let item = if answer["selected"].is_null() { &answer["excluded"][0] } else { &answer["selected"] };
        let rules = item["policy"].as_array().unwrap();
        rules
            .iter()
            .map(|it| format!("{} {}: {}", it["rule"], it["verdict"], it["because"]).replace('"', ""))
            .collect()
    };
    let found = verdicts(
        json!({"tool_name": "a", "environment": "production", "permissions": ["ops"], "max_cost": 2}),
    );
    assert_eq!(
        found,
        [
            "status passed: the status of the tool is active",
            "allowed_environments passed: allowed in staging, production; the environment is production",
            "production_safe excluded: production_safe is false",
            "required_permissions excluded: the permission admin was not given",
            "max_cost excluded: the cost is 10 and may be 5",
            "request_max_cost excluded: the cost is 10 and the request allows 2",
            "requires_approval requires_approval: a person has to approve it",
            "requires_background_if background: it runs in the background if N > 10",
            "max_N_immediate background: N is 100 and may be 50 in the foreground",
            "max_execution_time background: it takes 2000 ms and may take 1000 ms in the foreground",
        ]
    );
    let input = json!({"tool_name": "a", "environment": "staging", "permissions": ["ops", "admin"], "context": {"N": 5}});
    let found = verdicts(input.clone());
    assert_eq!(found.iter().filter(|it| it.contains(" passed:")).count(), 7, "{found:#?}");
    let request = request(input);
    let selected = tools.select(&request).unwrap().to_json();
    assert_eq!(
        (&selected["selected"]["requires_approval"], &selected["selected"]["background"]),
        (&json!(true), &json!(false))
    );
}

#[test]
fn what_a_policy_does_not_state_is_not_safe_in_production_and_an_environment_has_to_be_given() {
    let limited = json!({"policy": {"allowed_environments": ["dev"]}});
    let safe = json!({"policy": {"production_safe": true}});
    let patterns = json!({"silent": pattern(1, 1, json!({})), "limited": pattern(1, 1, limited), "safe": pattern(1, 1, safe)});
    let mut testing = body(json!({"t": pattern(1, 1, json!({"policy": {"production_safe": true}}))}));
    testing["status"] = json!("testing");
    let tools = snapshot(&[("a", body(patterns)), ("b", testing)]);
    let found =
        |environment: Value| order(&tools, json!({"capabilities": ["query"], "environment": environment}));
    assert_eq!(found(json!("production")), ["a/safe"]);
    assert_eq!(found(json!("dev")), ["a/limited", "a/safe", "a/silent", "b/t"]);
    assert_eq!(found(Value::Null), ["a/safe", "a/silent", "b/t"]);
}

#[test]
fn a_tool_that_is_not_offered_is_no_candidate_and_by_name_has_the_reason() {
    let mut documents = Vec::new();
    for (id, key, value) in [
        ("off", "enabled", json!(false)),
        ("old", "status", json!("deprecated")),
        ("draft", "status", json!("draft")),
        ("disabled", "status", json!("disabled")),
    ] {
        let mut body = body(json!({"p": pattern(1, 1, json!({}))}));
        body[key] = value;
        documents.push((id, body));
    }
    let tools = snapshot(&documents);
    assert!(order(&tools, json!({"capabilities": ["query"]})).is_empty());
    assert!(order(&tools, json!({"query": "list assets"})).is_empty());
    for (id, because) in [
        ("off", "the tool is switched off (enabled is false)"),
        ("old", "the status of the tool is deprecated"),
        ("draft", "the status of the tool is draft"),
        ("disabled", "the status of the tool is disabled"),
    ] {
        let request = request(json!({"tool_name": id}));
        let answer = tools.select(&request).unwrap().to_json();
        assert_eq!(answer["selected"], Value::Null);
        assert_eq!(
            answer["excluded"][0]["policy"][0],
            json!({"rule": "status", "verdict": "excluded", "because": because})
        );
    }
    let request = request(json!({"tool_name": "draf"}));
    let problem = tools.select(&request).unwrap_err().to_problem();
    assert_eq!(problem.to_string(), "at /tool_name: unknown tool \"draf\"; did you mean \"draft\"?");
    assert_eq!(tools.select(&SelectionRequest::default()).unwrap_err(), SelectionError::Empty);
}

#[test]
fn a_selection_ends_when_its_work_is_interrupted() {
    let mut tool = body(json!({"quick": pattern(50, 5, json!({}))}));
    tool["platform"] = json!("linux");
    let tools = snapshot(&[("a", tool)]);
    let work = Work::unbounded();
    work.cancel();
    for request in
        [json!({"capabilities": ["query"]}), json!({"query": "tool"}), json!({"platform": "linux"})]
    {
        let request = self::request(request);
        let error = tools.select_within(&request, &work).unwrap_err();
        assert_eq!(error, SelectionError::Interrupted(Interrupted::Cancelled), "{request:?}");
    }
}

#[test]
fn the_best_two_that_are_close_are_ambiguous_and_a_question_decides() {
    let quick = pattern(50, 5, json!({"preference_match": {"accuracy": 0.4, "completeness": 0.5}}));
    let exact = pattern(60_000, 5, json!({"preference_match": {"accuracy": 1.0, "completeness": 0.9}}));
    let far = pattern(60_000, 10, json!({"preference_match": {"accuracy": 0.0, "completeness": 0.0}}));
    let tools = snapshot(&[("a", body(json!({"quick": quick, "exact": exact, "far": far})))]);
    let request = request(json!({"capabilities": ["query"]}));
    let ambiguity = tools.select(&request).unwrap().ambiguity.unwrap();
    assert!(ambiguity.gap < 0.08, "{ambiguity:?}");
    assert_eq!(ambiguity.alternatives, 2);
    let expected =
        "a/exact and a/quick score alike. What matters more: accuracy (a/exact) or time (a/quick)?";
    let reversed =
        "a/quick and a/exact score alike. What matters more: time (a/quick) or accuracy (a/exact)?";
    assert!([expected, reversed].contains(&ambiguity.question.as_str()), "{ambiguity:?}");
    let answer = tools.select(&request).unwrap().to_json();
    assert_eq!(answer["ambiguity"]["alternatives"].as_array().unwrap().len(), 2);
    // A mode tells them apart, and so does a smaller gap.
    let fast = SelectionRequest { mode: Some(PreferenceMode::Fast), ..request.clone() };
    assert!(tools.select(&fast).unwrap().ambiguity.is_none());
    let strict = edit(&tools, &[("settings/selection", json!({"ambiguity_gap": 0}))]).unwrap();
    assert!(strict.select(&request).unwrap().ambiguity.is_none());
}

#[test]
fn candidates_are_found_by_platform_category_query_and_what_is_unknown_is_noted() {
    let with = |platform: &str, category: &str, description: &str| {
        let mut body = body(json!({"p": pattern(1, 1, json!({}))}));
        body["platform"] = json!(platform);
        body["category"] = json!(category);
        body["description"] = json!(description);
        body
    };
    let tools = snapshot(&[
        ("a", with("linux", "network", "Lists sockets")),
        ("b", with("linux", "system", "Shows the kernel")),
        ("c", with("windows", "network", "Lists adapters")),
    ]);
    assert_eq!(order(&tools, json!({"platform": "linux"})), ["a/p", "b/p"]);
    assert_eq!(order(&tools, json!({"platform": "linux", "category": "network"})), ["a/p"]);
    assert_eq!(order(&tools, json!({"capabilities": ["query", "query"], "platform": "windows"})), ["c/p"]);
    assert_eq!(order(&tools, json!({"query": "sockets"})), ["a/p"]);
    // A query narrows a platform by what it says, and one of which nothing is found only states a preference.
    assert_eq!(order(&tools, json!({"query": "kernel", "platform": "linux"})), ["b/p"]);
    assert_eq!(order(&tools, json!({"query": "cheapest", "platform": "linux"})), ["a/p", "b/p"]);
    assert_eq!(order(&tools, json!({"query": "kernel", "platform": "windows"})), ["c/p"]);
    assert_eq!(order(&tools, json!({"tool_name": "a", "capabilities": ["other"]})), Vec::<String>::new());
    let request = request(json!({"capabilities": ["quary"], "platform": "linx"}));
    let selection = tools.select(&request).unwrap();
    assert_eq!(
        selection.notes,
        [
            "no tool has the capability \"quary\"; did you mean \"query\"?",
            "no tool has the platform \"linx\"; did you mean \"linux\"?"
        ]
    );
}

#[test]
fn corrections_change_the_estimates_of_their_pattern_alone() {
    let tools = snapshot(&[
        ("a", body(json!({"p": pattern(100, 2, json!({})), "q": pattern(100, 2, json!({}))}))),
        ("corrections/a", json!({"query/p": {"time_factor": 1.5, "cost_factor": 0.5}})),
    ]);
    let request = request(json!({"tool_name": "a"}));
    let mut found: Vec<_> = tools
        .select(&request)
        .unwrap()
        .candidates
        .iter()
        .map(|it| (it.pattern.name.clone(), it.time_ms, it.cost))
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(found, [("p".into(), 150.0, 1.0), ("q".into(), 100.0, 2.0)]);
}

#[test]
fn an_answer_is_bounded_and_has_the_total() {
    let patterns: serde_json::Map<String, Value> =
        (0..30).map(|n| (format!("p{n:02}"), pattern(100, 2, json!({})))).collect();
    let tools = snapshot(&[("a", body(Value::Object(patterns)))]);
    let request = request(json!({"tool_name": "a", "limit": 2}));
    let answer = tools.select(&request).unwrap().to_json();
    assert_eq!(answer["candidates"].as_array().unwrap().len(), 2);
    assert_eq!(answer["total"], json!({"candidates": 30, "excluded": 0, "not_evaluated": 0}));
    assert_eq!(answer["candidates"][0]["pattern"], "p00");
    assert_eq!(answer["ambiguity"]["alternatives"].as_array().unwrap().len(), 5);
}
