//! The JSON Schemas agree with the validator.

use std::sync::Arc;

use midflight_core::{DocumentName, check_body};
use midflight_engine::{Kind, Work};
use midflight_testkit::schemas::{codes_of, compare_kind};
use midflight_tools::Tools;
use serde_json::{Value, json};

use crate::mutations::documents;

/// What only the kind knows: whether an expression, a name or a schema is one, what cannot be seen in a text, which of two bounds is the lower, and how
/// many bytes a text has.
const READER_ONLY: &[&str] =
    &["bad_expression", "bad_name", "bad_schema", "hidden_character", "too_long", "out_of_bounds time_ms"];

#[track_caller]
fn check(name: &str, body: &Value, accepted: bool) {
    let name = DocumentName::new(name).unwrap();
    let schemas = Tools.schemas();
    let schema = &schemas.iter().find(|schema| schema.ids(&name).is_some()).unwrap().schema;
    let by_schema = jsonschema::validator_for(schema).unwrap().is_valid(body);
    let by_kind = Tools.validate(&name, &Arc::new(body.clone()), &Work::unbounded());
    assert_eq!((by_schema, by_kind.is_ok()), (accepted, accepted), "{body}\n{by_kind:?}");
}

fn with_pattern(more: Value) -> Value {
    let mut pattern = json!({"time_estimate_ms": 1, "cost_estimate": "1 + N"});
    pattern.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"description": "d", "capabilities": {"c": {"patterns": {"p": pattern}}}})
}

#[test]
fn what_one_accepts_the_other_accepts() {
    for body in [
        json!({"description": "d"}),
        json!({"description": "d", "tool_name": "x y", "mcp_name": "x-y", "title": "T", "version": 1.5, "platform": "p", "category": "c",
            "status": "draft", "enabled": false, "defaults": {}, "metadata": {"a": null}, "anything_else": [1], "capabilities": {},
            "dependencies": [{"name": "a", "type": "t", "required": false, "version": "1"}],
            "input_schema": {"type": "object"}, "output_schema": {"type": "object", "properties": {}},
            "annotations": {"title": "t", "readOnlyHint": true, "openWorldHint": false},
            "forward": {"url": "http://a", "method": "GET", "headers": {}, "timeout_ms": 1}}),
        with_pattern(
            json!({"description": "d", "typical_use_cases": ["a"], "complexity_score": 0, "scope": "s", "completeness": "c",
            "limitations": [], "preference_match": {"speed": 1, "accuracy": 0.5}, "expected_outputs": [], "examples": 1,
            "policy": {"max_cost": 0, "requires_approval": true, "production_safe": false, "max_execution_time_ms": 5,
                "allowed_environments": ["a"], "required_permissions": [], "max_N_immediate": 1, "requires_background_if": "N > 5"},
            "required_inputs": [{"name": "a", "type": "int"}], "optional_inputs": [{"name": "b", "allowed_values": [1]}]}),
        ),
    ] {
        check("tool", &body, true);
    }
    check(
        "settings/selection",
        &json!({"weights": {"cheap": {"cost": 1}}, "ambiguity_gap": 0.1, "time_ms": [1, 2], "cost_max": 5}),
        true,
    );
    check(
        "corrections/x",
        &json!({"a/b": {"time_factor": 1.5, "cost_factor": 2, "observations": 30}, "a/c": {}}),
        true,
    );
}

#[test]
fn what_one_refuses_the_other_refuses() {
    for body in [
        json!([]),
        json!({}),
        json!({"description": ""}),
        json!({"description": 1}),
        json!({"description": "d", "tool_name": ""}),
        json!({"description": "d", "mcp_name": "a b"}),
        json!({"description": "d", "status": "on"}),
        json!({"description": "d", "enabled": 1}),
        json!({"description": "d", "version": null}),
        json!({"description": "d", "dependencies": [{}]}),
        json!({"description": "d", "capabilities": []}),
        json!({"description": "d", "capabilities": {"a/b": {"patterns": {}}}}),
        json!({"description": "d", "capabilities": {"c": {}}}),
        json!({"description": "d", "input_schema": {}}),
        json!({"description": "d", "annotations": {"readOnlyHint": "yes"}}),
        json!({"description": "d", "annotations": {"x": true}}),
        json!({"description": "d", "forward": {}}),
        json!({"description": "d", "forward": {"url": "ftp://a"}}),
        json!({"description": "d", "forward": {"url": "https://a", "timeout_ms": 0}}),
        with_pattern(json!({"time_estimate_ms": null})),
        with_pattern(json!({"cost_estimate": ""})),
        with_pattern(json!({"complexity_score": 2})),
        with_pattern(json!({"limitations": "x"})),
        with_pattern(json!({"preference_match": {"x": 1}})),
        with_pattern(json!({"policy": {"max_cost": -1}})),
        with_pattern(json!({"policy": {"x": 1}})),
        with_pattern(json!({"policy": {"max_execution_time": 1, "max_execution_time_ms": 1}})),
        with_pattern(json!({"required_inputs": [{"type": "string"}]})),
        with_pattern(json!({"required_inputs": {}})),
    ] {
        check("tool", &body, false);
    }
    for body in [
        json!({"x": 1}),
        json!({"weights": {"fst": {}}}),
        json!({"ambiguity_gap": 2}),
        json!({"time_ms": [0, 1]}),
        json!({"cost_max": 0}),
    ] {
        check("settings/selection", &body, false);
    }
    for body in
        [json!({"a": {}}), json!({"a/b": 1}), json!({"a/b": {"time_factor": 0}}), json!({"a/b": {"x": 1}})]
    {
        check("corrections/x", &body, false);
    }
}

#[test]
fn the_schemas_and_the_reader_agree_on_broken_and_generated_documents() {
    let schemas: Vec<_> = Tools.schemas().into_iter().map(|schema| (schema.names, schema.schema)).collect();
    let read = |name: &str, body: &Value| {
        let name = DocumentName::new(name).unwrap();
        let read = check_body(body)
            .or(())
            .and_then(|()| Tools.validate(&name, &Arc::new(body.clone()), &Work::unbounded()).map(drop));
        read.map_err(|problems| codes_of(&problems))
    };
    compare_kind(&schemas, &documents(), &read, READER_ONLY);
}
