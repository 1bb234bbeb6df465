//! A program whose config changes while it runs: read from its file, its environment and its flags, validated by one code
//! at the start and ever after, followed by its components, and reported so that nobody has to believe it.
//!
//! [`AppBuilder`] puts one together. Whatever asks for a reload (the file, a signal, a request) goes one road, and
//! [`Report`] says what came of it: by the hash of the content, so that whoever changed that content can tell.

mod app;
mod boot;
mod file;
mod followed;
mod live;
mod look;
mod process;
mod references;
mod reloader;
mod report;
mod subject;

pub use app::{App, AppBuilder, AppError};
pub use boot::Boot;
pub use live::LiveConfig;
pub use process::Process;
pub use references::{References, ReferencesError};
pub use reloader::Reloader;
pub use report::Report;
