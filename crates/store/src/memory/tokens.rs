//! Tokens in memory.

use async_trait::async_trait;
use jiff::Timestamp;

use super::{MemoryLog, MemoryStore};
use crate::{StoreError, Token, TokenStore};

#[async_trait]
impl TokenStore for MemoryStore {
    async fn put_token(&self, token: &Token) -> Result<(), StoreError> {
        let mut log = self.log();
        log.tokens.insert(token.name.clone(), token.clone());
        log.token_changes += 1;
        Ok(())
    }

    async fn add_token(&self, token: &Token) -> Result<bool, StoreError> {
        let mut log = self.log();
        let is_new = !log.tokens.contains_key(&token.name);
        if is_new {
            log.tokens.insert(token.name.clone(), token.clone());
            log.token_changes += 1;
        }
        Ok(is_new)
    }

    async fn replace_token(&self, token: &Token, hash: &str) -> Result<bool, StoreError> {
        let mut log = self.log();
        let is_same = log.tokens.get(&token.name).is_some_and(|kept| kept.hash == hash);
        if is_same {
            log.tokens.insert(token.name.clone(), token.clone());
            log.token_changes += 1;
        }
        Ok(is_same)
    }

    async fn delete_token(&self, name: &str) -> Result<bool, StoreError> {
        Ok(self.log().delete_token(name))
    }

    async fn delete_token_at(&self, name: &str, changes: u64) -> Result<bool, StoreError> {
        let mut log = self.log();
        Ok(log.token_changes == changes && log.delete_token(name))
    }

    async fn tokens(&self) -> Result<Vec<Token>, StoreError> {
        Ok(self.log().tokens.values().cloned().collect())
    }

    async fn token_changes(&self) -> Result<u64, StoreError> {
        Ok(self.log().token_changes)
    }

    async fn note_token_uses(&self, uses: &[(String, Timestamp)]) -> Result<(), StoreError> {
        let mut log = self.log();
        for (name, at) in uses {
            let at = Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(*at);
            if log.tokens.contains_key(name) {
                let kept = log.token_uses.entry(name.clone()).or_insert(at);
                *kept = at.max(*kept);
            }
        }
        Ok(())
    }

    async fn token_uses(&self) -> Result<Vec<(String, Timestamp)>, StoreError> {
        Ok(self.log().token_uses.iter().map(|(name, at)| (name.clone(), *at)).collect())
    }
}

impl MemoryLog {
    fn delete_token(&mut self, name: &str) -> bool {
        let was_there = self.tokens.remove(name).is_some();
        self.token_uses.remove(name);
        self.token_changes += u64::from(was_there);
        was_there
    }
}
