//! The one layer before every handler: is the request meant for this server, and who sends it?

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::auth::{Caller, unauthenticated};
use crate::origin::{check_host, check_origin};
use crate::problem::ApiError;

/// What a probe or a scraper asks without a token, wherever the server listens. None of it is in the documents.
const OPEN: [&str; 3] = ["/health/live", "/health/ready", "/metrics"];

/// Turns a request into one with a [`Caller`], or refuses it.
pub(crate) async fn admit(State(app): State<App>, mut request: Request, next: Next) -> Response {
    match caller(&app, &request) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(error) => error.into_response(),
    }
}

fn caller(app: &App, request: &Request) -> Result<Caller, ApiError> {
    let (headers, uri) = (request.headers(), request.uri());
    if app.reads_are_open {
        check_host(headers, uri)?;
    }
    check_origin(headers, uri)?;
    let caller = app.tokens.caller(headers)?;
    if caller == Caller::Anonymous && !app.reads_are_open && !OPEN.contains(&uri.path()) {
        return Err(unauthenticated("this server can be reached from other machines"));
    }
    Ok(caller)
}
