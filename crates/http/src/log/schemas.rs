//! The JSON Schemas of the documents, for editors and for generated clients.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use midflight_wire::documents::{SchemaInfo, SchemaList};
use midflight_wire::problem::ProblemBody;

use crate::app::AppState;
use crate::code::Code;
use crate::href::escaped;
use crate::params::InPath;
use crate::problem::ApiError;

/// The sorts of documents and where their schemas are.
#[utoipa::path(get, path = "/api/v1/schemas", tag = "log",
    responses((status = 200, body = SchemaList), (status = "default", body = ProblemBody)))]
pub(super) async fn list_schemas(State(app): State<AppState>) -> Json<SchemaList> {
    let info = |(kind, schema): (String, midflight_engine::DocumentSchema)| SchemaInfo {
        href: format!("/api/v1/schemas/{}/{}", escaped(&kind), escaped(schema.title)),
        kind,
        title: schema.title.into(),
        names: schema.names.into(),
    };
    Json(SchemaList { items: app.engine.schemas().into_iter().map(info).collect(), next_cursor: None })
}

/// One schema (JSON Schema 2020-12).
#[utoipa::path(get, path = "/api/v1/schemas/{kind}/{title}", tag = "log",
    params(("kind" = String, Path, description = "The kind"), ("title" = String, Path, description = "The sort")),
    responses((status = 200, body = serde_json::Value, content_type = "application/schema+json"),
        (status = "default", body = ProblemBody)))]
pub(super) async fn get_schema(
    State(app): State<AppState>,
    InPath((kind, title)): InPath<(String, String)>,
) -> Result<impl IntoResponse, ApiError> {
    let mut schemas = app.engine.schemas().into_iter();
    let found = schemas.find(|(of, schema)| *of == kind && schema.title == title);
    let (_, schema) = found
        .ok_or_else(|| ApiError::new(Code::NOT_FOUND, "unknown schema; see /api/v1/schemas for the list"))?;
    Ok(([(header::CONTENT_TYPE, "application/schema+json")], schema.schema.to_string()))
}
