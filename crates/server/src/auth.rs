//! Who calls: from a request's token to a [`Caller`]. Roles, JWT and sessions come here and nowhere else.

use std::sync::{Arc, PoisonError, RwLock};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use midflight_core::{Open, Vocabulary};
use midflight_store::{StoreError, Token, TokenStore};
use subtle::ConstantTimeEq;

use crate::problem::{ApiError, Code};

/// What every token of ours begins with, so that a leaked one can be searched for.
const TOKEN_PREFIX: &str = "mf_";
/// The name of the first token, and so the author of what it changes.
pub(crate) const ADMIN: &str = "admin";

/// What a caller may do. Only admins exist so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role {
    /// Everything.
    Admin,
}

impl Role {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
        }
    }
}

impl Vocabulary for Role {
    fn word(self) -> &'static str {
        self.as_str()
    }

    fn of_word(word: &str) -> Option<Self> {
        (word == Self::Admin.as_str()).then_some(Self::Admin)
    }
}

/// Whoever sent a request, as far as is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// Nobody in particular: there was no token.
    Anonymous,
    /// The holder of a token.
    Known {
        /// The token's name: the author of what it changes.
        name: String,
        /// What it may do.
        role: Role,
    },
}

/// The caller of a request that changes something. A handler that takes this cannot be reached without a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Author(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Author {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        match parts.extensions.get::<Caller>() {
            Some(Caller::Known { name, role: Role::Admin }) => Ok(Self(name.clone())),
            _ => Err(unauthenticated("this changes something")),
        }
    }
}

/// The error for a request without a token where one is needed.
pub(crate) fn unauthenticated(why: &str) -> ApiError {
    let detail = format!("{why}: send the header `Authorization: Bearer mf_...`");
    ApiError::new(Code::Unauthenticated, detail)
}

/// The holder of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holder {
    name: String,
    role: Open<Role>,
}

impl Holder {
    fn caller(&self) -> Result<Caller, ApiError> {
        let Some(role) = self.role.known() else {
            let (name, role) = (&self.name, self.role.as_str());
            let detail =
                format!("the token {name:?} has the role {role:?}, which this version does not know");
            return Err(ApiError::new(Code::Forbidden, detail));
        };
        Ok(Caller::Known { name: self.name.clone(), role })
    }
}

/// Tokens by their hash, each with its holder.
pub(crate) type Known = Vec<(blake3::Hash, Holder)>;

/// Every token that is known. Other replicas may make new ones, so they are read again from time to time.
#[derive(Debug)]
pub(crate) struct Tokens {
    known: RwLock<Arc<Known>>,
}

impl Tokens {
    /// Those of the store, or the one of the file while the store does not answer.
    pub(crate) fn new(known: Known) -> Self {
        Self { known: RwLock::new(Arc::new(known)) }
    }

    /// Reads them from the store.
    pub(crate) async fn read(store: &dyn TokenStore) -> Result<Known, StoreError> {
        Ok(store.tokens().await?.iter().filter_map(known).collect())
    }

    /// Knows these from now on, and no others.
    pub(crate) fn know(&self, known: Known) {
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(known);
    }

    /// Says who sends these headers.
    ///
    /// # Errors
    /// 401 for a token that is not known, and 403 for one of a role that only a newer version knows; having none is no error
    /// here.
    pub(crate) fn caller(&self, headers: &HeaderMap) -> Result<Caller, ApiError> {
        let Some(value) = headers.get(header::AUTHORIZATION) else {
            return Ok(Caller::Anonymous);
        };
        let text = value.to_str().unwrap_or_default();
        let token = text.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let hash = blake3::hash(token.map_or("", |(_, token)| token.trim()).as_bytes());
        let mut found = None;
        let known = Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner));
        for (known, holder) in &*known {
            // All are compared, each in constant time, so that the time says nothing about any of them.
            if bool::from(known.as_bytes().ct_eq(hash.as_bytes())) {
                found = Some(holder);
            }
        }
        let unknown = || ApiError::new(Code::Unauthenticated, "the token is not known");
        found.ok_or_else(unknown)?.caller()
    }
}

/// The holder of a token of the store; none for a row that no version writes.
pub(crate) fn known(token: &Token) -> Option<(blake3::Hash, Holder)> {
    let hash = blake3::Hash::from_hex(&token.hash).ok()?;
    Some((hash, Holder { name: token.name.clone(), role: token.role.parse().ok()? }))
}

/// Makes a token of 256 random bits.
///
/// # Errors
/// When the operating system gives no randomness.
pub(crate) fn fresh_token() -> Result<String, getrandom::Error> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes)?;
    Ok(format!("{TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
}

/// Whether a text from a file can be a token: long enough not to be guessed, and fit for a header.
pub(crate) fn is_token(text: &str) -> bool {
    text.len() >= 32 && text.len() <= 256 && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// What the store keeps of the admin's token.
pub(crate) fn admin(token: &str) -> Token {
    Token {
        name: ADMIN.to_owned(),
        role: Role::Admin.as_str().to_owned(),
        hash: blake3::hash(token.as_bytes()).to_hex().to_string(),
        created_at: Timestamp::now(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use midflight_store::MemoryStore;

    #[tokio::test]
    async fn only_the_newest_admin_token_is_known_and_only_its_hash_is_kept() {
        let store = MemoryStore::new();
        let (old, new) = (fresh_token().unwrap(), fresh_token().unwrap());
        assert!(is_token(&old) && old.starts_with("mf_") && old.len() == 46);
        assert!(store.add_token(&admin(&old)).await.unwrap());
        assert!(!store.add_token(&admin(&new)).await.unwrap(), "the first one stays");
        store.put_token(&admin(&new)).await.unwrap();
        assert!(!format!("{:?}", store.tokens().await.unwrap()).contains(&new));
        let tokens = Tokens::new(Tokens::read(&store).await.unwrap());
        let caller = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            tokens.caller(&headers).map_err(|error| error.body().code)
        };
        let admin = Caller::Known { name: ADMIN.to_owned(), role: Role::Admin };
        assert_eq!(caller(&format!("bearer {new}")), Ok(admin));
        for wrong in [format!("Bearer {old}"), format!("Basic {new}"), new.clone(), "Bearer ".to_owned()] {
            assert_eq!(caller(&wrong), Err("unauthenticated"), "{wrong}");
        }
        assert_eq!(tokens.caller(&HeaderMap::new()).ok(), Some(Caller::Anonymous));
    }

    #[tokio::test]
    async fn a_token_of_a_role_that_only_a_newer_version_knows_is_forbidden_and_its_role_is_named() {
        let store = MemoryStore::new();
        let token = fresh_token().unwrap();
        let newer = Token { name: "ci".to_owned(), role: "deployer".to_owned(), ..admin(&token) };
        store.put_token(&newer).await.unwrap();
        let tokens = Tokens::new(Tokens::read(&store).await.unwrap());
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
        let refused = tokens.caller(&headers).unwrap_err();
        let body = refused.body();
        assert_eq!(body.code, "forbidden");
        assert!(body.detail.contains("the role \"deployer\", which this version does not know"), "{body:?}");
    }
}
