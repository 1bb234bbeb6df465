//! Receives changes in the file system: which folders to watch, what in them is relevant, and when it is over.

mod folders;
mod signal;
mod watcher;

pub(crate) use folders::{FolderFilters, concern, identity, is_document, watch_links, watch_way};
pub(crate) use signal::ChangeSignal;
pub(crate) use watcher::FolderWatcher;
