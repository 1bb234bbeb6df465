//! The first key: one admin token from the first start, told once or kept in a file; the store has only its hash.

use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use midflight_store::{Store, StoreError, Token};

use crate::error::ServeError;
use midflight_http::tokens::{Tokens, admin, fresh_token, is_token};

/// Where the admin's token comes from.
pub(crate) enum FirstKey {
    /// From a file.
    File(FileKey),
    /// From this program, if the store knows none.
    Told,
}

/// The admin's token of a file.
pub(crate) struct FileKey {
    file: PathBuf,
    pub(crate) token: String,
    /// Whether it replaces another one that the store has.
    replaces: bool,
}

impl FileKey {
    /// Sees to it that the store knows it. Answers whether it does: not when the store has another one that is not to be replaced.
    async fn keep(&self, store: &dyn Store) -> Result<bool, StoreError> {
        let wanted = admin(&self.token);
        if self.replaces {
            store.put_token(&wanted).await?;
            return Ok(true);
        }
        let is_same = |kept: &Token| kept.name == wanted.name && kept.hash == wanted.hash;
        Ok(store.add_token(&wanted).await? || store.tokens().await?.iter().any(is_same))
    }
}

impl FirstKey {
    /// Reads the file, or makes it with a fresh token. `replaces` says whether it replaces another admin token of the store.
    pub(crate) fn read(file: Option<&Path>, replaces: bool) -> Result<Self, ServeError> {
        let Some(file) = file else { return Ok(Self::Told) };
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
        Ok(Self::File(FileKey { file: file.to_owned(), token, replaces }))
    }

    /// Sees to it that the store knows an admin's token. Answers a fresh one that nobody but the caller will ever be
    /// told. Of several servers that start on an empty store at once, one answers it.
    pub(crate) async fn keep(&self, store: &dyn Store) -> Result<Option<String>, ServeError> {
        match self {
            Self::File(key) => match key.keep(store).await? {
                true => Ok(None),
                false => Err(ServeError::OtherAdminToken(key.file.clone())),
            },
            Self::Told => {
                let token = fresh_token().map_err(ServeError::Randomness)?;
                let is_first =
                    Tokens::read(store).await?.is_empty() && store.add_token(&admin(&token)).await?;
                Ok(is_first.then_some(token))
            }
        }
    }

    /// Does what [`Self::keep`] does, for a store that was away then and has known servers before.
    pub(crate) async fn keep_late(&self, store: &dyn Store) -> Result<(), StoreError> {
        match self {
            Self::File(key) => {
                if !key.keep(store).await? {
                    // It is too late to refuse to start, and others go by the token that is there.
                    let error = ServeError::OtherAdminToken(key.file.clone());
                    tracing::error!(%error, "the admin token of the log is used");
                }
                Ok(())
            }
            Self::Told => Ok(()),
        }
    }
}

/// Makes a file that only its owner may read, with the token in it, instead of one that is there.
pub(crate) fn replace_private(file: &Path, token: &str) -> std::io::Result<()> {
    let mut beside = file.as_os_str().to_owned();
    beside.push(".new");
    let beside = Path::new(&beside);
    match std::fs::remove_file(beside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => write_private(beside, token)?,
    }
    std::fs::rename(beside, file)
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
