//! The body with which a pattern is made, for the OpenAPI document: its handler reads it as JSON.

use midflight_http::document_schemas::refer_or;
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// A pattern's document, or one with its id.
pub(in super::super) struct PatternBody;

impl PartialSchema for PatternBody {
    fn schema() -> RefOr<Schema> {
        let id = ObjectBuilder::new().schema_type(SchemaType::from_iter([Type::String, Type::Integer]));
        let with_id = ObjectBuilder::new()
            .description(Some("The same members, with the id of the pattern."))
            .property("id", id.description(Some("Made of the text by default.")))
            .required("id");
        refer_or("patterns", "pattern", with_id)
    }
}

impl ToSchema for PatternBody {}
