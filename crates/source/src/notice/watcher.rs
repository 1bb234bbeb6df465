//! Has the system watch folders, each by itself: which ones is known only after the links were followed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};

use super::folders::{FolderFilters, identity};
use super::signal::ChangeSignal;

/// Watches folders.
#[derive(Debug)]
pub(crate) struct FolderWatcher {
    system: Option<RecommendedWatcher>,
    /// The watched folders, and which they were when the watch began: another may have taken the path since.
    watched: BTreeMap<PathBuf, Option<(u64, u64)>>,
    signal: Arc<ChangeSignal>,
    complained: bool,
}

impl FolderWatcher {
    /// Begins to watch nothing. Where the system does not report changes, logs it and continues without.
    pub(crate) fn new(signal: Arc<ChangeSignal>) -> Self {
        let ear = Arc::clone(&signal);
        let system = notify::recommended_watcher(move |event| ear.receive(event));
        let system = system.map_err(|error| {
            tracing::warn!(%error, "file events are unavailable; polling for changes");
        });
        Self { system: system.ok(), watched: BTreeMap::new(), signal, complained: false }
    }

    /// Whether the system reports every change.
    pub(crate) fn is_told(&self) -> bool {
        self.system.is_some() && !self.complained
    }

    /// Watches these folders and no others. Answers whether it watches one that it did not watch before, so that
    /// something may have happened there unheard.
    pub(crate) fn follow(&mut self, folders: &FolderFilters) -> bool {
        self.signal.concern(folders);
        match self.signal.removed() {
            Some(removed) => removed.iter().for_each(|path| self.forget(path)),
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
            // It was removed again, which is reported by the folder above.
            Err(_) if !folder.exists() => false,
            Err(error) => {
                if !std::mem::replace(&mut self.complained, true) {
                    let folder = folder.display();
                    tracing::warn!(%folder, %error, "cannot watch a folder; polling it for changes");
                }
                false
            }
        }
    }

    fn forget(&mut self, folder: &Path) {
        if self.watched.remove(folder).is_some()
            && let Some(system) = &mut self.system
        {
            // The system forgets removed folders by itself, and then reports that it knows no such watch.
            drop(system.unwatch(folder));
        }
    }

    fn forget_all(&mut self) {
        let all: Vec<_> = self.watched.keys().cloned().collect();
        all.iter().for_each(|path| self.forget(path));
    }
}
