//! The JSON Schemas agree with the validator.

use std::sync::Arc;

use midflight_core::{DocumentName, check_body};
use midflight_engine::{Kind, Work};
use midflight_rules::Rules;
use midflight_testkit::schemas::{codes_of, compare_kind};
use serde_json::{Value, json};

use crate::mutations::documents;

/// What only the kind knows: whether a regular expression, a template or a list in a text is one, and what a nest or a sum of
/// numbers comes to.
const READER_ONLY: &[&str] =
    &["bad_regex", "bad_number", "bad_template", "too_deep", "too_many", "wrong_type constant"];

#[track_caller]
fn check(name: &str, body: &Value, accepted: bool) {
    let title = match name {
        "r" => "ruleset",
        "r/1" => "rule",
        _ => "condition",
    };
    let schemas = Rules.schemas();
    let schema = &schemas.iter().find(|schema| schema.title == title).unwrap().schema;
    let by_schema = jsonschema::validator_for(schema).unwrap().is_valid(body);
    let by_kind =
        Rules.validate(&DocumentName::new(name).unwrap(), &Arc::new(body.clone()), &Work::unbounded());
    assert_eq!((by_schema, by_kind.is_ok()), (accepted, accepted), "{body}\n{by_kind:?}");
}

#[test]
fn what_one_accepts_the_other_accepts() {
    for body in [
        json!({}),
        json!({"name": "n", "status": "draft", "default": true, "patterns": {"Y-": "go"}, "drop_missing": true,
            "compat": "original", "description": "d", "version": "1", "tags": ["a"], "metadata": {"owner": "me"}}),
    ] {
        check("r", &body, true);
    }
    for body in [
        json!({"conditions": {"item": "C1"}, "type": "simple"}),
        json!({"conditions": {"mode": "inclusive", "items": ["C1", {"attribute": "a", "operator": "is_null"}]},
            "type": "complex", "rule_name": "n", "rule_point": -2.5, "weight": 0, "priority": -3, "action_result": "{{a}}",
            "status": "active", "description": "d", "tags": [], "metadata": {}}),
        json!({"conditions": {"all": [{"any": ["a", {"not": "b"}]}, {"item": {"attribute": "a", "equation": "in",
            "constant": [1, "x"]}}]}}),
    ] {
        check("r/1", &body, true);
    }
    for body in [
        json!({"attribute": "a.b", "operator": "equal", "constant": null, "condition_name": "n", "tags": []}),
        json!({"attribute": "a", "equation": "range", "constant": [1, 2], "metadata": {"a": {"b": 1}}}),
        json!({"attribute": "a", "operator": "regex_match", "constant": "a.c"}),
        json!({"attribute": "a", "operator": "is_null", "constant": false}),
        json!({"attribute": "a", "operator": "in", "constant": "['x','y']"}),
    ] {
        check("conditions/c", &body, true);
    }
}

#[test]
fn what_one_refuses_the_other_refuses() {
    for body in [
        json!([]),
        json!({"name": 1}),
        json!({"status": "on"}),
        json!({"default": "yes"}),
        json!({"compat": "python"}),
        json!({"patterns": {"Y": 1}}),
        json!({"tags": [1]}),
        json!({"rules": []}),
        json!({"metadata": []}),
    ] {
        check("r", &body, false);
    }
    for body in [
        json!({}),
        json!({"conditions": "C1"}),
        json!({"conditions": {}}),
        json!({"conditions": {"item": "C1"}, "type": "complex"}),
        json!({"conditions": {"all": ["C1"]}, "type": "simple"}),
        json!({"conditions": {"items": ["C1"]}}),
        json!({"conditions": {"mode": "xor", "items": ["C1"]}}),
        json!({"conditions": {"mode": "and", "items": []}}),
        json!({"conditions": {"all": ["C1"], "any": ["C2"]}}),
        json!({"conditions": {"item": ""}}),
        json!({"conditions": {"item": {"attribute": "a", "operator": "equals", "constant": 1}}}),
        json!({"conditions": {"item": "C1"}, "weight": -1}),
        json!({"conditions": {"item": "C1"}, "priority": 1.5}),
        json!({"conditions": {"item": "C1"}, "priority": 1e30}),
        json!({"conditions": {"item": "C1"}, "action_result": ""}),
        json!({"conditions": {"item": "C1"}, "rule_point": "20"}),
        json!({"conditions": {"item": "C1"}, "wieght": 1}),
        json!({"conditions": {"item": "C1"}, "metadata": "m"}),
    ] {
        check("r/1", &body, false);
    }
    for body in [
        json!({"operator": "equal", "constant": 1}),
        json!({"attribute": "", "operator": "equal", "constant": 1}),
        json!({"attribute": "a", "constant": 1}),
        json!({"attribute": "a", "operator": "equal", "equation": "equal", "constant": 1}),
        json!({"attribute": "a", "operator": "equal"}),
        json!({"attribute": "a", "operator": "in", "constant": 1}),
        json!({"attribute": "a", "operator": "in", "constant": []}),
        json!({"attribute": "a", "operator": "less_than", "constant": true}),
        json!({"attribute": "a", "operator": "starts_with", "constant": 1}),
        json!({"attribute": "a", "operator": "is_null", "constant": "no"}),
        json!({"attribute": "a", "operator": "regex", "constant": 1}),
        json!({"attribute": "a", "operator": "equal", "constant": 1, "metadata": 1}),
    ] {
        check("conditions/c", &body, false);
    }
}

#[test]
fn the_schemas_and_the_reader_agree_on_broken_and_generated_documents() {
    let schemas: Vec<_> = Rules.schemas().into_iter().map(|schema| (schema.names, schema.schema)).collect();
    let read = |name: &str, body: &Value| {
        let name = DocumentName::new(name).unwrap();
        let read = check_body(body)
            .or(())
            .and_then(|()| Rules.validate(&name, &Arc::new(body.clone()), &Work::unbounded()).map(drop));
        read.map_err(|problems| codes_of(&problems))
    };
    compare_kind(&schemas, &documents(), &read, READER_ONLY);
}
