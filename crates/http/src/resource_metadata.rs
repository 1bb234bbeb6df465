//! The metadata of a protected resource (RFC 9728), by which an agent finds out who issues the tokens for `/mcp`.

use axum::Json;
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use midflight_wire::problem::ProblemBody;
use midflight_wire::tokens::ResourceMetadata;
use utoipa_axum::routes;

use crate::app::AppState;
use crate::code::Code;
use crate::origin::host;
use crate::principal::Permission::Open;
use crate::problem::ApiError;
use crate::reach::Reach;
use crate::routes::Routes;
use crate::session_routes::is_encrypted;

/// The resource that agents ask for.
const RESOURCE: &str = "/mcp";
/// Where its metadata are: the path of the resource goes behind (RFC 9728, 3.1).
const METADATA: &str = "/.well-known/oauth-protected-resource";

/// The routes of the metadata.
pub(crate) fn routes() -> Routes<AppState> {
    Routes::new().of(Open, Reach::Nothing, routes!(resource_metadata)).of(
        Open,
        Reach::Nothing,
        routes!(mcp_resource_metadata),
    )
}

/// Who issues tokens for the server as a whole.
#[utoipa::path(get, path = "/.well-known/oauth-protected-resource", tag = "access",
    responses((status = 200, body = ResourceMetadata), (status = "default", body = ProblemBody)))]
async fn resource_metadata(State(app): State<AppState>, parts: Parts) -> Result<Response, ApiError> {
    metadata(&app, &parts, "")
}

/// Who issues tokens for agents over the Model Context Protocol.
#[utoipa::path(get, path = "/.well-known/oauth-protected-resource/mcp", tag = "access",
    responses((status = 200, body = ResourceMetadata), (status = "default", body = ProblemBody)))]
async fn mcp_resource_metadata(State(app): State<AppState>, parts: Parts) -> Result<Response, ApiError> {
    metadata(&app, &parts, RESOURCE)
}

fn metadata(app: &AppState, parts: &Parts, path: &str) -> Result<Response, ApiError> {
    let issuer = app.tokens.issuer().ok_or_else(|| {
        let detail = "this server takes no tokens of an issuer (midflight serve --jwt-issuer)";
        ApiError::new(Code::NOT_FOUND, detail)
    })?;
    let address = Address::of(parts).ok_or_else(|| ApiError::new(Code::INVALID_HEADER, "no host"))?;
    let answer = ResourceMetadata {
        resource: format!("{}{path}", address.0),
        authorization_servers: vec![issuer.to_owned()],
        bearer_methods_supported: vec!["header".into()],
        resource_name: "Midflight".into(),
    };
    // It has the host that the caller named, so it is for that caller alone.
    Ok((StatusCode::OK, [(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response())
}

/// The address of this server, as a caller names it.
struct Address(String);

impl Address {
    fn of(parts: &Parts) -> Option<Self> {
        Self::named(&parts.extensions, &parts.headers, &parts.uri)
    }

    fn named(
        extensions: &axum::http::Extensions,
        headers: &axum::http::HeaderMap,
        uri: &axum::http::Uri,
    ) -> Option<Self> {
        let scheme = if is_encrypted(extensions, headers) { "https" } else { "http" };
        Some(Self(format!("{scheme}://{}", host(headers, uri)?)))
    }
}

/// What a refusal for want of a token says to an agent: where to find out who issues one.
pub(crate) struct Challenge(HeaderValue);

impl Challenge {
    /// That of a request; none for one that is not of an agent, or where no issuer is known.
    pub(crate) fn of(app: &AppState, request: &axum::extract::Request) -> Option<Self> {
        let path = request.uri().path();
        if path != RESOURCE && path.strip_prefix(RESOURCE).is_none_or(|rest| !rest.starts_with('/')) {
            return None;
        }
        app.tokens.issuer()?;
        let Address(address) = Address::named(request.extensions(), request.headers(), request.uri())?;
        let text = format!("Bearer realm=\"midflight\", resource_metadata=\"{address}{METADATA}{RESOURCE}\"");
        HeaderValue::try_from(text).ok().map(Self)
    }

    /// Puts it into an answer of 401.
    pub(crate) fn put(self, response: &mut Response) {
        if response.status() == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, self.0);
        }
    }
}
