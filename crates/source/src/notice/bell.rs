//! Hears of changes in the watched folders, and knows when they are over.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::folders::{Folders, is_document};

/// How long a writer that goes quiet with a file open is waited for: a file that is being written is not read in
/// the middle, and a writer that never closes its file is not waited for for ever.
const WRITER_MAX: Duration = Duration::from_secs(1);
/// How many times the quiet period is waited for when it never is quiet.
const UNREST_MAX: u32 = 20;
/// How many files being written are kept track of.
const WRITTEN_MAX: usize = 10_000;

/// Rings when something changed.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    rung: Notify,
    heard: Mutex<Heard>,
}

#[derive(Debug, Default)]
struct Heard {
    /// Files that were written to and not closed, with when it was last heard of.
    written: BTreeMap<PathBuf, Instant>,
    /// What is listened for; the rest of what happens in a watched folder is nobody's business.
    concerns: Folders,
    /// What went away or elsewhere; if it was watched, it is no more.
    gone: Vec<PathBuf>,
    /// Some of what happened was not told, so anything may be gone.
    lost: bool,
}

impl Bell {
    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Rings by itself.
    pub(crate) fn ring(&self) {
        self.rung.notify_one();
    }

    /// Says what is listened for from now on.
    pub(crate) fn concern(&self, folders: &Folders) {
        self.heard().concerns.clone_from(folders);
    }

    /// Takes what the system tells; called on its thread.
    pub(crate) fn hear(&self, event: notify::Result<notify::Event>) {
        let event = match event {
            Ok(event) if !event.need_rescan() => event,
            _ => {
                self.heard().lost = true;
                return self.ring();
            }
        };
        let mut heard = self.heard();
        let is_about_content =
            matches!(event.kind, EventKind::Modify(ModifyKind::Data(_)) | EventKind::Access(_));
        let paths = event.paths.into_iter().filter(|path| heard.concerns_us(path, is_about_content));
        let paths: Vec<_> = paths.collect();
        if paths.is_empty() {
            return;
        }
        match event.kind {
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => heard.closed(&paths),
            // Reading is no change; the directory is read by this very process.
            EventKind::Access(_) => return,
            EventKind::Modify(ModifyKind::Data(_)) => {
                let room = WRITTEN_MAX.saturating_sub(heard.written.len());
                heard.written.extend(paths.into_iter().take(room).map(|path| (path, Instant::now())));
            }
            EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)) => {
                heard.closed(&paths);
                heard.gone.extend(paths);
            }
            _ => {}
        }
        drop(heard);
        self.ring();
    }

    /// What went away since this was last asked; none when nobody knows.
    pub(crate) fn gone(&self) -> Option<Vec<PathBuf>> {
        let mut heard = self.heard();
        let gone = std::mem::take(&mut heard.gone);
        (!std::mem::take(&mut heard.lost)).then_some(gone)
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
            let rang = tokio::time::timeout_at(until, self.rung()).await.is_ok();
            let unrest_max = if writing.is_some() { WRITER_MAX * 2 } else { quiet * UNREST_MAX };
            if !rang || began.elapsed() > unrest_max {
                self.heard().written.clear();
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
        self.heard().written.values().max().copied()
    }
}

impl Heard {
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
