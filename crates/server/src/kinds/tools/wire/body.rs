//! The bodies with which tools are made and changed, for the OpenAPI document: their handlers read them as JSON.

use midflight_http::document_schemas::refer_or;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// A tool's document, or one with its capabilities and patterns in lists.
pub(in super::super) struct ToolBody;

impl PartialSchema for ToolBody {
    fn schema() -> RefOr<Schema> {
        let described = "The same members, with capabilities and patterns in lists: each has its name as `capability_name` or \
                         `pattern_name`.";
        let in_lists = ObjectBuilder::new()
            .description(Some(described))
            .property("tool_name", ObjectBuilder::new().schema_type(Type::String))
            .property("capabilities", ArrayBuilder::new().items(ObjectBuilder::new()))
            .required("tool_name")
            .required("capabilities");
        refer_or("tools", "tool", in_lists)
    }
}

impl ToSchema for ToolBody {}

/// The members of a tool that can be changed by themselves.
pub(in super::super) struct ToolUpdate;

impl PartialSchema for ToolUpdate {
    fn schema() -> RefOr<Schema> {
        let of = |what: Type| ObjectBuilder::new().schema_type(SchemaType::from_iter([what, Type::Null]));
        ObjectBuilder::new()
            .description(Some("At least one of these; null leaves a member as it is."))
            .property("description", of(Type::String))
            .property("status", of(Type::String))
            .property("enabled", of(Type::Boolean))
            .property("defaults", of(Type::Object))
            .property("dependencies", of(Type::Array))
            .property("metadata", of(Type::Object))
            .property("updated_by", ObjectBuilder::new().description(Some("Ignored.")))
            .into()
    }
}

impl ToSchema for ToolUpdate {}
