//! SHA-256 of the contents of a file, as the app and the sidecar exchange it: 64 hexadecimal digits.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// The hash of a content.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Hash([u8; 32]);

impl Hash {
    /// Reads 64 hexadecimal digits; large letters are as good as small ones.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let high = char::from(*pair.first()?).to_digit(16)?;
            let low = char::from(*pair.get(1)?).to_digit(16)?;
            *byte = u8::try_from(high * 16 + low).ok()?;
        }
        Some(Self(bytes))
    }

    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// Hashes what comes piece by piece.
#[derive(Default)]
pub(crate) struct Hasher(Sha256);

impl Hasher {
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn done(self) -> Hash {
        Hash(self.0.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF_NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn is_read_as_it_is_written() {
        assert_eq!(Hash::of(b"").to_string(), OF_NOTHING);
        assert_eq!(Hash::parse(OF_NOTHING), Some(Hash::of(b"")));
        assert_eq!(Hash::parse(&OF_NOTHING.to_uppercase()), Some(Hash::of(b"")));
    }

    #[test]
    fn what_is_not_64_digits_is_no_hash() {
        for wrong in ["", "e3b0", &OF_NOTHING[1..], &format!("{OF_NOTHING}0"), &OF_NOTHING.replace('e', "g")]
        {
            assert_eq!(Hash::parse(wrong), None, "{wrong:?}");
        }
        assert_eq!(Hash::parse(&"é".repeat(32)), None);
    }

    #[test]
    fn piece_by_piece_is_the_same_as_at_once() {
        let mut hasher = Hasher::default();
        hasher.add(b"one ");
        hasher.add(b"two");
        assert_eq!(hasher.done(), Hash::of(b"one two"));
    }
}
