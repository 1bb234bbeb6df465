//! Configs with a JSON Schema.

use std::sync::Arc;

use midflight_config::{Config, Configs};
use midflight_core::{DocumentName, Problems, check_body};
use midflight_engine::{Kind, KindChange, Work};
use midflight_testkit::schemas::{SchemaComparison, codes_of};
use serde_json::{Value, json};

use crate::support::lines;

fn compile(previous: &Configs, documents: &[(&str, Value)]) -> Result<Configs, Problems> {
    let (kind, work) = (Config::new(), Work::unbounded());
    let mut changes = Vec::new();
    for (name, body) in documents {
        let name = DocumentName::new(name).unwrap();
        let document = kind.validate(&name, &Arc::new(body.clone()), &work)?;
        changes.push(KindChange { name, document: Some(document) });
    }
    kind.compile(previous, changes, &work)
}

fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "log": {"$ref": "#/$defs/log"},
            "port": {"type": "integer", "minimum": 1, "default": 8080, "x-reload": "restart"},
            "key": {"type": "string", "writeOnly": true},
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
            "next": {"$ref": "#"}
        },
        "$defs": {"log": {"type": "object", "properties": {"level": {"enum": ["info", "debug"], "default": "info"}}}}
    })
}

#[test]
fn a_schema_gives_defaults_and_refuses_what_it_does_not_know() {
    let good = json!({"port": "${env:PORT}", "labels": {"a": "b"}, "key": "${file:/k}"});
    let configs = compile(&Configs::default(), &[("schemas/shop", schema()), ("shop", good)]).unwrap();
    let shop = configs.get(&DocumentName::new("shop").unwrap()).unwrap();
    assert_eq!(shop.effective().pointer("/log/level"), Some(&json!("info")));
    assert_eq!(shop.takes(&midflight_core::JsonPointer::parse("/port")).as_str(), "restart");

    let bad = json!({"log": {"levle": "info", "level": "loud"}, "port": 0, "prot": 1, "key": "hunter2", "labels": {"a": 1}});
    let problems = lines(&compile(&configs, &[("shop", bad)]).unwrap_err());
    for expected in [
        "literal_secret config/shop at /key: key is a secret",
        "unknown_key config/shop at /log/levle: unknown key \"levle\"; did you mean \"level\"?",
        "unknown_key config/shop at /prot: unknown key \"prot\"; did you mean \"port\"?",
        "invalid_value config/shop at /log/level: \"loud\" is not one of",
        "invalid_value config/shop at /port: 0 is less than the minimum of 1",
        "invalid_value config/shop at /labels/a: 1 is not of type \"string\"",
    ] {
        assert!(problems.iter().any(|problem| problem.starts_with(expected)), "{expected}\n{problems:#?}");
    }
    assert_eq!(problems.len(), 6, "{problems:#?}");
    assert!(!problems.join("").contains("hunter2"), "{problems:#?}");
}

#[test]
fn a_later_schema_is_applied_to_existing_configs() {
    let configs = compile(&Configs::default(), &[("shop", json!({"prot": 1}))]).unwrap();
    let problems = lines(&compile(&configs, &[("schemas/shop", schema())]).unwrap_err());
    assert!(problems[0].starts_with("unknown_key config/shop at /prot"), "{problems:?}");
    // Both at once, and it holds.
    compile(&configs, &[("schemas/shop", schema()), ("shop", json!({"port": 1}))]).unwrap();
}

#[test]
fn what_is_no_schema_is_refused() {
    for (body, expected) in [
        (json!({"type": "objekt"}), "invalid_schema at /type"),
        (json!({"properties": {"a": {"x-reload": "never"}}}), "write \"live\", \"restart\" or \"ignored\""),
        (json!({"$ref": "http://example.com/schema"}), "invalid JSON Schema"),
        (json!({"pattern": "(a{1000}){1000}"}), "invalid JSON Schema"),
        (json!({"pattern": "(?=a)"}), "invalid JSON Schema"),
    ] {
        let problems =
            lines(&compile(&Configs::default(), &[("schemas/shop", body)]).unwrap_err()).join("; ");
        assert!(problems.contains(expected), "{problems}");
    }
    // A pattern that backtracks for ever elsewhere.
    let schema = json!({"properties": {"a": {"pattern": "^(a+)+$"}}});
    let body = json!({"a": format!("{}!", "a".repeat(50_000))});
    assert!(compile(&Configs::default(), &[("schemas/s", schema), ("s", body)]).is_err());
}

/// What only the kind knows of a schema: whether its references lead somewhere, what it costs, and how deep it is.
const READER_ONLY: &[&str] = &["invalid_schema", "too_deep"];

#[test]
fn the_schemas_and_the_reader_agree_on_broken_documents() {
    let config = json!({"port": 8080, "labels": {"a": "b"}, "list": [1, {"x": null}], "key": "${env:KEY}"});
    for (name, document, reader_only) in [("shop", config, &[][..]), ("schemas/shop", schema(), READER_ONLY)]
    {
        let name = DocumentName::new(name).unwrap();
        let schemas = Kind::schemas(&Config::new());
        let sort = schemas.iter().find(|schema| schema.ids(&name).is_some()).unwrap();
        assert!(jsonschema::meta::is_valid(&sort.schema), "{}", sort.title);
        let read = |body: &Value| {
            let read = check_body(body).or(()).and_then(|()| {
                Config::new().validate(&name, &Arc::new(body.clone()), &Work::unbounded()).map(drop)
            });
            read.map_err(|problems| codes_of(&problems))
        };
        let documents = [document];
        let comparison =
            SchemaComparison { schema: &sort.schema, documents: &documents, read: &read, reader_only };
        let compared = comparison.run();
        assert!(compared.broken > 100 && compared.refused > 10, "{compared:?}");
    }
}

#[test]
fn a_secret_is_shown_as_the_reference_that_it_is_written_as() {
    let body = json!({"key": "${file:/k}"});
    let configs = compile(&Configs::default(), &[("schemas/shop", schema()), ("shop", body)]).unwrap();
    let shop = configs.get(&DocumentName::new("shop").unwrap()).unwrap();
    assert_eq!(shop.effective().pointer("/key"), Some(&json!("${file:/k}")));
}

/// A chain of definitions, each of which refers twice to the one before: 1.8 KB for 26 of them.
fn doubled(depth: usize) -> Value {
    let mut definitions = serde_json::Map::new();
    definitions.insert("d0".into(), json!({"type": "string"}));
    for n in 1..=depth {
        let before = json!({"$ref": format!("#/$defs/d{}", n - 1)});
        definitions.insert(format!("d{n}"), json!({"allOf": [before, before]}));
    }
    json!({"$defs": definitions, "$ref": format!("#/$defs/d{depth}")})
}

#[test]
fn a_small_schema_that_would_take_all_memory_is_refused_with_its_place_and_cure() {
    for depth in [26, 40] {
        let documents = [("schemas/bomb", doubled(depth)), ("bomb", json!({"a": 1}))];
        let problems = lines(&compile(&Configs::default(), &documents).unwrap_err());
        assert_eq!(problems.len(), 1, "{problems:#?}");
        assert!(problems[0].starts_with("schema_too_expensive"), "{problems:#?}");
        assert!(problems[0].contains("/$defs/d11/allOf/0/$ref"), "{problems:#?}");
    }
}

#[test]
fn errors_past_the_bound_are_counted_and_long_ones_cut() {
    let schema = json!({"properties": {"list": {"items": {"maxLength": 1}}, "text": {"type": "integer"}}});
    let list: Vec<_> = (0..5_000).map(|n| json!(format!("item {n}"))).collect();
    let bad = json!({"list": list, "text": "x".repeat(100_000)});
    let problems = compile(&Configs::default(), &[("schemas/big", schema), ("big", bad)]).unwrap_err();
    assert_eq!((problems.count(), problems.iter().count()), (5_001, Problems::LISTED_MAX));
    assert!(problems.iter().all(|problem| problem.message.len() < 600));
}
