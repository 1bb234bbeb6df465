//! The keys of a server, from the store and as it has them: made at the first start, read again while it runs.

use std::path::Path;
use std::time::{Duration, Instant};

use midflight_bus::Seal;
use midflight_store::{Store, StoreError, Token};

use crate::error::ServeError;
use crate::first_key::FirstKey;
use crate::kept_tokens::KeptTokens;
use midflight_http::app::App;
use midflight_http::tokens::{Known, Tokens, admin, known};

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

/// How soon the keys of a store that was unavailable at the start are asked for again.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// The keys as the options give them.
pub(crate) struct Keys {
    first: FirstKey,
    /// Where the tokens are kept for a start while the store is unavailable.
    kept: Option<KeptTokens>,
    /// What is kept there.
    last: Vec<Token>,
}

impl Keys {
    /// Reads the file with the admin's token, or makes it.
    ///
    /// `replaces` says whether it replaces another admin token of the store.
    pub(crate) fn read(
        file: Option<&Path>,
        replaces: bool,
        kept: Option<KeptTokens>,
    ) -> Result<Self, ServeError> {
        let last = kept.as_ref().map_or_else(Vec::new, KeptTokens::read);
        Ok(Self { first: FirstKey::read(file, replaces)?, kept, last })
    }

    /// The tokens of the store, with a fresh one, which is answered too, if it had none.
    pub(crate) async fn first(&mut self, store: &dyn Store) -> Result<(Tokens, Option<String>), ServeError> {
        let told = self.first.keep(store).await?;
        Ok((Tokens::new(self.of_store(store).await?), told))
    }

    /// What can be known while the store is unavailable: the tokens that it had when it was last read, and that of the file, which
    /// replaces the admin's.
    pub(crate) fn without_store(&self) -> Tokens {
        let of_file = match &self.first {
            FirstKey::File(key) => Some(admin(&key.token)),
            FirstKey::Told => None,
        };
        let is_replaced = |token: &&Token| of_file.as_ref().is_some_and(|of_file| of_file.name == token.name);
        let kept = self.last.iter().filter(|token| !is_replaced(token));
        Tokens::new(kept.chain(&of_file).filter_map(known).collect())
    }

    /// The tokens of the store, which are kept. What could not be kept is kept the next time.
    async fn of_store(&mut self, store: &dyn Store) -> Result<Known, StoreError> {
        let tokens = store.tokens().await?;
        let of_store = tokens.iter().filter_map(known).collect();
        if let Some(kept) = self.kept.clone().filter(|_| tokens != self.last) {
            let written = tokio::task::spawn_blocking(move || kept.write(&tokens).then_some(tokens)).await;
            if let Ok(Some(tokens)) = written {
                self.last = tokens;
            }
        }
        Ok(of_store)
    }

    /// Keeps the keys in step with the store's until the server stops. `is_kept` says whether the store has the token of
    /// the file already, and `period` how often they are read again.
    pub(crate) async fn follow(
        mut self,
        app: App,
        seal: Seal,
        mut is_kept: bool,
        period: impl Fn() -> Duration + Send + 'static,
    ) {
        loop {
            tokio::select! {
                turned = self.turn(&app, &seal, is_kept) => match turned {
                    Ok(()) => is_kept = true,
                    Err(error) => tracing::debug!(%error, "the keys cannot be read for now"),
                },
                () = app.stopping.cancelled() => return,
            }
            // Other processes may change them, on SQLite too.
            tokio::select! {
                () = pause(|| if is_kept { period() } else { ASK_AGAIN }) => {}
                () = app.stopping.cancelled() => return,
            }
        }
    }

    async fn turn(&mut self, app: &App, seal: &Seal, is_kept: bool) -> Result<(), StoreError> {
        let store = &**app.engine.store();
        if !seal.is_known() {
            seal.know(store.hint_key().await?);
        }
        if !is_kept {
            self.first.keep_late(store).await?;
        }
        app.tokens.know(self.of_store(store).await?);
        Ok(())
    }
}
