//! A text that is never shown.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

/// What is shown in the place of a secret.
pub const REDACTED: &str = "***";

/// A password, a key, a URL with one in it: a setting that is used and never shown. It compares and deserialises like
/// the text that it is; printed or serialised it is `***`.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The secret of this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for immediate use. Do not keep or print it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(REDACTED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_used_and_never_shown() {
        let secret: Secret = serde_json::from_str("\"hunter2\"").unwrap_or_default();
        assert_eq!((secret.expose(), secret.is_empty()), ("hunter2", false));
        let shown = format!("{secret:?} {:?}", serde_json::to_string(&secret).ok());
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
