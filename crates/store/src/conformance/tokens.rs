//! What every store must do with tokens.

use std::sync::Arc;

use jiff::Timestamp;

use crate::{AgentLimits, PreviousHash, Token, TokenStore};

type SharedTokenStore = Arc<dyn TokenStore>;

fn at(millisecond: i64) -> Timestamp {
    Timestamp::from_millisecond(millisecond).unwrap()
}

fn token(name: &str, role: &str, hash: &str) -> Token {
    Token::new(name, role, hash, at(1))
}

/// A token is replaced by one of its name, and added only while there is none. Its role is kept, whether or not this
/// version knows it.
pub async fn tokens_are_kept_by_name(store: SharedTokenStore) {
    store.put_token(&token("admin", "admin", "one")).await.unwrap();
    store.put_token(&token("admin", "admin", "two")).await.unwrap();
    assert!(!store.add_token(&token("admin", "admin", "three")).await.unwrap(), "there is one of its name");
    assert_eq!(store.tokens().await.unwrap(), [token("admin", "admin", "two")]);
    let other = token("ci", "deployer", "four");
    assert!(store.add_token(&other).await.unwrap());
    assert!(store.tokens().await.unwrap().contains(&other));
}

/// Every limit of a token comes back, and one that replaces it brings none of them along.
pub async fn tokens_come_back_whole(store: SharedTokenStore) {
    let whole = Token {
        created_by: Some("admin".into()),
        expires_at: Some(at(2)),
        scopes: Some(vec!["rules/pricing/*".into(), "config/a\"b".into()]),
        agent: AgentLimits {
            at: Some(7),
            expose: Some("search".into()),
            pin: vec!["one".into(), "two".into()],
        },
        previous: Some(PreviousHash { hash: "zero".into(), until: at(3) }),
        ..token("ci", "editor", "one")
    };
    let nothing = Token { scopes: Some(Vec::new()), ..token("nothing", "viewer", "two") };
    for token in [&whole, &nothing] {
        assert!(store.add_token(token).await.unwrap());
    }
    assert_eq!(store.tokens().await.unwrap(), [whole, nothing]);
    let plain = token("ci", "editor", "three");
    store.put_token(&plain).await.unwrap();
    assert_eq!(store.tokens().await.unwrap().first(), Some(&plain));
}

/// Who rotates a token that was rotated or deleted meanwhile changes nothing.
pub async fn a_token_is_replaced_only_as_it_was_known(store: SharedTokenStore) {
    store.put_token(&token("ci", "editor", "one")).await.unwrap();
    assert!(!store.replace_token(&token("ci", "editor", "three"), "two").await.unwrap());
    assert!(store.replace_token(&token("ci", "editor", "two"), "one").await.unwrap());
    assert_eq!(store.tokens().await.unwrap(), [token("ci", "editor", "two")]);
    assert!(store.delete_token("ci").await.unwrap());
    assert!(!store.delete_token("ci").await.unwrap());
    assert!(!store.replace_token(&token("ci", "editor", "three"), "two").await.unwrap());
    assert_eq!(store.tokens().await.unwrap(), []);
}

/// Replicas see by a number that a token was made, replaced or deleted, and what changes nothing does not move it.
pub async fn every_change_of_a_token_is_counted(store: SharedTokenStore) {
    let mut last = store.token_changes().await.unwrap();
    let mut has_moved = async || {
        let now = store.token_changes().await.unwrap();
        std::mem::replace(&mut last, now) < now
    };
    store.put_token(&token("ci", "editor", "one")).await.unwrap();
    assert!(has_moved().await);
    store.put_token(&token("ci", "editor", "two")).await.unwrap();
    assert!(has_moved().await);
    assert!(store.replace_token(&token("ci", "editor", "three"), "two").await.unwrap());
    assert!(has_moved().await);
    store.note_token_uses(&[("ci".into(), at(5))]).await.unwrap();
    assert!(!has_moved().await, "a use is no change");
    assert!(store.delete_token("ci").await.unwrap());
    assert!(has_moved().await);
}

/// Of two that delete each other's token on what both saw, one does.
pub async fn a_token_is_deleted_only_as_long_as_no_other_changed(store: SharedTokenStore) {
    for round in 0..20 {
        store.put_token(&token("a", "admin", &format!("a{round}"))).await.unwrap();
        store.put_token(&token("b", "admin", &format!("b{round}"))).await.unwrap();
        let seen = store.token_changes().await.unwrap();
        let (a, b) = tokio::join!(store.delete_token_at("a", seen), store.delete_token_at("b", seen));
        assert_eq!([a.unwrap(), b.unwrap()].iter().filter(|deleted| **deleted).count(), 1, "round {round}");
        assert_eq!(store.tokens().await.unwrap().len(), 1);
    }
    let seen = store.token_changes().await.unwrap();
    assert!(!store.delete_token_at("nobody", seen).await.unwrap());
}

/// The latest use of a token is kept, and goes with the token.
pub async fn uses_of_tokens_are_noted(store: SharedTokenStore) {
    store.put_token(&token("a", "editor", "one")).await.unwrap();
    store.put_token(&token("b", "editor", "two")).await.unwrap();
    store.note_token_uses(&[("a".into(), at(5)), ("b".into(), at(6)), ("gone".into(), at(7))]).await.unwrap();
    store.note_token_uses(&[("a".into(), at(4)), ("b".into(), at(9))]).await.unwrap();
    assert_eq!(store.token_uses().await.unwrap(), [("a".into(), at(5)), ("b".into(), at(9))]);
    assert!(store.delete_token("a").await.unwrap());
    assert_eq!(store.token_uses().await.unwrap(), [("b".into(), at(9))]);
    store.note_token_uses(&[]).await.unwrap();
}
