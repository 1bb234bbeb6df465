//! Wakes what reads a file, when the file changes.

use std::path::PathBuf;
use std::sync::Arc;

use midflight_source::{FileOptions, FileWatch, SourceError};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// A file that is watched.
pub(crate) struct FileEvents(FileWatch);

impl FileEvents {
    pub(crate) fn new(file: PathBuf, options: FileOptions) -> Result<Self, SourceError> {
        FileWatch::new([file], options).map(Self)
    }

    /// Wakes `look` whenever the file may have changed, until the server stops.
    pub(crate) async fn wake(mut self, look: Arc<Notify>, stopping: CancellationToken) {
        loop {
            tokio::select! {
                _ = self.0.touched() => look.notify_one(),
                () = stopping.cancelled() => return,
            }
        }
    }
}
