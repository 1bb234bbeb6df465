//! The keys of a server, from the store and as it has them: made at the first start, read again while it runs.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use midflight_bus::Seal;
use midflight_http::app::AppState;
use midflight_http::tokens::{KnownTokens, Tokens, hash_of};
use midflight_store::{Store, StoreError, Token};
use tokio::sync::Notify;

use crate::admin_token::AdminTokenSource;
use crate::error::ServeError;
use crate::host_audit::HostAudit;
use crate::kept_tokens::KeptTokens;
use crate::recovery::Recovery;

/// How soon the keys of a store that was unavailable at the start are asked for again.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// How often it is noted in the store when tokens were used.
const NOTE_USES: Duration = Duration::from_secs(30);

/// The keys as the options give them.
pub(crate) struct TokenRefresher {
    first: AdminTokenSource,
    /// Where the tokens are kept for a start while the store is unavailable.
    kept: Option<KeptTokens>,
    /// What is kept there.
    last: Vec<Token>,
    /// Where a host asks for a new admin token.
    recovery: Option<Recovery>,
    /// Keeps what is done on this host.
    audit: HostAudit,
    /// The number of changes of tokens that was read last.
    changes: Option<u64>,
    /// Until when it was noted which tokens were used.
    noted: (Instant, Timestamp),
}

/// What the options say of keys.
pub(crate) struct KeyOptions {
    /// The file with the admin's token.
    pub(crate) file: Option<PathBuf>,
    /// Whether it replaces another admin token of the store.
    pub(crate) replaces: bool,
    pub(crate) kept: Option<KeptTokens>,
    pub(crate) recovery: Option<Recovery>,
    pub(crate) audit: HostAudit,
}

impl TokenRefresher {
    /// Reads the file with the admin's token, or makes it.
    pub(crate) fn read(options: KeyOptions) -> Result<Self, ServeError> {
        let KeyOptions { file, replaces, kept, recovery, audit } = options;
        let last = kept.as_ref().map_or_else(Vec::new, KeptTokens::read);
        let first = AdminTokenSource::read(file.as_deref(), replaces, recovery.clone())?;
        let noted = (Instant::now(), Timestamp::now());
        Ok(Self { first, kept, last, recovery, audit, changes: None, noted })
    }

    /// The tokens of the store, with a fresh one, which is answered too, if it had none.
    pub(crate) async fn first(&mut self, store: &dyn Store) -> Result<(Tokens, Option<String>), ServeError> {
        let message = self.first.keep(store, &self.audit).await?;
        self.recover(store).await?;
        let tokens = Tokens::new(KnownTokens::default());
        self.know(&tokens, store).await?;
        Ok((tokens, message))
    }

    /// What can be known while the store is unavailable: the tokens that it had when it was last read, and that of the
    /// file, which replaces the admin's.
    pub(crate) fn without_store(&self) -> Tokens {
        let of_file = match &self.first {
            AdminTokenSource::File(key) => key.wanted(),
            AdminTokenSource::Shown => None,
        };
        let is_replaced = |token: &&Token| of_file.as_ref().is_some_and(|of_file| of_file.name == token.name);
        let kept = self.last.iter().filter(|token| !is_replaced(token));
        Tokens::new(KnownTokens::of(&kept.chain(&of_file).cloned().collect::<Vec<_>>()))
    }

    /// Knows the tokens of the store, and keeps them. What could not be kept is kept the next time.
    async fn know(&mut self, known: &Tokens, store: &dyn Store) -> Result<(), StoreError> {
        // Before the tokens: a change in between is seen the next time.
        let changes = store.token_changes().await?;
        let tokens = known.refresh(store).await?;
        let mut is_kept = true;
        if let Some(kept) = self.kept.clone().filter(|_| tokens != self.last) {
            let written = tokio::task::spawn_blocking(move || kept.write(&tokens).then_some(tokens)).await;
            match written {
                Ok(Some(tokens)) => self.last = tokens,
                _ => is_kept = false,
            }
        }
        self.changes = is_kept.then_some(changes);
        Ok(())
    }

    /// Keeps the keys in step with the store's until the server stops. `is_kept` says whether the store has the token
    /// of the file already, `period` how often it is looked whether they changed, and `look` asks for that at once.
    pub(crate) async fn follow(
        mut self,
        app: AppState,
        seal: Seal,
        mut is_kept: bool,
        period: impl Fn() -> Duration + Send + 'static,
        look: Arc<Notify>,
    ) {
        loop {
            tokio::select! {
                turned = self.turn(&app, &seal, is_kept) => match turned {
                    Ok(()) => is_kept = true,
                    Err(error) => tracing::debug!(%error, "cannot read the keys; trying again"),
                },
                () = app.stopping.cancelled() => break,
            }
            // Other processes may change them, on SQLite too.
            tokio::select! {
                () = pause(|| if is_kept { period() } else { ASK_AGAIN }) => {}
                () = look.notified() => {}
                () = app.stopping.cancelled() => break,
            }
        }
        if let Err(error) = self.note_uses(&app).await {
            tracing::debug!(%error, "cannot note which tokens were used");
        }
    }

    async fn turn(&mut self, app: &AppState, seal: &Seal, is_kept: bool) -> Result<(), StoreError> {
        let store = &**app.engine.store();
        if !seal.is_known() {
            seal.know(store.hint_key().await?);
        }
        if !is_kept {
            self.first.keep_late(store, &self.audit).await?;
        }
        self.first.look(store, &self.audit).await?;
        self.recover(store).await?;
        if self.changes.is_none() || self.changes != Some(store.token_changes().await?) {
            self.know(&app.tokens, store).await?;
        }
        if self.noted.0.elapsed() >= NOTE_USES {
            self.note_uses(app).await?;
        }
        Ok(())
    }

    /// Makes the admin token that was asked for on this host.
    async fn recover(&self, store: &dyn Store) -> Result<(), StoreError> {
        match &self.recovery {
            Some(recovery) => {
                let of_file = match &self.first {
                    AdminTokenSource::File(key) => Some(hash_of(&key.token)),
                    AdminTokenSource::Shown => None,
                };
                recovery.take(store, &self.audit, of_file).await
            }
            None => Ok(()),
        }
    }

    /// Notes in the store which tokens were used since it was last noted.
    async fn note_uses(&mut self, app: &AppState) -> Result<(), StoreError> {
        let now = Timestamp::now();
        let uses = app.tokens.uses_since(self.noted.1);
        if !uses.is_empty() {
            app.engine.store().note_token_uses(&uses).await?;
        }
        // A use of this moment may be noted in the next second, and be noted again then.
        self.noted = (Instant::now(), now - jiff::SignedDuration::from_secs(2));
        Ok(())
    }
}

/// Waits for a period, which may be changed meanwhile.
async fn pause(period: impl Fn() -> Duration) {
    let began = Instant::now();
    loop {
        let left = period().saturating_sub(began.elapsed());
        if left.is_zero() {
            return;
        }
        tokio::time::sleep(left.min(ASK_AGAIN)).await;
    }
}
