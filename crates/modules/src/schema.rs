//! The JSON Schema of a manifest, for editors. What it cannot express, `read` checks.

use midflight_core::{DOCUMENT_NAME_PATTERN, NAME_BYTES_MAX, TEXT_BYTES_MAX};
use midflight_engine::DocumentSchema;
use serde_json::{Map, Value, json};

use crate::bounds::ModuleLimits;
use crate::capability::ModuleCapability;
use crate::limits::{
    CALLS_MAX, MIGRATIONS_MAX, PARTS_MAX, PATH_BYTES_MAX, PROBES_MAX, STEPS_MAX, WORD_BYTES_MAX,
};
use crate::migration::CONVERT_WORDS;

/// The schemas of the kind's documents.
pub(crate) fn schemas() -> Vec<DocumentSchema> {
    vec![DocumentSchema { title: "module", names: "{module}", schema: manifest() }]
}

fn manifest() -> Value {
    let word = json!({"type": "string", "minLength": 1, "maxLength": WORD_BYTES_MAX, "pattern": "^[!-~]+$"});
    let name = json!({"type": "string", "maxLength": NAME_BYTES_MAX, "pattern": DOCUMENT_NAME_PATTERN});
    let names = json!({"type": "array", "items": name, "maxItems": CALLS_MAX, "uniqueItems": true});
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The manifest of a module",
        "type": "object",
        "required": ["version", "schema"],
        "oneOf": [{"required": ["component"]}, {"required": ["native"]}],
        "additionalProperties": false,
        "properties": {
            "description": text(),
            "component": {
                "type": "string",
                "pattern": "^sha256:[0-9a-fA-F]{64}$",
                "description": "The SHA-256 of the component's bytes."
            },
            "native": word,
            "version": word,
            "schema": {
                "type": "integer", "minimum": 0, "maximum": u32::MAX,
                "description": "The number of the state's schema; 0 for a module without state."
            },
            "capabilities": {
                "type": "array",
                "uniqueItems": true,
                "items": {"enum": ModuleCapability::ALL.map(ModuleCapability::word)}
            },
            "calls": names,
            "limits": ModuleLimits::schema(),
            "migrations": {"type": "array", "maxItems": MIGRATIONS_MAX, "items": migration()},
            "probes": {"type": "array", "maxItems": PROBES_MAX, "items": {
                "type": "object",
                "required": ["operation"],
                "additionalProperties": false,
                "properties": {
                    "operation": word,
                    "payload": {"description": "A text, or any other value, which is sent as JSON."},
                    "expect": {
                        "type": "object",
                        "additionalProperties": false,
                        "properties": {"result": {}, "failure": text()},
                        "minProperties": 1,
                        "maxProperties": 1
                    }
                }
            }},
            "group": {
                "type": "object",
                "required": ["name"],
                "additionalProperties": false,
                "properties": {"name": word, "after": names}
            },
            "downgrade": {"enum": ["allow", "refuse"], "default": "allow"},
            "config": {"description": "What init gets, as JSON."}
        }
    })
}

fn text() -> Value {
    json!({"type": "string", "maxLength": TEXT_BYTES_MAX})
}

fn migration() -> Value {
    json!({
        "type": "object",
        "required": ["from", "to", "steps"],
        "additionalProperties": false,
        "properties": {
            "from": {"type": "integer", "minimum": 1, "maximum": u32::MAX},
            "to": {"type": "integer", "minimum": 1, "maximum": u32::MAX},
            "before": {"type": ["object", "boolean"]},
            "after": {"type": ["object", "boolean"]},
            "steps": {"type": "array", "maxItems": STEPS_MAX, "items": {"oneOf": steps()}}
        }
    })
}

/// The schema of each step, by the member that names it.
fn steps() -> Vec<Value> {
    let path = json!({
        "type": "string", "pattern": "^/", "maxLength": PATH_BYTES_MAX, "examples": ["/counters/total", "/n"]
    });
    let separator = json!({"type": "string", "minLength": 1, "maxLength": TEXT_BYTES_MAX});
    let names = json!({
        "type": "array", "items": text(), "minItems": 2, "maxItems": PARTS_MAX, "uniqueItems": true
    });
    let paths = json!({"type": "array", "items": path, "minItems": 2, "maxItems": PARTS_MAX});
    let words = json!({"enum": CONVERT_WORDS.map(|(word, _)| word)});
    let step = |members: &[(&str, &Value)]| {
        let required: Vec<_> = members.iter().map(|(name, _)| *name).collect();
        let mut properties: Map<_, _> =
            members.iter().map(|(name, schema)| ((*name).to_owned(), (*schema).clone())).collect();
        properties.insert("each".to_owned(), path.clone());
        json!({"type": "object", "additionalProperties": false, "required": required, "properties": properties})
    };
    vec![
        step(&[("add", &path), ("default", &json!({}))]),
        step(&[("remove", &path)]),
        step(&[("rename", &path), ("to", &text())]),
        step(&[("move", &path), ("to", &path)]),
        step(&[("convert", &path), ("into", &words)]),
        step(&[("split", &path), ("separator", &separator), ("into", &names)]),
        step(&[("merge", &paths), ("separator", &separator), ("to", &path)]),
    ]
}
