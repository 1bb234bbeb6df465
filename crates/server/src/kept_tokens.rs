//! The hashes of the tokens in the data folder, for a start while the log is unavailable.

use std::io::ErrorKind;
use std::path::PathBuf;

use midflight_store::Token;
use serde::{Deserialize, Serialize};

use crate::first_key::replace_private;

/// The file of a server that keeps a copy of what it serves.
#[derive(Debug, Clone)]
pub(crate) struct KeptTokens(PathBuf);

/// A token as it is kept: never the token itself.
#[derive(Serialize, Deserialize)]
struct Kept {
    name: String,
    role: String,
    hash: String,
    /// As RFC 3339 writes it.
    created_at: String,
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
        let kept: Vec<Kept> = match serde_json::from_str(&text) {
            Ok(kept) => kept,
            Err(error) => return self.unreadable(&error),
        };
        let token = |Kept { name, role, hash, created_at }| {
            created_at.parse().map(|created_at| Token { name, role, hash, created_at })
        };
        let tokens: Result<_, jiff::Error> = kept.into_iter().map(token).collect();
        tokens.unwrap_or_else(|error| self.unreadable(&error))
    }

    fn unreadable(&self, error: &dyn std::fmt::Display) -> Vec<Token> {
        let file = self.0.display();
        tracing::warn!(%file, %error, "cannot read the copy of the tokens; tokens are unknown until the log is available");
        Vec::new()
    }

    /// Keeps these, and returns whether that succeeded. Without them a server that starts while the log is unavailable does not
    /// know them.
    pub(crate) fn write(&self, tokens: &[Token]) -> bool {
        let kept = |token: &Token| {
            let Token { name, role, hash, created_at } = token.clone();
            Kept { name, role, hash, created_at: created_at.to_string() }
        };
        let text = serde_json::to_string(&tokens.iter().map(kept).collect::<Vec<_>>());
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
    fn what_is_kept_comes_back_and_what_is_damaged_is_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tokens");
        let kept = KeptTokens::new(file.clone());
        assert_eq!(kept.read(), []);
        let (name, role, hash) = ("ci".to_owned(), "deployer".to_owned(), "ab".repeat(32));
        let token = Token { name, role, hash, created_at: Timestamp::UNIX_EPOCH };
        for tokens in [vec![token.clone()], vec![token.clone(), token]] {
            assert!(kept.write(&tokens));
            assert_eq!(kept.read(), tokens);
        }
        std::fs::write(&file, "[{").unwrap();
        assert_eq!(kept.read(), []);
    }
}
