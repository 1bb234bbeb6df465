//! The JSON Schema of a tool's input, derived from the inputs of its patterns.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// The words for types of inputs, with JSON Schema's word for each; empty where any value is taken.
pub(crate) const INPUT_TYPES: [(&str, &str); 14] = [
    ("string", "string"),
    ("text", "string"),
    ("str", "string"),
    ("integer", "integer"),
    ("int", "integer"),
    ("number", "number"),
    ("float", "number"),
    ("boolean", "boolean"),
    ("bool", "boolean"),
    ("array", "array"),
    ("list", "array"),
    ("object", "object"),
    ("dict", "object"),
    ("any", ""),
];

/// Whether an input of this type is a number.
pub(crate) fn is_number(word: &str) -> bool {
    matches!(json_type(word), Some("integer" | "number"))
}

fn json_type(word: &str) -> Option<&'static str> {
    let found = INPUT_TYPES.iter().find(|(known, _)| *known == word);
    found.map(|(_, json)| *json).filter(|json| !json.is_empty())
}

/// One input over all patterns.
#[derive(Default)]
struct JoinedInput<'a> {
    types: Vec<&'static str>,
    /// Whether some pattern takes any type.
    is_open: bool,
    required_in: usize,
    first: Option<&'a Value>,
    allowed: Option<Vec<&'a Value>>,
    is_unrestricted: bool,
}

/// Derives the schema: an object with every input of every pattern; required is what every pattern requires. An input
/// that patterns describe differently has the first description, and all their types. Texts of `validation` are not
/// JSON Schema's and stay in the document.
pub(crate) fn derive(body: &Value) -> Value {
    let mut inputs: BTreeMap<&str, JoinedInput<'_>> = BTreeMap::new();
    let mut pattern_count = 0;
    let capabilities = body.get("capabilities").and_then(Value::as_object);
    let patterns = capabilities.into_iter().flatten().filter_map(|(_, it)| it.get("patterns")?.as_object());
    for (_, pattern) in patterns.flatten() {
        pattern_count += 1;
        for (key, is_required) in [("required_inputs", true), ("optional_inputs", false)] {
            for input in pattern.get(key).and_then(Value::as_array).into_iter().flatten() {
                let Some(name) = input.get("name").and_then(Value::as_str) else { continue };
                inputs.entry(name).or_default().join(input, is_required);
            }
        }
    }
    let required: Vec<&str> =
        inputs.iter().filter(|(_, it)| it.required_in == pattern_count).map(|(name, _)| *name).collect();
    let properties: Map<String, Value> =
        inputs.iter().map(|(name, joined)| ((*name).to_owned(), joined.property())).collect();
    let mut schema = json!({"type": "object", "properties": properties});
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

impl<'a> JoinedInput<'a> {
    fn join(&mut self, input: &'a Value, is_required: bool) {
        self.required_in += usize::from(is_required);
        self.first.get_or_insert(input);
        match input.get("type").and_then(Value::as_str).and_then(json_type) {
            Some(word) if !self.types.contains(&word) => self.types.push(word),
            Some(_) => {}
            None => self.is_open = true,
        }
        match input.get("allowed_values").and_then(Value::as_array) {
            None => self.is_unrestricted = true,
            Some(values) => {
                let allowed = self.allowed.get_or_insert_default();
                for value in values {
                    if !allowed.contains(&value) {
                        allowed.push(value);
                    }
                }
            }
        }
    }

    fn property(&self) -> Value {
        let mut property = Map::new();
        match self.types.as_slice() {
            _ if self.is_open => {}
            [] => {}
            [word] => drop(property.insert("type".to_owned(), json!(word))),
            words => drop(property.insert("type".to_owned(), json!(words))),
        }
        if let Some(allowed) = self.allowed.as_ref().filter(|_| !self.is_unrestricted) {
            property.insert("enum".to_owned(), json!(allowed));
        }
        for key in ["description", "default", "examples"] {
            let value = self.first.and_then(|input| input.get(key)).filter(|value| !value.is_null());
            if let Some(value) = value.filter(|value| key != "examples" || value.is_array()) {
                property.insert(key.to_owned(), value.clone());
            }
        }
        Value::Object(property)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_of_all_patterns_are_joined() {
        let body = json!({"capabilities": {"c": {"patterns": {
            "a": {"required_inputs": [
                {"name": "host", "type": "string", "description": "The host.", "validation": ".*"},
                {"name": "size", "type": "int", "allowed_values": [1, 2]},
                {"name": "mode", "type": "string", "allowed_values": ["x"]},
            ]},
            "b": {
                "required_inputs": [{"name": "host", "type": "string", "description": "Another."}],
                "optional_inputs": [
                    {"name": "size", "type": "float", "default": 1.5},
                    {"name": "extra", "type": "path"},
                    {"name": "mode", "type": "string", "allowed_values": ["y", "x"], "default": null},
                ],
            },
        }}}});
        let expected = json!({
            "type": "object",
            "required": ["host"],
            "properties": {
                "host": {"type": "string", "description": "The host."},
                "size": {"type": ["integer", "number"]},
                "mode": {"type": "string", "enum": ["x", "y"]},
                "extra": {},
            },
        });
        assert_eq!(derive(&body), expected);
        assert!(jsonschema::validator_for(&expected).is_ok());
    }

    #[test]
    fn a_tool_without_inputs_takes_an_empty_object() {
        assert_eq!(derive(&json!({})), json!({"type": "object", "properties": {}}));
        let one = json!({"capabilities": {"c": {"patterns": {"a": {"required_inputs": [{"name": "N", "type": "integer"}]}}}}});
        assert_eq!(derive(&one)["required"], json!(["N"]));
        assert!(is_number("int") && is_number("float") && !is_number("string") && !is_number("any"));
    }
}
