//! Schemas of a document as JSON Schema 2020-12 without references.

use midflight_core::{JsonPointer, JsonType};
use serde_json::{Map, Value, json};

use super::reference::{cycle, target};
use super::{OpenApiDocument, OperationFault};
use crate::import::RefusalReason;
use crate::limits::{OPENAPI_SCHEMA_BYTES_MAX, OPENAPI_SCHEMA_LEVELS_MAX, SCHEMA_BYTES_MAX};

/// What a value costs beside its texts, in bytes.
const NODE_BYTES: usize = 8;
/// The members that describe a value and do not restrict it.
const ANNOTATIONS: [&str; 5] = ["title", "description", "default", "examples", "deprecated"];

/// Reads the schemas of one operation.
pub(super) struct SchemaReader<'a, 'd> {
    api: &'a mut OpenApiDocument<'d>,
    /// What the schemas of the operation may still have, in bytes.
    bytes_left: usize,
    /// How deep in schemas it is, those of references included.
    levels: usize,
    /// The places that references lead to, of those that are followed now.
    open: Vec<JsonPointer>,
}

impl<'a, 'd> SchemaReader<'a, 'd> {
    pub(super) fn new(api: &'a mut OpenApiDocument<'d>) -> Self {
        Self { api, bytes_left: SCHEMA_BYTES_MAX, levels: 0, open: Vec::new() }
    }

    fn spend(&mut self, bytes: usize, place: &JsonPointer) -> Result<(), OperationFault> {
        let Some(left) = self.bytes_left.checked_sub(bytes) else {
            let message = format!(
                "the schemas of the operation have more than {SCHEMA_BYTES_MAX} bytes with what their $refs name; shorten them"
            );
            return Err(OperationFault::new(place, message));
        };
        self.bytes_left = left;
        let Some(left) = self.api.bytes_left.checked_sub(bytes) else {
            let message = format!(
                "the schemas of the document have more than {OPENAPI_SCHEMA_BYTES_MAX} bytes with what their $refs name; split it"
            );
            return Err(OperationFault {
                reason: RefusalReason::TooMany,
                ..OperationFault::new(place, message)
            });
        };
        self.api.bytes_left = left;
        Ok(())
    }

    /// The schema at a place, with what its references name in their stead.
    pub(super) fn read(&mut self, value: &'d Value, place: &JsonPointer) -> Result<Value, OperationFault> {
        self.spend(NODE_BYTES, place)?;
        let members = match value {
            Value::Bool(_) => return Ok(value.clone()),
            Value::Object(members) => members,
            other => {
                let message = format!("a schema is an object, not {}", JsonType::of(other).word());
                return Err(OperationFault::new(place, message));
            }
        };
        if self.levels == OPENAPI_SCHEMA_LEVELS_MAX {
            let message = format!(
                "schemas are nested deeper than {OPENAPI_SCHEMA_LEVELS_MAX} levels with what their $refs name; flatten them"
            );
            return Err(OperationFault::new(place, message));
        }
        self.levels += 1;
        let read = match members.get("$ref") {
            None => self.members(members, place),
            Some(Value::String(reference)) => self.referenced(reference, members, place),
            Some(_) => Err(OperationFault::new(&place.key("$ref"), "a $ref is a text")),
        };
        self.levels -= 1;
        read
    }

    fn referenced(
        &mut self,
        reference: &str,
        members: &'d Map<String, Value>,
        place: &JsonPointer,
    ) -> Result<Value, OperationFault> {
        let place_of_ref = place.key("$ref");
        let found = target(self.api.document, reference);
        let (value, at) = found.map_err(|message| OperationFault::new(&place_of_ref, message))?;
        if self.open.contains(&at) {
            return Err(cycle(&place_of_ref, reference));
        }
        self.open.push(at.clone());
        let read = self.read(value, &at);
        self.open.pop();
        let read = read?;
        if self.api.is_3_0 {
            // There, what is beside a $ref is ignored.
            return Ok(read);
        }
        Ok(joined(read, self.members(members, place)?))
    }

    fn members(
        &mut self,
        members: &'d Map<String, Value>,
        place: &JsonPointer,
    ) -> Result<Value, OperationFault> {
        let mut read = Map::new();
        for (key, value) in members {
            let place = place.key(key);
            self.spend(key.len(), &place)?;
            let value = match key.as_str() {
                // What names a place for references, and what only OpenAPI knows.
                "$ref" | "$id" | "$schema" | "$anchor" | "$comment" | "$defs" | "definitions" => continue,
                "discriminator" | "xml" | "externalDocs" | "nullable" => continue,
                "$dynamicRef" | "$recursiveRef" => {
                    return Err(OperationFault::new(
                        &place,
                        format!("{key} is not read; write a $ref, or the schema itself"),
                    ));
                }
                "properties" | "patternProperties" | "dependentSchemas" => self.by_name(value, &place)?,
                "allOf" | "anyOf" | "oneOf" | "prefixItems" => self.list(value, &place)?,
                "items"
                | "not"
                | "if"
                | "then"
                | "else"
                | "contains"
                | "additionalProperties"
                | "propertyNames"
                | "unevaluatedItems"
                | "unevaluatedProperties" => self.read(value, &place)?,
                "example" => {
                    let example = self.literal(value, &place)?;
                    read.entry("examples").or_insert_with(|| json!([example]));
                    continue;
                }
                "examples" if !value.is_array() => continue,
                _ if key.starts_with("x-") => continue,
                _ => self.literal(value, &place)?,
            };
            read.insert(key.clone(), value);
        }
        if self.api.is_3_0 {
            write_as_2020_12(members, &mut read);
        }
        drop_read_only(&mut read);
        Ok(Value::Object(read))
    }

    fn by_name(&mut self, value: &'d Value, place: &JsonPointer) -> Result<Value, OperationFault> {
        let Value::Object(members) = value else {
            return Err(OperationFault::new(place, "it is not an object of schemas by name"));
        };
        let mut read = Map::new();
        for (name, schema) in members {
            let place = place.key(name);
            self.spend(name.len(), &place)?;
            read.insert(name.clone(), self.read(schema, &place)?);
        }
        Ok(Value::Object(read))
    }

    fn list(&mut self, value: &'d Value, place: &JsonPointer) -> Result<Value, OperationFault> {
        let Value::Array(items) = value else {
            return Err(OperationFault::new(place, "it is not a list of schemas"));
        };
        let mut read = Vec::with_capacity(items.len());
        for (at, schema) in items.iter().enumerate() {
            read.push(self.read(schema, &place.index(at))?);
        }
        Ok(Value::Array(read))
    }

    /// A value that is no schema, as it is.
    fn literal(&mut self, value: &Value, place: &JsonPointer) -> Result<Value, OperationFault> {
        self.spend(weight(value), place)?;
        Ok(value.clone())
    }
}

fn weight(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => NODE_BYTES,
        Value::String(text) => NODE_BYTES + text.len(),
        Value::Array(items) => NODE_BYTES + items.iter().map(weight).sum::<usize>(),
        Value::Object(members) => {
            NODE_BYTES + members.iter().map(|(key, value)| key.len() + weight(value)).sum::<usize>()
        }
    }
}

/// A schema and what is beside the reference to it.
fn joined(read: Value, beside: Value) -> Value {
    match (read, beside) {
        (read, Value::Object(beside)) if beside.is_empty() => read,
        (Value::Object(mut read), Value::Object(beside))
            if beside.keys().all(|key| ANNOTATIONS.contains(&key.as_str())) =>
        {
            read.extend(beside);
            Value::Object(read)
        }
        (read, beside) => json!({"allOf": [read, beside]}),
    }
}

/// Writes what OpenAPI 3.0 has in its own words as JSON Schema does.
fn write_as_2020_12(members: &Map<String, Value>, read: &mut Map<String, Value>) {
    if members.get("nullable") == Some(&Value::Bool(true)) {
        if let Some(Value::String(word)) = read.get("type") {
            let types = json!([word, "null"]);
            read.insert("type".to_owned(), types);
        }
        if let Some(Value::Array(values)) = read.get_mut("enum")
            && !values.contains(&Value::Null)
        {
            values.push(Value::Null);
        }
    }
    for (exclusive, bound) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
        let Some(Value::Bool(is_exclusive)) = read.get(exclusive) else { continue };
        let is_exclusive = *is_exclusive;
        read.remove(exclusive);
        if is_exclusive && let Some(limit) = read.remove(bound) {
            read.insert(exclusive.to_owned(), limit);
        }
    }
}

/// Leaves out the properties that only answers have.
fn drop_read_only(read: &mut Map<String, Value>) {
    let Some(Value::Object(properties)) = read.get_mut("properties") else { return };
    let is_read_only = |property: &Value| property.get("readOnly") == Some(&Value::Bool(true));
    let dropped: Vec<String> = properties
        .iter()
        .filter(|(_, property)| is_read_only(property))
        .map(|(name, _)| name.clone())
        .collect();
    properties.retain(|name, _| !dropped.contains(name));
    if let Some(Value::Array(required)) = read.get_mut("required") {
        required.retain(|name| name.as_str().is_none_or(|name| !dropped.iter().any(|it| it == name)));
    }
}
