//! Sees that the content of files changed: by being told, and by looking from time to time.

mod ears;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::files::{Problem, Reader};
use crate::hash::Hash;
use crate::latest::Latest;
use crate::metrics::Metrics;
use crate::say;

use ears::Ears;

/// How often files are read again when they change while they are read. Then the next event or look goes on.
const READS_MAX: u32 = 20;

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
            self.ears.wait(self.interval);
            // Also when it is only time to look: somebody may be writing just now.
            self.ears.settle();
            self.look();
        }
    }

    /// Reads the files, and once more when something happened meanwhile, for what was read may be a mix then.
    pub(crate) fn look(&mut self) {
        for _ in 0..READS_MAX {
            let (folders, content) = self.reader.read();
            if self.ears.listen_to(folders) {
                continue;
            }
            if self.ears.hear() {
                self.ears.settle();
                continue;
            }
            match content {
                Ok(content) => {
                    if self.said.take().is_some() {
                        say::info("the files can be read again", &[]);
                    }
                    if self.put != Some(content.hash) {
                        say::debug("the files changed", &[("hash", &content.hash)]);
                        self.put = Some(content.hash);
                        self.latest.put(Arc::new(content));
                    }
                }
                Err(problem) => self.report(problem),
            }
            return;
        }
    }

    fn report(&mut self, problem: Problem) {
        self.metrics.watch_error();
        if self.said.as_ref() != Some(&problem) {
            say::warn(
                &format!("{} {}; the app is left alone until it reads", problem.path.display(), problem.why),
                &[],
            );
            self.said = Some(problem);
        }
        // What was known is not what the files say any more, and when they read again it is news.
        self.latest.take_back();
        self.put = None;
    }
}
