//! Runs before every handler: is the request meant for this server, and who sends it?

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt as _;
use jiff::Timestamp;
use metrics::Counter;
use tower::{Service, ServiceExt as _};
use utoipa::openapi::OpenApi;

use crate::accept::Peer;
use crate::app::AppState;
use crate::audit::{Asked, RoutePermissions, certificate_refused};
use crate::body::BodyBytes;
use crate::caller_places::RequestPlace;
use crate::code::Code;
use crate::docs::OpenApiPage;
use crate::layers::{answer_of, surrounding};
use crate::long_answer::counted;
use crate::origin::{came_by_proxy, check_host, check_one_host, check_origin, check_session};
use crate::principal::{Access, Principal};
use crate::problem::ApiError;
use crate::resource_metadata::Challenge;
use crate::router::router;

/// Where the route of the metrics is.
const METRICS: &str = "/metrics";

/// The routes with all their layers. Cheap to clone.
#[derive(Clone)]
pub struct HttpEdge {
    app: AppState,
    routes: Router,
    openapi: Arc<OpenApi>,
    /// Where the metrics are beside their own path.
    metrics_path: Option<Arc<str>>,
    /// Whether nothing but the metrics is answered.
    is_of_metrics: bool,
}

impl HttpEdge {
    /// Adds the routes of the kinds to those that every kind has.
    #[must_use]
    pub fn new(app: &AppState) -> Self {
        let (routes, openapi) = router(app.clone());
        app.docs.get_or_init(|| OpenApiPage::new(&openapi));
        app.audited.get_or_init(|| RoutePermissions::of(&openapi));
        let (routes, openapi) = (surrounding(routes, app), Arc::new(openapi));
        Self { app: app.clone(), routes, openapi, metrics_path: None, is_of_metrics: false }
    }

    /// Answers the metrics at that path too.
    #[must_use]
    pub fn with_metrics_at(mut self, path: &str) -> Self {
        self.metrics_path = Some(path.into());
        self
    }

    /// The same edge for a port on which nothing but the metrics is answered.
    #[must_use]
    pub fn of_metrics_alone(mut self) -> Self {
        self.is_of_metrics = true;
        self
    }

    /// The OpenAPI document of the routes.
    #[must_use]
    pub fn openapi(&self) -> &OpenApi {
        &self.openapi
    }

    /// Counts connections that were refused.
    pub(crate) fn refused_connections(&self) -> Counter {
        self.app.replica_metrics.connections_refused.clone()
    }

    /// Notes that the certificate of a client was refused.
    pub(crate) fn certificate_refused(&self, from: IpAddr, reason: &str) {
        certificate_refused(&self.app, from, reason);
    }

    /// Answers a request.
    pub(crate) async fn answer(self, mut request: Request) -> Response {
        let path = request.uri().path();
        let is_own_path = path == METRICS;
        let is_metrics = is_own_path || self.metrics_path.as_deref() == Some(path);
        if self.is_of_metrics && !is_metrics {
            return ApiError::new(Code::NO_SUCH_PATH, "this port serves metrics only").into_response();
        }
        if is_metrics && !is_own_path {
            let mut parts = request.uri().clone().into_parts();
            parts.path_and_query = Some(PathAndQuery::from_static(METRICS));
            if let Ok(uri) = Uri::from_parts(parts) {
                *request.uri_mut() = uri;
            }
        }
        let Ok(response) = self.routes.oneshot(request).await;
        response
    }
}

/// Finds the sender of a request, and answers it, or refuses it.
pub(crate) fn enter<S>(
    app: &AppState,
    request: Request,
    inner: &mut S,
) -> impl Future<Output = Result<Response, Infallible>> + use<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    let app = app.clone();
    let (asked, challenge) = (Asked::of(&request), Challenge::of(&app, &request));
    let entered = access(&app, &request).map(|access| {
        let (principal, place) = (access.principal().clone(), access.place().clone());
        let body = BodyBytes::new(app.clone(), principal.clone());
        let (method, mut request) = (request.method().clone(), request);
        request.extensions_mut().insert(access);
        request.extensions_mut().insert(body.clone());
        // Boxed, since it holds the request, and would be copied with it into each future around it.
        (principal, method, (body, place), Box::pin(inner.call(request)))
    });
    async move {
        let (principal, method, (body, place), answered) = match entered {
            Ok(entered) => entered,
            Err(refused) => {
                let mut response = refused.into_response();
                if let Some(challenge) = challenge {
                    challenge.put(&mut response);
                }
                asked.answered(&app, &Principal::anonymous(), &response);
                return Ok(response);
            }
        };
        let pending = asked.pending(&app, &principal);
        let request_ms_max = app.limits.request_ms_max;
        let handled = async move {
            let Ok(response) = answered.await;
            let response = while_known(&app, &principal, response);
            // What the body occupied is free again when the request is answered.
            drop(body);
            let response = counted(&app, &principal, &method, response).await;
            drop(place);
            response
        };
        let mut response = answer_of(handled, request_ms_max).await;
        if let Some(challenge) = challenge {
            challenge.put(&mut response);
        }
        pending.answered(&response);
        Ok(response)
    }
}

/// Ends a stream of events when who asked for it is no longer known. Other answers come to their end by themselves.
fn while_known(app: &AppState, principal: &Principal, response: Response) -> Response {
    let kind = response.headers().get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    if principal.is_anonymous() || !kind.is_some_and(|kind| kind.starts_with(b"text/event-stream")) {
        return response;
    }
    let (app, principal) = (app.clone(), principal.clone());
    let removed = async move { app.tokens.removed(&principal).await };
    response.map(|body| Body::from_stream(body.into_data_stream().take_until(Box::pin(removed))))
}

/// Who sends a request, and whether it needs a token to read here.
fn access(app: &AppState, request: &Request) -> Result<Access, ApiError> {
    check_one_host(request)?;
    let (headers, uri) = (request.headers(), request.uri());
    // Without a token nothing can be read that a page of another origin could be after.
    let is_own = match app.is_on_loopback && !app.requires_token {
        true => check_host(headers, uri),
        false => Ok(()),
    };
    is_own.and_then(|()| check_origin(headers, uri)).map_err(|error| refusing_sender(app, request, error))?;
    let closed = match app.is_on_loopback {
        _ if app.requires_token => Some("this server was started with --require-token"),
        false => Some("this server can be reached from other machines"),
        true if came_by_proxy(request) => {
            Some("this request came through a proxy, so it may come from another machine")
        }
        true => None,
    };
    let principal = app.tokens.principal(headers)?;
    if principal.session().is_some() {
        check_session(request).map_err(|error| error.refusing(principal.clone()))?;
    }
    let principal = match principal.is_anonymous() {
        true => certified(app, request)?.unwrap_or(principal),
        false => principal,
    };
    let place = RequestPlace::new(&app.requests_in_flight);
    Ok(Access::new(principal, closed, Arc::clone(&app.rates), place))
}

/// The error with who the request is of, if what it brings says so: a page of another site may have sent it by the browser
/// of a known caller.
fn refusing_sender(app: &AppState, request: &Request, error: ApiError) -> ApiError {
    match app.tokens.principal(request.headers()) {
        Ok(principal) if !principal.is_anonymous() => error.refusing(principal),
        _ => error,
    }
}

/// The holder of the client certificate of the connection. One whose names give no role is anonymous: a certificate may
/// be there for the encryption alone.
///
/// # Errors
/// 401 when it has expired since the connection was opened.
fn certified(app: &AppState, request: &Request) -> Result<Option<Principal>, ApiError> {
    let certificate = request.extensions().get::<Peer>().and_then(|peer| peer.certificate.as_deref());
    match (certificate, &app.tls) {
        (Some(certificate), Some(tls)) => tls.principal(certificate, Timestamp::now()),
        _ => Ok(None),
    }
}
