//! The JSON Schema of a state, bounded in size and in what its regular expressions may take.

use std::fmt;

use jsonschema::{PatternOptions, Validator};
use midflight_core::{JsonPointer, canonical_json};
use serde_json::Value;

use crate::limits::{REGEX_BYTES_MAX, SCHEMA_BYTES_MAX};

/// How much of an error's text is reported, in characters: it quotes the value, which may be large.
const ERROR_CHARS_MAX: usize = 300;

/// A compiled JSON Schema.
pub(crate) struct StateSchema(Validator);

impl StateSchema {
    /// Compiles a schema (2020-12). References to other documents are refused.
    ///
    /// # Errors
    /// What it must be instead.
    pub(crate) fn new(schema: &Value) -> Result<Self, String> {
        let bytes = canonical_json(schema).len();
        if bytes > SCHEMA_BYTES_MAX {
            return Err(format!("the schema has {bytes} bytes and may have {SCHEMA_BYTES_MAX}; shorten it"));
        }
        let patterns = PatternOptions::regex().size_limit(REGEX_BYTES_MAX).dfa_size_limit(REGEX_BYTES_MAX);
        let options = jsonschema::options().with_pattern_options(patterns).offline();
        let built = options.build(schema).map(Self);
        built.map_err(|error| format!("invalid JSON Schema: {}", cut(&error.to_string())))
    }

    /// Validates a state.
    ///
    /// # Errors
    /// The first problem, with its place.
    pub(crate) fn check(&self, state: &Value) -> Result<(), (JsonPointer, String)> {
        self.0
            .validate(state)
            .map_err(|error| (JsonPointer::parse(error.instance_path().as_str()), cut(&error.to_string())))
    }
}

impl fmt::Debug for StateSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StateSchema")
    }
}

fn cut(text: &str) -> String {
    text.chars().take(ERROR_CHARS_MAX).collect()
}
