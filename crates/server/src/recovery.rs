//! A new admin token for who has the host: `midflight token recover` leaves its hash in the data folder, and the server
//! that runs on it, or starts on it next, takes it from there. The token itself is not in the file.
//!
//! The hash of the token that it replaces stays in the folder, so that a start with the lost token in a file does not
//! make it the admin's again.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use midflight_http::principal::ADMIN;
use midflight_http::tokens::{fresh_token, hash_of};
use midflight_store::{Store, StoreError, Token};

use crate::admin_token::replace_private;
use crate::error::ServeError;
use crate::host_audit::HostAudit;

/// The file, in the data folder.
const FILE: &str = "recover-admin-token";
/// What the audit calls it.
const RECOVER: &str = "token recover";

/// The file with the hashes of the admin tokens that were replaced, one a line, in the data folder.
const LOST_FILE: &str = "lost-admin-tokens";
/// How many of them are kept. 100: the newest ones are those that a file may have still.
const LOST_MAX: usize = 100;

/// Where a new admin token is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Recovery {
    request: PathBuf,
    lost: PathBuf,
}

impl Recovery {
    pub(crate) fn new(data_dir: &Path) -> Self {
        Self { request: data_dir.join(FILE), lost: data_dir.join(LOST_FILE) }
    }

    /// Makes the admin token that was asked for, if one was, instead of the one that there is. `of_file` is the hash of
    /// the one that a file has, if one does.
    pub(crate) async fn take(
        &self,
        store: &dyn Store,
        audit: &HostAudit,
        of_file: Option<String>,
    ) -> Result<(), StoreError> {
        let file = self.request.display();
        let text = match tokio::fs::read_to_string(&self.request).await {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => {
                tracing::warn!(%file, %error, "cannot read the request for a new admin token");
                return Ok(());
            }
        };
        match blake3::Hash::from_hex(text.trim()) {
            Ok(hash) => {
                let token = Token::new(ADMIN, ADMIN, &hash.to_hex(), jiff::Timestamp::now());
                let tokens = store.tokens().await?;
                let replaced = tokens.into_iter().filter(|kept| kept.name == ADMIN).map(|kept| kept.hash);
                // Before it is replaced: after a crash in between it is asked for again.
                self.note_lost(replaced.chain(of_file).filter(|lost| *lost != token.hash).collect()).await;
                store.put_token(&token).await?;
                // Before the file is removed: it is taken again when the entry cannot be stored.
                audit.keep(store, RECOVER, &self.request, None).await?;
                tracing::warn!("admin token replaced, as requested on this host");
            }
            Err(error) => {
                audit.keep(store, RECOVER, &self.request, Some("not_a_hash")).await?;
                tracing::warn!(%file, %error, "request for a new admin token ignored: not a hash");
            }
        }
        if let Err(error) = tokio::fs::remove_file(&self.request).await {
            tracing::warn!(%file, %error, "cannot remove the request for a new admin token");
        }
        Ok(())
    }

    /// Whether an admin token, by its hash, was replaced by one that was asked for.
    pub(crate) fn is_lost(&self, hash: &str) -> bool {
        self.lost().iter().any(|lost| lost == hash)
    }

    fn lost(&self) -> Vec<String> {
        match std::fs::read_to_string(&self.lost) {
            Ok(text) => text.lines().map(str::to_owned).collect(),
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            Err(error) => {
                tracing::warn!(file = %self.lost.display(), %error, "cannot read which admin tokens were lost");
                Vec::new()
            }
        }
    }

    async fn note_lost(&self, hashes: Vec<String>) {
        let this = self.clone();
        let note = move || {
            let mut lost = this.lost();
            for hash in hashes {
                if !lost.contains(&hash) {
                    lost.push(hash);
                }
            }
            let newest = lost.split_off(lost.len().saturating_sub(LOST_MAX));
            replace_private(&this.lost, &newest.join("\n"))
        };
        if let Ok(Err(error)) = tokio::task::spawn_blocking(note).await {
            tracing::error!(
                file = %self.lost.display(),
                %error,
                "cannot note which admin token was lost; if --admin-token-file has it, write another one there"
            );
        }
    }
}

/// A new admin token that was asked for.
#[derive(Debug)]
pub struct RecoveredToken {
    /// The token. It is valid once the server has taken the request.
    pub token: String,
    file: PathBuf,
}

impl RecoveredToken {
    /// Whether a server has taken the request, so that the token is valid.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        !self.file.exists()
    }
}

/// Asks the server of a data folder for a new admin token, instead of the one that there is. The server that runs takes
/// it within a second, and else the next that starts. On a log that several servers share it is the admin token of all.
///
/// # Errors
/// [`ServeError::DataDir`] when the folder is not there or cannot be written.
pub fn recover_admin_token(data_dir: &Path) -> Result<RecoveredToken, ServeError> {
    let failed = |error| ServeError::DataDir(data_dir.to_owned(), error);
    if !data_dir.is_dir() {
        let output = "it is not a folder; name the --data-dir of the server";
        return Err(failed(std::io::Error::new(ErrorKind::NotFound, output)));
    }
    let token = fresh_token().map_err(ServeError::Randomness)?;
    let file = data_dir.join(FILE);
    replace_private(&file, &hash_of(&token)).map_err(failed)?;
    Ok(RecoveredToken { token, file })
}

#[cfg(test)]
mod tests {
    use midflight_store::{MemoryStore, TokenStore as _};

    use super::*;
    use crate::admin_token::AdminTokenSource;

    async fn admin_hash(store: &MemoryStore) -> String {
        store.tokens().await.unwrap().iter().find(|token| token.name == ADMIN).unwrap().hash.clone()
    }

    #[tokio::test]
    async fn a_lost_token_that_a_file_has_still_is_refused_after_every_start() {
        let folder = tempfile::tempdir().unwrap();
        let (store, file) = (MemoryStore::new(), folder.path().join("token"));
        let lost = fresh_token().unwrap();
        std::fs::write(&file, &lost).unwrap();
        let (recovery, audit) = (Recovery::new(folder.path()), HostAudit { replica: "r1".to_owned() });
        // A log of a single server: the file replaces what the store has.
        let start = || AdminTokenSource::read(Some(&file), true, Some(recovery.clone())).unwrap();
        start().keep(&store, &audit).await.unwrap();
        assert_eq!(admin_hash(&store).await, hash_of(&lost));

        let recovered = hash_of(&recover_admin_token(folder.path()).unwrap().token);
        recovery.take(&store, &audit, Some(hash_of(&lost))).await.unwrap();
        let mut again = start();
        again.keep(&store, &audit).await.unwrap();
        again.keep_late(&store, &audit).await.unwrap();
        assert_eq!(admin_hash(&store).await, recovered, "the lost token is the admin's again");
        match &again {
            AdminTokenSource::File(key) => assert_eq!(key.wanted(), None, "nor without the store"),
            AdminTokenSource::Shown => panic!("it has a file"),
        }

        // Another token in the file counts, and the lost one does not come back by a change of it either.
        let other = fresh_token().unwrap();
        std::fs::write(&file, &other).unwrap();
        again.look(&store, &audit).await.unwrap();
        assert_eq!(admin_hash(&store).await, hash_of(&other));
        std::fs::write(&file, &lost).unwrap();
        again.look(&store, &audit).await.unwrap();
        assert_eq!(admin_hash(&store).await, hash_of(&other));
        let text = std::fs::read_to_string(folder.path().join(LOST_FILE)).unwrap();
        assert!(!text.contains(&lost) && text.lines().count() == 1, "only its hash is kept: {text}");
    }
}
