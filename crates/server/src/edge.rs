//! What stands before every handler: is the request meant for this server, who sends it, and what if it panics?

use std::any::Any;
use std::panic::AssertUnwindSafe;

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt as _;
use tower::ServiceExt as _;

use crate::app::App;
use crate::body::BodyBytes;
use crate::long_answer::counted;
use crate::origin::{came_by_proxy, check_host, check_origin};
use crate::principal::Access;
use crate::problem::ApiError;

/// The routes, and the one way to them. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Edge {
    app: App,
    routes: Router,
}

impl Edge {
    pub(crate) fn new(app: App, routes: Router) -> Self {
        Self { app, routes }
    }

    /// Says of a request who sends it, and answers it, or refuses it.
    pub(crate) async fn answer(self, mut request: Request) -> Response {
        let access = match access(&self.app, &request) {
            Ok(access) => access,
            Err(error) => return error.into_response(),
        };
        let principal = access.principal().clone();
        // What the body occupies is free again when the request is answered.
        let body = BodyBytes::new(self.app.clone(), principal.clone());
        let method = request.method().clone();
        request.extensions_mut().insert(access);
        request.extensions_mut().insert(body.clone());
        // Handlers share nothing that a panic could leave half changed: they read snapshots and send edits.
        let response = match AssertUnwindSafe(self.routes.oneshot(request)).catch_unwind().await {
            Ok(Ok(response)) => response,
            Ok(Err(never)) => match never {},
            Err(panic) => panicked(&*panic),
        };
        drop(body);
        counted(&self.app, &principal, &method, response).await
    }
}

fn panicked(panic: &(dyn Any + Send)) -> Response {
    let said = panic.downcast_ref::<&str>().copied();
    let said = said.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or_default();
    ApiError::internal(&format!("a handler panicked: {said}")).into_response()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_answer_that_says_nothing_of_the_inside() {
        for panic in [Box::new("secret") as Box<dyn Any + Send>, Box::new("secret".to_owned()), Box::new(3)] {
            let response = panicked(&*panic);
            assert_eq!(response.status(), 500);
            let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
            let body = String::from_utf8_lossy(&body);
            assert!(body.contains("\"internal\"") && !body.contains("secret"), "{body}");
        }
    }
}
