//! What clients hand back is sealed: cursors, the state of a question, the ids of sessions.
//!
//! The seal is the one of `rmcp` (HMAC-SHA256 with an expiry), with a key derived for this purpose. It shows what is in
//! it to who looks, and cannot be forged; it is bound to its purpose and to a caller.

use std::time::Duration;

use rmcp::model::{RequestStateCodec, RequestStateError, SealOptions};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What a seal is for. A value that was sealed for one purpose is refused for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SealPurpose {
    Cursor,
    Question,
    Session,
}

impl SealPurpose {
    fn as_str(self) -> &'static str {
        match self {
            Self::Cursor => "cursor",
            Self::Question => "question",
            Self::Session => "session",
        }
    }
}

/// Why a sealed value is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SealError {
    /// It was made too long ago.
    Expired,
    /// It was not made here, or for something else, or for someone else.
    Forged,
}

/// Seals and opens.
pub(crate) struct Sealer {
    codec: RequestStateCodec,
}

impl Sealer {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        let derived = blake3::derive_key("midflight mcp sealed values v1", key);
        // The length is the one that the codec asks for, by the type of the key.
        Self { codec: RequestStateCodec::new_unchecked(derived.to_vec()) }
    }

    /// Seals a value, to be opened within `ttl` for the same purpose with the same context. None when it is no JSON.
    pub(crate) fn seal(
        &self,
        purpose: SealPurpose,
        context: &[&str],
        value: &impl Serialize,
        ttl: Duration,
    ) -> Option<String> {
        let data = associated(purpose, context);
        self.codec.seal_json_with(value, &SealOptions::new().associated_data(&data).ttl(ttl)).ok()
    }

    /// Opens a sealed value.
    pub(crate) fn open<T: DeserializeOwned>(
        &self,
        purpose: SealPurpose,
        context: &[&str],
        sealed: &str,
    ) -> Result<T, SealError> {
        self.codec.open_json_with(sealed, &associated(purpose, context)).map_err(|error| match error {
            RequestStateError::Expired => SealError::Expired,
            _ => SealError::Forged,
        })
    }
}

/// The context as bytes: each part with its length, so that no two contexts are the same bytes.
fn associated(purpose: SealPurpose, context: &[&str]) -> Vec<u8> {
    let mut data = Vec::new();
    for part in std::iter::once(&purpose.as_str()).chain(context) {
        data.extend_from_slice(&(part.len() as u64).to_be_bytes());
        data.extend_from_slice(part.as_bytes());
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_is_of_one_purpose_one_context_and_one_key() {
        let sealer = Sealer::new(&[1; 32]);
        let ttl = Duration::from_secs(60);
        let sealed = sealer.seal(SealPurpose::Cursor, &["ada", "x"], &7, ttl).unwrap();
        let open = |sealer: &Sealer, purpose, context: &[&str], sealed: &str| {
            sealer.open::<u32>(purpose, context, sealed)
        };
        assert_eq!(open(&sealer, SealPurpose::Cursor, &["ada", "x"], &sealed), Ok(7));
        assert_eq!(open(&Sealer::new(&[1; 32]), SealPurpose::Cursor, &["ada", "x"], &sealed), Ok(7));
        for (sealer, purpose, context) in [
            (&sealer, SealPurpose::Session, &["ada", "x"][..]),
            (&sealer, SealPurpose::Cursor, &["adax", ""]),
            (&sealer, SealPurpose::Cursor, &["bob", "x"]),
            (&Sealer::new(&[2; 32]), SealPurpose::Cursor, &["ada", "x"]),
        ] {
            assert_eq!(open(sealer, purpose, context, &sealed), Err(SealError::Forged));
        }
        for forged in ["", "x", "rs1.AAAA.AAAA", &sealed[..sealed.len() - 2]] {
            assert_eq!(
                open(&sealer, SealPurpose::Cursor, &["ada", "x"], forged),
                Err(SealError::Forged),
                "{forged}"
            );
        }
        let short = sealer.seal(SealPurpose::Cursor, &[], &7, Duration::ZERO).unwrap();
        // It is valid in the millisecond in which it was made.
        while open(&sealer, SealPurpose::Cursor, &[], &short) == Ok(7) {
            std::thread::yield_now();
        }
        assert_eq!(open(&sealer, SealPurpose::Cursor, &[], &short), Err(SealError::Expired));
    }
}
