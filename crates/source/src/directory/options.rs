//! How a directory is watched, and what is found out about it.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use midflight_core::{Owner, RevisionNumber};

use crate::{FileProblem, HeldLoss, LossBounds};

/// How a directory is watched, and its bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DirectoryOptions {
    /// How often the directory is polled. 5 s: what notifications miss (a network file system, a link far away) is
    /// found by this.
    pub poll: Duration,
    /// How long nothing may happen before the directory is read. 5 ms: a save is several events.
    pub quiet: Duration,
    /// The largest file, in bytes. 64 MiB.
    pub file_bytes_max: u64,
    /// The most bytes in all files. 256 MiB.
    pub bytes_max: u64,
    /// The most files. 100,000.
    pub files_max: usize,
    /// Whether a directory without any document deletes the documents it owns. False: an unmounted volume looks like
    /// an empty directory.
    pub allow_empty: bool,
    /// The largest share of its documents that a directory may delete at once, in percent. 50: more is seldom meant,
    /// and a volume that is mounted in part looks like it. 100 switches the check off.
    pub loss_percent_max: u8,
    /// The fewest deleted documents to which `loss_percent_max` applies. 10: below it, half of them is a normal edit.
    pub loss_documents_min: usize,
    /// Whether other replicas of the log may watch copies of the directory. False. If so, a copy that is what the log
    /// had of it before is taken for an old one, and changes nothing.
    pub shared: bool,
}

impl Default for DirectoryOptions {
    fn default() -> Self {
        Self {
            poll: Duration::from_secs(5),
            quiet: Duration::from_millis(5),
            file_bytes_max: 64 << 20,
            bytes_max: 256 << 20,
            files_max: 100_000,
            allow_empty: false,
            loss_percent_max: 50,
            loss_documents_min: 10,
            shared: false,
        }
    }
}

/// The loss, in words.
pub(super) fn loss_text(loss: &HeldLoss) -> String {
    let HeldLoss { deleted, owned, empty } = loss;
    let what = if *empty { "the directory has no documents" } else { "too many documents are missing" };
    format!(
        "{what}; kept {deleted} of {owned} documents that it would delete; bring the files back (see --allow-empty and \
         --watch-loss-percent-max)"
    )
}

impl DirectoryOptions {
    /// When deletions have to be confirmed.
    #[must_use]
    pub fn loss(&self) -> LossBounds {
        let Self { allow_empty, loss_percent_max, loss_documents_min, .. } = *self;
        LossBounds { allow_empty, percent_max: loss_percent_max, documents_min: loss_documents_min }
    }
}

/// The state of a directory.
#[derive(Debug, Clone, PartialEq)]
pub struct DirectoryStatus {
    /// The name as which it owns its documents.
    pub name: String,
    /// The directory, as an absolute path.
    pub dir: PathBuf,
    /// The owner of its documents in the log, which is also the author of its revisions.
    pub owner: Owner,
    /// Whether the system reports changes; if not, only the poll finds them.
    pub notified: bool,
    /// How many files it holds.
    pub files: usize,
    /// How many documents are in them.
    pub documents: usize,
    /// What is wrong now. As long as one of these is about a file, nothing of the directory goes to the log.
    pub problems: Vec<FileProblem>,
    /// Whether changes of the directory wait: the last look found problems that keep all of it out of the log.
    pub blocked: bool,
    /// The deletions that wait to be confirmed; none when there are none.
    pub held: Option<HeldLoss>,
    /// When the directory was last found, or made, to agree with the log.
    pub synced_at: Option<Timestamp>,
    /// The last revision that it made in this process.
    pub revision: Option<RevisionNumber>,
    /// How many revisions it made in this process.
    pub revisions: u64,
}
