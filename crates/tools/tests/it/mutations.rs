//! A thousand broken documents and imports: none panics, none is refused without a reason and a place.

use std::sync::Arc;

use midflight_core::check_body;
use midflight_engine::{Kind, KindChange, Work};
use midflight_testkit::mutate::{self, Seeded, break_documents};
use midflight_tools::Tools;
use midflight_tools::diff::diff_catalogues;
use midflight_tools::import::import;
use serde_json::{Value, json};

use crate::support::snapshot;

pub(crate) fn documents() -> Vec<(&'static str, Value)> {
    vec![
        (
            "grep",
            json!({"tool_name": "grep", "version": "2.0", "description": "Finds lines.", "platform": "linux", "status": "active",
                "dependencies": [{"name": "a"}], "annotations": {"readOnlyHint": true}, "forward": {"url": "https://a"},
                "input_schema": {"type": "object", "properties": {"x": {"type": "string", "enum": ["a"]}}, "required": ["x"]},
                "capabilities": {"text_search": {"description": "Search.", "patterns": {
                    "quick": {"time_estimate_ms": "20 + log(max(N, 1)) * 2", "cost_estimate": "ceil(N / 100)", "complexity_score": 0.1,
                        "typical_use_cases": ["find"], "preference_match": {"accuracy": 0.5},
                        "required_inputs": [{"name": "x", "type": "integer"}],
                        "policy": {"max_cost": 5, "requires_background_if": "N > 50 and x < 3"}}}}}}),
        ),
        (
            "settings/selection",
            json!({"weights": {"fast": {"time": 0.6}}, "ambiguity_gap": 0.01, "time_ms": [10, 1000]}),
        ),
        ("corrections/grep", json!({"text_search/quick": {"time_factor": 2}})),
    ]
}

/// What is strange to tools beside what is strange to everything.
fn strange() -> Vec<Value> {
    let mut all = mutate::strange();
    all.extend([
        json!("((((((((((((((((((((((((((((1"),
        json!("10 ** 10 ** 10"),
        json!("N > 1"),
        json!("1 / (N - 100)"),
        json!("é\u{202e}\u{200b}"),
        (0..60).fold(json!(1), |inner, _| json!({ "properties": inner })),
        json!("<PLACEHOLDER>"),
    ]);
    all
}

#[test]
fn a_thousand_broken_documents_are_taken_or_refused_with_a_reason() {
    let documents = documents();
    let before = snapshot(&documents);
    let inputs = [
        json!({"query": "find", "context": {"x": 1}}),
        json!({"tool_name": "grep"}),
        json!({"capabilities": ["text_search"]}),
    ];
    let answer = |of: &_| -> Vec<_> { inputs.iter().map(|input| Tools.answer(of, input)).collect() };
    let wanted = answer(&before);
    break_documents(&documents, &strange(), |name, body| {
        let work = Work::unbounded();
        let document = Tools.validate(&name, body, &work)?;
        let next = Tools.compile(&before, vec![KindChange { name, document: Some(document) }], &work)?;
        drop(answer(&next));
        for difference in diff_catalogues(&before, &next) {
            assert!(!difference.differences.is_empty());
        }
        assert_eq!(answer(&before), wanted);
        Ok(())
    });
    assert_eq!(answer(&before), wanted);
}

#[test]
fn a_thousand_broken_imports_are_read_or_refused_with_a_reason() {
    let body = documents().remove(0).1;
    let listed = json!({"tools": [body, {"tool_name": "b", "description": "d", "capabilities": [
        {"capability_name": "c", "patterns": [{"pattern_name": "p", "time_estimate_ms": 1, "cost_estimate": 1}]}]}]});
    let text = listed.to_string();
    let (mut seeded, mut refused) = (Seeded::new(7), 0);
    for _ in 0..1_000 {
        let Some(value) = seeded.broken(&text, &strange()) else { continue };
        if !check_body(&value).is_empty() {
            continue;
        }
        let imported = import(&[value]);
        refused += imported.refused.len();
        for tool in &imported.tools {
            let valid = Tools.validate(&tool.name, &Arc::new(tool.body.clone()), &Work::unbounded());
            assert!(valid.is_ok(), "{valid:?}");
        }
        assert!(imported.refused.iter().all(|it| it.message.len() > 10), "{:?}", imported.refused);
    }
    assert!(refused > 100, "{refused} were refused, so the mutations test little");
}

#[test]
fn a_thousand_broken_openapi_documents_are_read_or_refused_with_a_reason() {
    let pet = json!({"type": "object", "required": ["name"], "properties": {
        "name": {"type": "string", "nullable": true}, "of": {"$ref": "#/components/schemas/Kind"}}});
    let body = json!({"required": true, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pet"}}}});
    let parameters = json!([{"name": "id", "in": "path", "schema": {"type": "integer"}}, {"$ref": "#/components/parameters/page"}]);
    let document = json!({
        "openapi": "3.0.3", "info": {"title": "Pets", "version": "1"}, "servers": [{"url": "https://a"}], "tags": [{"name": "pets"}],
        "paths": {
            "/pets/{id}": {"parameters": parameters, "get": {"operationId": "get", "summary": "Gets.", "tags": ["pets"]}},
            "/pets": {"post": {"description": "Adds.", "requestBody": body}},
        },
        "components": {
            "schemas": {"Pet": pet, "Kind": {"allOf": [{"enum": ["cat"], "example": "cat"}, {"minLength": 1}]}},
            "parameters": {"page": {"name": "page", "in": "query", "schema": {"type": "integer", "minimum": 0, "exclusiveMinimum": true}}},
        },
    });
    let text = document.to_string();
    let (mut seeded, mut read, mut refused) = (Seeded::new(11), 0, 0);
    for _ in 0..1_000 {
        let Some(value) = seeded.broken(&text, &strange()) else { continue };
        let imported = import(&[value]);
        (read, refused) = (read + imported.tools.len(), refused + imported.refused.len());
        for tool in &imported.tools {
            assert!(check_body(&tool.body).is_empty(), "{}", tool.body);
            let valid = Tools.validate(&tool.name, &Arc::new(tool.body.clone()), &Work::unbounded());
            assert!(
                valid.is_ok_and(|valid| valid.tool().is_some_and(|tool| !tool.is_offered())),
                "{}",
                tool.body
            );
        }
        assert!(imported.refused.iter().all(|it| it.message.len() > 10), "{:?}", imported.refused);
    }
    assert!(
        read > 100 && refused > 100,
        "{read} were read and {refused} refused, so the mutations test little"
    );
}
