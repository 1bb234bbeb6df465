//! What is read of a tool's document, and every way in which one is refused.

use serde_json::{Value, json};

use super::*;
use crate::testing::tool;

/// The problems of a body, each as `path: message`.
fn refusals(body: &Value) -> Vec<String> {
    let problems =
        read_tool("t", &Arc::new(body.clone()), &Work::unbounded()).expect_err("it should be refused");
    problems.iter().map(|problem| format!("{} {}: {}", problem.path, problem.code, problem.message)).collect()
}

#[track_caller]
fn check(body: Value, expected: &[&str]) {
    let found = refusals(&body);
    for expected in expected {
        assert!(
            found.iter().any(|problem| problem.starts_with(expected)),
            "{expected}\nis not in\n{}",
            found.join("\n")
        );
    }
    assert_eq!(found.len(), expected.len(), "{}", found.join("\n"));
}

fn with_pattern(pattern: Value) -> Value {
    let mut full = json!({"time_estimate_ms": 1, "cost_estimate": 1});
    if let Value::Object(members) = pattern {
        full.as_object_mut().unwrap().extend(members);
    }
    json!({"description": "d", "capabilities": {"c": {"patterns": {"p": full}}}})
}

#[test]
fn defaults_are_as_documented() {
    let tool = tool("docker compose", &with_pattern(json!({})));
    assert_eq!(
        (tool.id(), tool.tool_name(), tool.mcp_name()),
        ("docker compose", "docker compose", "docker_compose")
    );
    assert_eq!(
        (tool.version(), tool.status(), tool.is_enabled(), tool.is_offered()),
        ("1.0", ToolStatus::Active, true, true)
    );
    assert_eq!((tool.platform(), tool.category(), tool.title()), (None, None, None));
    let pattern = &tool.capability("c").unwrap().patterns[0];
    assert_eq!(
        (pattern.complexity, pattern.preference.accuracy, pattern.preference.completeness),
        (0.5, 0.5, 0.5)
    );
    assert_eq!((pattern.policy.production_safe, pattern.policy.requires_approval), (None, false));
    assert!(pattern.variables().is_empty() && tool.capability("d").is_none());
}

#[test]
fn what_a_document_states_is_read() {
    let body = json!({
        "tool_name": "Get-X", "mcp_name": "get_x", "version": 1.0, "description": "d", "title": "X", "platform": "mainframe",
        "category": "x", "status": "testing", "enabled": true, "unheard_of": {"a": [1]}, "execution_location": "here",
        "dependencies": [{"name": "a", "type": "service", "required": true, "version": 2.1}],
        "annotations": {"readOnlyHint": true}, "forward": {"url": "https://example.com/x", "method": "POST", "timeout_ms": 5},
        "output_schema": {"type": "object"},
        "capabilities": {"c": {"patterns": {"p": {
            "time_estimate_ms": "200 + 2 * page + num_files", "cost_estimate": 1.5, "complexity_score": 0.25,
            "preference_match": {"accuracy": 1, "speed": 0.5}, "example_request": "GET",
            "required_inputs": [{"name": "page", "type": "integer"}, {"name": "host"}],
            "optional_inputs": [{"name": "when", "type": "datetime", "default": null}],
            "policy": {"max_execution_time": 2, "requires_background_if": "num_files > 3 and N > 1"}}}}},
    });
    let tool = tool("x", &body);
    assert_eq!(
        (tool.id(), tool.tool_name(), tool.mcp_name(), tool.version()),
        ("x", "Get-X", "get_x", "1.0")
    );
    assert_eq!(
        (tool.title(), tool.platform(), tool.status()),
        (Some("X"), Some("mainframe"), ToolStatus::Testing)
    );
    assert_eq!(tool.forward().unwrap()["method"], "POST");
    let pattern = &tool.capability("c").unwrap().patterns[0];
    assert_eq!(pattern.variables(), ["page", "num_files", "N"]);
    assert_eq!(pattern.policy.max_execution_time_ms, Some(2000.0));
    assert_eq!(
        pattern.inputs.iter().map(|it| (&*it.name, it.is_required, it.is_number)).collect::<Vec<_>>(),
        [("page", true, true), ("host", true, false), ("when", false, false)]
    );
    assert_eq!(tool.input_schema()["required"], json!(["host", "page"]));
    assert_eq!(tool.definition()["outputSchema"], json!({"type": "object"}));
}

#[test]
fn six_patterns_are_fine_and_a_bound_is_named() {
    let patterns = |count: usize| -> Value {
        let one = json!({"time_estimate_ms": 1, "cost_estimate": 1});
        let patterns: serde_json::Map<_, _> = (0..count).map(|n| (format!("p{n}"), one.clone())).collect();
        json!({"description": "d", "capabilities": {"c": {"patterns": patterns}}})
    };
    assert_eq!(tool("t", &patterns(6)).pattern_count(), 6);
    check(patterns(201), &["/capabilities/c/patterns too_many: patterns has 201 members and may have 200"]);
}

#[test]
fn every_problem_of_a_tool_is_reported_with_its_place() {
    check(
        json!({"tool_name": " a", "descripton": "x", "status": "actve", "enabled": "yes", "version": [], "platform": "",
            "defaults": [], "metadata": 1, "dependencies": [{"nme": "a"}, 3], "input_schema": {"type": "array"},
            "output_schema": {"type": "object", "properties": []}, "annotations": {"readOnly": true},
            "forward": {"url": "ftp://x", "method": "get", "timeout_ms": 0}, "mcp_name": "a b"}),
        &[
            "/descripton unknown_field: a tool has no field \"descripton\"; did you mean \"description\"?",
            "/tool_name bad_name: invalid tool_name: a name has at least one character, and no spaces",
            " missing_field: a tool needs \"description\": what it does",
            "/mcp_name bad_name: invalid mcp_name: use 1-64 of",
            "/version wrong_type: version is a string",
            "/platform bad_name: invalid platform",
            "/status unknown_value: \"actve\" is not a valid status; use one of active, deprecated, \
             disabled, testing, draft; did you mean \"active\"?",
            "/enabled wrong_type",
            "/defaults wrong_type: defaults is an object",
            "/metadata wrong_type",
            "/dependencies/0 missing_field: a dependency needs \"name\"",
            "/dependencies/1 wrong_type: a dependency is an object",
            "/input_schema bad_schema: input_schema describes an object; write \"type\": \"object\"",
            "/output_schema/properties bad_schema",
            "/annotations/readOnly unknown_field: annotations has no field \"readOnly\"",
            "/forward/url bad_url: invalid url: expected http:// or https://",
            "/forward/method unknown_value",
            "/forward/timeout_ms out_of_bounds",
        ],
    );
    let forward =
        |headers: Value| json!({"description": "d", "forward": {"url": "https://a", "headers": headers}});
    check(
        forward(
            json!({"Authorization": "Bearer abc", "X-Api-Key": "s3cr3t", "Accept": "text/plain", "n": 1}),
        ),
        &[
            "/forward/headers/Authorization literal_secret: a secret is not written into a document; refer to it, as ${env:NAME}",
            "/forward/headers/X-Api-Key literal_secret",
            "/forward/headers/n wrong_type: the value of a header is a string",
        ],
    );
    tool("t", &forward(json!({"Authorization": "Bearer ${env:TOKEN}"})));
    check(json!({"description": " "}), &["/description empty"]);
    check(
        json!({"description": "x".repeat(4_097)}),
        &["/description too_long: description has 4097 bytes and may have 4096"],
    );
    check(
        json!({"description": "a\u{200b}"}),
        &["/description hidden_character: the text has a zero-width character"],
    );
    check(
        json!({"tool_name": "工具", "description": "d"}),
        &["/mcp_name bad_name: no name for agents can be derived from \"工具\"; set mcp_name"],
    );
    check(
        json!({"description": "d", "capabilities": []}),
        &["/capabilities wrong_type: capabilities is an object by name, not an array; write {\"NAME\""],
    );
    check(
        json!({"description": "d", "capabilities": {"a/b": {}, "c": 7}}),
        &[
            "/capabilities/a~1b bad_name: invalid name of a capability, \"a/b\": a name has no slash",
            "/capabilities/a~1b missing_field: a capability needs \"patterns\"",
            "/capabilities/c wrong_type",
        ],
    );
    check(
        json!({"description": "d", "capabilities": {"c": {"pattern": {}}}}),
        &[
            "/capabilities/c/pattern unknown_field: a capability has no field \"pattern\"; did you mean \"patterns\"?",
            "/capabilities/c missing_field",
        ],
    );
}

#[test]
fn every_problem_of_a_pattern_is_reported_with_its_place() {
    let at = "/capabilities/c/patterns/p";
    let messages = |body: Value, expected: &[&str]| {
        let expected: Vec<String> = expected.iter().map(|it| format!("{at}{it}")).collect();
        check(with_pattern(body), &expected.iter().map(String::as_str).collect::<Vec<_>>());
    };
    messages(
        json!({"time_estimate_ms": "200 + 5 * n", "cost_estimate": "N > 1", "complexity_score": 1.5, "limitation": [],
            "typical_use_cases": "x", "preference_match": {"sped": 1, "accuracy": 2},
            "policy": {"max_cst": 1, "max_cost": -1, "requires_approval": 1, "requires_background_if": "N + 1",
                "max_execution_time": 1, "max_execution_time_ms": 1, "allowed_environments": [1]}}),
        &[
            "/limitation unknown_field",
            "/typical_use_cases wrong_type",
            "/time_estimate_ms unknown_variable: invalid expression: unknown variable \"n\"; did you mean \"N\"?",
            "/cost_estimate wrong_expression_type: invalid expression: found a condition where a number is expected",
            "/complexity_score out_of_bounds",
            "/preference_match/sped unknown_field: preference_match has no field \"sped\"; did you mean \"speed\"?",
            "/preference_match/accuracy out_of_bounds",
            "/policy/max_cst unknown_field: a policy has no field \"max_cst\"; did you mean \"max_cost\"?",
            "/policy/max_cost out_of_bounds",
            "/policy/requires_approval wrong_type",
            "/policy/requires_background_if wrong_expression_type",
            "/policy/max_execution_time conflict",
            "/policy/allowed_environments/0 wrong_type",
        ],
    );
    messages(
        json!({"time_estimate_ms": null, "cost_estimate": "1 / 0", "policy": {"requires_background_if": true},
            "required_inputs": [{"name": "a", "type": "strng"}, {"type": "string"}, 5, {"name": "b"}],
            "optional_inputs": [{"name": "b", "descripton": "x"}], "expected_outputs": {}}),
        &[
            "/required_inputs/0/type unknown_value: unknown type \"strng\"; did you mean \"string\"?",
            "/required_inputs/1 missing_field: an input needs \"name\"",
            "/required_inputs/2 wrong_type",
            "/optional_inputs/0/descripton unknown_field",
            "/required_inputs duplicate_input: the input \"b\" is declared twice",
            "/time_estimate_ms wrong_type: time_estimate_ms is a number or an expression, not null",
            "/cost_estimate arithmetic: invalid expression: division by zero",
            "/expected_outputs wrong_type",
            "/policy/requires_background_if wrong_type: requires_background_if is a condition, as \"N > 50\", not a boolean",
        ],
    );
    let missing = json!({"description": "d", "capabilities": {"c": {"patterns": {"p": {}}}}});
    check(
        missing,
        &[
            &format!(
                "{at} missing_field: a pattern needs \"time_estimate_ms\": how long it takes, in ms: a number or an expression"
            ),
            &format!("{at} missing_field: a pattern needs \"cost_estimate\""),
        ],
    );
    // The place in the expression is shown in the message.
    let shown = refusals(&with_pattern(json!({"cost_estimate": "2 * lg(N)"})));
    assert!(shown[0].ends_with("(character 5)\n  2 * lg(N)\n      ^^"), "{shown:?}");
}

#[test]
fn a_word_of_an_open_vocabulary_is_suggested_and_never_refused() {
    assert_eq!(suggest_word("linux", &PLATFORMS), None);
    assert_eq!(suggest_word("mainframe", &PLATFORMS), None);
    assert_eq!(
        suggest_word("linx", &PLATFORMS).unwrap(),
        "\"linx\" is used by no known catalogue; did you mean \"linux\"?"
    );
}

#[test]
fn a_reserved_name_is_refused_at_its_place() {
    for name in crate::RESERVED_MCP_NAMES {
        let messages = format!(
            "reserved_name: agents know a tool of the server itself as {name:?}; set another mcp_name, 1-64 of A-Z a-z 0-9 _ -"
        );
        check(json!({"tool_name": name, "description": "d"}), &[&format!("/tool_name {messages}")]);
        check(
            json!({"tool_name": "mine", "mcp_name": name, "description": "d"}),
            &[&format!("/mcp_name {messages}")],
        );
        // The name for people and services is free, where agents know another one.
        assert_eq!(tool("t", &json!({"tool_name": name, "mcp_name": "mine"})).mcp_name(), "mine");
    }
    // A name is derived too.
    check(json!({"tool_name": "search tools", "description": "d"}), &["/tool_name reserved_name: "]);
}

/// A chain of definitions, each of which evaluates the next one twice.
fn doubled(depth: usize) -> Value {
    let mut definitions = serde_json::Map::new();
    for n in 0..depth {
        let next = json!({"$ref": format!("#/$defs/a{}", n + 1)});
        definitions.insert(format!("a{n}"), json!({"allOf": [next, next]}));
    }
    definitions.insert(format!("a{depth}"), json!({"type": "object"}));
    json!({"type": "object", "$ref": "#/$defs/a0", "$defs": definitions})
}

#[test]
fn a_schema_by_which_a_validation_could_take_long_is_refused_where_it_is_read() {
    for key in ["input_schema", "output_schema"] {
        let mut body = with_pattern(json!({}));
        body[key] = doubled(40);
        let found = refusals(&body);
        let [problem] = found.as_slice() else { panic!("{found:?}") };
        assert!(problem.starts_with(&format!("/{key}/$defs/a")), "{problem}");
        assert!(
            problem.contains("schema_too_expensive") && problem.contains("place_evaluations_max"),
            "{problem}"
        );
        assert!(problem.contains("refer to a subschema once"), "{problem}");
        body[key] = doubled(8);
        assert!(read_tool("t", &Arc::new(body.clone()), &Work::unbounded()).is_ok());
        // One that cannot be read is shown to agents as it is.
        body[key] = json!({"type": "object", "$ref": "https://example.com/schema.json"});
        assert!(read_tool("t", &Arc::new(body), &Work::unbounded()).is_ok());
    }
}

#[test]
fn the_expressions_of_a_schema_are_compiled_within_the_budget() {
    let mut body = with_pattern(json!({}));
    body["input_schema"] = json!({"type": "object", "properties": {"host": {"pattern": "^[a-z]+$"}}});
    let work = Work::unbounded();
    work.cancel();
    let problems = read_tool("t", &Arc::new(body), &work).unwrap_err();
    assert_eq!(problems.iter().next().unwrap().code, "cancelled");
}
