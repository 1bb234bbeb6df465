//! What the host offers to a module, each only when its manifest asks for it.

use std::fmt;

/// One thing that a module may import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ModuleCapability {
    /// Writes log lines.
    Log,
    /// Reads the time.
    Now,
    /// Gets random bytes.
    Random,
    /// Emits events.
    Emit,
    /// Reads its config.
    Config,
    /// Calls the modules that `calls` lists.
    Call,
}

impl ModuleCapability {
    /// All of them, in the order of the manifest's schema.
    pub const ALL: [Self; 6] = [Self::Log, Self::Now, Self::Random, Self::Emit, Self::Config, Self::Call];

    /// The word for it in a manifest.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Now => "now",
            Self::Random => "random",
            Self::Emit => "emit",
            Self::Config => "config",
            Self::Call => "call",
        }
    }

    /// The capability that a word names.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|capability| capability.word() == word)
    }
}

impl fmt::Display for ModuleCapability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
