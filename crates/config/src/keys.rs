//! What is declared of the keys of a config: how a change is applied, and which values are hidden.

use std::collections::{BTreeMap, BTreeSet};

use midflight_core::JsonPointer;

/// How a changed value is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ApplyMode {
    /// It is in effect when the reload is done.
    #[default]
    Live,
    /// It is in effect after the next start; until then it is reported as wanted.
    Restart,
    /// It has no effect here: something else reads it, or nothing does.
    Ignored,
}

impl ApplyMode {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Restart => "restart",
            Self::Ignored => "ignored",
        }
    }

    /// The one with this word.
    pub(crate) fn of_word(word: &str) -> Option<Self> {
        [Self::Live, Self::Restart, Self::Ignored].into_iter().find(|takes| takes.as_str() == word)
    }
}

/// What is declared of keys, each for all that is below it.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeyDeclarations {
    /// By the text of the pointer.
    takes: BTreeMap<String, ApplyMode>,
    /// The texts of the pointers.
    secrets: BTreeSet<String>,
}

impl KeyDeclarations {
    pub(crate) fn declare(&mut self, path: &JsonPointer, takes: ApplyMode) {
        self.takes.insert(path.as_str().to_owned(), takes);
    }

    pub(crate) fn keep_secret(&mut self, path: &JsonPointer) {
        self.secrets.insert(path.as_str().to_owned());
    }

    /// Keeps secret what is secret there too.
    pub(crate) fn keep_secrets_of(&mut self, other: &Self) {
        self.secrets.extend(other.secrets.iter().cloned());
    }

    /// The nearest declaration above a key, itself included.
    pub(crate) fn takes(&self, path: &JsonPointer) -> ApplyMode {
        path.upwards().find_map(|path| self.takes.get(path)).copied().unwrap_or_default()
    }

    pub(crate) fn is_secret(&self, path: &JsonPointer) -> bool {
        !self.secrets.is_empty() && path.upwards().any(|path| self.secrets.contains(path))
    }
}

/// Whether a place equals another one or is below it.
pub(crate) fn is_under(path: &JsonPointer, above: &JsonPointer) -> bool {
    path.as_str().strip_prefix(above.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_declaration_counts() {
        let mut keys = KeyDeclarations::default();
        keys.declare(&JsonPointer::parse("/server"), ApplyMode::Restart);
        keys.declare(&JsonPointer::parse("/server/limits"), ApplyMode::Live);
        keys.keep_secret(&JsonPointer::parse("/db/password"));
        let takes = |path: &str| keys.takes(&JsonPointer::parse(path)).as_str();
        assert_eq!(
            [takes("/server/port"), takes("/server/limits/body"), takes("/serverless"), takes("")],
            ["restart", "live", "live", "live"]
        );
        let is_secret = |path: &str| keys.is_secret(&JsonPointer::parse(path));
        assert!(is_secret("/db/password") && !is_secret("/db") && !is_secret("/db/password2"));
    }
}
