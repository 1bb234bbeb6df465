//! What stands before every handler: is the request meant for this server, and who sends it?

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use tower::{Service, ServiceExt as _};
use utoipa::openapi::OpenApi;

use crate::app::App;
use crate::body::BodyBytes;
use crate::docs::Document;
use crate::layers::{answer_of, around};
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
        app.docs.get_or_init(|| Document::new(&openapi));
        Self { routes: around(routes, app), openapi: Arc::new(openapi) }
    }

    /// The OpenAPI document of the routes.
    #[must_use]
    pub fn openapi(&self) -> &OpenApi {
        &self.openapi
    }

    /// Answers a request.
    pub(crate) async fn answer(self, request: Request) -> Response {
        let Ok(response) = self.routes.oneshot(request).await;
        response
    }
}

/// Says of a request who sends it, and answers it, or refuses it.
pub(crate) fn enter<S>(
    app: &App,
    request: Request,
    inner: &mut S,
) -> impl Future<Output = Result<Response, Infallible>> + use<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    let app = app.clone();
    let entered = access(&app, &request).map(|access| {
        let principal = access.principal().clone();
        let body = BodyBytes::new(app.clone(), principal.clone());
        let (method, mut request) = (request.method().clone(), request);
        request.extensions_mut().insert(access);
        request.extensions_mut().insert(body.clone());
        // Boxed, since it holds the request, and would be copied with it into each future around it.
        (principal, method, body, Box::pin(inner.call(request)))
    });
    async move {
        let (principal, method, body, answered) = match entered {
            Ok(entered) => entered,
            Err(refused) => return Ok(refused.into_response()),
        };
        let request_ms_max = app.limits.request_ms_max;
        let handled = async move {
            let Ok(response) = answered.await;
            // What the body occupied is free again when the request is answered.
            drop(body);
            counted(&app, &principal, &method, response).await
        };
        Ok(answer_of(handled, request_ms_max).await)
    }
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
