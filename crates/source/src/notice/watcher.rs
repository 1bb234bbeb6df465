//! Has the system watch folders, each by itself: which ones is known only after the links were followed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};

use super::bell::Bell;
use super::folders::{Folders, identity};

/// Watches folders.
#[derive(Debug)]
pub(crate) struct Watcher {
    system: Option<RecommendedWatcher>,
    /// The watched folders, and which they were when the watch began: another may have taken the path since.
    watched: BTreeMap<PathBuf, Option<(u64, u64)>>,
    bell: Arc<Bell>,
    complained: bool,
}

impl Watcher {
    /// Begins to watch nothing. Where the system cannot tell of changes, says so and goes on without.
    pub(crate) fn new(bell: Arc<Bell>) -> Self {
        let ear = Arc::clone(&bell);
        let system = notify::recommended_watcher(move |event| ear.hear(event));
        let system = system.map_err(|error| {
            tracing::warn!(%error, "the system does not tell of changed files; they are found by looking now and then");
        });
        Self { system: system.ok(), watched: BTreeMap::new(), bell, complained: false }
    }

    /// Whether the system tells of every change.
    pub(crate) fn is_told(&self) -> bool {
        self.system.is_some() && !self.complained
    }

    /// Watches these folders and no others. Answers whether it watches one that it did not watch before, so that
    /// something may have happened there unheard.
    pub(crate) fn follow(&mut self, folders: &Folders) -> bool {
        self.bell.concern(folders);
        match self.bell.gone() {
            Some(gone) => gone.iter().for_each(|path| self.forget(path)),
            None => self.forget_all(),
        }
        let surplus: Vec<_> =
            self.watched.keys().filter(|path| !folders.contains_key(*path)).cloned().collect();
        surplus.iter().for_each(|path| self.forget(path));
        let mut added = false;
        for folder in folders.keys() {
            let now = std::fs::metadata(folder).ok();
            let now = now.as_ref().and_then(identity);
            if self.watched.get(folder).is_some_and(|known| *known == now) {
                continue;
            }
            self.forget(folder);
            added |= self.watch(folder, now);
        }
        added
    }

    fn watch(&mut self, folder: &Path, identity: Option<(u64, u64)>) -> bool {
        let Some(system) = &mut self.system else { return false };
        match system.watch(folder, RecursiveMode::NonRecursive) {
            Ok(()) => {
                self.watched.insert(folder.to_owned(), identity);
                true
            }
            // It went away again, which is told by the folder above.
            Err(_) if !folder.exists() => false,
            Err(error) => {
                if !std::mem::replace(&mut self.complained, true) {
                    let folder = folder.display();
                    tracing::warn!(%folder, %error, "cannot be watched; changes in it are found by looking now and then");
                }
                false
            }
        }
    }

    fn forget(&mut self, folder: &Path) {
        if self.watched.remove(folder).is_some()
            && let Some(system) = &mut self.system
        {
            // The system forgets by itself what is gone, and then says that it knows no such watch.
            drop(system.unwatch(folder));
        }
    }

    fn forget_all(&mut self) {
        let all: Vec<_> = self.watched.keys().cloned().collect();
        all.iter().for_each(|path| self.forget(path));
    }
}
