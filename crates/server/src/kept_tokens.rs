//! The hashes of the tokens in the data folder, for a start while the log is unavailable.

use std::io::ErrorKind;
use std::path::PathBuf;

use midflight_store::{AgentLimits, PreviousHash, Token};
use serde::{Deserialize, Serialize};

use crate::admin_token::replace_private;

/// The file of a server that keeps a copy of what it serves.
#[derive(Debug, Clone)]
pub(crate) struct KeptTokens(PathBuf);

/// A token as it is kept: never the token itself.
#[derive(Serialize, Deserialize)]
struct StoredToken {
    name: String,
    role: String,
    hash: String,
    /// As RFC 3339 writes it.
    created_at: String,
    #[serde(default)]
    created_by: Option<String>,
    #[serde(default)]
    expires_at: Option<String>,
    /// As the store has them.
    #[serde(default)]
    scopes: Option<String>,
    #[serde(default)]
    agent: Option<String>,
    /// The hash before the last rotation, and until when it is valid.
    #[serde(default)]
    previous: Option<(String, String)>,
}

impl StoredToken {
    fn new(token: &Token) -> Self {
        Self {
            name: token.name.clone(),
            role: token.role.clone(),
            hash: token.hash.clone(),
            created_at: token.created_at.to_string(),
            created_by: token.created_by.clone(),
            expires_at: token.expires_at.map(|at| at.to_string()),
            scopes: token.scopes_text(),
            agent: token.agent.text(),
            previous: token.previous.as_ref().map(|it| (it.hash.clone(), it.until.to_string())),
        }
    }

    fn token(self) -> Result<Token, jiff::Error> {
        let previous =
            self.previous.map(|(hash, until)| until.parse().map(|until| PreviousHash { hash, until }));
        Ok(Token {
            created_by: self.created_by,
            expires_at: self.expires_at.map(|at| at.parse()).transpose()?,
            scopes: Token::scopes_of(self.scopes.as_deref()),
            agent: AgentLimits::of(self.agent.as_deref()),
            previous: previous.transpose()?,
            ..Token::new(&self.name, &self.role, &self.hash, self.created_at.parse()?)
        })
    }
}

impl KeptTokens {
    pub(crate) fn new(file: PathBuf) -> Self {
        Self(file)
    }

    /// The tokens that the log had when it was last read; none if there is no file that can be read.
    pub(crate) fn read(&self) -> Vec<Token> {
        let text = match std::fs::read_to_string(&self.0) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Vec::new(),
            Err(error) => return self.unreadable(&error),
        };
        let kept: Vec<StoredToken> = match serde_json::from_str(&text) {
            Ok(kept) => kept,
            Err(error) => return self.unreadable(&error),
        };
        let tokens: Result<_, jiff::Error> = kept.into_iter().map(StoredToken::token).collect();
        tokens.unwrap_or_else(|error| self.unreadable(&error))
    }

    fn unreadable(&self, error: &dyn std::fmt::Display) -> Vec<Token> {
        let file = self.0.display();
        tracing::warn!(%file, %error, "cannot read the copy of the tokens; tokens are unknown until the log is available");
        Vec::new()
    }

    /// Keeps these, and returns whether that succeeded. Without them a server that starts while the log is unavailable
    /// does not know them.
    pub(crate) fn write(&self, tokens: &[Token]) -> bool {
        let text = serde_json::to_string(&tokens.iter().map(StoredToken::new).collect::<Vec<_>>());
        let written = text.map_err(std::io::Error::from).and_then(|text| replace_private(&self.0, &text));
        if let Err(error) = &written {
            tracing::warn!(file = %self.0.display(), %error, "cannot write the copy of the tokens; trying again");
        }
        written.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    #[test]
    fn the_stored_content_is_restored_and_a_damaged_one_is_ignored() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tokens");
        let kept = KeptTokens::new(file.clone());
        assert_eq!(kept.read(), []);
        let hash = "ab".repeat(32);
        let token = Token {
            created_by: Some("admin".to_owned()),
            expires_at: Some(Timestamp::UNIX_EPOCH),
            scopes: Some(vec!["rules/*".to_owned()]),
            agent: AgentLimits { at: Some(3), ..AgentLimits::default() },
            previous: Some(PreviousHash { hash: hash.clone(), until: Timestamp::UNIX_EPOCH }),
            ..Token::new("ci", "deployer", &hash, Timestamp::UNIX_EPOCH)
        };
        for tokens in [vec![token.clone()], vec![token.clone(), token]] {
            assert!(kept.write(&tokens));
            assert_eq!(kept.read(), tokens);
        }
        std::fs::write(&file, "[{").unwrap();
        assert_eq!(kept.read(), []);
    }
}
