//! The first key: one admin token from the first start, told once or kept in a file; the store has only its hash.

use std::io::{ErrorKind, Write as _};
use std::path::Path;

use midflight_store::Store;

use crate::ServeError;
use crate::auth::{Tokens, fresh_token, is_token, keep_admin};

/// Sees to it that there is an admin token. Answers a fresh one that nobody but the caller will ever be told.
pub(crate) async fn ensure(store: &dyn Store, file: Option<&Path>) -> Result<Option<String>, ServeError> {
    let Some(file) = file else {
        if !Tokens::load(store).await?.is_empty() {
            return Ok(None);
        }
        let token = fresh_token().map_err(ServeError::Randomness)?;
        keep_admin(store, &token).await?;
        return Ok(Some(token));
    };
    let failed = |error| ServeError::TokenFile(file.to_owned(), error);
    let token = match std::fs::read_to_string(file) {
        Ok(text) => text.trim().to_owned(),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let token = fresh_token().map_err(ServeError::Randomness)?;
            write_private(file, &token).map_err(failed)?;
            token
        }
        Err(error) => return Err(failed(error)),
    };
    if !is_token(&token) {
        let said = "a token is 32 to 256 visible ASCII characters; delete the file to get a fresh one";
        return Err(failed(std::io::Error::new(ErrorKind::InvalidData, said)));
    }
    keep_admin(store, &token).await?;
    Ok(None)
}

/// Makes a file that only its owner may read, with the token in it.
fn write_private(file: &Path, token: &str) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(file)?;
    writeln!(file, "{token}")?;
    file.sync_all()
}
