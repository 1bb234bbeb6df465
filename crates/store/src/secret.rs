//! Random bytes that cannot be guessed.

use crate::StoreError;

/// The system's randomness, enough for a key.
pub(crate) fn new_key() -> Result<[u8; 32], StoreError> {
    let mut key = [0; 32];
    let made = getrandom::fill(&mut key);
    made.map(|()| key).map_err(|error| StoreError::Unavailable(format!("no randomness for a key: {error}")))
}
