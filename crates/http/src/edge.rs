//! What stands before every handler: is the request meant for this server, and who sends it?

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use tower::ServiceExt as _;
use utoipa::openapi::OpenApi;

use crate::app::App;
use crate::body::BodyBytes;
use crate::layers::around;
use crate::long_answer::counted;
use crate::origin::{came_by_proxy, check_host, check_origin};
use crate::principal::Access;
use crate::problem::ApiError;
use crate::router::router;

/// The routes with all that stands around them. Cheap to clone.
#[derive(Clone)]
pub struct Edge {
    routes: Router,
    openapi: Arc<OpenApi>,
}

impl Edge {
    /// Adds the routes of the kinds to those that every kind has.
    #[must_use]
    pub fn new(app: &App) -> Self {
        let (routes, openapi) = router(app.clone());
        let routes = routes.layer(from_fn_with_state(app.clone(), enter));
        Self { routes: around(routes, app), openapi: Arc::new(openapi) }
    }

    /// The OpenAPI document of the routes.
    #[must_use]
    pub fn openapi(&self) -> &OpenApi {
        &self.openapi
    }

    /// Answers a request.
    pub(crate) async fn answer(self, request: Request) -> Response {
        match self.routes.oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

/// Says of a request who sends it, and answers it, or refuses it.
async fn enter(State(app): State<App>, mut request: Request, next: Next) -> Result<Response, ApiError> {
    let access = access(&app, &request)?;
    let principal = access.principal().clone();
    // What the body occupies is free again when the request is answered.
    let body = BodyBytes::new(app.clone(), principal.clone());
    let method = request.method().clone();
    request.extensions_mut().insert(access);
    request.extensions_mut().insert(body.clone());
    // Handlers share nothing that a panic could leave half changed: they read snapshots and send edits.
    let response = next.run(request).await;
    drop(body);
    Ok(counted(&app, &principal, &method, response).await)
}

/// Who sends a request, and whether it needs a token to read here.
fn access(app: &App, request: &Request) -> Result<Access, ApiError> {
    let (headers, uri) = (request.headers(), request.uri());
    // Without a token nothing can be read that a page of another origin could be after.
    if app.is_on_loopback && !app.requires_token {
        check_host(headers, uri)?;
    }
    check_origin(headers, uri)?;
    let closed = match app.is_on_loopback {
        _ if app.requires_token => Some("this server was started with --require-token"),
        false => Some("this server can be reached from other machines"),
        true if came_by_proxy(request) => {
            Some("this request came through a proxy, so it may be of another machine")
        }
        true => None,
    };
    Ok(Access::new(app.tokens.principal(headers)?, closed))
}
