//! Turns YAML and JSON files into edits of the log.
//!
//! A file holds documents as `{kind, name, body}`: in YAML a stream of them, in JSON one or a list. The name of the
//! file says nothing, so a document keeps its name wherever it is moved to.
//!
//! - [`parse_documents`] reads a file and tells everything that is wrong with it, with line and column;
//!   [`write_documents`] writes one that reads back the same.
//! - [`DirectorySource`] keeps the log in step with a directory.

mod chunk;
mod directory;
mod document;
mod json;
mod node;
mod parse;
mod scalar;
mod write;
mod yaml;

pub use directory::{DirectoryOptions, DirectorySource, DirectoryStatus, SourceError};
pub use document::{FileDocument, FileProblem};
pub use parse::{duplicates, locate, parse_documents};
pub use write::{WriteError, write_documents};
