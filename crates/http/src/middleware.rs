//! A middleware that is a function: it calls the inner service, and gives a future that waits for the answer.
//!
//! axum's `from_fn` does the same for an async function, but copies the inner service and boxes it, and boxes both
//! futures, for each request. This does neither.

use std::convert::Infallible;
use std::task::{Context, Poll};

use axum::extract::Request;
use axum::response::Response;
use tower::{Layer, Service};

use crate::app::AppState;

/// Puts a function around services.
#[derive(Clone)]
pub(crate) struct Middleware<F> {
    app: AppState,
    function: F,
}

impl<F> Middleware<F> {
    pub(crate) fn new(app: &AppState, function: F) -> Self {
        Self { app: app.clone(), function }
    }
}

impl<F: Clone, S> Layer<S> for Middleware<F> {
    type Service = WithMiddleware<F, S>;

    fn layer(&self, inner: S) -> WithMiddleware<F, S> {
        WithMiddleware { middleware: self.clone(), inner }
    }
}

/// A service with a function around it.
#[derive(Clone)]
pub(crate) struct WithMiddleware<F, S> {
    middleware: Middleware<F>,
    inner: S,
}

impl<F, S, Fut> Service<Request> for WithMiddleware<F, S>
where
    F: Fn(&AppState, Request, &mut S) -> Fut,
    S: Service<Request, Error = Infallible>,
    Fut: Future<Output = Result<Response, Infallible>>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Fut;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Fut {
        let Middleware { app, function } = &self.middleware;
        function(app, request, &mut self.inner)
    }
}
