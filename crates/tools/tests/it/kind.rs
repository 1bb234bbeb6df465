//! The kind as the engine uses it: a pure function, its answers, its figures, its bodies.

use std::sync::Arc;
use std::time::{Duration, Instant};

use midflight_core::DocumentName;
use midflight_engine::testing::try_kind;
use midflight_engine::{Kind, KindChange, Work};
use midflight_tools::Tools;
use serde_json::{Value, json};

use crate::support::{edit, snapshot};

fn documents() -> Vec<(&'static str, Value)> {
    vec![
        (
            "grep",
            json!({"tool_name": "grep", "title": "Grep", "version": "2.0", "description": "Finds lines.", "platform": "linux",
                "category": "text-processing", "status": "active", "enabled": true, "defaults": {"a": 1}, "metadata": {"tags": ["x"]},
                "dependencies": [{"name": "files", "type": "permission", "required": true}],
                "annotations": {"readOnlyHint": true}, "output_schema": {"type": "object"}, "mcp_name": "grep",
                "capabilities": {"text_search": {"description": "Search.", "patterns": {
                    "quick": {"time_estimate_ms": "20 + N", "cost_estimate": 1, "complexity_score": 0.1,
                        "policy": {"max_cost": 5, "production_safe": true}},
                    "deep": {"time_estimate_ms": "900 + 5 * num_files", "cost_estimate": "ceil(N / 10)",
                        "preference_match": {"accuracy": 1, "completeness": 1},
                        "policy": {"requires_background_if": "num_files > 100"}}}}}}),
        ),
        (
            "find",
            json!({"description": "Finds files.", "platform": "linux", "category": "filesystem",
                "forward": {"url": "https://example.com/find"}, "input_schema": {"type": "object"},
                "capabilities": {"text_search": {"patterns": {"p": {"time_estimate_ms": 400, "cost_estimate": 2}}}}}),
        ),
        ("old", json!({"description": "Old.", "status": "deprecated", "capabilities": {}})),
        (
            "settings/selection",
            json!({"ambiguity_gap": 0.01, "cost_max": 20, "time_ms": [10, 1000],
            "weights": {"fast": {"time": 0.6}}, "description": "d"}),
        ),
        ("corrections/grep", json!({"text_search/quick": {"time_factor": 2, "cost_factor": 1.5}})),
    ]
}

fn inputs() -> Vec<Value> {
    vec![
        json!({"capabilities": ["text_search"]}),
        json!({"capabilities": ["text_search"], "mode": "fast", "environment": "production"}),
        json!({"query": "find lines quickly"}),
        json!({"query": "files", "context": {"num_files": 500}}),
        json!({"tool_name": "old"}),
        json!({"tool_name": "none"}),
        json!({"platform": "linux", "limit": 1, "max_cost": 1}),
        json!({"category": "filesystem"}),
        json!({}),
        json!(7),
        json!({"query": 7}),
    ]
}

#[test]
fn it_is_the_pure_function_that_a_kind_must_be() {
    let documents = documents().into_iter().map(|(name, body)| (DocumentName::new(name).unwrap(), body));
    try_kind(&Tools, &documents.collect::<Vec<_>>(), &inputs()).unwrap();
}

#[test]
fn an_answer_is_a_selection_and_the_same_each_time() {
    let tools = snapshot(&documents());
    let input = json!({"capabilities": ["text_search"], "mode": "fast"});
    let answer = Tools.answer(&tools, &input).unwrap();
    assert_eq!(answer, Tools.answer(&tools, &input).unwrap());
    assert_eq!(
        answer["mode"],
        json!({"name": "fast", "confidence": 1.0, "found_by": "explicit", "keywords": []})
    );
    let selected = &answer["selected"];
    assert_eq!((&selected["tool"], &selected["pattern"]), (&json!("grep"), &json!("quick")));
    // (20 + 100) * 2, and 1 * 1.5.
    assert_eq!(selected["estimates"], json!({"time_ms": 240.0, "cost": 1.5}));
    let because = &answer["not_evaluated"][0]["because"];
    assert_eq!(because, "the variable \"num_files\" of \"900 + 5 * num_files\" was not given");
    let problem = Tools.answer(&tools, &json!({"capabilties": []})).unwrap_err();
    assert_eq!(
        problem.to_string(),
        "at /capabilties: a selection has no field \"capabilties\"; did you mean \"capabilities\"?"
    );
    let problem = Tools.answer(&tools, &json!({"tool_name": "gerp"})).unwrap_err();
    assert_eq!((problem.code.as_ref(), problem.path.as_str()), ("unknown_tool", "/tool_name"));
}

#[test]
fn figures_and_bodies_are_those_of_the_documents() {
    let tools = snapshot(&documents());
    assert_eq!(Tools.figures(&tools), [("tools", 3), ("offered", 2), ("patterns", 3), ("capabilities", 1)]);
    let body = |name: &str| Tools.body(&tools, &DocumentName::new(name).unwrap());
    assert_eq!(**body("find").unwrap(), documents()[1].1);
    assert!(body("none").is_none() && body("settings/selection").is_none());
}

#[test]
fn a_budget_of_memory_or_time_ends_the_work() {
    let name = DocumentName::new("t").unwrap();
    let body = Arc::new(documents().remove(0).1);
    let late = Work::new(Instant::now(), u64::MAX);
    assert!(Tools.validate(&name, &body, &late).unwrap_err().to_string().contains("deadline"));
    let small = Work::new(Instant::now() + Duration::from_secs(600), 1_000);
    let problems = Tools.validate(&name, &body, &small).unwrap_err();
    assert_eq!(problems.iter().next().unwrap().code, "memory_exceeded");
    let document = Some(Tools.validate(&name, &body, &Work::unbounded()).unwrap());
    let cancelled = Work::unbounded();
    cancelled.cancel();
    let changes = vec![KindChange { name, document }];
    let problems = Tools.compile(&Tools.empty(), changes, &cancelled).unwrap_err();
    assert_eq!(problems.iter().next().unwrap().code, "cancelled");
}

#[test]
fn a_disabled_tool_can_be_switched_on_again() {
    let tools = snapshot(&documents());
    let mut off = documents().remove(1).1;
    off["enabled"] = json!(false);
    let without = edit(&tools, &[("find", off)]).unwrap();
    assert_eq!((without.offered_count(), without.search("files", 5).len()), (1, 0));
    let with = edit(&without, &[("find", documents().remove(1).1)]).unwrap();
    assert_eq!((with.offered_count(), with.digest()), (2, tools.digest()));
}
