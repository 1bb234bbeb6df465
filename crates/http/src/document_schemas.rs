//! The JSON Schemas of the documents as components of the OpenAPI document.
//!
//! A body of a sort of document refers to its schema, so that a generated client knows its members. The library of the
//! OpenAPI document has types for a part of JSON Schema only; so a component is `{"allOf": [SCHEMA]}`, of which the one
//! member is kept word for word, but for one reference of each circle.

use std::collections::{BTreeMap, BTreeSet};

use midflight_engine::DocumentSchema;
use midflight_wire::any_document::AnyDocument;
use serde_json::{Map, Value};
use utoipa::ToSchema as _;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::schema::{AllOf, AnyOf, ObjectBuilder, SchemaType};
use utoipa::openapi::{OpenApi, Ref, RefOr, Schema};

/// Where the components are.
const COMPONENTS: &str = "#/components/schemas/";
/// Where a schema has the parts that it refers to.
const DEFINITIONS: &str = "$defs";
/// What refers to the whole schema.
const WHOLE: &str = "#";

/// Refers to the schema of a sort of document, as the body of a request or a member of an answer.
///
/// ```
/// # use midflight_http::document_schemas::{component, refer};
/// # use utoipa::openapi::RefOr;
/// assert_eq!(component("rules", "rule"), "RulesRuleDocument");
/// let RefOr::Ref(rule) = refer("rules", "rule") else { panic!() };
/// assert_eq!(rule.ref_location, "#/components/schemas/RulesRuleDocument");
/// ```
#[must_use]
pub fn refer(kind: &str, title: &str) -> RefOr<Schema> {
    Ref::from_schema_name(component(kind, title)).into()
}

/// Refers to the schema of a sort of document, or to an object with what a call accepts beside it: `described` says
/// what.
#[must_use]
pub fn refer_or(kind: &str, title: &str, described: ObjectBuilder) -> RefOr<Schema> {
    let mut either = AnyOf::new();
    either.items.extend([refer(kind, title), described.build().into()]);
    RefOr::T(Schema::AnyOf(either))
}

/// The answer `answer` with the body of a sort of document.
pub(crate) fn answer_of(answer: &str, kind: &str, title: &str) -> RefOr<Schema> {
    let body = ObjectBuilder::new().property("body", refer(kind, title)).build();
    let mut both = AllOf::new();
    both.items.extend([Ref::from_schema_name(answer).into(), body.into()]);
    RefOr::T(Schema::AllOf(both))
}

/// The name of the component with the schema of a sort of document. A kind of a program may have a sort of the same
/// title, so the kind is part of it.
#[must_use]
pub fn component(kind: &str, title: &str) -> String {
    format!("{}{}Document", joined(kind), joined(title))
}

/// Words as one: `selection settings` is `SelectionSettings`.
fn joined(text: &str) -> String {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    let mut joined = String::new();
    for word in words {
        let mut chars = word.chars();
        joined.extend(chars.next().map(|first| first.to_ascii_uppercase()));
        joined.push_str(chars.as_str());
    }
    joined
}

/// Adds the schemas of these sorts of documents to the OpenAPI document, and that of a document of any of them.
pub(crate) fn add(document: &mut OpenApi, sorts: Vec<(String, DocumentSchema)>) {
    let schemas = &mut document.components.get_or_insert_default().schemas;
    let mut any = AnyOf::new();
    any.description = Some("The body of a document; its kind and its name determine the schema.".to_owned());
    for (kind, DocumentSchema { title, mut schema, .. }) in sorts {
        let name = component(&kind, title);
        any.items.push(Ref::from_schema_name(&name).into());
        let parts = schema.as_object_mut().and_then(|members| members.remove(DEFINITIONS));
        let mut parts = match parts {
            Some(Value::Object(parts)) => parts,
            _ => Map::new(),
        };
        if let Some(members) = schema.as_object_mut() {
            // That of all OpenAPI documents of this version.
            members.remove("$schema");
        }
        let circles = Circles::of(&schema, &parts);
        for (part, schema) in &mut parts {
            circles.point(schema, &name, part);
        }
        circles.point(&mut schema, &name, WHOLE);
        schemas.extend(
            parts.into_iter().map(|(part, schema)| (format!("{name}{}", joined(&part)), wrapped(schema))),
        );
        schemas.insert(name, wrapped(schema));
    }
    schemas.insert(AnyDocument::name().into_owned(), RefOr::T(Schema::AnyOf(any)));
}

fn wrapped(schema: Value) -> RefOr<Schema> {
    let word_for_word = Extensions::from_iter([("allOf", Value::Array(vec![schema]))]);
    ObjectBuilder::new().schema_type(SchemaType::AnyValue).extensions(Some(word_for_word)).build().into()
}

/// Which parts of a schema refer to which, the whole schema among them.
struct Circles(BTreeMap<String, BTreeSet<String>>);

impl Circles {
    fn of(schema: &Value, parts: &Map<String, Value>) -> Self {
        let mut graph = BTreeMap::new();
        for (part, schema) in
            parts.iter().map(|(part, schema)| (part.as_str(), schema)).chain([(WHOLE, schema)])
        {
            let mut to = BTreeSet::new();
            targets(schema, &mut to);
            graph.insert(part.to_owned(), to);
        }
        Self(graph)
    }

    /// Whether a reference is the one of its circle that is left out: programs that write a schema out cannot end
    /// otherwise.
    fn is_cut(&self, from: &str, to: &str) -> bool {
        to <= from && self.leads(to, from, &mut BTreeSet::new())
    }

    fn leads<'g>(&'g self, from: &'g str, to: &str, seen: &mut BTreeSet<&'g str>) -> bool {
        if from == to {
            return true;
        }
        let next = self.0.get(from).filter(|_| seen.insert(from));
        next.into_iter().flatten().any(|next| self.leads(next, to, seen))
    }

    /// Leads the references within a part to its components.
    fn point(&self, schema: &mut Value, name: &str, part: &str) {
        match schema {
            Value::Object(members) => {
                let target = members.get("$ref").and_then(Value::as_str).and_then(target).map(str::to_owned);
                let Some(to) = target else {
                    leave_out_foreign(members);
                    return members.values_mut().for_each(|value| self.point(value, name, part));
                };
                let component = if to == WHOLE { name.to_owned() } else { format!("{name}{}", joined(&to)) };
                if self.is_cut(part, &to) {
                    members.remove("$ref");
                    let output = format!("Again as {component}; /api/v1/schemas has the whole schema.");
                    members.insert("description".to_owned(), Value::String(output));
                } else {
                    members.insert("$ref".to_owned(), Value::String(format!("{COMPONENTS}{component}")));
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.point(item, name, part)),
            _ => {}
        }
    }
}

/// Takes a reference to another document out, as that to the schema of all schemas: a client would have to fetch it.
fn leave_out_foreign(members: &mut Map<String, Value>) {
    let is_foreign = |value: &Value| value.as_str().is_some_and(|reference| !reference.starts_with('#'));
    if let Some(Value::String(reference)) = members.get("$ref").filter(|value| is_foreign(value)).cloned() {
        members.remove("$ref");
        let described = Value::String(format!("As {reference} describes."));
        members.entry("description").or_insert(described);
    }
}

/// The part that a reference within a schema is to.
fn target(reference: &str) -> Option<&str> {
    if reference == WHOLE { Some(WHOLE) } else { reference.strip_prefix("#/$defs/") }
}

/// Adds the parts that a schema refers to.
fn targets(schema: &Value, found: &mut BTreeSet<String>) {
    match schema {
        Value::Object(members) => {
            let to = members.get("$ref").and_then(Value::as_str).and_then(target);
            found.extend(to.map(str::to_owned));
            members.values().for_each(|value| targets(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| targets(item, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_schema_is_kept_word_for_word_and_its_references_lead_to_components() {
        let schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
            "properties": {"all": {"type": "array", "items": {"$ref": "#"}}, "is": {"$ref": "#/$defs/test_case"}},
            "if": {"required": ["all"]}, "then": {"maxProperties": 1},
            "else": {"$ref": "https://json-schema.org/draft/2020-12/schema"},
            "$defs": {"test_case": {"anyOf": [{"const": 1}, {"$ref": "#/$defs/test_case"}]}},
        });
        let mut document = OpenApi::default();
        add(
            &mut document,
            vec![("rules".to_owned(), DocumentSchema { title: "a rule", names: "{rule}", schema })],
        );
        let schemas = json!(document)["components"]["schemas"].clone();
        let part = json!({"$ref": "#/components/schemas/RulesARuleDocumentTestCase"});
        let again =
            |name| json!({"description": format!("Again as {name}; /api/v1/schemas has the whole schema.")});
        assert_eq!(
            schemas["RulesARuleDocumentTestCase"],
            json!({"allOf": [{"anyOf": [{"const": 1}, again("RulesARuleDocumentTestCase")]}]})
        );
        let whole = json!({"allOf": [{
            "type": "object",
            "properties": {
                "all": {"type": "array", "items": again("RulesARuleDocument")}, "is": part},
            "if": {"required": ["all"]}, "then": {"maxProperties": 1},
            "else": {"description": "As https://json-schema.org/draft/2020-12/schema describes."},
        }]});
        assert_eq!(schemas["RulesARuleDocument"], whole);
        assert_eq!(
            schemas["AnyDocument"]["anyOf"],
            json!([{"$ref": "#/components/schemas/RulesARuleDocument"}])
        );
    }
}
