//! What is read from files: documents with their places, and problems with theirs.

use std::fmt;
use std::sync::Arc;

use midflight_core::{DocumentId, JsonPointer};
use serde_json::Value;

/// A document as a file has it.
#[derive(Debug, Clone, PartialEq)]
pub struct FileDocument {
    /// Which document.
    pub id: DocumentId,
    /// Its body.
    pub body: Arc<Value>,
    /// The file, by the name it was read under.
    pub file: Arc<str>,
    /// The line it begins on, counted from 1; none in JSON.
    pub line: Option<u64>,
}

/// Something that is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileProblem {
    /// The file, by the name it was read under; of a problem with a whole directory, the directory.
    pub file: Arc<str>,
    /// The line, counted from 1, where one is known.
    pub line: Option<u64>,
    /// The column, counted in characters from 1, where one is known.
    pub column: Option<u64>,
    /// The document it is about, once that much is known.
    pub document: Option<DocumentId>,
    /// The place in that document's body.
    pub path: JsonPointer,
    /// What is wrong and how to fix it, for a person.
    pub message: String,
}

impl FileProblem {
    /// A problem with a file as a whole.
    pub(crate) fn of_file(file: &Arc<str>, message: impl Into<String>) -> Self {
        Self {
            file: Arc::clone(file),
            line: None,
            column: None,
            document: None,
            path: JsonPointer::root(),
            message: message.into(),
        }
    }
}

impl fmt::Display for FileProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        for number in [self.line, self.column].into_iter().flatten() {
            write!(f, ":{number}")?;
        }
        f.write_str(": ")?;
        if let Some(document) = &self.document {
            write!(f, "{document} ")?;
        }
        match self.path.as_str() {
            "" => f.write_str(&self.message),
            path => write!(f, "at {path}: {}", self.message),
        }
    }
}
