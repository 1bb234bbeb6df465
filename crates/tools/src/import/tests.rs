//! Imports of every shape, and of what is none.

use serde_json::{Value, json};

use super::*;

fn tool(tool_name: &str) -> Value {
    json!({"tool_name": tool_name, "description": "d", "capabilities": {"c": {"patterns": {"p": {"time_estimate_ms": "1", "cost_estimate": 1}}}}})
}

fn names(import: &ToolsImport) -> Vec<(&str, &str)> {
    import.tools.iter().map(|tool| (tool.place.as_str(), tool.name.as_str())).collect()
}

/// Place, tool and reason of what was refused, with its message.
#[track_caller]
fn check_refused(values: &[Value], expected: &[(&str, Option<&str>, RefusalReason, &str)]) -> ToolsImport {
    let imported = import(values);
    assert_eq!(imported.refused.len(), expected.len(), "{:#?}", imported.refused);
    for (refused, (place, tool, reason, message)) in imported.refused.iter().zip(expected) {
        assert_eq!(
            (refused.place.as_str(), refused.tool.as_deref(), refused.reason),
            (*place, *tool, *reason)
        );
        assert!(refused.message.contains(message), "{message}\nis not in\n{}", refused.message);
    }
    imported
}

#[test]
fn streams_lists_and_maps_of_tools_are_read() {
    assert_eq!(names(&import(&[tool("a")])), [("", "a")]);
    assert_eq!(names(&import(&[tool("a"), tool("b")])), [("/0", "a"), ("/1", "b")]);
    assert_eq!(names(&import(&[json!([tool("a"), tool("b")])])), [("/0", "a"), ("/1", "b")]);
    let mut unnamed = tool("x");
    unnamed.as_object_mut().unwrap().remove("tool_name");
    let profiles = json!({"version": "1.1", "tools": {"a/b": unnamed, "c d": tool("e")}});
    let imported = import(&[profiles, json!({"tools": [tool("f")]})]);
    assert_eq!(names(&imported), [("/0/tools/a~1b", "a-b"), ("/0/tools/c d", "e"), ("/1/tools/0", "f")]);
    assert_eq!(imported.tools[0].body["tool_name"], "a/b");
    assert!(imported.refused.is_empty());
}

#[test]
fn lists_of_capabilities_become_maps_and_nulls_are_dropped() {
    let listed = json!({"tool_name": "a", "version": 1.5, "title": null, "description": "d", "dependencies": [{"name": "x", "version": null}],
        "capabilities": [{"capability_name": "c", "description": null, "patterns": [
            {"pattern_name": "p", "time_estimate_ms": "1", "cost_estimate": 1, "limitations": null,
                "policy": {"max_cost": null, "requires_approval": true}}]}]});
    let expected = json!({"tool_name": "a", "version": "1.5", "description": "d", "dependencies": [{"name": "x"}],
        "capabilities": {"c": {"patterns": {"p": {"time_estimate_ms": "1", "cost_estimate": 1, "policy": {"requires_approval": true}}}}}});
    let imported = check_refused(&[listed], &[]);
    assert_eq!(imported.tools[0].body, expected);
    // What was imported is canonical: it imports as itself.
    assert_eq!(import(std::slice::from_ref(&expected)).tools[0].body, expected);
}

#[test]
fn what_is_no_tool_is_refused_with_the_reason_and_the_cure() {
    use RefusalReason::{Duplicate, Invalid, Shape, Template};
    let metadata = json!({"metadata": {"name": "m"}, "capabilities": {}});
    let unnamed = json!({"tool_name": "n", "description": "d", "capabilities": [{"patterns": []}]});
    let twice = json!({"capability_name": "c", "patterns": {}});
    let doubled = json!({"tool_name": "t", "description": "d", "capabilities": [twice, twice]});
    let bad = json!({"tool_name": "bad", "capabilities": {"c": {"patterns": {"p": {"time_estimate_ms": "1 +", "cost_estimate": 1}}}}});
    check_refused(
        &[
            json!({"tool_name": "<TOOL_NAME>", "capabilities": {}}),
            json!({"tool_name": "x", "description": "d", "capabilities": {"<capability_name>": {}}}),
            json!({"name": "ipconfig", "tags": [], "version": "1"}),
            json!({"tool": {"name": "Get-Item"}}),
            metadata,
            json!({"tool_name": "no-caps", "capabilities": null}),
            json!({"openapi": "3.1.0", "info": {"title": "Pets"}, "paths": {}}),
            json!("text"),
            json!({}),
            tool("a"),
            tool("a"),
            unnamed,
            doubled,
            bad,
            json!({"tool_name": "//", "capabilities": {}}),
        ],
        &[
            (
                "/0",
                Some("<TOOL_NAME>"),
                Template,
                "\"<TOOL_NAME>\" at /tool_name is a placeholder; replace every",
            ),
            (
                "/1",
                Some("x"),
                Template,
                "\"<capability_name>\" at /capabilities/<capability_name> is a placeholder",
            ),
            (
                "/2",
                Some("ipconfig"),
                Shape,
                "it has name, tags, version, but no tool_name and no capabilities; write",
            ),
            ("/3", Some("Get-Item"), Shape, "is under \"tool\""),
            ("/4", Some("m"), Shape, "no tool_name; write tool_name: \"m\" at the top"),
            ("/5", Some("no-caps"), Shape, "it has no capabilities; write capabilities"),
            ("/6", Some("Pets"), Shape, "without operations; write at least one method"),
            ("/7", None, Shape, "it is a string, not a tool"),
            ("/8", None, Shape, "it has nothing, but no tool_name"),
            ("/10", Some("a"), Duplicate, "the tool \"a\" is already at /9; rename or remove one"),
            ("/11", Some("n"), Invalid, "at /capabilities/0: an item of the list has no capability_name"),
            ("/12", Some("t"), Invalid, "at /capabilities/1: capability_name \"c\" is in the list twice"),
            ("/13", Some("bad"), Invalid, "a tool needs \"description\""),
            ("/14", Some("//"), Invalid, "no document name can be made"),
        ],
    );
}

#[test]
fn an_example_that_looks_like_markup_makes_no_template() {
    let mut body = tool("a");
    body["examples"] = json!([{"output": "<html>"}]);
    assert_eq!(import(&[body]).tools.len(), 1);
}

#[test]
fn an_import_is_bounded() {
    let many: Vec<Value> = (0..IMPORT_TOOLS_MAX + 3).map(|_| json!(1)).collect();
    let imported = import(&[Value::Array(many)]);
    assert_eq!(imported.refused.len(), IMPORT_TOOLS_MAX + 1);
    assert_eq!(imported.refused.last().map(|it| it.reason.as_str()), Some("too_many"));
}

#[test]
fn document_names_are_made_of_tool_names() {
    for (tool_name, expected) in [
        ("Get-Process", Some("Get-Process")),
        ("a b/c", Some("a-b-c")),
        ("settings", Some("settings-tool")),
        ("-x-", Some("x")),
        ("!!", None),
    ] {
        assert_eq!(document_name(tool_name).as_ref().map(DocumentName::as_str), expected, "{tool_name}");
    }
}
