//! Where a value of a config comes from, and what is laid over a document.

use std::fmt;

use midflight_core::JsonPointer;

/// The layer that a value comes from. A later one covers an earlier one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The program's default.
    Default,
    /// The document, or the file that it was read from.
    Document,
    /// A variable of the environment, by name.
    Env(String),
    /// A flag of the command line, as `--log-level`.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Document => f.write_str("document"),
            Self::Env(name) => write!(f, "env {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// A value that is laid over the document as long as the process lives.
#[derive(Clone, PartialEq, Eq)]
pub struct Override {
    /// Which key.
    pub path: JsonPointer,
    /// Its value, as it was written; it becomes a number, a truth value or a list where one belongs.
    pub text: String,
    /// The variable or the flag.
    pub origin: Origin,
}

/// Without its text, which may be a secret.
impl fmt::Debug for Override {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} by {}", self.path, self.origin)
    }
}

/// A key of the document that is overridden: an edit of it changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Masked {
    /// Which key.
    pub path: JsonPointer,
    /// What covers it.
    pub by: Origin,
}
