//! The router: every route, the layers around them, and the OpenAPI document that comes with them.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::Method;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{InfoBuilder, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::problem::{ApiError, Code};
use crate::{config, directories, docs, events, health, kinds, log, metrics, patterns, rules, webhooks};

fn all() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(log::routes())
        .merge(rules::routes())
        .merge(patterns::routes())
        .merge(config::routes())
        .merge(webhooks::routes())
        .merge(directories::routes())
        .merge(events::routes())
        .merge(health::routes())
        .routes(routes!(metrics::scrape))
        .merge(docs::routes())
}

/// The OpenAPI document of this version of the server.
#[must_use]
pub fn openapi() -> OpenApi {
    let mut document = all().into_openapi();
    document.info = InfoBuilder::new()
        .title("Midflight")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Changes what a running service does, in milliseconds, on every replica, with no request lost. Errors \
             are problem documents (RFC 9457); each `code` has a page under /docs/errors/.",
        ))
        .license(Some(utoipa::openapi::LicenseBuilder::new().name("MIT OR Apache-2.0").build()))
        .build();
    kinds::document(&mut document);
    let token =
        HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("An API token, `mf_...`")).build();
    document.components.get_or_insert_default().add_security_scheme("token", SecurityScheme::Http(token));
    document
}

/// Every route.
pub(crate) fn router(app: App) -> Router {
    let (routes, _) = all().split_for_parts();
    routes
        .fallback(no_such_path)
        .method_not_allowed_fallback(method_not_allowed)
        // Bodies are bounded where they are read, each by the bound it has.
        .layer(DefaultBodyLimit::disable())
        .with_state(app)
}

async fn no_such_path() -> ApiError {
    ApiError::new(Code::NoSuchPath, "see /docs for the paths there are")
}

async fn method_not_allowed(method: Method) -> ApiError {
    ApiError::new(Code::MethodNotAllowed, format!("this path does not take {method}; see /docs"))
}
