//! From a request's token to its [`Principal`]. JWT and sessions come here and nowhere else.

use std::sync::{Arc, PoisonError, RwLock};

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use midflight_store::{StoreError, Token, TokenStore};
use subtle::ConstantTimeEq;

use crate::code::Code;
use crate::principal::{ADMIN, Principal, TokenId};
use crate::problem::ApiError;

/// What every token of ours begins with, so that a leaked one can be searched for.
const TOKEN_PREFIX: &str = "mf_";
/// Tokens by their hash, each with its holder.
pub type Known = Vec<(blake3::Hash, Principal)>;

/// Every token that is known. Other replicas may make new ones, so they are read again from time to time.
#[derive(Debug)]
pub struct Tokens {
    known: RwLock<Arc<Known>>,
}

impl Tokens {
    /// Those of the store, or the one of the file while the store does not answer.
    pub fn new(known: Known) -> Self {
        Self { known: RwLock::new(Arc::new(known)) }
    }

    /// Reads them from the store.
    pub async fn read(store: &dyn TokenStore) -> Result<Known, StoreError> {
        Ok(store.tokens().await?.iter().filter_map(known).collect())
    }

    /// Knows these from now on, and no others.
    pub fn know(&self, known: Known) {
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(known);
    }

    /// Says who sends these headers.
    ///
    /// # Errors
    /// 401 for a token that is not known; having none is no error here.
    pub fn principal(&self, headers: &HeaderMap) -> Result<Principal, ApiError> {
        let Some(value) = headers.get(header::AUTHORIZATION) else {
            return Ok(Principal::anonymous());
        };
        let text = value.to_str().unwrap_or_default();
        let token = text.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let hash = blake3::hash(token.map_or("", |(_, token)| token.trim()).as_bytes());
        let mut found = None;
        let known = Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner));
        for (known, principal) in &*known {
            // All are compared, each in constant time, so that the time says nothing about any of them.
            if bool::from(known.as_bytes().ct_eq(hash.as_bytes())) {
                found = Some(principal);
            }
        }
        found.cloned().ok_or_else(|| ApiError::new(Code::UNAUTHENTICATED, "unknown token"))
    }
}

/// The holder of a token of the store; none for a row that no version writes. A role that this program does not know has no
/// permissions.
pub fn known(token: &Token) -> Option<(blake3::Hash, Principal)> {
    let hash = blake3::Hash::from_hex(&token.hash).ok()?;
    Some((hash, Principal::with_token(&token.name, token.role.parse().ok()?, TokenId::of(&hash))))
}

/// Makes a token of 256 random bits.
///
/// # Errors
/// When the operating system gives no randomness.
pub fn fresh_token() -> Result<String, getrandom::Error> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes)?;
    Ok(format!("{TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
}

/// Whether a text from a file can be a token: long enough not to be guessed, and fit for a header.
pub fn is_token(text: &str) -> bool {
    text.len() >= 32 && text.len() <= 256 && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// What the store keeps of the admin's token.
pub fn admin(token: &str) -> Token {
    Token {
        name: ADMIN.to_owned(),
        role: ADMIN.to_owned(),
        hash: blake3::hash(token.as_bytes()).to_hex().to_string(),
        created_at: Timestamp::now(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::principal::{Access, Permission, Role};
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
        let principal = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            tokens.principal(&headers).map_err(|error| error.body().code)
        };
        let admin = principal(&format!("bearer {new}")).unwrap();
        assert_eq!((admin.name(), admin.role()), (ADMIN, Role::Admin.into()));
        for wrong in [format!("Bearer {old}"), format!("Basic {new}"), new.clone(), "Bearer ".to_owned()] {
            assert_eq!(principal(&wrong), Err("unauthenticated"), "{wrong}");
        }
        assert_eq!(tokens.principal(&HeaderMap::new()).ok(), Some(Principal::anonymous()));
    }

    #[tokio::test]
    async fn a_token_of_a_role_that_only_a_newer_version_knows_may_do_nothing_and_its_role_is_named() {
        let store = MemoryStore::new();
        let token = fresh_token().unwrap();
        let newer = Token { name: "ci".to_owned(), role: "deployer".to_owned(), ..admin(&token) };
        store.put_token(&newer).await.unwrap();
        let tokens = Tokens::new(Tokens::read(&store).await.unwrap());
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
        let access = Access::new(tokens.principal(&headers).unwrap(), None);
        let refused = access.check(Permission::Read).unwrap_err();
        let body = refused.body();
        assert_eq!(body.code, "forbidden");
        assert!(body.detail.contains("the role \"deployer\", which this version does not know"), "{body:?}");
    }
}
