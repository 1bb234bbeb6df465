//! Hears of changes in the file system: which folders to watch, what in them is a concern, and when it is over.

mod bell;
mod folders;
mod watcher;

pub(crate) use bell::Bell;
pub(crate) use folders::{Folders, concern, identity, is_document, watch_links, watch_way};
pub(crate) use watcher::Watcher;
