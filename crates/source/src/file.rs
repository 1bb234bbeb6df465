//! Watched files: when to read them again.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::SourceError;
use crate::notice::{ChangeSignal, FolderFilters, FolderWatcher, watch_way};

/// How files are watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileOptions {
    /// How often to poll. 5 s: what notifications miss (a network file system) is found by this.
    pub poll: Duration,
    /// How long nothing may happen before a change counts as done. 5 ms: a save is several events.
    pub quiet: Duration,
}

impl Default for FileOptions {
    fn default() -> Self {
        Self { poll: Duration::from_secs(5), quiet: Duration::from_millis(5) }
    }
}

/// Reports when one of a few files may have changed: written in place, replaced, or reached by another link, anywhere
/// on its path (a mounted ConfigMap). It does not read them; the caller does and compares the content, for a file that
/// is touched may be unchanged. Files need not be there.
#[derive(Debug)]
pub struct FileWatch {
    files: Vec<PathBuf>,
    options: FileOptions,
    signal: Arc<ChangeSignal>,
    watcher: FolderWatcher,
    /// Something rang and was not answered yet.
    rung: bool,
}

impl FileWatch {
    /// Watches these files.
    ///
    /// # Errors
    /// [`SourceError`] when a path is none or an option is out of bounds.
    pub fn new(files: impl IntoIterator<Item = PathBuf>, options: FileOptions) -> Result<Self, SourceError> {
        if options.poll.is_zero() {
            return Err(SourceError::Option("the poll interval is 0; the default is 5 s"));
        }
        let signal = Arc::new(ChangeSignal::default());
        let watcher = FolderWatcher::new(Arc::clone(&signal));
        let mut watch = Self { files: Vec::new(), options, signal, watcher, rung: false };
        watch.follow(files)?;
        Ok(watch)
    }

    /// Watches these files and no others from now on.
    ///
    /// # Errors
    /// [`SourceError::Path`] when a path is none.
    pub fn follow(&mut self, files: impl IntoIterator<Item = PathBuf>) -> Result<(), SourceError> {
        let absolute = |path: PathBuf| {
            let made = std::path::absolute(&path);
            made.map_err(|source: io::Error| SourceError::Path { path, source })
        };
        self.files = files.into_iter().map(absolute).collect::<Result<_, _>>()?;
        self.rung |= self.arm();
        Ok(())
    }

    /// The files.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(PathBuf::as_path)
    }

    /// Whether the system reports changes; if not, only the poll finds them.
    #[must_use]
    pub fn is_notified(&self) -> bool {
        self.watcher.is_told()
    }

    /// Waits until one of them may have changed, and no write to it is in progress; at most as long as the poll.
    /// Answers whether the system reported it. Dropping the wait loses nothing.
    pub async fn touched(&mut self) -> bool {
        // Links may lead elsewhere now; and events there before they were watched were not received.
        self.rung |= self.arm();
        if !self.rung {
            tokio::select! {
                () = self.signal.rung() => self.rung = true,
                () = tokio::time::sleep(self.options.poll) => {}
            }
        }
        // Also at a poll: the file may be in the middle of a write.
        self.signal.settled(self.options.quiet).await;
        std::mem::take(&mut self.rung)
    }

    /// Waits until no write to one of them is in progress, as far as the system has reported; not at all when there is
    /// none.
    pub async fn written(&self) {
        if self.signal.is_writing() {
            self.signal.settled(self.options.quiet).await;
        }
    }

    /// Watches the folders on the way to the files. Answers whether one is new.
    fn arm(&mut self) -> bool {
        let mut folders = FolderFilters::new();
        self.files.iter().for_each(|file| watch_way(file, &mut folders));
        self.watcher.follow(&folders)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// As long as a test waits for what must come.
    const SOON: Duration = Duration::from_secs(30);

    async fn touched(watch: &mut FileWatch) {
        assert!(
            tokio::time::timeout(SOON, watch.touched()).await.expect("no event before the timeout"),
            "the watch ended"
        );
    }

    fn watch(file: &Path) -> FileWatch {
        let options = FileOptions { poll: Duration::from_secs(3600), ..FileOptions::default() };
        FileWatch::new([file.to_owned()], options).unwrap()
    }

    #[tokio::test]
    async fn a_write_a_rename_and_a_new_file_are_detected() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("app.yaml");
        let mut watch = watch(&file);
        touched(&mut watch).await;
        fs::write(&file, "a: 1").unwrap();
        touched(&mut watch).await;
        fs::write(&file, "a: 2").unwrap();
        touched(&mut watch).await;
        fs::write(dir.path().join(".new"), "a: 3").unwrap();
        fs::rename(dir.path().join(".new"), &file).unwrap();
        touched(&mut watch).await;
        assert!(watch.is_notified());
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_link_that_leads_elsewhere_is_detected_anywhere_on_the_path() {
        use std::os::unix::fs::symlink;
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for (version, text) in [("..1", "a: 1"), ("..2", "a: 2"), ("..3", "a: 3")] {
            fs::create_dir(at(version)).unwrap();
            fs::write(at(version).join("app.yaml"), text).unwrap();
        }
        symlink("..1", at("..data")).unwrap();
        symlink("..data/app.yaml", at("app.yaml")).unwrap();
        let mut watch = watch(&at("app.yaml"));
        touched(&mut watch).await;
        for (version, text) in [("..2", "a: 2"), ("..3", "a: 3")] {
            symlink(version, at("..data_tmp")).unwrap();
            fs::rename(at("..data_tmp"), at("..data")).unwrap();
            touched(&mut watch).await;
            assert_eq!(fs::read_to_string(at("app.yaml")).unwrap(), text);
        }
        // A circle leads nowhere, and must not hang.
        fs::remove_file(at("app.yaml")).unwrap();
        symlink("app.yaml", at("app.yaml")).unwrap();
        touched(&mut watch).await;
    }
}
