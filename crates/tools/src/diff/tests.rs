//! Differences of tools and catalogues, each with its class, its place and its sentence.

use serde_json::{Value, json};

use super::*;
use crate::testing::{edit, snapshot, tool};

/// The differences as `impact path: message`.
fn found(before: &Value, after: &Value) -> Vec<String> {
    let differences = diff_tools(&tool("t", before), &tool("t", after));
    differences.iter().map(|it| format!("{} {}: {}", it.impact, it.path, it.message)).collect()
}

#[track_caller]
fn check_input(before: Value, after: Value, expected: &[&str]) {
    let body = |schema: Value| json!({"description": "d", "input_schema": with_type(schema)});
    assert_eq!(found(&body(before), &body(after)), expected);
}

#[track_caller]
fn check_output(before: Value, after: Value, expected: &[&str]) {
    let body = |schema: Value| json!({"description": "d", "output_schema": with_type(schema)});
    assert_eq!(found(&body(before), &body(after)), expected);
}

fn with_type(mut schema: Value) -> Value {
    schema["type"] = json!("object");
    schema
}

fn one(property: Value) -> Value {
    json!({"properties": {"x": property}})
}

#[test]
fn what_narrows_an_input_is_breaking_and_what_widens_it_is_not() {
    let (string, plain) = (json!({"type": "string"}), json!({}));
    check_input(
        one(string.clone()),
        json!({}),
        &["breaking /inputSchema/properties/x: the parameter \"x\" was removed"],
    );
    check_input(
        json!({}),
        one(string.clone()),
        &["compatible /inputSchema/properties/x: the optional parameter \"x\" was added"],
    );
    let required = json!({"properties": {"x": {"type": "string"}}, "required": ["x"]});
    check_input(
        json!({}),
        required.clone(),
        &["breaking /inputSchema/properties/x: the required parameter \"x\" was added"],
    );
    check_input(
        one(string.clone()),
        required.clone(),
        &["breaking /inputSchema/properties/x: the parameter \"x\" became required"],
    );
    check_input(
        required,
        one(string.clone()),
        &["compatible /inputSchema/properties/x: the parameter \"x\" became optional"],
    );
    let path = "/inputSchema/properties/x";
    for (before, after, expected) in [
        (
            json!({"type": "number"}),
            json!({"type": "integer"}),
            "breaking {}/type: the type of the parameter \"x\" changed from number to integer",
        ),
        (
            json!({"type": "integer"}),
            json!({"type": "number"}),
            "compatible {}/type: the type of the parameter \"x\" changed from integer to number",
        ),
        (
            string.clone(),
            json!({"type": ["string", "null"]}),
            "compatible {}/type: the type of the parameter \"x\" changed from string to string or null",
        ),
        (
            string.clone(),
            json!({"type": "integer"}),
            "breaking {}/type: the type of the parameter \"x\" changed from string to integer",
        ),
        (
            plain.clone(),
            string.clone(),
            "breaking {}/type: the type of the parameter \"x\" changed from any to string",
        ),
        (
            json!({"enum": ["a", "b"]}),
            json!({"enum": ["a"]}),
            "breaking {}/enum: the parameter \"x\" no longer takes the value \"b\"",
        ),
        (
            json!({"enum": ["a"]}),
            json!({"enum": ["a", 2]}),
            "compatible {}/enum: the parameter \"x\" also takes the value 2",
        ),
        (
            plain.clone(),
            json!({"enum": ["a"]}),
            "breaking {}/enum: the parameter \"x\" is limited to listed values",
        ),
        (
            json!({"maximum": 9}),
            json!({"maximum": 5}),
            "breaking {}/maximum: maximum of the parameter \"x\" changed from 9 to 5",
        ),
        (
            json!({"minLength": 3}),
            json!({"minLength": 1}),
            "compatible {}/minLength: minLength of the parameter \"x\" changed from 3 to 1",
        ),
        (
            plain.clone(),
            json!({"minimum": 0}),
            "breaking {}/minimum: minimum of the parameter \"x\" changed from nothing to 0",
        ),
        (plain.clone(), json!({"pattern": "^a"}), "breaking {}/pattern: the parameter \"x\" has pattern now"),
        (
            json!({"pattern": "^a"}),
            plain.clone(),
            "compatible {}/pattern: the parameter \"x\" has no pattern any more",
        ),
        (
            json!({"pattern": "^a"}),
            json!({"pattern": "^b"}),
            "breaking {}/pattern: pattern of the parameter \"x\" changed and cannot be compared",
        ),
        (
            plain.clone(),
            json!({"additionalProperties": false}),
            "breaking {}/additionalProperties: the parameter \"x\" takes no other members any more",
        ),
        (
            json!({"default": 1}),
            json!({"default": 2}),
            "compatible {}/default: the default of the parameter \"x\" changed from 1 to 2",
        ),
        (
            plain.clone(),
            json!({"description": "now"}),
            "wording {}/description: the description of the parameter \"x\" changed",
        ),
        (
            json!({"items": {"type": "string"}}),
            json!({"items": {"type": "integer"}}),
            "breaking {}/items/type: the type of the parameter \"x[]\" changed from string to integer",
        ),
        (
            one(string.clone()),
            json!({"properties": {}}),
            "breaking {}/properties/x: the parameter \"x.x\" was removed",
        ),
        (json!(true), json!({}), "breaking {}: the parameter \"x\" changed and cannot be compared"),
    ] {
        check_input(one(before), one(after), &[&expected.replace("{}", path)]);
    }
}

#[test]
fn what_a_reader_may_miss_in_an_output_is_breaking() {
    let required = json!({"properties": {"x": {"type": "string"}}, "required": ["x"]});
    let optional = one(json!({"type": "string"}));
    check_output(
        required.clone(),
        optional.clone(),
        &["breaking /outputSchema/properties/x: the output field \"x\" became optional"],
    );
    check_output(
        optional.clone(),
        required,
        &["compatible /outputSchema/properties/x: the output field \"x\" became required"],
    );
    check_output(
        optional.clone(),
        json!({}),
        &["breaking /outputSchema/properties/x: the output field \"x\" was removed"],
    );
    check_output(
        optional.clone(),
        one(json!({"type": ["string", "null"]})),
        &[
            "breaking /outputSchema/properties/x/type: the type of the output field \"x\" changed from string to string or null",
        ],
    );
    let plain = json!({"description": "d"});
    let with = json!({"description": "d", "output_schema": with_type(optional)});
    assert_eq!(found(&with, &plain), ["breaking /outputSchema: the output schema was removed"]);
    assert_eq!(found(&plain, &with), ["compatible /outputSchema: an output schema was added"]);
}

#[test]
fn annotations_count_with_their_defaults() {
    let with = |annotations: Value| json!({"description": "d", "annotations": annotations});
    let at = "/annotations";
    let plain = json!({"description": "d"});
    let changed = |hint: &str, was: bool, is: bool| format!("{at}/{hint}: {hint} changed from {was} to {is}");
    let read_only = with(json!({"readOnlyHint": true}));
    assert_eq!(found(&read_only, &plain), [format!("breaking {}", changed("readOnlyHint", true, false))]);
    assert_eq!(found(&plain, &read_only), [format!("compatible {}", changed("readOnlyHint", false, true))]);
    let harmless = with(json!({"destructiveHint": false}));
    assert_eq!(found(&harmless, &plain), [format!("breaking {}", changed("destructiveHint", false, true))]);
    assert_eq!(found(&plain, &with(json!({"destructiveHint": true}))), Vec::<String>::new());
    let idempotent = with(json!({"idempotentHint": true, "title": "T"}));
    assert_eq!(
        found(&idempotent, &plain),
        [
            format!("compatible {}", changed("idempotentHint", true, false)),
            format!("wording {at}/title: the title in the annotations changed")
        ]
    );
}

#[test]
fn words_are_wording_and_what_they_hide_is_escaped() {
    let differences = diff_tools(
        &tool("t", &json!({"description": "Reads."})),
        &tool("t", &json!({"description": "Reads all.", "title": "Reader"})),
    );
    let shown: Vec<_> = differences.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "wording: the title changed from nothing to \"Reader\"",
            "wording: the description changed from \"Reads.\" to \"Reads all.\""
        ]
    );
    let hidden = ToolDifference::new(Impact::Wording, JsonPointer::root(), "a\u{200b}b");
    assert_eq!(hidden.message, "a\\u{200b}b");
}

#[test]
fn a_new_name_is_a_rename_by_whichever_name_callers_use() {
    let with = |tool_name: &str, mcp_name: &str| json!({"description": "d", "tool_name": tool_name, "mcp_name": mcp_name});
    let (services, agents) = (
        "breaking /tool_name: the tool_name changed from \"a\" to \"b\"",
        "breaking /name: the tool was renamed from \"x\" to \"y\"",
    );
    assert_eq!(found(&with("a", "x"), &with("b", "x")), [services]);
    assert_eq!(found(&with("a", "x"), &with("a", "y")), [agents]);
    assert_eq!(found(&with("a", "x"), &with("b", "y")), [agents, services]);
}

#[test]
fn capabilities_patterns_and_other_members_are_compared() {
    let pattern =
        |time: i64| json!({"time_estimate_ms": time, "cost_estimate": 1, "description": format!("{time}")});
    let before = json!({"description": "d", "version": "1", "metadata": {"a": 1}, "capabilities": {
        "a": {"patterns": {"p": pattern(1), "gone": pattern(1)}}, "b": {"patterns": {}}}});
    let after = json!({"description": "d", "version": "2", "metadata": {"a": 2}, "capabilities": {
        "a": {"description": "A", "patterns": {"p": pattern(2), "new": pattern(1)}}, "c": {"patterns": {}}}});
    assert_eq!(
        found(&before, &after),
        [
            "breaking /capabilities/a/patterns/gone: the pattern a/gone was removed",
            "breaking /capabilities/b: the capability \"b\" was removed",
            "compatible /capabilities/a/patterns/new: the pattern a/new was added",
            "compatible /capabilities/a/patterns/p/time_estimate_ms: the pattern a/p: time_estimate_ms changed",
            "compatible /capabilities/c: the capability \"c\" was added",
            "compatible /version: version changed",
            "wording /capabilities/a/description: the capability \"a\": the description changed",
            "wording /capabilities/a/patterns/p/description: the pattern a/p: description changed",
        ]
    );
}

#[test]
fn a_catalogue_reports_the_change_of_each_tool() {
    let body = |name: &str, description: &str| json!({"tool_name": name, "description": description});
    let before = snapshot(&[
        ("a", body("a", "d")),
        ("b", body("b", "d")),
        ("c", body("c", "d")),
        ("d", body("d", "d")),
        ("e", body("e", "d")),
    ]);
    let mut off = body("e", "d");
    off["status"] = json!("deprecated");
    let changes = [
        ("a", Value::Null),
        ("b", body("renamed", "d")),
        ("c", body("c", "other")),
        ("e", off),
        ("f", body("f", "d")),
    ];
    let after = edit(&before, &changes).unwrap();
    let shown: Vec<_> = diff_catalogues(&before, &after)
        .iter()
        .map(|it| {
            format!(
                "{} {:?} {} {:?}->{:?}: {}",
                it.id,
                it.fate,
                it.impact(),
                it.before.as_deref().unwrap_or(""),
                it.after.as_deref().unwrap_or(""),
                it.differences[0].message
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            "a Removed breaking \"a\"->\"\": the tool \"a\" was removed",
            "b Renamed breaking \"b\"->\"renamed\": the tool was renamed from \"b\" to \"renamed\"",
            "c Changed wording \"c\"->\"c\": the description changed from \"d\" to \"other\"",
            "e Changed breaking \"e\"->\"e\": the tool is no longer offered; it is deprecated",
            "f Added compatible \"\"->\"f\": the tool \"f\" was added",
        ]
    );
    assert!(diff_catalogues(&after, &after).is_empty());
}
