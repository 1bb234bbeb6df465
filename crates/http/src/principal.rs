//! Who sends a request, and what they may do. What a route needs is declared where the route is added ([`crate::routes::Routes`]).

use std::sync::{Arc, LazyLock};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use midflight_core::{Open, PrincipalId, Vocabulary};

use crate::code::Code;
use crate::problem::ApiError;

/// What a route needs its caller to be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Permission {
    /// Nothing, wherever the server listens: what a probe or a scraper asks. None of it is in the documents.
    Open,
    /// Nothing: every request is signed, and the handler verifies it.
    Signed,
    /// To read.
    Read,
    /// To have rules executed and queries classified.
    Execute,
    /// To change documents.
    Edit,
    /// To change what is served without changing a document by hand: reloads, restores.
    Operate,
    /// To do what cannot be undone.
    Admin,
}

impl Permission {
    /// Whether nobody has it without a token.
    #[must_use]
    pub const fn needs_token(self) -> bool {
        matches!(self, Self::Edit | Self::Operate | Self::Admin)
    }

    /// As it is written in errors and documents.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Signed => "signed",
            Self::Read => "read",
            Self::Execute => "execute",
            Self::Edit => "edit",
            Self::Operate => "operate",
            Self::Admin => "admin",
        }
    }
}

/// What the holder of a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role {
    /// Somebody without a token: reads and executes, where the server is open.
    Anonymous,
    /// Everything.
    Admin,
}

impl Role {
    /// Whether it includes a permission.
    #[must_use]
    pub const fn may(self, what: Permission) -> bool {
        match (self, what) {
            (_, Permission::Open | Permission::Signed) | (Self::Admin, _) => true,
            (Self::Anonymous, _) => matches!(what, Permission::Read | Permission::Execute),
        }
    }
}

impl Vocabulary for Role {
    fn word(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Admin => ADMIN,
        }
    }

    fn of_word(word: &str) -> Option<Self> {
        (word == ADMIN).then_some(Self::Admin)
    }
}

/// The role of admins, and the name of the first token, and so the author of what it changes.
pub const ADMIN: &str = "admin";

/// Tells tokens apart, and gives none away: the first bytes of a token's hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenId([u8; 6]);

impl TokenId {
    /// That of a token, by its hash.
    #[must_use]
    pub fn of(hash: &blake3::Hash) -> Self {
        let [a, b, c, d, e, f, ..] = *hash.as_bytes();
        Self([a, b, c, d, e, f])
    }
}

impl std::fmt::Display for TokenId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Who sent a request. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    name: Arc<str>,
    role: Open<Role>,
    token_id: Option<TokenId>,
}

impl Principal {
    /// The holder of a token.
    #[must_use]
    pub fn with_token(name: &str, role: Open<Role>, token_id: TokenId) -> Self {
        Self { name: name.into(), role, token_id: Some(token_id) }
    }

    /// Nobody in particular: there was no token.
    #[must_use]
    pub fn anonymous() -> Self {
        static NAME: LazyLock<Arc<str>> = LazyLock::new(|| "anonymous".into());
        Self { name: Arc::clone(&NAME), role: Open::Known(Role::Anonymous), token_id: None }
    }

    /// Whoever signed a request, which its handler verified: the author of what it does, and nothing more.
    #[must_use]
    pub fn signer(name: &str) -> Self {
        Self { name: name.into(), role: Open::Known(Role::Anonymous), token_id: None }
    }

    /// The author of what they change.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What they are.
    #[must_use]
    pub const fn role(&self) -> Open<Role> {
        self.role
    }

    /// The token that they sent, if they sent one.
    #[must_use]
    pub const fn token_id(&self) -> Option<TokenId> {
        self.token_id
    }

    /// What a revision says of who made it.
    #[must_use]
    pub fn id(&self) -> Option<PrincipalId> {
        self.token_id.map(|id| PrincipalId::new(&id.to_string()))
    }

    /// Whether they sent no token.
    #[must_use]
    pub const fn is_anonymous(&self) -> bool {
        self.token_id.is_none()
    }
}

/// Who sent a request, and whether somebody without a token may read here. The edge gives it to every request.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    principal: Principal,
    /// Why nobody may read or execute without a token; none where they may.
    closed: Option<&'static str>,
}

impl Access {
    pub(crate) fn new(principal: Principal, closed: Option<&'static str>) -> Self {
        Self { principal, closed }
    }

    /// That of a request which came through the edge.
    pub(crate) fn of(parts: &Parts) -> Result<&Self, ApiError> {
        let access = parts.extensions.get::<Self>();
        access.ok_or_else(|| ApiError::internal(&"a request did not come through the edge"))
    }

    pub(crate) fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Refuses whoever has not the permission.
    ///
    /// # Errors
    /// 401 without a token, 403 with one that does not suffice.
    pub(crate) fn check(&self, permission: Permission) -> Result<(), ApiError> {
        let is_open = matches!(permission, Permission::Open | Permission::Signed);
        match (self.principal.is_anonymous(), self.closed) {
            (true, Some(why)) if !is_open => return Err(unauthenticated(why)),
            (true, _) if permission.needs_token() => {
                return Err(unauthenticated("this request needs a token"));
            }
            _ => {}
        }
        let Principal { name, role, .. } = &self.principal;
        let detail = match role.known() {
            Some(role) if role.may(permission) => return Ok(()),
            Some(_) => format!("the role of the token {name:?} does not include {}", permission.as_str()),
            None if is_open => return Ok(()),
            None => format!(
                "the token {name:?} has the role {:?}, which this version does not know",
                role.as_str()
            ),
        };
        Err(ApiError::new(Code::FORBIDDEN, detail))
    }
}

/// The error for a request without a token where one is needed.
fn unauthenticated(why: &str) -> ApiError {
    let detail = format!("{why}: send the header `Authorization: Bearer mf_...`");
    ApiError::new(Code::UNAUTHENTICATED, detail)
}

impl<S: Send + Sync> FromRequestParts<S> for Access {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Self::of(parts).cloned()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Principal {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Access::of(parts).map(|access| access.principal.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Permission; 7] = [
        Permission::Open,
        Permission::Signed,
        Permission::Read,
        Permission::Execute,
        Permission::Edit,
        Permission::Operate,
        Permission::Admin,
    ];

    #[test]
    fn each_caller_may_what_its_role_includes() {
        let id = TokenId::of(&blake3::hash(b"token"));
        let refused = |principal: &Principal, closed| {
            let access = Access::new(principal.clone(), closed);
            ALL.map(|permission| access.check(permission).err().map_or("", |error| error.body().code))
        };
        let admin = Principal::with_token("anna", Role::Admin.into(), id);
        assert_eq!(refused(&admin, None), [""; 7]);
        assert_eq!(refused(&admin, Some("closed")), [""; 7]);
        let unknown = Principal::with_token("olga", "auditor".parse().unwrap(), id);
        let none = "forbidden";
        assert_eq!(refused(&unknown, None), ["", "", none, none, none, none, none]);
        let (nobody, none) = (Principal::anonymous(), "unauthenticated");
        assert_eq!(refused(&nobody, None), ["", "", "", "", none, none, none]);
        assert_eq!(refused(&nobody, Some("closed")), ["", "", none, none, none, none, none]);
        assert_eq!(id.to_string().len(), 12);
    }
}
