//! Words of a vocabulary that grows: what a newer version wrote into the store is kept and shown as it is, so that
//! versions can follow the same log while replicas are replaced one by one.

use std::fmt;
use std::str::FromStr;

use crate::Outcome;

/// The longest word, in bytes. 32: the longest one in use has 17, and words are labels of metrics.
pub const WORD_BYTES_MAX: usize = 32;

/// A vocabulary that this version knows: values that are words wherever they are written.
pub trait Vocabulary: Copy + 'static {
    /// Returns the word for a value.
    fn word(self) -> &'static str;

    /// Returns the value of a word; none for a word that this version does not know.
    fn of_word(word: &str) -> Option<Self>;
}

/// A text that cannot be a word of any version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid word {0:?}: use 1-{WORD_BYTES_MAX} of a-z 0-9 _, beginning with a letter")]
pub struct InvalidWord(pub String);

/// A word as it was read: 1 to [`WORD_BYTES_MAX`] of `a-z`, `0-9` and `_`, beginning with a letter.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OpenWord {
    /// The word, then zeros: so words are ordered as their texts are.
    bytes: [u8; WORD_BYTES_MAX],
    length: u8,
}

impl OpenWord {
    /// The word as a text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..usize::from(self.length)).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }
}

impl FromStr for OpenWord {
    type Err = InvalidWord;

    fn from_str(text: &str) -> Result<Self, InvalidWord> {
        let is_word = text.starts_with(|first: char| first.is_ascii_lowercase())
            && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
        let mut bytes = [0; WORD_BYTES_MAX];
        match (bytes.get_mut(..text.len()), u8::try_from(text.len())) {
            (Some(place), Ok(length)) if is_word => {
                place.copy_from_slice(text.as_bytes());
                Ok(Self { bytes, length })
            }
            _ => Err(InvalidWord(text.chars().take(40).collect())),
        }
    }
}

impl fmt::Display for OpenWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for OpenWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

/// A value of a vocabulary as the store keeps it: one that this version knows, or the word of one that only a newer
/// version knows. Reading a word makes it [`Open::Known`] whenever it can be.
///
/// ```
/// use midflight_core::{Open, Outcome};
///
/// let known: Open<Outcome> = "success".parse()?;
/// assert!(known == Outcome::Success && known.is_live());
/// let newer: Open<Outcome> = "half_live".parse()?;
/// assert_eq!((newer.known(), newer.as_str()), (None, "half_live"));
/// assert!("Half live!".parse::<Open<Outcome>>().is_err());
/// # Ok::<(), midflight_core::InvalidWord>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Open<T> {
    /// A value that this version knows.
    Known(T),
    /// A word that it does not know.
    Other(OpenWord),
}

impl<T: Vocabulary> Open<T> {
    /// Returns the word as it is kept.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Known(known) => known.word(),
            Self::Other(word) => word.as_str(),
        }
    }

    /// Returns the value; none for a word that this version does not know.
    #[must_use]
    pub fn known(self) -> Option<T> {
        match self {
            Self::Known(known) => Some(known),
            Self::Other(_) => None,
        }
    }
}

impl Open<Outcome> {
    /// Whether what was wanted is what is served. An outcome that this version does not know does not report it.
    #[must_use]
    pub fn is_live(self) -> bool {
        self.known().is_some_and(Outcome::is_live)
    }
}

impl<T> From<T> for Open<T> {
    fn from(known: T) -> Self {
        Self::Known(known)
    }
}

impl<T: PartialEq> PartialEq<T> for Open<T> {
    fn eq(&self, other: &T) -> bool {
        matches!(self, Self::Known(known) if known == other)
    }
}

impl<T: Vocabulary> FromStr for Open<T> {
    type Err = InvalidWord;

    /// # Errors
    /// [`InvalidWord`] for what no version writes.
    fn from_str(text: &str) -> Result<Self, InvalidWord> {
        T::of_word(text).map_or_else(|| text.parse().map(Self::Other), |known| Ok(Self::Known(known)))
    }
}

impl<T: Vocabulary> fmt::Display for Open<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ComponentState, Phase, Trigger};

    #[test]
    fn a_known_word_is_its_value_and_another_one_is_stored() {
        assert_eq!("adopt".parse(), Ok(Open::Known(Trigger::Adopt)));
        let long = "x".repeat(WORD_BYTES_MAX);
        for word in ["canary", "a", "a_1", &long] {
            let read: Open<Trigger> = word.parse().unwrap();
            assert!(matches!(read, Open::Other(_)), "{word}");
            assert_eq!((read.as_str(), read.to_string().as_str(), read.known()), (word, word, None));
            assert_eq!(format!("{read:?}"), format!("Other({word:?})"));
        }
    }

    #[test]
    fn a_text_that_no_version_writes_is_refused() {
        for text in ["", "A", "1st", "_a", "a-b", "a b", "ä", "a\0", &"x".repeat(WORD_BYTES_MAX + 1)] {
            let refused = text.parse::<Open<Phase>>().unwrap_err();
            assert!(refused.to_string().ends_with(": use 1-32 of a-z 0-9 _, beginning with a letter"));
        }
    }

    #[test]
    fn every_known_word_has_the_shape_of_a_word() {
        let words =
            Trigger::ALL.iter().map(|it| it.as_str()).chain(Outcome::ALL.iter().map(|it| it.as_str()));
        let words = words.chain(Phase::ALL.iter().map(|it| it.as_str()));
        for word in words.chain(ComponentState::ALL.iter().map(|it| it.as_str())) {
            assert_eq!(word.parse::<OpenWord>().unwrap().as_str(), word);
        }
    }

    #[test]
    fn words_are_ordered_as_their_texts_are() {
        let mut words: Vec<OpenWord> = ["b", "ab", "a", "a_b"].map(|word| word.parse().unwrap()).to_vec();
        words.sort();
        assert_eq!(words.iter().map(OpenWord::as_str).collect::<Vec<_>>(), ["a", "a_b", "ab", "b"]);
    }
}
