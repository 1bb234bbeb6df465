//! API tokens over HTTP: make, list, rotate, revoke. A token itself is in one answer only, that of the request that
//! made it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use midflight_core::{JsonPointer, Open, Vocabulary as _};
use midflight_store::{AgentLimits, PreviousHash, Token};
use midflight_wire::problem::ProblemBody;
use midflight_wire::tokens::{CreatedToken, RotateBody, TokenAnswer, TokenBody, TokenList};
use utoipa_axum::routes;

use crate::app::AppState;
use crate::body::{JsonBody, OptionalJsonBody};
use crate::code::Code;
use crate::params::{InPath, PageParams, Params};
use crate::principal::Permission::Admin;
use crate::principal::{ANONYMOUS, Principal, Role, TokenId};
use crate::problem::ApiError;
use crate::routes::Routes;
use crate::scopes::Scopes;
use crate::sessions::is_session;
use crate::tokens::{fresh_token, hash_of};
use crate::wire::stamp;

/// How many tokens there may be. 10,000: all are in memory of every replica.
const TOKENS_MAX: usize = 10_000;
/// The longest name of a token, in bytes.
const NAME_BYTES_MAX: usize = 128;
/// How many tools a token may pin, as an address may.
const PINS_MAX: usize = 100;
/// The longest name of a pinned tool, in bytes.
const PIN_BYTES_MAX: usize = 256;
/// How long a token may be valid, in ms: a hundred years.
const VALID_MS_MAX: u64 = 100 * 365 * 24 * 3_600_000;
/// How long the token before a rotation stays valid by default, in ms: an hour.
const OVERLAP_MS: u64 = 3_600_000;
/// How long it may stay valid, in ms: 30 days.
const OVERLAP_MS_MAX: u64 = 30 * 24 * 3_600_000;

/// How often a token is revoked while others change: the last admin token stays, so what is revoked is compared with all.
const REVOKE_TRIES_MAX: u32 = 64;

/// The routes of tokens.
pub(crate) fn routes() -> Routes<AppState> {
    Routes::new()
        .at(Admin, routes!(list_tokens, create_token))
        .at(Admin, routes!(get_token, revoke_token))
        .at(Admin, routes!(rotate_token))
}

/// The tokens, by name.
#[utoipa::path(get, path = "/api/v1/tokens", tag = "access", params(PageParams),
    responses((status = 200, body = TokenList), (status = "default", body = ProblemBody)))]
async fn list_tokens(
    State(app): State<AppState>,
    Params(page): Params<PageParams>,
) -> Result<Json<TokenList>, ApiError> {
    let limit = page.limit()? as usize;
    let (tokens, uses) = all(&app).await?;
    let after = tokens.iter().filter(|token| page.text().is_none_or(|after| token.name.as_str() > after));
    let mut items: Vec<_> = after.take(limit + 1).map(|token| token_answer(token, &uses)).collect();
    let more = items.len() > limit;
    items.truncate(limit);
    let next_cursor = items.last().filter(|_| more).map(|last| last.name.clone());
    Ok(Json(TokenList { items, next_cursor }))
}

/// A token.
#[utoipa::path(get, path = "/api/v1/tokens/{name}", tag = "access",
    params(("name" = String, Path, description = "The token's name")),
    responses((status = 200, body = TokenAnswer), (status = "default", body = ProblemBody)))]
async fn get_token(
    State(app): State<AppState>,
    InPath(name): InPath<String>,
) -> Result<Json<TokenAnswer>, ApiError> {
    let (tokens, uses) = all(&app).await?;
    Ok(Json(token_answer(named(&tokens, &name)?, &uses)))
}

/// Makes a token. The answer is the only one that has it: what is kept is its hash.
#[utoipa::path(post, path = "/api/v1/tokens", tag = "access", request_body = TokenBody,
    responses((status = 201, body = CreatedToken), (status = "default", body = ProblemBody)))]
async fn create_token(
    principal: Principal,
    State(app): State<AppState>,
    JsonBody(body): JsonBody<TokenBody>,
) -> Result<(StatusCode, Json<CreatedToken>), ApiError> {
    let secret = fresh_token().map_err(|error| ApiError::internal(&error))?;
    let token = checked(body, &secret, principal.name())?;
    let store = app.engine.store();
    // Not the sessions, which end by themselves, and have a bound of their own for each token.
    let kept = store.tokens().await?.iter().filter(|token| !is_session(token)).count();
    if kept >= TOKENS_MAX {
        let detail = format!("there are {TOKENS_MAX} tokens, the most there may be; revoke some");
        return Err(ApiError::new(Code::TOO_MANY_TOKENS, detail));
    }
    if !store.add_token(&token).await? {
        let detail = format!("there is a token {:?}; choose another name, or rotate it", token.name);
        return Err(ApiError::new(Code::TOKEN_EXISTS, detail));
    }
    app.tokens.refresh(&**app.engine.store()).await?;
    let info = token_answer(&token, &[]);
    Ok((StatusCode::CREATED, Json(CreatedToken { token: secret, info })))
}

/// Makes a token again under its name. The one of before stays valid for a while, so that who uses it can change over.
/// The answer is the only one that has the new one.
#[utoipa::path(post, path = "/api/v1/tokens/{name}/rotate", tag = "access",
    request_body(content = Option<RotateBody>),
    params(("name" = String, Path, description = "The token's name")),
    responses((status = 200, body = CreatedToken), (status = "default", body = ProblemBody)))]
async fn rotate_token(
    State(app): State<AppState>,
    InPath(name): InPath<String>,
    OptionalJsonBody(body): OptionalJsonBody<RotateBody>,
) -> Result<Json<CreatedToken>, ApiError> {
    let overlap_ms = body.unwrap_or_default().overlap_ms.unwrap_or(OVERLAP_MS);
    if overlap_ms > OVERLAP_MS_MAX {
        return Err(invalid("overlap_ms", format!("{overlap_ms} ms; use 0 to {OVERLAP_MS_MAX}, 30 days")));
    }
    let (tokens, uses) = all(&app).await?;
    let before = named(&tokens, &name)?;
    if let Some(until) = before.expires_at.filter(|until| *until <= Timestamp::now()) {
        let detail = format!(
            "the token {name:?} expired at {until}, and a rotation does not change that; revoke it, and make one of \
             its name with another expiry"
        );
        return Err(ApiError::new(Code::TOKEN_EXPIRED, detail));
    }
    let secret = fresh_token().map_err(|error| ApiError::internal(&error))?;
    let until = Timestamp::now() + SignedDuration::from_millis(i64::try_from(overlap_ms).unwrap_or(i64::MAX));
    let previous = PreviousHash { hash: before.hash.clone(), until };
    let token =
        Token { hash: hash_of(&secret), previous: (overlap_ms > 0).then_some(previous), ..before.clone() };
    if !app.engine.store().replace_token(&token, &before.hash).await? {
        let detail = format!("the token {name:?} was rotated or revoked meanwhile; look at it and try again");
        return Err(ApiError::new(Code::CONTENDED, detail));
    }
    app.tokens.refresh(&**app.engine.store()).await?;
    Ok(Json(CreatedToken { token: secret, info: token_answer(&token, &uses) }))
}

/// Revokes a token: this replica refuses it from the answer on, the others within a second, and streams that it opened
/// end. The last admin token that is valid stays.
#[utoipa::path(delete, path = "/api/v1/tokens/{name}", tag = "access",
    params(("name" = String, Path, description = "The token's name")),
    responses((status = 204, description = "It is revoked"), (status = "default", body = ProblemBody)))]
async fn revoke_token(
    State(app): State<AppState>,
    InPath(name): InPath<String>,
) -> Result<StatusCode, ApiError> {
    let store = app.engine.store();
    for _ in 0..REVOKE_TRIES_MAX {
        // Before the tokens: what is deleted is compared with every change since.
        let changes = store.token_changes().await?;
        let (tokens, _) = all(&app).await?;
        let revoked = named(&tokens, &name)?;
        let now = Timestamp::now();
        let is_admin = |token: &Token| {
            token.role == Role::Admin.word() && token.expires_at.is_none_or(|until| until > now)
        };
        if !tokens.iter().any(|token| token.name != name && is_admin(token)) {
            let detail = format!("{name:?} is the last admin token; make another one first, or rotate it");
            return Err(ApiError::new(Code::LAST_ADMIN_TOKEN, detail));
        }
        // Of two admins that revoke each other's token, one does.
        let is_deleted = match is_admin(revoked) {
            true => store.delete_token_at(&name, changes).await?,
            false => store.delete_token(&name).await.map(|_| true)?,
        };
        if is_deleted {
            app.tokens.refresh(&**store).await?;
            return Ok(StatusCode::NO_CONTENT);
        }
    }
    let detail = format!("other tokens changed meanwhile, {REVOKE_TRIES_MAX} times; revoke {name:?} again");
    Err(ApiError::new(Code::CONTENDED, detail))
}

/// When tokens were used, by name.
type Uses = [(String, Timestamp)];

/// Every token by name, and when each was last used by what is known here and in the store.
async fn all(app: &AppState) -> Result<(Vec<Token>, Vec<(String, Timestamp)>), ApiError> {
    let store = app.engine.store();
    let mut uses = store.token_uses().await?;
    uses.extend(app.tokens.uses_since(Timestamp::UNIX_EPOCH));
    let tokens = store.tokens().await?.into_iter().filter(|token| !is_session(token));
    Ok((tokens.collect(), uses))
}

fn named<'a>(tokens: &'a [Token], name: &str) -> Result<&'a Token, ApiError> {
    let found = tokens.iter().find(|token| token.name == name);
    found.ok_or_else(|| ApiError::new(Code::NOT_FOUND, format!("there is no token {name:?}")))
}

fn invalid(member: &str, message: impl Into<String>) -> ApiError {
    let message = message.into();
    let place = JsonPointer::root().key(member);
    ApiError::new(Code::INVALID_BODY, format!("invalid {member}: {message}")).at(&place, message)
}

/// The token that a body asks for.
fn checked(body: TokenBody, secret: &str, created_by: &str) -> Result<Token, ApiError> {
    let now = Timestamp::now();
    let TokenBody { name, role, scopes, expires_at, expires_in_ms, at, expose, pin } = body;
    let shows = |byte: u8| byte.is_ascii_alphanumeric() || b"._@+-".contains(&byte);
    if !(1..=NAME_BYTES_MAX).contains(&name.len()) || !name.bytes().all(shows) || name == ANONYMOUS {
        return Err(invalid("name", "use 1-128 of A-Z a-z 0-9 . _ @ + -, and not anonymous"));
    }
    let known = role.parse::<Open<Role>>().ok().and_then(Open::known);
    let Some(known) = known else {
        return Err(invalid("role", "expected viewer, executor, editor, operator or admin"));
    };
    if known == Role::Admin && scopes.is_some() {
        return Err(invalid(
            "scopes",
            "an admin can make any token, so scopes would not limit it; use operator",
        ));
    }
    let scopes = scopes.map(Scopes::new).transpose().map_err(|message| invalid("scopes", message))?;
    let expires_at = match (expires_at, expires_in_ms) {
        (Some(_), Some(_)) => return Err(invalid("expires_in_ms", "give either it or expires_at")),
        (Some(text), None) => {
            let wrong = |_| invalid("expires_at", "expected a time, as 2026-01-31T03:00:00Z");
            Some(text.parse::<Timestamp>().map_err(wrong)?)
        }
        (None, Some(ms)) if ms <= VALID_MS_MAX => {
            Some(now + SignedDuration::from_millis(i64::try_from(ms).unwrap_or(i64::MAX)))
        }
        (None, Some(_)) => return Err(invalid("expires_in_ms", "at most a hundred years")),
        (None, None) => None,
    };
    if expires_at.is_some_and(|until| until <= now) {
        return Err(invalid("expires_at", "it is in the past"));
    }
    match expose.as_deref() {
        None | Some("search") => {}
        Some("all") if pin.is_empty() => {}
        Some("all") => return Err(invalid("pin", "pin goes with expose search; all tools are listed")),
        Some(_) => return Err(invalid("expose", "expected all or search")),
    }
    let is_name = |tool: &String| (1..=PIN_BYTES_MAX).contains(&tool.len()) && !tool.contains(',');
    if pin.len() > PINS_MAX || !pin.iter().all(is_name) {
        return Err(invalid("pin", format!("at most {PINS_MAX} names of tools, without commas")));
    }
    Ok(Token {
        created_by: Some(created_by.to_owned()),
        expires_at,
        scopes: scopes.map(|scopes| scopes.patterns().to_vec()),
        agent: AgentLimits { at, expose, pin },
        ..Token::new(&name, known.word(), &hash_of(secret), now)
    })
}

/// What is known of a token, and when it was used.
fn token_answer(token: &Token, uses: &Uses) -> TokenAnswer {
    let now = Timestamp::now();
    let used = uses.iter().filter(|(name, _)| *name == token.name).map(|(_, at)| *at).max();
    let previous = token.previous.as_ref().map(|previous| previous.until).filter(|until| *until > now);
    TokenAnswer {
        name: token.name.clone(),
        id: blake3::Hash::from_hex(&token.hash).ok().map(|hash| TokenId::of(&hash).to_string()),
        role: token.role.clone(),
        scopes: token.scopes.clone(),
        created_at: stamp(token.created_at),
        created_by: token.created_by.clone(),
        expires_at: token.expires_at.map(stamp),
        expired: token.expires_at.is_some_and(|until| until <= now),
        last_used_at: used.map(stamp),
        previous_valid_until: previous.map(stamp),
        at: token.agent.at,
        expose: token.agent.expose.clone(),
        pin: token.agent.pin.clone(),
    }
}
