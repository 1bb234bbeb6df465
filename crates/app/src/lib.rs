//! A program whose config changes while it runs: read from its file, its environment and its flags, validated by the
//! same code at the start and later, followed by its components, and reported in a way that can be verified.
//!
//! [`AppBuilder`] puts one together. Every trigger of a reload (the file, a signal, a request) uses the same pipeline,
//! and [`Report`] states the result: by the hash of the content, so that the author of the content can verify it.

mod app;
mod bootstrap;
mod checker;
mod file;
mod followed;
mod live;
mod process;
mod references;
mod reloader;
mod report;
mod watched_config;

pub use app::{App, AppBuilder, AppError};
pub use bootstrap::Bootstrap;
pub use live::LiveConfig;
pub use process::Process;
pub use references::{References, ReferencesError};
pub use reloader::ConfigReloader;
pub use report::Report;
