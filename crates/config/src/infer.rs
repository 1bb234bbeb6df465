//! A JSON Schema inferred from one config, for a person to review.

use std::collections::BTreeSet;

use midflight_core::JsonPointer;
use serde_json::{Map, Value};

use crate::named_secrets::{is_literal, names_secret};
use crate::reference::has_reference;

/// A schema that was inferred. It has names and types of the config, and no value of it.
#[derive(Debug, Clone, PartialEq)]
pub struct InferredSchema {
    /// The JSON Schema.
    pub schema: Value,
    /// The places of secrets that the config has written out: with this schema it is refused until they are references.
    pub literal_secrets: Vec<JsonPointer>,
}

/// Infers a schema that the config holds to.
///
/// Every key that the config has is allowed, with the type it has there, and no other. Nothing is required. A key that
/// is named like a secret, or refers to one, is `writeOnly`. What is null may be anything. The items of a list share
/// one schema. Cost: linear in the config.
#[must_use]
pub fn infer_schema(config: &Value) -> InferredSchema {
    let mut literal_secrets = Vec::new();
    let schema = infer(config, &JsonPointer::root(), false, &mut literal_secrets);
    InferredSchema { schema: Value::Object(schema), literal_secrets }
}

fn infer(
    value: &Value,
    place: &JsonPointer,
    is_secret: bool,
    literals: &mut Vec<JsonPointer>,
) -> Map<String, Value> {
    let mut schema = Map::new();
    if let Some(word) = type_of(value) {
        schema.insert("type".to_owned(), word.into());
    }
    match value {
        Value::Object(members) => {
            let mut properties = Map::new();
            for (key, member) in members {
                let is_named = names_secret(key);
                let mut property = infer(member, &place.key(key), is_secret || is_named, literals);
                if is_named {
                    property.insert("writeOnly".to_owned(), true.into());
                }
                properties.insert(key.clone(), Value::Object(property));
            }
            if !properties.is_empty() {
                schema.insert("properties".to_owned(), Value::Object(properties));
            }
        }
        Value::Array(items) => {
            let mut shared: Option<Map<String, Value>> = None;
            for (n, item) in items.iter().enumerate() {
                let item = infer(item, &place.index(n), is_secret, literals);
                shared = Some(match shared {
                    None => item,
                    Some(shared) => merged(shared, item),
                });
            }
            if let Some(shared) = shared {
                schema.insert("items".to_owned(), Value::Object(shared));
            }
        }
        Value::String(text) if has_reference(text) => {
            schema.insert("writeOnly".to_owned(), true.into());
        }
        _ => {}
    }
    if is_secret && is_literal(value) {
        literals.push(place.clone());
    }
    schema
}

/// The type of a value in a schema; none for null, in whose place anything may come.
fn type_of(value: &Value) -> Option<&'static str> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    })
}

/// A schema that takes what either takes.
fn merged(a: Map<String, Value>, b: Map<String, Value>) -> Map<String, Value> {
    if a == b {
        return a;
    }
    let is_secret = [&a, &b].iter().any(|schema| schema.contains_key("writeOnly"));
    let mut types: BTreeSet<String> = BTreeSet::new();
    let (types_of_a, types_of_b) = (types_in(&a), types_in(&b));
    let is_open = types_of_a.is_empty() || types_of_b.is_empty();
    types.extend(types_of_a);
    types.extend(types_of_b);
    if types.contains("number") {
        types.remove("integer");
    }
    let has_parts = types.contains("object") || types.contains("array");
    let mut schema = Map::new();
    // What is of several types with parts is too open for one schema.
    if !is_open && (types.len() == 1 || !has_parts) {
        let mut words: Vec<Value> = types.into_iter().map(Value::from).collect();
        let word = if words.len() == 1 { words.remove(0) } else { Value::Array(words) };
        schema.insert("type".to_owned(), word);
        merge_parts(a, b, &mut schema);
    }
    if is_secret {
        schema.insert("writeOnly".to_owned(), true.into());
    }
    schema
}

/// Merges the schemas of the members and of the items of two schemas of one type.
fn merge_parts(a: Map<String, Value>, b: Map<String, Value>, schema: &mut Map<String, Value>) {
    let (mut properties, mut items) = (Map::new(), None);
    for mut side in [a, b] {
        if let Some(Value::Object(members)) = side.remove("properties") {
            for (key, member) in members {
                let both = merged_values(properties.remove(&key), member);
                properties.insert(key, both);
            }
        }
        if let Some(item) = side.remove("items") {
            items = Some(merged_values(items, item));
        }
    }
    if !properties.is_empty() {
        schema.insert("properties".to_owned(), Value::Object(properties));
    }
    if let Some(items) = items {
        schema.insert("items".to_owned(), items);
    }
}

fn merged_values(first: Option<Value>, second: Value) -> Value {
    match (first, second) {
        (Some(Value::Object(first)), Value::Object(second)) => Value::Object(merged(first, second)),
        (_, second) => second,
    }
}

fn types_in(schema: &Map<String, Value>) -> Vec<String> {
    match schema.get("type") {
        Some(Value::String(word)) => vec![word.clone()],
        Some(Value::Array(words)) => words.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::Config;
    use midflight_core::DocumentName;
    use midflight_engine::{Kind, KindChange, Work};
    use serde_json::json;
    use std::sync::Arc;

    /// The problems that the kind finds in a config with the schema that is inferred from another one.
    fn refused(from: &Value, config: &Value) -> Option<String> {
        let (kind, work) = (Config::new(), Work::unbounded());
        let change = |name: &str, body: &Value| {
            let name = DocumentName::new(name).unwrap();
            let document = Some(kind.validate(&name, &Arc::new(body.clone()), &work).unwrap());
            KindChange { name, document }
        };
        let changes = vec![change("schemas/shop", &infer_schema(from).schema), change("shop", config)];
        kind.compile(&kind.empty(), changes, &work).err().map(|problems| problems.to_string())
    }

    #[test]
    fn the_schema_has_the_keys_and_types_of_the_config_and_no_value() {
        let config = json!({"port": 80, "rate": 0.5, "name": "shop", "on": true, "none": null, "list": [],
            "log": {"level": "info"}, "empty": {}, "db": {"password": "${env:PW}", "hosts": ["a", "b"]},
            "url": "${env:URL}"});
        let inferred = infer_schema(&config);
        assert_eq!(
            inferred.schema,
            json!({"type": "object", "properties": {
                "port": {"type": "integer"}, "rate": {"type": "number"}, "name": {"type": "string"},
                "on": {"type": "boolean"}, "none": {}, "list": {"type": "array"},
                "log": {"type": "object", "properties": {"level": {"type": "string"}}}, "empty": {"type": "object"},
                "db": {"type": "object", "properties": {"password": {"type": "string", "writeOnly": true},
                    "hosts": {"type": "array", "items": {"type": "string"}}}},
                "url": {"type": "string", "writeOnly": true},
            }})
        );
        assert!(inferred.literal_secrets.is_empty());
        assert_eq!(refused(&config, &config), None);
        assert_eq!(refused(&config, &json!({})), None, "nothing is required");
        let message = refused(&config, &json!({"prot": 80})).unwrap();
        assert!(message.contains("prot"), "{message}");
        assert!(refused(&config, &json!({"port": "80"})).is_some());
    }

    #[test]
    fn the_items_of_a_list_share_one_schema() {
        let items =
            |list: Value| infer_schema(&json!({ "l": list })).schema["properties"]["l"]["items"].clone();
        assert_eq!(items(json!([1, 2.5])), json!({"type": "number"}));
        assert_eq!(items(json!([1, "a", true])), json!({"type": ["boolean", "integer", "string"]}));
        assert_eq!(items(json!([1, null])), json!({}));
        assert_eq!(items(json!([1, {"a": 1}])), json!({}));
        assert_eq!(items(json!([[], [1], [2.5]])), json!({"type": "array", "items": {"type": "number"}}));
        let members = json!([{"a": 1, "b": "x"}, {"a": "y", "c": {"d": 1}}, {}]);
        let expected = json!({"type": "object", "properties": {"a": {"type": ["integer", "string"]},
            "b": {"type": "string"}, "c": {"type": "object", "properties": {"d": {"type": "integer"}}}}});
        assert_eq!(items(members.clone()), expected);
        let config = json!({ "l": members });
        assert_eq!(refused(&config, &config), None);
    }

    #[test]
    fn a_secret_that_is_written_out_is_named_and_not_repeated() {
        let config =
            json!({"db": {"password": "hunter22"}, "tokens": 5, "api_key": {"of": ["sesame55", "${env:A}"]}});
        let inferred = infer_schema(&config);
        let places: BTreeSet<_> = inferred.literal_secrets.iter().map(JsonPointer::as_str).collect();
        assert_eq!(places, BTreeSet::from(["/api_key/of/0", "/db/password"]));
        let schema = inferred.schema.to_string();
        assert!(!schema.contains("hunter22") && !schema.contains("sesame55"), "{schema}");
        let message = refused(&config, &config).unwrap();
        assert!(message.contains("/db/password") && !message.contains("hunter22"), "{message}");
    }
}
