//! The key of what agents hand back: cursors, questions, sessions.

use midflight_store::Store;

use crate::error::ServeError;

/// What the key is for, so that it is none of anything else that is made of the secret of the log.
const PURPOSE: &str = "midflight mcp seal 1";

/// The key that all replicas of a log have. While the log is unavailable it is a key of this replica alone, until its
/// next start.
pub(crate) async fn seal_key(store: &dyn Store) -> Result<[u8; 32], ServeError> {
    let mut key = [0; 32];
    match store.hint_key().await {
        Ok(secret) => key = blake3::derive_key(PURPOSE, &secret),
        Err(error) => {
            tracing::warn!(%error, "log unavailable; other replicas refuse the cursors and sessions of agents of this one");
            getrandom::fill(&mut key).map_err(ServeError::Randomness)?;
        }
    }
    Ok(key)
}
