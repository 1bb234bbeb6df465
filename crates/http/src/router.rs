//! The router: every route, the layers around them, and the OpenAPI document that comes with them.

use std::collections::HashMap;

use axum::Router;
use axum::http::Method;
use utoipa::PartialSchema as _;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{InfoBuilder, OpenApi, RefOr, Required};
use utoipa_axum::routes;

use crate::app::AppState;
use crate::code::Code;
use crate::principal::Access;
use crate::principal::Permission::{Open, Read};
use crate::problem::ApiError;
use crate::routes::{Routes, operations};
use crate::{
    audit, directories, docs, document_schemas, events, health, log, metrics, parameter_bounds, reload,
    resource_metadata, session_routes, token_routes, ui, validate, whoami,
};

/// The routes that every kind has, and those of the kinds.
fn all(app: &AppState) -> Routes<AppState> {
    let generic = Routes::new()
        .merge(log::routes())
        .merge(reload::routes())
        .merge(validate::routes())
        .merge(directories::routes())
        .merge(token_routes::routes())
        .merge(whoami::routes())
        .merge(session_routes::routes())
        .merge(resource_metadata::routes())
        .merge(audit::routes())
        .merge(events::socket::routes())
        .merge(health::routes())
        .at(Open, routes!(metrics::scrape::scrape))
        .merge(metrics::history::routes::routes())
        .merge(docs::routes())
        .merge(ui::routes());
    app.kinds.iter().fold(generic, |routes, kind| routes.merge(kind.routes(app)))
}

/// Makes the OpenAPI document complete.
fn complete(app: &AppState, mut document: OpenApi) -> OpenApi {
    document.info = InfoBuilder::new()
        .title("Midflight")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Changes what a running service does, in milliseconds, on every replica, with no request lost. Errors \
             are problem documents (RFC 9457); each `code` has a page under /docs/errors/.",
        ))
        .license(Some(utoipa::openapi::LicenseBuilder::new().name("MIT OR Apache-2.0").build()))
        .build();
    document_schemas::add(&mut document, app.engine.schemas());
    app.kinds.iter().for_each(|kind| kind.document(&mut document));
    for item in document.paths.paths.values_mut() {
        operations(item).for_each(describe_key);
        parameter_bounds::describe(item);
    }
    distinguish(&mut document);
    let token =
        HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("An API token, `mf_...`")).build();
    let components = document.components.get_or_insert_default();
    components.add_security_scheme("token", SecurityScheme::Http(token));
    document
}

/// Gives operations whose handlers have one name an id each, by their tag: generated clients know operations by their
/// ids.
fn distinguish(document: &mut OpenApi) {
    let mut used: HashMap<String, usize> = HashMap::new();
    for operation in document.paths.paths.values_mut().flat_map(operations) {
        if let Some(id) = &operation.operation_id {
            *used.entry(id.clone()).or_default() += 1;
        }
    }
    for operation in document.paths.paths.values_mut().flat_map(operations) {
        let tag = operation.tags.as_ref().and_then(|tags| tags.first()).map(|tag| tag.replace('-', "_"));
        let shared = operation
            .operation_id
            .as_mut()
            .filter(|id| used.get(id.as_str()).is_some_and(|times| *times > 1));
        if let (Some(id), Some(tag)) = (shared, tag) {
            *id = format!("{tag}_{id}");
        }
    }
}

/// Adds to a write operation, which may be waited for, that it takes a key.
fn describe_key(operation: &mut Operation) {
    let parameters = operation.parameters.get_or_insert_default();
    let waits = |parameter: &RefOr<Parameter>| matches!(parameter, RefOr::T(known) if known.name == "wait");
    if parameters.iter().any(waits) {
        let key = ParameterBuilder::new()
            .name("Idempotency-Key")
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(
                "At most 128 visible characters. A request that is sent again with the key of one that was done in the last 24 \
                 hours is answered `repeated`, and does nothing",
            ))
            .schema(Some(String::schema()))
            .build();
        parameters.push(key.into());
    }
    if parameters.is_empty() {
        operation.parameters = None;
    }
}

/// Every route, and the OpenAPI document of them.
pub(crate) fn router(app: AppState) -> (Router, OpenApi) {
    let (routes, document) = all(&app).into_router().split_for_parts();
    let document = complete(&app, document);
    let routes =
        routes.fallback(no_such_path).method_not_allowed_fallback(method_not_allowed).with_state(app);
    (routes, document)
}

async fn no_such_path(access: Access) -> Result<(), ApiError> {
    access.check(Read)?;
    Err(ApiError::new(Code::NO_SUCH_PATH, "unknown path; see /docs for the list"))
}

async fn method_not_allowed(access: Access, method: Method) -> Result<(), ApiError> {
    access.check(Read)?;
    Err(ApiError::new(
        Code::METHOD_NOT_ALLOWED,
        format!("the method {method} is not allowed for this path; see /docs"),
    ))
}
