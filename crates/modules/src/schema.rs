//! The JSON Schema of a manifest, for editors. What it cannot express, `read` checks.

use midflight_engine::DocumentSchema;
use serde_json::{Value, json};

use crate::bounds::ModuleLimits;
use crate::capability::ModuleCapability;
use crate::limits::{CALLS_MAX, MIGRATIONS_MAX, PROBES_MAX, STEPS_MAX, WORD_BYTES_MAX};

/// The schemas of the kind's documents.
pub(crate) fn schemas() -> Vec<DocumentSchema> {
    vec![DocumentSchema { title: "module", names: "{module}", schema: manifest() }]
}

fn manifest() -> Value {
    let word = json!({"type": "string", "minLength": 1, "maxLength": WORD_BYTES_MAX});
    let names =
        json!({"type": "array", "items": {"type": "string"}, "maxItems": CALLS_MAX, "uniqueItems": true});
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The manifest of a module",
        "type": "object",
        "required": ["version", "schema"],
        "oneOf": [{"required": ["component"]}, {"required": ["native"]}],
        "additionalProperties": false,
        "properties": {
            "description": {"type": "string"},
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
                        "properties": {"result": {}, "failure": {"type": "string"}},
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

fn migration() -> Value {
    let path = json!({"type": "string", "pattern": "^/"});
    let words = ["add", "remove", "rename", "move", "convert", "split", "merge"];
    let one_of = words.map(|word| json!({"required": [word]}));
    json!({
        "type": "object",
        "required": ["from", "to", "steps"],
        "additionalProperties": false,
        "properties": {
            "from": {"type": "integer", "minimum": 1, "maximum": u32::MAX},
            "to": {"type": "integer", "minimum": 1, "maximum": u32::MAX},
            "before": {"type": ["object", "boolean"]},
            "after": {"type": ["object", "boolean"]},
            "steps": {"type": "array", "maxItems": STEPS_MAX, "items": {
                "type": "object",
                "additionalProperties": false,
                "properties": {
                    "each": path, "add": path, "default": {}, "remove": path, "rename": path, "move": path,
                    "to": {"type": "string"}, "convert": path,
                    "into": {"type": ["string", "array"]},
                    "split": path, "separator": {"type": "string", "minLength": 1},
                    "merge": {"type": "array", "items": path, "minItems": 2}
                },
                "oneOf": one_of
            }}
        }
    })
}
