//! What values parameters take, in the OpenAPI document: a parameter of one name is read in the same way by all routes,
//! so it is described once. What a route describes itself stays.

use midflight_core::{KIND_BYTES_MAX, KIND_NAME_PATTERN, WORD_BYTES_MAX};
use utoipa::openapi::path::{Operation, Parameter, ParameterIn, PathItem};
use utoipa::openapi::schema::{KnownFormat, SchemaFormat, SchemaType, Type};
use utoipa::openapi::{Object, RefOr, Schema};

use crate::idempotency::KEY_BYTES_MAX;
use crate::params::LIMIT_MAX;

/// What [`crate::idempotency::RequestKey`] takes.
const KEY: &str = "^[!-~]+$";
/// SHA-256 in hex.
const DIGEST: &str = "^[0-9a-fA-F]{64}$";
/// A version, a revision or any version, as [`crate::params::precondition`] reads them.
const IF_MATCH: &str = r#"^(\*|"r?[0-9]{1,19}")$"#;
/// Any version, of a write; a read takes the tag of an answer.
const ANY_VERSION: &str = r"^\*$";
/// A word of a vocabulary, as [`midflight_core::OpenWord`] reads it.
const WORD: &str = KIND_NAME_PATTERN;

/// Describes the values of the parameters of a path that are known by their names.
pub(crate) fn describe(item: &mut PathItem) {
    let PathItem { get, head, put, post, patch, delete, .. } = item;
    [get, head].into_iter().flatten().for_each(|operation| describe_each(operation, true));
    [put, post, patch, delete].into_iter().flatten().for_each(|operation| describe_each(operation, false));
}

fn describe_each(operation: &mut Operation, is_read: bool) {
    for parameter in operation.parameters.iter_mut().flatten() {
        let RefOr::T(parameter) = parameter else { continue };
        let bound = bound(parameter, is_read);
        let Some(RefOr::T(Schema::Object(schema))) = &mut parameter.schema else { continue };
        is_never_null(schema);
        if let Some(bound) = bound {
            bound.describe(schema);
        }
    }
}

/// A parameter that may be left out has no value then, and not null.
fn is_never_null(schema: &mut Object) {
    if let SchemaType::Array(types) = &mut schema.schema_type {
        types.retain(|one| *one != Type::Null);
        if let [only] = types.as_slice() {
            schema.schema_type = SchemaType::Type(only.clone());
        }
    }
}

/// What bounds the values of a parameter.
enum ParameterBound {
    Pattern(&'static str),
    /// A pattern, and the most bytes.
    ShortPattern(&'static str, usize),
    Range(u32, u32),
    Time,
}

fn bound(parameter: &Parameter, is_read: bool) -> Option<ParameterBound> {
    use ParameterBound::{Pattern, Range, ShortPattern, Time};
    Some(match (&parameter.parameter_in, parameter.name.as_str()) {
        (ParameterIn::Header, "Idempotency-Key") => ShortPattern(KEY, KEY_BYTES_MAX),
        (ParameterIn::Header, "If-Match") => Pattern(IF_MATCH),
        (ParameterIn::Header, "If-None-Match") if !is_read => Pattern(ANY_VERSION),
        (ParameterIn::Path, "digest") => Pattern(DIGEST),
        (ParameterIn::Path | ParameterIn::Query, "kind") => ShortPattern(KIND_NAME_PATTERN, KIND_BYTES_MAX),
        (ParameterIn::Query, "trigger" | "outcome") => ShortPattern(WORD, WORD_BYTES_MAX),
        (ParameterIn::Query, "limit") => Range(1, LIMIT_MAX),
        (ParameterIn::Query, "since" | "until" | "not_before") => Time,
        _ => return None,
    })
}

impl ParameterBound {
    fn describe(self, schema: &mut Object) {
        match self {
            Self::Pattern(pattern) if schema.pattern.is_none() => schema.pattern = Some(pattern.to_owned()),
            Self::ShortPattern(pattern, bytes_max) if schema.pattern.is_none() => {
                (schema.pattern, schema.max_length) = (Some(pattern.to_owned()), Some(bytes_max));
            }
            Self::Range(min, max) if schema.maximum.is_none() => {
                (schema.minimum, schema.maximum) = (Some(min.into()), Some(max.into()));
            }
            // One of these names that is a number has a format.
            Self::Time if schema.format.is_none() => {
                schema.format = Some(SchemaFormat::KnownFormat(KnownFormat::DateTime));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn described(schema: Value, name: &str, place: &str) -> Value {
        let parameter = json!({"name": name, "in": place, "required": false, "schema": schema});
        let path = json!({"put": {"parameters": [parameter], "responses": {}}});
        let mut item: PathItem = serde_json::from_value(path).unwrap();
        describe(&mut item);
        serde_json::to_value(item).unwrap()["put"]["parameters"][0]["schema"].take()
    }

    #[test]
    fn a_parameter_is_described_by_its_name_and_never_null() {
        let nullable = || json!({"type": ["string", "null"]});
        let tag = json!({"type": "string", "pattern": IF_MATCH});
        assert_eq!(described(nullable(), "If-Match", "header"), tag);
        assert_eq!(described(nullable(), "category", "query"), json!({"type": "string"}));
        let limit = json!({"type": "integer", "format": "int32", "minimum": 0});
        assert_eq!(described(limit, "limit", "query")["maximum"], 500);
        let time = described(json!({"type": "string"}), "since", "query");
        assert_eq!(time, json!({"type": "string", "format": "date-time"}));
    }

    #[test]
    fn what_a_route_describes_stays() {
        let limit = || json!({"type": "integer", "minimum": 1, "maximum": 100});
        assert_eq!(described(limit(), "limit", "query"), limit());
        let outcome = || json!({"type": "string", "pattern": "^(a|b)$"});
        assert_eq!(described(outcome(), "outcome", "query"), outcome());
        let since = || json!({"type": "integer", "format": "int64"});
        assert_eq!(described(since(), "since", "query"), since());
    }
}
