//! The first key: one admin token from the first start, shown once or kept in a file; the store has only its hash.

use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use midflight_http::tokens::{admin, fresh_token, hash_of, is_token};
use midflight_store::{Store, StoreError, Token};

use crate::error::ServeError;
use crate::host_audit::HostAudit;
use crate::recovery::Recovery;

/// What the audit calls it when the file has another token.
const CHANGED: &str = "admin token file changed";
/// Why a changed file may have no effect: another admin token is that of the log.
const OTHER: &str = "other_admin_token";

/// Where the admin's token comes from.
pub(crate) enum AdminTokenSource {
    /// From a file.
    File(FileKey),
    /// From this program, if the store knows none.
    Shown,
}

/// The admin's token of a file.
pub(crate) struct FileKey {
    file: PathBuf,
    pub(crate) token: String,
    /// Whether it replaces another one that the store has.
    replaces: bool,
    /// Knows which tokens were lost, and replaced on this host.
    recovery: Option<Recovery>,
}

impl FileKey {
    /// The token, as the store keeps it; none for one that was lost, and replaced on this host.
    pub(crate) fn wanted(&self) -> Option<Token> {
        self.not_lost(admin(&self.token))
    }

    fn not_lost(&self, token: Token) -> Option<Token> {
        let is_lost = self.recovery.as_ref().is_some_and(|recovery| recovery.is_lost(&token.hash));
        if is_lost {
            tracing::error!(
                file = %self.file.display(),
                "the token of this file was replaced by `midflight token recover` and is refused; write the new token \
                 into the file"
            );
        }
        (!is_lost).then_some(token)
    }

    /// Sees to it that the store knows it. Answers whether it does: not when the store has another one that is not to
    /// be replaced. One that was lost is left out; the one that replaced it stays.
    async fn keep(&self, store: &dyn Store, audit: &HostAudit) -> Result<bool, StoreError> {
        let Some(wanted) = self.wanted() else { return Ok(true) };
        let is_same = |kept: &Token| kept.name == wanted.name && kept.hash == wanted.hash;
        if self.replaces {
            let is_other = |kept: &Token| kept.name == wanted.name && !is_same(kept);
            let replaces_other = store.tokens().await?.iter().any(is_other);
            store.put_token(&wanted).await?;
            if replaces_other {
                // It was changed while no server ran on it.
                audit.keep(store, CHANGED, &self.file, None).await?;
            }
            return Ok(true);
        }
        Ok(store.add_token(&wanted).await? || store.tokens().await?.iter().any(is_same))
    }
}

impl FileKey {
    /// Looks whether the file has another token now, and sees to it that it is the admin's then.
    async fn look(&mut self, store: &dyn Store, audit: &HostAudit) -> Result<(), StoreError> {
        let Some(token) = self.changed().await else { return Ok(()) };
        let Some(wanted) = self.not_lost(admin(&token)) else {
            self.token = token;
            return Ok(());
        };
        // Of a shared log only the token that this file had is replaced, unless it was said that any is to be.
        let is_admin = match self.replaces {
            true => store.put_token(&wanted).await.map(|()| true)?,
            false => {
                let replaced = store.replace_token(&wanted, &hash_of(&self.token)).await?;
                let is_same = |kept: &Token| kept.name == wanted.name && kept.hash == wanted.hash;
                replaced || store.tokens().await?.iter().any(is_same)
            }
        };
        // Before the token is known here: it is looked at again when the entry cannot be stored.
        audit.keep(store, CHANGED, &self.file, (!is_admin).then_some(OTHER)).await?;
        match is_admin {
            true => {
                tracing::info!(file = %self.file.display(), "admin token changed in its file; now in effect")
            }
            false => {
                let error = ServeError::OtherAdminToken(self.file.clone());
                tracing::error!(%error, "admin token changed in its file; not in effect");
            }
        }
        self.token = token;
        Ok(())
    }

    /// The token of the file, if it is a good one and not the one that is known.
    async fn changed(&self) -> Option<String> {
        // A file that is being replaced is looked at again.
        let text = tokio::fs::read_to_string(&self.file).await.ok()?;
        let token = text.trim();
        (token != self.token && is_token(token)).then(|| token.to_owned())
    }
}

impl AdminTokenSource {
    /// Looks whether the admin's token was changed in its file.
    pub(crate) async fn look(&mut self, store: &dyn Store, audit: &HostAudit) -> Result<(), StoreError> {
        match self {
            Self::File(key) => key.look(store, audit).await,
            Self::Shown => Ok(()),
        }
    }

    /// Reads the file, or makes it with a fresh token. `replaces` is whether it replaces another admin token of the
    /// store, and `recovery` knows which were lost.
    pub(crate) fn read(
        file: Option<&Path>,
        replaces: bool,
        recovery: Option<Recovery>,
    ) -> Result<Self, ServeError> {
        let Some(file) = file else { return Ok(Self::Shown) };
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
            let output = "a token is 32 to 256 visible ASCII characters; delete the file to get a fresh one";
            return Err(failed(std::io::Error::new(ErrorKind::InvalidData, output)));
        }
        Ok(Self::File(FileKey { file: file.to_owned(), token, replaces, recovery }))
    }

    /// Sees to it that the store knows an admin's token. Answers a fresh one, which only the caller ever gets. Of
    /// several servers that start on an empty store at once, one answers it.
    pub(crate) async fn keep(
        &self,
        store: &dyn Store,
        audit: &HostAudit,
    ) -> Result<Option<String>, ServeError> {
        match self {
            Self::File(key) => match key.keep(store, audit).await? {
                true => Ok(None),
                false => Err(ServeError::OtherAdminToken(key.file.clone())),
            },
            Self::Shown => {
                let token = fresh_token().map_err(ServeError::Randomness)?;
                let is_first = store.tokens().await?.is_empty() && store.add_token(&admin(&token)).await?;
                Ok(is_first.then_some(token))
            }
        }
    }

    /// Does what [`Self::keep`] does, for a store that was unavailable then and has known servers before.
    pub(crate) async fn keep_late(&self, store: &dyn Store, audit: &HostAudit) -> Result<(), StoreError> {
        match self {
            Self::File(key) => {
                if !key.keep(store, audit).await? {
                    // It is too late to refuse to start, and others go by the token that is there.
                    let error = ServeError::OtherAdminToken(key.file.clone());
                    tracing::error!(%error, "using the admin token of the log");
                }
                Ok(())
            }
            Self::Shown => Ok(()),
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
