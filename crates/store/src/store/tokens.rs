//! API tokens, by their hash.

use async_trait::async_trait;

use crate::{StoreError, Token};

/// The tokens of those who may call. The store knows their hashes, never the tokens.
#[async_trait]
pub trait TokenStore: Send + Sync {
    /// Keeps a token. One of the same name is replaced.
    async fn put_token(&self, token: &Token) -> Result<(), StoreError>;

    /// Keeps a token unless there is one of its name. Answers whether it was kept: of many who ask at once, one is told
    /// so.
    async fn add_token(&self, token: &Token) -> Result<bool, StoreError>;

    /// Every token.
    async fn tokens(&self) -> Result<Vec<Token>, StoreError>;
}
