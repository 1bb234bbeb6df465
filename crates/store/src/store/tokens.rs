//! API tokens, by their hash.

use async_trait::async_trait;
use jiff::Timestamp;

use crate::{StoreError, Token};

/// The tokens of those who may call. The store knows their hashes, never the tokens.
#[async_trait]
pub trait TokenStore: Send + Sync {
    /// Keeps a token. One of the same name is replaced.
    async fn put_token(&self, token: &Token) -> Result<(), StoreError>;

    /// Keeps a token unless there is one of its name. Answers whether it was kept: of many concurrent callers, one gets
    /// true.
    async fn add_token(&self, token: &Token) -> Result<bool, StoreError>;

    /// Replaces the token of this name if its hash is still `hash`. Answers whether it was replaced: one that was
    /// deleted or rotated meanwhile stays as it is.
    async fn replace_token(&self, token: &Token, hash: &str) -> Result<bool, StoreError>;

    /// Deletes a token, and when it was last used. Answers whether there was one.
    async fn delete_token(&self, name: &str) -> Result<bool, StoreError>;

    /// Deletes a token if [`Self::token_changes`] is still `changes`. Answers whether it was deleted: of many concurrent
    /// callers that saw the same tokens, one gets true.
    async fn delete_token_at(&self, name: &str, changes: u64) -> Result<bool, StoreError>;

    /// Every token, by name.
    async fn tokens(&self) -> Result<Vec<Token>, StoreError>;

    /// A number that moves with every change of a token, whichever process makes it. Cost: one small read.
    async fn token_changes(&self) -> Result<u64, StoreError>;

    /// Notes when tokens were used, by name; the latest time stays. It need not survive a crash of the machine.
    async fn note_token_uses(&self, uses: &[(String, Timestamp)]) -> Result<(), StoreError>;

    /// When each token was last used, as far as that was noted, by name. Kept to the microsecond.
    async fn token_uses(&self) -> Result<Vec<(String, Timestamp)>, StoreError>;
}
