//! A new admin token for who has the host: `midflight token recover` leaves its hash in the data folder, and the server
//! that runs on it, or starts on it next, takes it from there. The token itself is not in the file.

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

/// Where a new admin token is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Recovery(PathBuf);

impl Recovery {
    pub(crate) fn new(data_dir: &Path) -> Self {
        Self(data_dir.join(FILE))
    }

    /// Makes the admin token that was asked for, if one was, instead of the one that there is.
    pub(crate) async fn take(&self, store: &dyn Store, audit: &HostAudit) -> Result<(), StoreError> {
        let text = match tokio::fs::read_to_string(&self.0).await {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => {
                tracing::warn!(file = %self.0.display(), %error, "cannot read the request for a new admin token");
                return Ok(());
            }
        };
        match blake3::Hash::from_hex(text.trim()) {
            Ok(hash) => {
                let token = Token::new(ADMIN, ADMIN, &hash.to_hex(), jiff::Timestamp::now());
                store.put_token(&token).await?;
                // Before the file is removed: it is taken again when the entry cannot be stored.
                audit.keep(store, RECOVER, &self.0, None).await?;
                tracing::warn!("admin token replaced, as requested on this host");
            }
            Err(error) => {
                audit.keep(store, RECOVER, &self.0, Some("not_a_hash")).await?;
                tracing::warn!(file = %self.0.display(), %error, "request for a new admin token ignored: not a hash");
            }
        }
        if let Err(error) = tokio::fs::remove_file(&self.0).await {
            tracing::warn!(file = %self.0.display(), %error, "cannot remove the request for a new admin token");
        }
        Ok(())
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
