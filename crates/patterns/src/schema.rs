//! The JSON Schemas of the documents.

use midflight_core::NAME_BYTES_MAX;
use midflight_engine::DocumentSchema;
use serde_json::{Value, json};

use crate::limits::{
    CATEGORIES_MAX, CATEGORY_BYTES_MAX, LEARNED_MAX, ORDERS, PATTERN_CHARS_MAX, PER_MINUTE_MAX, TEXTS_MAX,
    WORDS_MAX,
};
use crate::{Action, CreatedBy, Match, PatternStatus, Personal};

const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

/// The schemas of every sort of document.
pub(crate) fn schemas() -> Vec<DocumentSchema> {
    vec![
        DocumentSchema { title: "pattern", names: "{pattern}", schema: pattern() },
        DocumentSchema { title: "profile", names: "profiles/{profile}", schema: profile() },
        DocumentSchema { title: "learning", names: "learning/{profile}", schema: learning() },
        DocumentSchema { title: "prompt", names: "prompts/{profile}", schema: prompt() },
    ]
}

fn words<T>(words: &[(&str, T)]) -> Vec<String> {
    words.iter().map(|(word, _)| (*word).to_owned()).collect()
}

fn text() -> Value {
    json!({"type": "string", "maxLength": midflight_core::TEXT_BYTES_MAX})
}

fn share(description: &str, default: f64) -> Value {
    json!({"type": "number", "minimum": 0, "maximum": 1, "default": default, "description": description})
}

fn order() -> Value {
    json!({"type": "integer", "minimum": ORDERS.start(), "maximum": ORDERS.end(), "default": 100,
        "description": "The lowest of all matching patterns answers; equal ones in the order of their ids."})
}

fn list(description: &str, item: &Value, max: usize) -> Value {
    json!({"type": "array", "items": item, "maxItems": max, "description": description})
}

fn per_minute(description: &str, default: u32) -> Value {
    json!({"type": "integer", "minimum": 0, "maximum": PER_MINUTE_MAX, "default": default, "description": description})
}

/// A text with these characters.
fn spelt(pattern: &str) -> Value {
    json!({"type": "string", "maxLength": midflight_core::TEXT_BYTES_MAX, "pattern": pattern})
}

/// What of the name of a profile an expression can say that ECMAScript, which JSON Schema names, and other engines read
/// in the same way: which ASCII characters it has. Of all others it allows letters and digits; the reader says so.
const PROFILE_NAME: &str = "^[^\\u0000-\\u002f\\u003a-\\u0040\\u005b-\\u005e\\u0060\\u007b-\\u007f]\
                            [^\\u0000-\\u002a\\u002c\\u002f\\u003b-\\u003f\\u005b-\\u005e\\u0060\\u007b-\\u007f]*$";

fn category_name() -> Value {
    json!({"type": "string", "pattern": "^[^\\s\\u0000-\\u001f\\u007f-\\u009f]+$", "maxLength": CATEGORY_BYTES_MAX,
        "description": "The category of matching queries."})
}

fn pattern() -> Value {
    let written = json!({"type": "string", "minLength": 1, "maxLength": PATTERN_CHARS_MAX});
    // The key of an exact pattern is a condition already.
    let not_exact = json!({"required": ["match"], "properties": {"match": {"not": {"const": "exact"}}}});
    json!({
        "$schema": DRAFT,
        "title": "pattern",
        "description": "A pattern of queries, and their category.",
        "type": "object",
        "required": ["category"],
        "oneOf": [{"required": ["pattern"]}, {"required": ["any_of"]}],
        "additionalProperties": false,
        "properties": {
            "pattern": written,
            "any_of": {"type": "array", "items": written, "minItems": 1, "maxItems": TEXTS_MAX,
                "description": "Instead of pattern: any of these matches."},
            "match": {"enum": words(Match::WORDS), "default": "exact",
                "description": "exact compares keys; the others look into the text, stop words and punctuation included."},
            "profile": {"type": "string", "default": "default", "maxLength": NAME_BYTES_MAX, "pattern": PROFILE_NAME,
                "description": "The profile by which queries are normalized."},
            "category": category_name(),
            "confidence": share("Confidence of the category.", 1.0),
            "action": {"enum": words(Action::WORDS), "description": "respond where there is a direct_response, else tool."},
            "direct_response": text(),
            "status": {"enum": words(PatternStatus::WORDS), "default": "approved",
                "description": "Only approved patterns answer."},
            "order": order(),
            "max_words": {"type": "integer", "minimum": 1, "maximum": u32::MAX, "description": "Maximum \
                                                                                                number of \
                                                                                                words of \
                                                                                                the query."},
            "exclusion": {"type": "string", "maxLength": PATTERN_CHARS_MAX,
                "description": "A regular expression that the query must not match."},
            "created_by": {"enum": words(CreatedBy::WORDS), "default": "manual"},
            "description": text(),
            "tags": {"type": "array", "items": text(), "maxItems": midflight_core::TAGS_MAX,
                "description": "For people; not interpreted."}
        },
        "dependentSchemas": {"max_words": not_exact, "exclusion": not_exact}
    })
}

fn profile() -> Value {
    json!({
        "$schema": DRAFT,
        "title": "profile",
        "description": "How the queries of a language are normalized.",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "language": {"type": "string", "maxLength": midflight_core::TEXT_BYTES_MAX,
                "description": "The language, for people."},
            "compatibility": {"type": "boolean", "default": false,
                "description": "Whether NFKC makes them one rather than NFC: a ligature is its letters then."},
            "fold_accents": {"type": "boolean", "default": false, "description": "Whether accents are \
                                                                                  ignored."},
            "punctuation": {"enum": ["keep", "ascii", "unicode"], "default": "ascii",
                "description": "Which punctuation is removed from both ends of a word."},
            "stop_words": list("Words that are ignored in keys, one by one.", &spelt("^\\s*\\S+\\s*$"), WORDS_MAX),
            "description": text()
        }
    })
}

fn learning() -> Value {
    json!({
        "$schema": DRAFT,
        "title": "learning policy",
        "description": "What is learned from the answers of an LLM to the queries of a profile.",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "mode": {"enum": ["off", "pending", "auto"], "default": "pending",
                "description": "pending waits for approval, auto answers at once."},
            "threshold": share("Minimum confidence of an answer.", 0.9),
            "key_chars_min": {"type": "integer", "minimum": 0, "maximum": 1_000_000, "default": 3},
            "order": order(),
            "demote_below": share("Below this accuracy a pattern goes back to pending; 0: never.", 0.5),
            "demote_after": {"type": "integer", "minimum": 0, "maximum": 1_000_000, "default": 5,
                "description": "Minimum number of votes before that."},
            "llm_call_cost": {"type": "number", "minimum": 0, "default": 0,
                "description": "Cost of a call, in any unit; savings are reported in it."},
            "learn_from": {"enum": ["authenticated", "everyone"], "default": "authenticated",
                "description": "Whose queries are learned: those of callers with a token, or of all."},
            "learned_max": {"type": "integer", "minimum": 0, "maximum": LEARNED_MAX, "default": 1000,
                "description": "Maximum number of learned patterns. Beyond it the least used one is \
                                deleted, never one that a person changed."},
            "lessons_per_minute_max": per_minute("Maximum number of patterns that a replica learns per \
                                                  minute.", 120),
            "llm_calls_per_minute_max": per_minute("Maximum number of LLM calls of a replica per minute; \
                                                    further queries are answered without a call.", 600),
            "redact": {"type": "array", "items": {"enum": Personal::ALL.map(Personal::as_str)}, "maxItems": Personal::ALL.len(),
                "default": Personal::ALL.map(Personal::as_str),
                "description": "Forms of personal data. Queries that contain any are not learned."},
            "redact_llm": {"type": "boolean", "default": true,
                "description": "Whether personal data is masked in what the LLM is asked."},
            "never_categories": list("Categories that are never learned.", &text(), CATEGORIES_MAX),
            "never_contains": list("Texts whose queries are never learned.", &spelt("\\S"), WORDS_MAX),
            "description": text()
        }
    })
}

fn prompt() -> Value {
    json!({
        "$schema": DRAFT,
        "title": "prompt",
        "description": "Prompt for the LLM that classifies the queries of a profile, and the answers that it may give.",
        "type": "object",
        "required": ["instructions", "categories"],
        "additionalProperties": false,
        "properties": {
            "instructions": text(),
            "categories": {
                "type": "object",
                "minProperties": 1,
                "maxProperties": CATEGORIES_MAX,
                "propertyNames": category_name(),
                "additionalProperties": {
                    "type": ["object", "null"],
                    "additionalProperties": false,
                    "properties": {
                        "description": text(),
                        "action": {"enum": words(Action::WORDS)},
                        "direct_response": text()
                    }
                }
            },
            "temperature": {"type": "number", "minimum": 0, "maximum": 2, "default": 0},
            "tokens_max": {"type": "integer", "minimum": 1, "maximum": 10_000, "default": 100},
            "structured": {"type": "boolean", "default": true,
                "description": "Whether the schema of the reply is sent; some servers do not support it."},
            "description": text()
        }
    })
}
