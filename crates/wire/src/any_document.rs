//! The schema of a document's body, which is that of its sort.

use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// The body of a document of any sort. The OpenAPI document of a server has the schema, which depends on its kinds.
#[derive(Debug)]
pub struct AnyDocument;

impl PartialSchema for AnyDocument {
    fn schema() -> RefOr<Schema> {
        Ref::from_schema_name(Self::name()).into()
    }
}

impl ToSchema for AnyDocument {}
