//! Detects that the content of files changed: by events, and by polling.

mod inotify;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::files::{PathReader, ReadProblem, WatchedContent};
use crate::hash::Hash;
use crate::latest::Latest;
use crate::logging;
use crate::metrics::Metrics;

use inotify::InotifyWatcher;

/// How often files are read that change while they are read. The last reading counts all the same: it may be a mix,
/// which the app will not confirm, and in a folder that never rests it is better than nothing.
const READS_MAX: u32 = 20;
/// How far apart a change without an event is read twice: of such a file it is not known whether it is being written.
const UNTOLD_PAUSE: Duration = Duration::from_millis(50);

/// Watches paths.
#[derive(Debug)]
pub(crate) struct PathWatcher {
    reader: PathReader,
    interval: Duration,
    inotify: InotifyWatcher,
    latest: Arc<Latest>,
    metrics: Arc<Metrics>,
    /// What was last put where it is waited for.
    put: Option<Hash>,
    /// The last reported problem.
    stated: Option<ReadProblem>,
}

impl PathWatcher {
    /// With `keeps`, the contents of the files go along with their hashes, for they may be wanted back.
    pub(crate) fn new(
        paths: Vec<PathBuf>,
        keeps: bool,
        interval: Duration,
        latest: Arc<Latest>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let reader = PathReader::new(paths, keeps);
        Self { reader, interval, inotify: InotifyWatcher::new(), latest, metrics, put: None, stated: None }
    }

    /// Watches for ever.
    pub(crate) fn run(mut self) {
        loop {
            self.metrics.beat();
            let is_told = self.inotify.wait(self.interval);
            // Also at a poll: the file may be in the middle of a write.
            self.inotify.settle();
            self.look(is_told);
        }
    }

    /// Reads the files, and again when something happened meanwhile, for what was read may be a mix then.
    pub(crate) fn look(&mut self, mut is_told: bool) {
        let mut read = None;
        for reading in 1..=READS_MAX {
            let (folders, content) = self.reader.read();
            let hash = content.as_ref().ok().map(|content| content.hash);
            let is_doubtful = if self.inotify.listen_to(folders) {
                true
            } else if self.inotify.receive() {
                is_told = true;
                self.inotify.settle();
                true
            } else if !is_told && hash.is_some() && hash != self.put && hash != read {
                read = hash;
                is_told = self.inotify.wait(UNTOLD_PAUSE);
                true
            } else {
                false
            };
            if !is_doubtful || reading == READS_MAX {
                match content {
                    Ok(content) => self.put(content),
                    Err(problem) => self.report(problem),
                }
                return;
            }
        }
    }

    fn put(&mut self, content: WatchedContent) {
        if self.stated.take().is_some() {
            logging::info("watched files are readable again", &[]);
        }
        if self.put != Some(content.hash) {
            logging::debug("watched files changed", &[("hash", &content.hash)]);
            self.put = Some(content.hash);
            self.latest.put(Arc::new(content));
        }
    }

    fn report(&mut self, problem: ReadProblem) {
        self.metrics.watch_error();
        if self.stated.as_ref() != Some(&problem) {
            logging::warn(
                &format!(
                    "{} {}; the app is not reloaded until the file is readable",
                    problem.path.display(),
                    problem.why
                ),
                &[],
            );
            self.stated = Some(problem);
        }
        // What was known is not the content of the files any more, and when they read again it is news.
        self.latest.take_back();
        self.put = None;
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn watcher(dir: &std::path::Path) -> PathWatcher {
        let (latest, metrics) = (Arc::new(Latest::default()), Arc::new(Metrics::new(Duration::from_secs(5))));
        PathWatcher::new(vec![dir.to_owned()], false, Duration::from_secs(5), latest, metrics)
    }

    #[test]
    fn unreported_changes_are_detected_by_polling() {
        let dir = tempfile::tempdir().unwrap();
        let mut watcher = watcher(dir.path());
        watcher.inotify = InotifyWatcher::deaf();
        for text in ["one", "two"] {
            fs::write(dir.path().join("app.yaml"), text).unwrap();
            watcher.look(false);
            let known = watcher.latest.first();
            assert_eq!(known.files.values().copied().collect::<Vec<_>>(), [Hash::of(text.as_bytes())]);
        }
    }

    #[test]
    fn events_are_reported_and_those_of_kubelet_are_not() {
        let dir = tempfile::tempdir().unwrap();
        let mut watcher = watcher(dir.path());
        watcher.look(false);
        fs::write(dir.path().join("..data_tmp"), "").unwrap();
        assert!(!watcher.inotify.receive());
        fs::write(dir.path().join("app.yaml"), "").unwrap();
        assert!(watcher.inotify.receive());
        assert!(!watcher.inotify.receive());
    }

    #[test]
    fn a_file_that_is_held_open_is_waited_for_and_not_for_ever() {
        let dir = tempfile::tempdir().unwrap();
        let mut watcher = watcher(dir.path());
        watcher.look(false);
        let held = fs::File::create(dir.path().join("held")).unwrap();
        assert!(watcher.inotify.receive() && watcher.inotify.is_waiting());
        watcher.inotify.settle();
        assert!(!watcher.inotify.is_waiting());
        drop(held);
        fs::write(dir.path().join("closed"), "1").unwrap();
        assert!(watcher.inotify.receive() && !watcher.inotify.is_waiting());
    }
}
