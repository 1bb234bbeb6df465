//! Decides which hint is trusted: one that is signed with the key in the log's store.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

type Keyed = Hmac<Sha256>;

/// Bound into every proof, so that a proof of anything else that the key may come to be used for is none of a hint.
const PURPOSE: &[u8] = b"midflight hint 1\n";

/// Proves hints with HMAC-SHA256 by the log's key. The key may become known after the bus was made, since the bus comes
/// up before the store answers; until then no hint carries a change, and none that comes in is believed.
///
/// Cloning it is cheap, and all clones share the key.
#[derive(Clone, Default)]
pub struct Seal {
    key: Arc<RwLock<Option<Keyed>>>,
}

impl Seal {
    /// One that does not know the key yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the key. What was known before is forgotten.
    pub fn know(&self, key: [u8; 32]) {
        // A key of any length is a key for HMAC, so this is never none.
        let keyed = Keyed::new_from_slice(&key).ok();
        *self.key.write().unwrap_or_else(PoisonError::into_inner) = keyed;
    }

    /// Whether it knows the key.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.key.read().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn over(&self, message: &[u8]) -> Option<Keyed> {
        let keyed = self.key.read().unwrap_or_else(PoisonError::into_inner).clone()?;
        Some(keyed.chain_update(PURPOSE).chain_update(message))
    }

    /// The proof of these exact bytes; none while the key is unknown.
    pub(crate) fn prove(&self, message: &[u8]) -> Option<[u8; 32]> {
        Some(self.over(message)?.finalize().into_bytes().into())
    }

    /// Whether that is the proof of these bytes. Takes as long for a near miss as for any other.
    pub(crate) fn holds(&self, message: &[u8], proof: &[u8; 32]) -> bool {
        self.over(message).is_some_and(|keyed| keyed.verify_slice(proof).is_ok())
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seal").field("is_known", &self.is_known()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_key_proves_and_only_these_bytes() {
        let seal = Seal::new();
        let clone = seal.clone();
        assert_eq!(seal.prove(b"a"), None);
        assert!(!seal.holds(b"a", &[0; 32]));
        clone.know([7; 32]);
        let proof = seal.prove(b"a").unwrap();
        assert!(seal.holds(b"a", &proof) && !seal.holds(b"b", &proof));
        clone.know([8; 32]);
        assert!(!seal.holds(b"a", &proof));
        assert_eq!(format!("{seal:?}"), "Seal { is_known: true, .. }");
    }
}
