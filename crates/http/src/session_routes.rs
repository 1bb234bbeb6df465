//! Sessions of browsers over HTTP: log in with a token, and log out.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Response};
use midflight_wire::problem::ProblemBody;
use midflight_wire::tokens::{SessionAnswer, SessionBody};
use utoipa_axum::routes;

use crate::accept::Peer;
use crate::app::AppState;
use crate::audit::FoundCaller;
use crate::body::JsonBody;
use crate::code::Code;
use crate::principal::Permission::Open;
use crate::principal::{Access, Principal, TokenId};
use crate::problem::ApiError;
use crate::reach::Reach;
use crate::routes::Routes;
use crate::sessions::{
    JWT_COOKIE_BYTES_MAX, NewSession, SESSIONS_MAX, clear_cookie, is_session, jwt_cookie, parent,
};
use crate::tokens::KnownTokens;
use crate::wire::stamp;

/// The routes of sessions.
pub(crate) fn routes() -> Routes<AppState> {
    Routes::new().of(Open, Reach::Nothing, routes!(log_in, log_out))
}

/// Whether a request came encrypted, to this server or to a proxy in front of it.
struct IsEncrypted(bool);

impl<S: Send + Sync> axum::extract::FromRequestParts<S> for IsEncrypted {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(
        parts: &mut axum::http::request::Parts,
        _: &S,
    ) -> Result<Self, Self::Rejection> {
        Ok(Self(is_encrypted(&parts.extensions, &parts.headers)))
    }
}

/// See [`IsEncrypted`]. That a client claims it for itself makes its own cookie stricter, and nothing else.
pub(crate) fn is_encrypted(extensions: &axum::http::Extensions, headers: &axum::http::HeaderMap) -> bool {
    let by_proxy = headers
        .get("x-forwarded-proto")
        .is_some_and(|scheme| scheme.as_bytes().eq_ignore_ascii_case(b"https"));
    by_proxy || extensions.get::<Peer>().is_some_and(|peer| peer.is_encrypted)
}

/// Logs a browser in: sets a cookie that scripts cannot read and that other sites cannot send. It is valid for 12 hours
/// on every replica, within half a second, and ends with the token. With a JSON Web Token the cookie is the token, since
/// none is kept. Requests that change something with it must come
/// from a page of this server.
#[utoipa::path(post, path = "/api/v1/session", tag = "access", request_body = SessionBody,
    responses((status = 201, body = SessionAnswer), (status = "default", body = ProblemBody)))]
async fn log_in(
    State(app): State<AppState>,
    IsEncrypted(is_encrypted): IsEncrypted,
    access: Access,
    JsonBody(body): JsonBody<SessionBody>,
) -> Result<Response, ApiError> {
    let token = body.token.trim();
    let principal = app.tokens.holder(token)?;
    admit(&access, &principal)?;
    let (cookie, expires_at) = match principal.token_id().filter(|_| principal.is_stored()) {
        Some(id) => {
            make_room(&app, id).await?;
            let session =
                NewSession::new(id, principal.expires_at()).map_err(|error| ApiError::internal(&error))?;
            app.engine.store().add_token(&session.kept).await?;
            app.tokens.refresh(&**app.engine.store()).await?;
            (session.set_cookie(is_encrypted), session.kept.expires_at)
        }
        None if token.len() > JWT_COOKIE_BYTES_MAX => {
            let detail = format!(
                "the JSON Web Token has more than {JWT_COOKIE_BYTES_MAX} bytes, which no cookie takes; sign in with \
                 an API token, or have the issuer leave claims out"
            );
            return Err(ApiError::new(Code::INVALID_BODY, detail));
        }
        None => {
            let (cookie, until) = jwt_cookie(token, principal.expires_at(), is_encrypted);
            (cookie, Some(until))
        }
    };
    let answer = SessionAnswer {
        name: principal.name().to_owned(),
        role: principal.role().as_str().to_owned(),
        expires_at: expires_at.map(stamp),
    };
    let cookie = AppendHeaders([(header::SET_COOKIE, cookie)]);
    let mut response = (StatusCode::CREATED, cookie, Json(answer)).into_response();
    response.extensions_mut().insert(FoundCaller(principal));
    Ok(response)
}

/// Logs a browser out: the session is refused from the answer on, by other replicas within half a second, and its
/// streams end. Of a JSON Web Token only the cookie is removed. Without a session it does nothing.
#[utoipa::path(delete, path = "/api/v1/session", tag = "access",
    responses((status = 204, description = "There is no session any more"), (status = "default", body = ProblemBody)))]
async fn log_out(
    State(app): State<AppState>,
    IsEncrypted(is_encrypted): IsEncrypted,
    access: Access,
) -> Result<Response, ApiError> {
    let principal = access.principal();
    if principal.session().is_some() {
        admit(&access, principal)?;
    }
    // Of a JSON Web Token the store has nothing.
    if let Some(id) = principal.session().filter(|_| principal.is_stored()) {
        let store = app.engine.store();
        let is_own = |hash: &str| blake3::Hash::from_hex(hash).is_ok_and(|hash| TokenId::of(&hash) == id);
        for session in store.tokens().await?.iter().filter(|it| is_session(it) && is_own(&it.hash)) {
            store.delete_token(&session.name).await?;
        }
        app.tokens.refresh(&**app.engine.store()).await?;
    }
    let cookie = AppendHeaders([(header::SET_COOKIE, clear_cookie(is_encrypted))]);
    Ok((StatusCode::NO_CONTENT, cookie).into_response())
}

/// Counts a request that begins or ends a session for the holder of its token, and takes a place of them: the route is
/// open, and does not do so.
fn admit(access: &Access, principal: &Principal) -> Result<(), ApiError> {
    let admitted = access.rates().count_session(principal).and_then(|()| access.place().take_of(principal));
    admitted.map_err(|error| error.refusing(principal.clone()))
}

/// Deletes sessions that have ended, and the oldest of a token that has as many as it may.
async fn make_room(app: &AppState, id: TokenId) -> Result<(), ApiError> {
    let store = app.engine.store();
    let tokens = store.tokens().await?;
    let known = KnownTokens::of(&tokens);
    let sessions = tokens.iter().filter(|token| is_session(token));
    let (valid, ended): (Vec<_>, Vec<_>) = sessions.partition(|session| known.has_session(session));
    let mut own: Vec<_> = valid.into_iter().filter(|session| parent(session) == Some(id)).collect();
    own.sort_by_key(|session| std::cmp::Reverse(session.created_at));
    for session in ended.into_iter().chain(own.into_iter().skip(SESSIONS_MAX - 1)) {
        store.delete_token(&session.name).await?;
    }
    Ok(())
}
