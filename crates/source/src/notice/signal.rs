//! Receives changes in the watched folders, and knows when they are over.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::folders::{FolderFilters, is_document};

/// How long a writer that goes quiet with a file open is waited for: a file that is being written is not read in
/// the middle, and a writer that never closes its file is not waited for for ever.
const WRITER_MAX: Duration = Duration::from_secs(1);
/// How many times the quiet period is waited for when it never is quiet.
const UNREST_MAX: u32 = 20;
/// How many files being written are kept track of.
const WRITTEN_MAX: usize = 10_000;

/// Rings when something changed.
#[derive(Debug, Default)]
pub(crate) struct ChangeSignal {
    rung: Notify,
    received: Mutex<PendingNotices>,
}

#[derive(Debug, Default)]
struct PendingNotices {
    /// Files that were written to and not closed, with the time of the last event.
    written: BTreeMap<PathBuf, Instant>,
    /// What is watched for; other events in a watched folder are ignored.
    concerns: FolderFilters,
    /// What was removed or renamed; if it was watched, it no longer is.
    removed: Vec<PathBuf>,
    /// Some events were lost, so anything may be gone.
    lost: bool,
}

impl ChangeSignal {
    fn received(&self) -> MutexGuard<'_, PendingNotices> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Rings by itself.
    pub(crate) fn wake(&self) {
        self.rung.notify_one();
    }

    /// Sets what is watched for from now on.
    pub(crate) fn concern(&self, folders: &FolderFilters) {
        self.received().concerns.clone_from(folders);
    }

    /// Takes the events of the system; called on its thread.
    pub(crate) fn receive(&self, event: notify::Result<notify::Event>) {
        let event = match event {
            Ok(event) if !event.need_rescan() => event,
            _ => {
                self.received().lost = true;
                return self.wake();
            }
        };
        let mut received = self.received();
        let is_about_content =
            matches!(event.kind, EventKind::Modify(ModifyKind::Data(_)) | EventKind::Access(_));
        let paths = event.paths.into_iter().filter(|path| received.concerns_us(path, is_about_content));
        let paths: Vec<_> = paths.collect();
        if paths.is_empty() {
            return;
        }
        match event.kind {
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => received.closed(&paths),
            // Reading is no change; the directory is read by this very process.
            EventKind::Access(_) => return,
            EventKind::Modify(ModifyKind::Data(_)) => {
                let room = WRITTEN_MAX.saturating_sub(received.written.len());
                received.written.extend(paths.into_iter().take(room).map(|path| (path, Instant::now())));
            }
            EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)) => {
                received.closed(&paths);
                received.removed.extend(paths);
            }
            _ => {}
        }
        drop(received);
        self.wake();
    }

    /// What was removed since this was last asked; none when it is not known.
    pub(crate) fn removed(&self) -> Option<Vec<PathBuf>> {
        let mut received = self.received();
        let removed = std::mem::take(&mut received.removed);
        (!std::mem::take(&mut received.lost)).then_some(removed)
    }

    /// Waits for it to ring. A ring before the wait counts.
    pub(crate) async fn rung(&self) {
        self.rung.notified().await;
    }

    /// Waits until nothing has rung for `quiet` and no file is open for writing, within reason.
    pub(crate) async fn settled(&self, quiet: Duration) {
        let began = Instant::now();
        loop {
            let writing = self.writing_since();
            let until = writing.map_or_else(|| Instant::now() + quiet, |since| since + WRITER_MAX);
            let was_signalled = tokio::time::timeout_at(until, self.rung()).await.is_ok();
            let unrest_max = if writing.is_some() { WRITER_MAX * 2 } else { quiet * UNREST_MAX };
            if !was_signalled || began.elapsed() > unrest_max {
                self.received().written.clear();
                return;
            }
        }
    }

    /// Whether a file is being written.
    pub(crate) fn is_writing(&self) -> bool {
        self.writing_since().is_some()
    }

    /// When a file that is still being written was last written to.
    fn writing_since(&self) -> Option<Instant> {
        self.received().written.values().max().copied()
    }
}

impl PendingNotices {
    fn closed(&mut self, paths: &[PathBuf]) {
        for path in paths {
            self.written.remove(path);
        }
    }

    /// Whether a change of this path can be one of the directory. Of what is neither a document nor on the way to
    /// one, as a database in the same folder, the content is no concern.
    fn concerns_us(&self, path: &Path, is_about_content: bool) -> bool {
        if self.concerns.contains_key(path) {
            return true;
        }
        let concern = path.parent().and_then(|folder| self.concerns.get(folder));
        let (Some(concern), Some(name)) = (concern, path.file_name()) else { return false };
        concern.names.contains(name) || (concern.all && (!is_about_content || is_document(path)))
    }
}
