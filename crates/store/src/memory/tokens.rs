//! Tokens in memory.

use async_trait::async_trait;

use super::MemoryStore;
use crate::{StoreError, Token, TokenStore};

#[async_trait]
impl TokenStore for MemoryStore {
    async fn put_token(&self, token: &Token) -> Result<(), StoreError> {
        self.log().tokens.insert(token.name.clone(), token.clone());
        Ok(())
    }

    async fn add_token(&self, token: &Token) -> Result<bool, StoreError> {
        let mut log = self.log();
        let is_new = !log.tokens.contains_key(&token.name);
        log.tokens.entry(token.name.clone()).or_insert_with(|| token.clone());
        Ok(is_new)
    }

    async fn tokens(&self) -> Result<Vec<Token>, StoreError> {
        Ok(self.log().tokens.values().cloned().collect())
    }
}
