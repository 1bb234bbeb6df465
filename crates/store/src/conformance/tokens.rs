//! What every store must do with tokens.

use std::sync::Arc;

use jiff::Timestamp;

use crate::{Token, TokenStore};

type Tokens = Arc<dyn TokenStore>;

fn token(name: &str, role: &str, hash: &str) -> Token {
    let created_at = Timestamp::from_millisecond(1).unwrap();
    Token { name: name.into(), role: role.into(), hash: hash.into(), created_at }
}

/// A token is replaced by one of its name, and added only while there is none. Its role is kept, whether or not this version
/// knows it.
pub async fn tokens_are_kept_by_name(store: Tokens) {
    store.put_token(&token("admin", "admin", "one")).await.unwrap();
    store.put_token(&token("admin", "admin", "two")).await.unwrap();
    assert!(!store.add_token(&token("admin", "admin", "three")).await.unwrap(), "there is one of its name");
    assert_eq!(store.tokens().await.unwrap(), [token("admin", "admin", "two")]);
    let other = token("ci", "deployer", "four");
    assert!(store.add_token(&other).await.unwrap());
    assert!(store.tokens().await.unwrap().contains(&other));
}
