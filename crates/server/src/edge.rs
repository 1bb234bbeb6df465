//! What stands before every handler: is the request meant for this server, who sends it, and what if it panics?

use std::any::Any;
use std::panic::AssertUnwindSafe;

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt as _;
use tower::ServiceExt as _;

use crate::app::App;
use crate::auth::{Caller, unauthenticated};
use crate::body::BodyBytes;
use crate::long_answer::counted;
use crate::origin::{came_by_proxy, check_host, check_origin};
use crate::problem::ApiError;

/// What a probe or a scraper asks without a token, wherever the server listens. None of it is in the documents.
const OPEN: [&str; 4] = ["/health/live", "/health/ready", "/health/reload", "/metrics"];
/// What is open since every request is signed.
const SIGNED: &str = "/api/v1/webhooks/";

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

    /// Turns a request into one with a [`Caller`] and answers it, or refuses it.
    pub(crate) async fn answer(self, mut request: Request) -> Response {
        let caller = match caller(&self.app, &request) {
            Ok(caller) => caller,
            Err(error) => return error.into_response(),
        };
        // What the body occupies is free again when the request is answered.
        let body = BodyBytes::new(self.app.clone(), caller.clone());
        let method = request.method().clone();
        request.extensions_mut().insert(caller.clone());
        request.extensions_mut().insert(body.clone());
        // Handlers share nothing that a panic could leave half changed: they read snapshots and send edits.
        let response = match AssertUnwindSafe(self.routes.oneshot(request)).catch_unwind().await {
            Ok(Ok(response)) => response,
            Ok(Err(never)) => match never {},
            Err(panic) => panicked(&*panic),
        };
        drop(body);
        counted(&self.app, &caller, &method, response).await
    }
}

fn panicked(panic: &(dyn Any + Send)) -> Response {
    let said = panic.downcast_ref::<&str>().copied();
    let said = said.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or_default();
    ApiError::internal(&format!("a handler panicked: {said}")).into_response()
}

fn caller(app: &App, request: &Request) -> Result<Caller, ApiError> {
    let (headers, uri) = (request.headers(), request.uri());
    // Without a token nothing can be read that a page of another origin could be after.
    if app.is_on_loopback && !app.requires_token {
        check_host(headers, uri)?;
    }
    check_origin(headers, uri)?;
    let caller = app.tokens.caller(headers)?;
    let is_probe = OPEN.contains(&uri.path()) || uri.path().starts_with(SIGNED);
    if caller == Caller::Anonymous && !is_probe {
        closed(app, request)?;
    }
    Ok(caller)
}

/// Refuses to read to whoever has no token, unless they are on this machine for all that is known.
fn closed(app: &App, request: &Request) -> Result<(), ApiError> {
    let why = match app.is_on_loopback {
        _ if app.requires_token => "this server was started with --require-token",
        false => "this server can be reached from other machines",
        true if came_by_proxy(request) => {
            "this request came through a proxy, so it may be of another machine"
        }
        true => return Ok(()),
    };
    Err(unauthenticated(why))
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
