//! What a tool is given: the parameters of an operation and the members of its JSON body, as one schema.

use std::collections::{BTreeMap, BTreeSet};

use midflight_core::{JsonPointer, clip};
use serde_json::{Map, Value, json};

use super::operation::OpenApiOperation;
use super::reference::follow;
use super::schema::SchemaReader;
use super::{OpenApiDocument, OperationFault};

/// The name of the argument that is the body, where its members cannot be beside the parameters.
const BODY: &str = "body";
/// The members of a schema of an object whose members can be beside the parameters.
const PLAIN: [&str; 9] = [
    "type",
    "properties",
    "required",
    "additionalProperties",
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
];

/// The arguments of an operation.
#[derive(Default)]
pub(super) struct OperationArguments {
    properties: Map<String, Value>,
    required: BTreeSet<String>,
    /// Whether the body takes other members too, where it declares it.
    additional: Option<Value>,
    /// Whether some are in the query.
    pub(super) has_query: bool,
    /// Whether some are in the body.
    pub(super) has_body: bool,
    /// Whether the body is an argument as a whole.
    pub(super) has_whole_body: bool,
}

impl OperationArguments {
    /// Reads the parameters of the path and of the operation, which replace those of the path.
    pub(super) fn read_parameters<'d>(
        &mut self,
        operation: &OpenApiOperation<'d>,
        api: &mut OpenApiDocument<'d>,
        notices: &mut Vec<String>,
    ) -> Result<(), OperationFault> {
        let mut parameters = BTreeMap::new();
        for (value, place) in
            [(operation.item, &operation.place_of_item), (operation.value, &operation.place)]
        {
            let place = place.key("parameters");
            let list = match value.get("parameters") {
                None => continue,
                Some(Value::Array(list)) => list,
                Some(_) => return Err(OperationFault::new(&place, "parameters is a list")),
            };
            for (at, parameter) in list.iter().enumerate() {
                let (parameter, place) = follow(api.document, parameter, place.index(at))?;
                let text = |key: &str| parameter.get(key).and_then(Value::as_str);
                let (Some(name), Some(location)) = (text("name"), text("in")) else {
                    return Err(OperationFault::new(
                        &place,
                        "a parameter has a name and says where it is (in); write both",
                    ));
                };
                parameters.insert((location, name), (parameter, place));
            }
        }
        let mut elsewhere = Vec::new();
        for ((location, name), (parameter, place)) in parameters {
            let is_required = match location {
                "path" => true,
                "query" => {
                    self.has_query = true;
                    parameter.get("required") == Some(&Value::Bool(true))
                }
                _ => {
                    elsewhere.push(clip(name));
                    continue;
                }
            };
            let schema = parameter_schema(parameter, &place, api)?;
            self.add(name, schema, is_required, &place)?;
        }
        if !elsewhere.is_empty() {
            notices.push(format!(
                "headers and cookies cannot be arguments of a tool, so {} is skipped; write what is needed \
                 into forward.headers",
                elsewhere.join(", ")
            ));
        }
        for name in names_in(operation.path) {
            if !self.properties.contains_key(name) {
                let message =
                    format!("the path has {{{}}} and no parameter of that name; declare it", clip(name));
                return Err(OperationFault::new(&operation.place, message));
            }
        }
        Ok(())
    }

    fn add(
        &mut self,
        name: &str,
        schema: Value,
        is_required: bool,
        place: &JsonPointer,
    ) -> Result<(), OperationFault> {
        if self.properties.contains_key(name) {
            let message = format!(
                "two parameters have the name {:?}, and a tool has one argument of a name; rename one",
                clip(name)
            );
            return Err(OperationFault::new(place, message));
        }
        self.properties.insert(name.to_owned(), schema);
        if is_required {
            self.required.insert(name.to_owned());
        }
        Ok(())
    }

    /// Reads the body. A text with the reason why the operation is skipped.
    pub(super) fn read_body<'d>(
        &mut self,
        operation: &OpenApiOperation<'d>,
        api: &mut OpenApiDocument<'d>,
        notices: &mut Vec<String>,
    ) -> Result<Option<String>, OperationFault> {
        let Some(body) = operation.value.get("requestBody") else { return Ok(None) };
        let (body, place) = follow(api.document, body, operation.place.key("requestBody"))?;
        let is_required = body.get("required") == Some(&Value::Bool(true));
        let content = body.get("content").and_then(Value::as_object);
        let Some((media, value)) = content.into_iter().flatten().find(|(media, _)| is_json(media)) else {
            let types: Vec<_> = content.into_iter().flatten().map(|(media, _)| clip(media)).collect();
            let types = if types.is_empty() { "of no type".to_owned() } else { types.join(", ") };
            if is_required {
                return Ok(Some(format!("its body is {types}, not JSON; write the tool by hand")));
            }
            notices.push(format!("its body is {types}, not JSON, and is left out"));
            return Ok(None);
        };
        if operation.method == "GET" {
            notices.push("a GET has no body; it is left out".to_owned());
            return Ok(None);
        }
        let place = place.key("content").key(media).key("schema");
        let schema = match value.get("schema") {
            Some(schema) => SchemaReader::new(api).read(schema, &place)?,
            None => json!({}),
        };
        self.has_body = true;
        match flattened(&schema)
            .filter(|plain| plain.properties.keys().all(|name| !self.properties.contains_key(name)))
        {
            Some(plain) => {
                self.properties.extend(plain.properties);
                if is_required {
                    self.required.extend(plain.required);
                }
                self.additional = plain.additional;
            }
            None => {
                self.has_whole_body = true;
                self.add(BODY, schema, is_required, &place)?;
            }
        }
        Ok(None)
    }

    /// The schema of them.
    pub(super) fn into_schema(self) -> Value {
        let mut schema = json!({"type": "object", "properties": self.properties});
        if !self.required.is_empty() {
            schema["required"] = json!(self.required);
        }
        if let Some(additional) = self.additional {
            schema["additionalProperties"] = additional;
        }
        schema
    }
}

/// The schema of a parameter with the parameter's description, where it has none itself.
fn parameter_schema<'d>(
    parameter: &'d Value,
    place: &JsonPointer,
    api: &mut OpenApiDocument<'d>,
) -> Result<Value, OperationFault> {
    let content =
        parameter.get("content").and_then(Value::as_object).and_then(|content| content.iter().next());
    let (schema, place) = match (parameter.get("schema"), content) {
        (Some(schema), _) => (Some(schema), place.key("schema")),
        (None, Some((media, value))) => (value.get("schema"), place.key("content").key(media).key("schema")),
        (None, None) => (None, place.clone()),
    };
    let mut schema = match schema {
        Some(schema) => SchemaReader::new(api).read(schema, &place)?,
        None => json!({}),
    };
    if let Some(members) = schema.as_object_mut()
        && let Some(description) = parameter.get("description").and_then(Value::as_str)
    {
        members.entry("description").or_insert_with(|| json!(description));
    }
    Ok(schema)
}

/// The names in braces of a path.
fn names_in(path: &str) -> impl Iterator<Item = &str> {
    path.split('{').skip(1).filter_map(|part| Some(part.split_once('}')?.0))
}

fn is_json(media: &str) -> bool {
    let media = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    media == "application/json" || media.ends_with("+json") || media == "*/*"
}

/// An object whose members can be beside the parameters.
struct PlainObject {
    properties: Map<String, Value>,
    required: BTreeSet<String>,
    additional: Option<Value>,
}

/// The members of a schema that is of a plain object, or of several that are joined by `allOf`; none for any other.
fn flattened(schema: &Value) -> Option<PlainObject> {
    let members = schema.as_object()?;
    let parts = match members.get("allOf") {
        None => Vec::new(),
        Some(Value::Array(parts)) => parts.iter().map(flattened).collect::<Option<Vec<_>>>()?,
        Some(_) => return None,
    };
    let is_plain = members.keys().all(|key| key == "allOf" || PLAIN.contains(&key.as_str()));
    let is_object = match members.get("type") {
        Some(word) => word == "object",
        None => members.contains_key("properties") || !parts.is_empty(),
    };
    let properties = match members.get("properties") {
        Some(Value::Object(properties)) => properties.clone(),
        Some(_) => return None,
        None if parts.is_empty() => return None,
        None => Map::new(),
    };
    if !is_plain || !is_object {
        return None;
    }
    let names = members.get("required").and_then(Value::as_array).into_iter().flatten();
    let required = names.filter_map(Value::as_str).map(str::to_owned).collect();
    let mut joined = PlainObject { properties, required, additional: None };
    if parts.is_empty() {
        joined.additional = members.get("additionalProperties").cloned();
    }
    for part in parts {
        for (name, property) in part.properties {
            // A member that two parts describe differently is not one member.
            if joined.properties.get(&name).is_some_and(|known| *known != property) {
                return None;
            }
            joined.properties.insert(name, property);
        }
        joined.required.extend(part.required);
    }
    Some(joined)
}
