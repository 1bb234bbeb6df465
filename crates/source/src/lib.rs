//! Turns YAML, JSON and TOML files into edits of the log.
//!
//! A file holds documents as `{kind, name, body}`: in YAML a stream of them, in JSON one or a list, in TOML one. The
//! name of the file has no meaning, so a document keeps its name wherever it is moved to.
//!
//! - [`parse_documents`] reads a file and reports everything that is wrong with it, with line and column;
//!   [`write_documents`] writes one that reads back the same.
//! - [`DirectorySource`] keeps the log in step with a directory.
//! - [`OwnedDocuments`] does so with documents of any other origin, as the rows of a table.
//! - [`parse_config`] reads a file that is one config, and [`FileWatch`] reports when to read it again.

mod chunk;
mod config;
mod directory;
mod document;
mod file;
mod json;
mod loss;
mod node;
mod notice;
mod owned;
mod parse;
mod scalar;
mod toml;
mod values;
mod write;
mod yaml;

pub use config::{ConfigText, parse_config};
pub use directory::{
    DirectoryHandle, DirectoryOptions, DirectorySource, DirectoryStatus, NamedDirectory, SourceError,
    distinct as distinct_directories,
};
pub use document::{FileDocument, FileProblem};
pub use file::{FileOptions, FileWatch};
pub use loss::{HeldLoss, LossBounds};
pub use owned::{Agreed, LeftAlone, OwnedDocuments, OwnedExtent};
pub use parse::{duplicates, locate, locate_all, parse_documents};
pub use values::{FileValue, ValueError, parse_values, write_value};
pub use write::{WriteError, write_documents};
