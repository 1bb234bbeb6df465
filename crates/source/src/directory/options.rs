//! How a directory is watched, and what is found out about it.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use midflight_core::{Owner, RevisionNumber};

use crate::FileProblem;

/// How a directory is watched, and its bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DirectoryOptions {
    /// How often the directory is looked at without being told. 5 s: what notifications miss (a network file system, a
    /// link far away) is found by this.
    pub poll: Duration,
    /// How long nothing may happen before the directory is read. 5 ms: a save is several events.
    pub quiet: Duration,
    /// The largest file, in bytes. 64 MiB.
    pub file_bytes_max: u64,
    /// The most bytes in all files. 256 MiB.
    pub bytes_max: u64,
    /// The most files. 100,000.
    pub files_max: usize,
}

impl Default for DirectoryOptions {
    fn default() -> Self {
        Self {
            poll: Duration::from_secs(5),
            quiet: Duration::from_millis(5),
            file_bytes_max: 64 << 20,
            bytes_max: 256 << 20,
            files_max: 100_000,
        }
    }
}

/// How a directory stands to the log.
#[derive(Debug, Clone, PartialEq)]
pub struct DirectoryStatus {
    /// The directory, as an absolute path.
    pub dir: PathBuf,
    /// The owner of its documents in the log, which is also the author of its revisions.
    pub owner: Owner,
    /// Whether the system tells of changes; if not, only the poll finds them.
    pub notified: bool,
    /// How many files it holds.
    pub files: usize,
    /// How many documents are in them.
    pub documents: usize,
    /// What is wrong now. As long as one of these is about a file, nothing of the directory goes to the log.
    pub problems: Vec<FileProblem>,
    /// When the directory was last found, or made, to agree with the log.
    pub synced_at: Option<Timestamp>,
    /// The last revision that it made in this process.
    pub revision: Option<RevisionNumber>,
    /// How many revisions it made in this process.
    pub revisions: u64,
}
