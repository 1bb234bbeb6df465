//! The JSON Schemas of the documents. They describe the form of a document; the contents of an expression, what a text
//! hides and references between documents, only the kind itself can judge.

use midflight_engine::DocumentSchema;
use serde_json::{Map, Value, json};

use crate::input_schema::INPUT_TYPES;
use crate::limits::{
    CAPABILITIES_MAX, CORRECTION_FACTORS, CORRECTIONS_MAX, DEPENDENCIES_MAX, DESCRIPTION_BYTES_MAX,
    FORMULA_BYTES_MAX, HEADERS_MAX, INPUTS_MAX, LIST_TEXTS_MAX, MCP_NAME_BYTES_MAX, NAME_BYTES_MAX,
    PATTERNS_PER_CAPABILITY_MAX, URL_BYTES_MAX, VERSION_BYTES_MAX,
};
use crate::read_tool::{CATEGORIES, PLATFORMS};
use crate::settings::{FEATURES, MODES, SelectionSettings};
use crate::status::STATUSES;

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// The schemas of tools, settings and corrections.
pub(crate) fn schemas() -> Vec<DocumentSchema> {
    vec![
        DocumentSchema { title: "tool", names: "{tool}", schema: tool() },
        DocumentSchema { title: "selection settings", names: "settings/selection", schema: settings() },
        DocumentSchema { title: "corrections", names: "corrections/{tool}", schema: corrections() },
    ]
}

fn name(description: &str) -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": NAME_BYTES_MAX, "description": description})
}

fn text(description: &str) -> Value {
    json!({"type": "string", "maxLength": DESCRIPTION_BYTES_MAX, "description": description})
}

fn texts(description: &str) -> Value {
    json!({"type": "array", "items": {"type": "string"}, "maxItems": LIST_TEXTS_MAX, "description": description})
}

fn share(description: &str) -> Value {
    json!({"type": "number", "minimum": 0, "maximum": 1, "description": description})
}

fn amount(description: &str) -> Value {
    json!({"type": "number", "minimum": 0, "description": description})
}

fn formula(description: &str) -> Value {
    json!({"type": ["number", "string"], "minLength": 1, "maxLength": FORMULA_BYTES_MAX, "description": description,
        "examples": [200, "200 + 5 * N"]})
}

fn object(description: &str) -> Value {
    json!({"type": "object", "description": description})
}

fn tool() -> Value {
    let statuses: Vec<_> = STATUSES.iter().map(|(word, _)| *word).collect();
    let schema = |description: &str| json!({"type": "object", "required": ["type"], "properties": {"type": {"const": "object"}}, "description": description});
    let open = |description: &str, known: &[&str]| {
        let mut open = name(description);
        open["examples"] = json!(known);
        open
    };
    json!({
        "$schema": DIALECT,
        "title": "tool",
        "description": "A tool: what it can do, what that takes, when it may be used. Members that are not listed are kept.",
        "type": "object",
        "required": ["description"],
        "properties": {
            "tool_name": name("What people and services call it, unique; by default the name of the document."),
            "mcp_name": {
                "type": "string", "pattern": format!("^[A-Za-z0-9_-]{{1,{MCP_NAME_BYTES_MAX}}}$"),
                "description": "What agents call it, unique; by default derived from tool_name."
            },
            "title": text("A title for people."),
            "version": {"type": ["string", "number"], "maxLength": VERSION_BYTES_MAX, "default": "1.0"},
            "description": {"type": "string", "minLength": 1, "maxLength": DESCRIPTION_BYTES_MAX, "description": "What it does, for people and models."},
            "platform": open("Where it runs.", &PLATFORMS),
            "category": open("What it is about.", &CATEGORIES),
            "status": {"enum": statuses, "default": "active", "description": "Only what is active or testing is offered."},
            "enabled": {"type": "boolean", "default": true},
            "defaults": object("Defaults of all patterns, for people."),
            "metadata": object("For people; nothing reads it."),
            "dependencies": {
                "type": "array", "maxItems": DEPENDENCIES_MAX, "description": "What it needs.",
                "items": {
                    "type": "object", "required": ["name"],
                    "properties": {"name": {"type": "string"}, "type": {"type": "string"}, "required": {"type": "boolean"},
                        "version": {"type": ["string", "number"]}}
                }
            },
            "capabilities": {
                "type": "object", "maxProperties": CAPABILITIES_MAX, "propertyNames": segment(),
                "additionalProperties": {"$ref": "#/$defs/capability"}, "description": "What it can do, by name."
            },
            "input_schema": schema("The JSON Schema of its input; by default derived from the inputs of its patterns."),
            "output_schema": schema("The JSON Schema of its result."),
            "annotations": {
                "type": "object", "additionalProperties": false, "description": "Hints on its behaviour, as the Model Context Protocol has them.",
                "properties": {"title": {"type": "string"}, "readOnlyHint": {"type": "boolean"}, "destructiveHint": {"type": "boolean"},
                    "idempotentHint": {"type": "boolean"}, "openWorldHint": {"type": "boolean"}}
            },
            "forward": {
                "type": "object", "required": ["url"], "description": "Where its calls go.",
                "properties": {
                    "url": {"type": "string", "pattern": "^https?://\\S*$", "maxLength": URL_BYTES_MAX},
                    "method": {"enum": ["GET", "POST", "PUT", "PATCH", "DELETE"]},
                    "headers": {"type": "object", "maxProperties": HEADERS_MAX, "additionalProperties": {"type": "string"},
                        "description": "Headers to send. A secret is a reference, as ${env:NAME}."},
                    "timeout_ms": {"type": "integer", "minimum": 1}
                }
            }
        },
        "$defs": {"capability": capability(), "pattern": pattern(), "input": input(), "policy": policy()}
    })
}

fn segment() -> Value {
    json!({"minLength": 1, "maxLength": NAME_BYTES_MAX, "pattern": "^[^/]+$"})
}

fn capability() -> Value {
    json!({
        "type": "object",
        "required": ["patterns"],
        "properties": {
            "description": text("What it is."),
            "patterns": {
                "type": "object", "maxProperties": PATTERNS_PER_CAPABILITY_MAX, "propertyNames": segment(),
                "additionalProperties": {"$ref": "#/$defs/pattern"}, "description": "The ways to use it, by name."
            }
        }
    })
}

fn pattern() -> Value {
    let inputs = |description: &str| json!({"type": "array", "maxItems": INPUTS_MAX, "items": {"$ref": "#/$defs/input"}, "description": description});
    let preference: Map<String, Value> = ["speed", "accuracy", "cost", "complexity", "completeness"]
        .iter()
        .map(|key| ((*key).to_owned(), share("0 not at all, 1 perfectly.")))
        .collect();
    json!({
        "type": "object",
        "required": ["time_estimate_ms", "cost_estimate"],
        "properties": {
            "description": text("What it does."),
            "typical_use_cases": texts("What it is used for, as people ask for it."),
            "time_estimate_ms": formula("How long it takes, in ms: a number or an expression."),
            "cost_estimate": formula("What it costs: a number or an expression."),
            "complexity_score": share("How complex it is; 0.5 by default."),
            "scope": {"type": "string"},
            "completeness": {"type": "string"},
            "limitations": texts("What it does not do."),
            "policy": {"$ref": "#/$defs/policy"},
            "preference_match": {"type": "object", "additionalProperties": false, "properties": preference},
            "required_inputs": inputs("What has to be given."),
            "optional_inputs": inputs("What may be given."),
            "expected_outputs": {"type": "array"}
        }
    })
}

fn input() -> Value {
    let types: Vec<_> = INPUT_TYPES.iter().map(|(word, _)| *word).collect();
    json!({
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": name("What a caller calls it. A number is a variable of expressions."),
            "type": {"type": "string", "default": "string", "examples": types},
            "description": text("What it is."),
            "allowed_values": {"type": "array"}
        }
    })
}

fn policy() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "not": {"required": ["max_execution_time", "max_execution_time_ms"]},
        "properties": {
            "max_cost": amount("The highest cost at which it may run."),
            "requires_approval": {"type": "boolean", "default": false},
            "production_safe": {"type": "boolean", "description": "Whether it may run in production; what is not stated may not."},
            "max_execution_time": amount("How long it may run in the foreground, in s."),
            "max_execution_time_ms": amount("The same in ms."),
            "allowed_environments": texts("Where it may run; in all by default."),
            "required_permissions": texts("What its caller must be permitted."),
            "max_N_immediate": amount("The largest N for which it may run in the foreground."),
            "requires_background_if": {"type": "string", "minLength": 1, "maxLength": FORMULA_BYTES_MAX, "examples": ["N > 50"]}
        }
    })
}

fn settings() -> Value {
    let defaults = SelectionSettings::default();
    let weights: Map<String, Value> = MODES
        .iter()
        .map(|(word, mode)| {
            let features: Map<String, Value> = FEATURES
                .iter()
                .zip(defaults.weights(*mode))
                .map(|(feature, weight)| {
                    (
                        (*feature).to_owned(),
                        json!({"type": "number", "minimum": 0, "maximum": 1, "default": weight}),
                    )
                })
                .collect();
            (
                (*word).to_owned(),
                json!({"type": "object", "additionalProperties": false, "properties": features}),
            )
        })
        .collect();
    json!({
        "$schema": DIALECT,
        "title": "selection settings",
        "description": "How candidates are compared.",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "description": {"type": "string"},
            "weights": {"type": "object", "additionalProperties": false, "properties": weights, "description": "What each feature counts, by mode."},
            "ambiguity_gap": {"type": "number", "minimum": 0, "maximum": 1, "default": defaults.ambiguity_gap,
                "description": "The difference of scores below which the best two count as equal."},
            "time_ms": {"type": "array", "minItems": 2, "maxItems": 2, "items": {"type": "number", "exclusiveMinimum": 0},
                "default": [defaults.time_ms.0, defaults.time_ms.1], "description": "The times that count as best and as worst, in ms."},
            "cost_max": {"type": "number", "exclusiveMinimum": 0, "default": defaults.cost_max, "description": "The cost that counts as worst."},
            "learn_corrections": {"type": "boolean", "default": false,
                "description": "Whether observed uses become corrections of estimates, as revisions by the author telemetry."},
            "observe_forwarded_calls": {"type": "boolean", "default": false,
                "description": "Whether a call that is forwarded to its endpoint is counted as a use of its tool."}
        }
    })
}

fn corrections() -> Value {
    let factor = json!({"type": "number", "minimum": CORRECTION_FACTORS.start(), "maximum": CORRECTION_FACTORS.end(), "default": 1});
    json!({
        "$schema": DIALECT,
        "title": "corrections",
        "description": "Factors for the estimates of a tool, by capability/pattern.",
        "type": "object",
        "maxProperties": CORRECTIONS_MAX,
        "propertyNames": {"pattern": "/"},
        "additionalProperties": {
            "type": "object", "additionalProperties": false,
            "properties": {"time_factor": factor, "cost_factor": factor, "observations": {"type": "integer"}}
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::named;
    use midflight_core::DocumentName;

    #[test]
    fn every_schema_is_one_and_is_of_a_sort_of_document() {
        for schema in schemas() {
            jsonschema::validator_for(&schema.schema)
                .unwrap_or_else(|error| panic!("{}: {error}", schema.title));
            let name = schema.names.replace("{tool}", "grep");
            let name = DocumentName::new(&name).unwrap();
            assert!(named(&name).is_ok() && schema.ids(&name).is_some(), "{}", schema.names);
        }
    }
}
