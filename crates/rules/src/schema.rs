//! The JSON Schemas of the three sorts of document. They describe the form of a document; references between documents,
//! and the contents of an attribute, a template or a regex, only the kind itself can judge.

use midflight_engine::DocumentSchema;
use serde_json::{Value, json};

use crate::limits::{
    ACTION_BYTES_MAX, ATTRIBUTE_BYTES_MAX, LIST_ITEMS_MAX, PATTERNS_MAX, REGEX_BYTES_MAX, TEXT_BYTES_MAX,
};
use crate::operator::NAMES;
use crate::status::STATUSES;

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// The schemas of rulesets, rules and conditions.
pub(crate) fn schemas() -> Vec<DocumentSchema> {
    vec![
        DocumentSchema { title: "ruleset", names: "{ruleset}", schema: ruleset() },
        DocumentSchema { title: "rule", names: "{ruleset}/{rule_id}", schema: rule() },
        DocumentSchema {
            title: "condition",
            names: "conditions/{condition_id}",
            schema: condition_document(),
        },
    ]
}

fn text() -> Value {
    json!({"type": "string", "maxLength": TEXT_BYTES_MAX})
}

fn tags() -> Value {
    json!({"type": "array", "items": text(), "maxItems": midflight_core::TAGS_MAX, "description": "For \
                                                                                                   people; \
                                                                                                   not \
                                                                                                   interpreted."})
}

fn metadata() -> Value {
    json!({"type": "object", "description": "For people and their programs; not interpreted here."})
}

fn status() -> Value {
    let names: Vec<_> = STATUSES.iter().map(|(name, _)| *name).collect();
    json!({"enum": names, "default": "active", "description": "Only active ones execute."})
}

fn ruleset() -> Value {
    json!({
        "$schema": DIALECT,
        "title": "ruleset",
        "description": "Rules that execute together. The rules are documents of their own, {ruleset}/{rule_id}.",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "name": text(),
            "description": text(),
            "version": text(),
            "tags": tags(),
            "metadata": metadata(),
            "status": status(),
            "default": {
                "type": "boolean", "default": false,
                "description": "Whether it executes when a request names no ruleset. At most one ruleset \
                                may be the default."
            },
            "patterns": {
                "type": "object", "additionalProperties": text(), "maxProperties": PATTERNS_MAX,
                "description": "What to recommend for exactly that pattern result."
            },
            "drop_missing": {
                "type": "boolean", "default": false,
                "description": "Leaves a rule out of the pattern result when an attribute of it is not in the input."
            },
            "compat": {
                "enum": ["original"],
                "description": "original: constants are typed as by the rule engine whose files are imported (\"30\" is 30), range is membership, not_equal and not_in match values of other types."
            }
        }
    })
}

fn rule() -> Value {
    json!({
        "$schema": DIALECT,
        "title": "rule",
        "description": "A rule of a ruleset.",
        "type": "object",
        "additionalProperties": false,
        "required": ["conditions"],
        "properties": {
            "rule_name": text(),
            "description": text(),
            "tags": tags(),
            "metadata": metadata(),
            "status": status(),
            "type": {
                "enum": ["simple", "complex"],
                "description": "simple: conditions is {item}. complex: anything else. May be left out."
            },
            "conditions": {"$ref": "#/$defs/joint"},
            "rule_point": {"type": "number", "default": 0, "description": "Points of a match."},
            "weight": {"type": "number", "minimum": 0, "default": 1, "description": "Multiplies rule_point."},
            "priority": {
                "type": "integer", "default": 0, "minimum": i64::MIN, "maximum": i64::MAX,
                "description": "Rules execute in ascending priority, those of one priority by id."
            },
            "action_result": {
                "type": "string", "minLength": 1, "maxLength": ACTION_BYTES_MAX, "default": "Y",
                "description": "What a match adds to the pattern result; {{a.b}} is filled from the input."
            }
        },
        "allOf": [
            {
                "if": {"properties": {"type": {"const": "simple"}}, "required": ["type"]},
                "then": {"properties": {"conditions": {"required": ["item"]}}}
            },
            {
                "if": {"properties": {"type": {"const": "complex"}}, "required": ["type"]},
                "then": {"properties": {"conditions": {"not": {"required": ["item"]}}}}
            }
        ],
        "$defs": {"condition": condition(), "part": part(), "joint": joint()}
    })
}

fn part() -> Value {
    json!({
        "description": "The id of a condition of the catalogue, a condition written out, or conditions joined.",
        "if": {"type": "string"},
        "then": {"minLength": 1},
        "else": {
            "type": "object",
            "if": {"anyOf": [
                {"required": ["item"]}, {"required": ["items"]}, {"required": ["all"]}, {"required": ["any"]},
                {"required": ["not"]}
            ]},
            "then": {"$ref": "#/$defs/joint"},
            "else": {"$ref": "#/$defs/condition"}
        }
    })
}

fn joint() -> Value {
    let list = json!({"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/part"}});
    let one = json!({"$ref": "#/$defs/part"});
    let form = |key: &str, value: &Value| json!({"required": [key], "additionalProperties": false, "properties": {key: value}});
    json!({
        "description": "Conditions joined. inclusive and and are all; exclusive and or are any.",
        "type": "object",
        "oneOf": [
            form("item", &one),
            {
                "required": ["mode", "items"],
                "additionalProperties": false,
                "properties": {"mode": {"enum": ["inclusive", "and", "exclusive", "or"]}, "items": list}
            },
            form("all", &list),
            form("any", &list),
            form("not", &one)
        ]
    })
}

fn condition_document() -> Value {
    let mut schema = condition();
    schema["$schema"] = DIALECT.into();
    schema["title"] = "condition".into();
    schema["description"] = "A condition of the catalogue, which rules of every ruleset may name.".into();
    schema
}

fn condition() -> Value {
    let names: Vec<_> = NAMES.iter().map(|(name, _)| *name).collect();
    let operator = |description: &str| json!({"enum": names, "description": description});
    // Constants of the original may be lists and numbers written as texts, so a text is allowed where those are.
    let constant = |operators: &[&str], constant: Value| {
        let one = |key: &str| json!({"properties": {key: {"enum": operators}}, "required": [key]});
        json!({
            "if": {"anyOf": [one("operator"), one("equation")]},
            "then": {"properties": {"constant": constant}}
        })
    };
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["attribute"],
        "oneOf": [{"required": ["operator"]}, {"required": ["equation"]}],
        "properties": {
            "attribute": {
                "type": "string", "minLength": 1, "maxLength": ATTRIBUTE_BYTES_MAX,
                "description": "A dotted path into the input, as customer.age or orders.0.total."
            },
            "operator": operator("What is done with the value and the constant. What is absent is null: is_null never counts it as missing."),
            "equation": operator("Another name for operator."),
            "constant": {"description": "What the value is compared with. Types are strict: \"35\" is not 35."},
            "condition_name": text(),
            "description": text(),
            "tags": tags(),
            "metadata": metadata()
        },
        "allOf": [
            constant(
                &["greater_than", "greater_than_or_equal", "less_than", "less_than_or_equal"],
                json!({"type": ["number", "string"]})
            ),
            constant(
                &["in", "not_in", "range"],
                json!({"type": ["array", "string"], "minItems": 1, "maxItems": LIST_ITEMS_MAX})
            ),
            constant(&["starts_with", "ends_with"], json!({"type": "string"})),
            constant(
                &["regex", "regex_match", "regex_search", "regex_not_match", "regex_not_search"],
                json!({"type": "string", "maxLength": REGEX_BYTES_MAX})
            ),
            constant(&["is_null"], json!({"type": ["boolean", "null"]})),
            {
                "if": {"not": {"anyOf": [
                    {"properties": {"operator": {"const": "is_null"}}, "required": ["operator"]},
                    {"properties": {"equation": {"const": "is_null"}}, "required": ["equation"]}
                ]}},
                "then": {"required": ["constant"]}
            }
        ]
    })
}
