//! Sees that the content of files changed: by being told, and by looking from time to time.

mod ears;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::files::{Content, Problem, Reader};
use crate::hash::Hash;
use crate::latest::Latest;
use crate::metrics::Metrics;
use crate::say;

use ears::Ears;

/// How often files are read that change while they are read. What the last reading says counts all the same: it may be a
/// mix, which the app will not confirm, and in a folder that never rests it is better than nothing.
const READS_MAX: u32 = 20;
/// How far apart a change is read twice that nobody told of: of such a file it is not known whether it is being written.
const UNTOLD_PAUSE: Duration = Duration::from_millis(50);

/// Watches paths.
#[derive(Debug)]
pub(crate) struct Watcher {
    reader: Reader,
    interval: Duration,
    ears: Ears,
    latest: Arc<Latest>,
    metrics: Arc<Metrics>,
    /// What was last put where it is waited for.
    put: Option<Hash>,
    /// What was last said to be wrong.
    said: Option<Problem>,
}

impl Watcher {
    /// With `keeps`, what the files say goes along with their hashes, for it may be wanted back.
    pub(crate) fn new(
        paths: Vec<PathBuf>,
        keeps: bool,
        interval: Duration,
        latest: Arc<Latest>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let reader = Reader::new(paths, keeps);
        Self { reader, interval, ears: Ears::new(), latest, metrics, put: None, said: None }
    }

    /// Watches for ever.
    pub(crate) fn run(mut self) {
        loop {
            self.metrics.beat();
            let is_told = self.ears.wait(self.interval);
            // Also when it is only time to look: somebody may be writing just now.
            self.ears.settle();
            self.look(is_told);
        }
    }

    /// Reads the files, and once more when something happened meanwhile, for what was read may be a mix then.
    pub(crate) fn look(&mut self, mut is_told: bool) {
        let mut read = None;
        for reading in 1..=READS_MAX {
            let (folders, content) = self.reader.read();
            let hash = content.as_ref().ok().map(|content| content.hash);
            let is_doubtful = if self.ears.listen_to(folders) {
                true
            } else if self.ears.hear() {
                is_told = true;
                self.ears.settle();
                true
            } else if !is_told && hash.is_some() && hash != self.put && hash != read {
                read = hash;
                is_told = self.ears.wait(UNTOLD_PAUSE);
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

    fn put(&mut self, content: Content) {
        if self.said.take().is_some() {
            say::info("watched files are readable again", &[]);
        }
        if self.put != Some(content.hash) {
            say::debug("watched files changed", &[("hash", &content.hash)]);
            self.put = Some(content.hash);
            self.latest.put(Arc::new(content));
        }
    }

    fn report(&mut self, problem: Problem) {
        self.metrics.watch_error();
        if self.said.as_ref() != Some(&problem) {
            say::warn(
                &format!(
                    "{} {}; the app is not reloaded until the file is readable",
                    problem.path.display(),
                    problem.why
                ),
                &[],
            );
            self.said = Some(problem);
        }
        // What was known is not what the files say any more, and when they read again it is news.
        self.latest.take_back();
        self.put = None;
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn watcher(dir: &std::path::Path) -> Watcher {
        let (latest, metrics) = (Arc::new(Latest::default()), Arc::new(Metrics::new(Duration::from_secs(5))));
        Watcher::new(vec![dir.to_owned()], false, Duration::from_secs(5), latest, metrics)
    }

    #[test]
    fn what_nobody_tells_of_is_found_by_looking() {
        let dir = tempfile::tempdir().unwrap();
        let mut watcher = watcher(dir.path());
        watcher.ears = Ears::deaf();
        for text in ["one", "two"] {
            fs::write(dir.path().join("app.yaml"), text).unwrap();
            watcher.look(false);
            let known = watcher.latest.first();
            assert_eq!(known.files.values().copied().collect::<Vec<_>>(), [Hash::of(text.as_bytes())]);
        }
    }

    #[test]
    fn what_happens_is_told_and_what_kubelet_does_beside_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let mut watcher = watcher(dir.path());
        watcher.look(false);
        fs::write(dir.path().join("..data_tmp"), "").unwrap();
        assert!(!watcher.ears.hear());
        fs::write(dir.path().join("app.yaml"), "").unwrap();
        assert!(watcher.ears.hear());
        assert!(!watcher.ears.hear());
    }

    #[test]
    fn a_file_that_is_held_open_is_waited_for_and_not_for_ever() {
        let dir = tempfile::tempdir().unwrap();
        let mut watcher = watcher(dir.path());
        watcher.look(false);
        let held = fs::File::create(dir.path().join("held")).unwrap();
        assert!(watcher.ears.hear() && watcher.ears.is_waiting());
        watcher.ears.settle();
        assert!(!watcher.ears.is_waiting());
        drop(held);
        fs::write(dir.path().join("closed"), "1").unwrap();
        assert!(watcher.ears.hear() && !watcher.ears.is_waiting());
    }
}
