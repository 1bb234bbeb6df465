//! The names of things: a kind, a document of a kind, and the two together.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The longest document name, in bytes.
pub const NAME_BYTES_MAX: usize = 256;
/// The longest kind name, in bytes.
pub const KIND_BYTES_MAX: usize = 32;
/// The deepest document name, in segments between slashes.
const NAME_SEGMENTS_MAX: usize = 8;

/// [`KindName::new`] as the `pattern` of a JSON Schema; its length is [`KIND_BYTES_MAX`].
pub const KIND_NAME_PATTERN: &str = "^[a-z][a-z0-9_]*$";
/// [`DocumentName::new`] as the `pattern` of a JSON Schema; its length is [`NAME_BYTES_MAX`].
pub const DOCUMENT_NAME_PATTERN: &str = "^[\\p{Alphabetic}\\p{N}_][\\p{Alphabetic}\\p{N}._:@+-]*\
                                         (/[\\p{Alphabetic}\\p{N}_][\\p{Alphabetic}\\p{N}._:@+-]*){0,7}$";

/// The first segment of the name of every check, in every kind: `checks/refund-is-refused`.
pub const CHECKS_FOLDER: &str = "checks";

/// Why a name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// The name, or a segment of it between two slashes, has no characters.
    #[error("the name {0:?} has an empty segment; write at least one character between slashes")]
    Empty(String),
    /// The name has more bytes, or more segments, than allowed.
    #[error("the name {0:?}... is too long; the limit is {1} bytes and {NAME_SEGMENTS_MAX} segments")]
    TooLong(String, usize),
    /// A character that names may not have.
    #[error(
        "the name {0:?} has the character {1:?}; use letters, digits and any of . _ - : @ + (a segment starts \
         with a letter, a digit or _)"
    )]
    Character(String, char),
    /// A kind name that is not lower-case ASCII.
    #[error("the kind {0:?} is not a name of lower-case letters, digits and _ (at most {KIND_BYTES_MAX})")]
    Kind(String),
    /// A `kind/name` without the slash.
    #[error("{0:?} is not of the form kind/name")]
    NoSlash(String),
}

/// The name of a kind: `rules`, `config`, or a user's own. Lower-case ASCII letters, digits and `_`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KindName(Arc<str>);

impl KindName {
    /// Checks `text` and makes it a kind's name.
    ///
    /// # Errors
    /// [`NameError::Kind`] when it is empty, longer than 32 bytes, or not `[a-z][a-z0-9_]*`.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let mut chars = text.chars();
        let starts_well = chars.next().is_some_and(|c| c.is_ascii_lowercase());
        let goes_on_well = chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if starts_well && goes_on_well && text.len() <= KIND_BYTES_MAX {
            Ok(Self(text.into()))
        } else {
            Err(NameError::Kind(clip(text)))
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KindName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for KindName {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::new(text)
    }
}

/// The name of a document within its kind: segments joined by `/`, as in `loans/R1`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DocumentName(Arc<str>);

impl DocumentName {
    /// Checks `text` and makes it a document's name.
    ///
    /// A segment starts with a letter, a digit or `_` and continues with those and `. - : @ +`; letters and digits are
    /// Unicode's. So no name is a path that climbs (`..`), and none needs escaping in a file name.
    ///
    /// # Errors
    /// [`NameError`] has the bound or the character.
    pub fn new(text: &str) -> Result<Self, NameError> {
        if text.len() > NAME_BYTES_MAX || text.split('/').count() > NAME_SEGMENTS_MAX {
            return Err(NameError::TooLong(clip(text), NAME_BYTES_MAX));
        }
        for segment in text.split('/') {
            check_segment(text, segment)?;
        }
        Ok(Self(text.into()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The segments between the slashes, in order; at least one.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }

    /// Whether this document states a check rather than something the kind compiles.
    #[must_use]
    pub fn is_check(&self) -> bool {
        self.0.strip_prefix(CHECKS_FOLDER).is_some_and(|rest| rest.starts_with('/'))
    }
}

fn check_segment(name: &str, segment: &str) -> Result<(), NameError> {
    let mut chars = segment.chars();
    let first = chars.next().ok_or_else(|| NameError::Empty(name.to_owned()))?;
    if !(first.is_alphanumeric() || first == '_') {
        return Err(NameError::Character(name.to_owned(), first));
    }
    match chars.find(|&c| !(c.is_alphanumeric() || "._-:@+".contains(c))) {
        None => Ok(()),
        Some(c) => Err(NameError::Character(name.to_owned(), c)),
    }
}

/// The first characters of a text that may be huge, for an error message.
fn clip(text: &str) -> String {
    text.chars().take(40).collect()
}

impl fmt::Display for DocumentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for DocumentName {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::new(text)
    }
}

/// One named thing of a kind, written `kind/name`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DocumentId {
    /// The kind.
    pub kind: KindName,
    /// The name within the kind.
    pub name: DocumentName,
}

impl DocumentId {
    /// Checks both parts.
    ///
    /// # Errors
    /// [`NameError`] of the first part that is not a name.
    pub fn new(kind: &str, name: &str) -> Result<Self, NameError> {
        Ok(Self { kind: KindName::new(kind)?, name: DocumentName::new(name)? })
    }
}

impl fmt::Display for DocumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

impl FromStr for DocumentId {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let (kind, name) = text.split_once('/').ok_or_else(|| NameError::NoSlash(clip(text)))?;
        Self::new(kind, name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_taken() {
        for text in ["loans", "loans/R1", "conditions/C0001", "a.b-c_d:e@f+g", "Größe/Ä1", "_x", "0"] {
            assert_eq!(DocumentName::new(text).map(|n| n.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn refused_names_have_the_reason() {
        let long = "x".repeat(NAME_BYTES_MAX + 1);
        for (text, expected) in [
            ("", "empty segment"),
            ("a//b", "empty segment"),
            ("/a", "empty segment"),
            ("a/", "empty segment"),
            ("..", "character '.'"),
            ("a/../b", "character '.'"),
            ("a b", "character ' '"),
            ("a\nb", "character '\\n'"),
            ("a?b", "character '?'"),
            ("a/b/c/d/e/f/g/h/i", "too long"),
            (long.as_str(), "too long"),
        ] {
            let error = DocumentName::new(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text:?}: {error}");
        }
    }

    #[test]
    fn kinds_are_lower_case_words() {
        assert!(KindName::new("rules").is_ok());
        for text in ["", "Rules", "1rules", "rü", "a-b", &"k".repeat(KIND_BYTES_MAX + 1)] {
            assert!(KindName::new(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_id_is_read_back_from_its_text() {
        let id = DocumentId::new("rules", "loans/R1").unwrap();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!("rules".parse::<DocumentId>().is_err());
    }

    #[test]
    fn checks_are_known_by_their_folder() {
        assert!(DocumentName::new("checks/a").unwrap().is_check());
        assert!(!DocumentName::new("checks").unwrap().is_check());
        assert!(!DocumentName::new("checksum/a").unwrap().is_check());
    }
}
