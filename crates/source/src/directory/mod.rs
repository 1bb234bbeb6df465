//! A watched directory: the log follows the contents of its files.

mod list;
#[cfg(test)]
mod loss_tests;
mod named;
mod options;
mod outdated;
#[cfg(test)]
mod outdated_tests;
#[cfg(test)]
mod overtaken_tests;
pub(crate) mod plan;
pub(crate) mod read;
mod sync;
#[cfg(test)]
mod tests;
pub(crate) mod view;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use midflight_engine::Engine;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

pub use named::{NamedDirectory, distinct};
pub use options::{DirectoryOptions, DirectoryStatus};

use crate::notice::{ChangeSignal, FolderWatcher};
use read::DirectoryReader;
use sync::Sync;
use view::LogView;

/// Why a directory cannot be watched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// Its path is none.
    #[error("{path:?} is not a path: {source}")]
    Path {
        /// What was given.
        path: PathBuf,
        /// The message of the system.
        source: io::Error,
    },
    /// The name of a directory is none.
    #[error(
        "invalid name of a directory {0:?}: expected 1 to 128 bytes without slashes and control characters"
    )]
    Name(String),
    /// A path has no last component to name the directory by.
    #[error("the directory {} has no name; give it one: --watch NAME=DIR", .0.display())]
    Unnamed(PathBuf),
    /// Two directories have one name.
    #[error(
        "the directories {} and {} have the same name {name:?}; give one another name: --watch NAME=DIR",
        first.display(), second.display()
    )]
    SameName {
        /// The name.
        name: String,
        /// One directory.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// An option is out of its bounds.
    #[error("{0}")]
    Option(&'static str),
}

/// Keeps the log in step with a directory of YAML and JSON documents.
///
/// Every file of it and of its folders that ends in `.yaml`, `.yml`, `.json` or `.toml` is read, links are followed,
/// and what begins with a dot is passed over. A completed change (a save, a rename over a file, a deletion, the swap of
/// a link that kubelet makes) is one revision with the author and the owner `file:NAME`. What has no consequence is
/// none.
///
/// - All or nothing: as long as anything in the directory cannot be read, is broken or is refused, nothing of it goes
///   to the log, and what is served is served. The problems are logged once and are in [`DirectoryStatus`].
/// - A directory that is not there deletes nothing. Deletions of everything, or of more than a share of it, wait until
///   they are confirmed ([`DirectoryOptions::allow_empty`], [`DirectoryOptions::loss_percent_max`],
///   [`DirectoryHandle::confirm_loss`]): an unmounted volume looks like an empty directory.
/// - It takes documents without an owner, never those of another owner, and deletes only its own. What was explicitly
///   taken over from it is not changed until the file has something new of it. Documents that are not changed are
///   reported, and the rest continues.
/// - It speaks when it changes, and then of what changed: replicas that watch copies of one directory do not undo each
///   other's step while the copies change one after the other. A start and [`DirectorySource::sync_now`] compare all;
///   where other replicas may watch copies ([`DirectoryOptions::shared`]), a copy that is what the log had of it before
///   changes nothing.
/// - Changes are reported by the system and found by polling, so that a lost notification only delays.
#[derive(Debug)]
pub struct DirectorySource {
    handle: DirectoryHandle,
    task: JoinHandle<()>,
    stop: DropGuard,
}

/// Reads the status of a [`DirectorySource`] and asks it to look. Cloning it is cheap.
#[derive(Debug, Clone)]
pub struct DirectoryHandle {
    status: watch::Receiver<DirectoryStatus>,
    asked: mpsc::Sender<SyncRequest>,
}

/// A request to look at the directory now.
#[derive(Debug)]
struct SyncRequest {
    /// Who confirms that documents are deleted, however many; none for a look that confirms nothing.
    confirmed_by: Option<String>,
    done: oneshot::Sender<()>,
}

impl DirectorySource {
    /// Begins to watch, and brings the log in step before it returns. What is wrong with the directory is no error
    /// here: it is in the status, and a server that starts with it serves what the log holds.
    ///
    /// # Errors
    /// [`SourceError::Option`] when an option is out of bounds.
    pub async fn start(
        engine: Engine,
        directory: NamedDirectory,
        options: DirectoryOptions,
    ) -> Result<Self, SourceError> {
        if options.poll.is_zero() {
            return Err(SourceError::Option("the poll interval is 0; the default is 5 s"));
        }
        if options.loss_percent_max > 100 {
            return Err(SourceError::Option("invalid loss_percent_max: expected 0 to 100"));
        }
        let (dir, owner) = (directory.path().to_owned(), directory.owner());
        let shown: Arc<str> = dir.to_string_lossy().into();
        let signal = Arc::new(ChangeSignal::default());
        let (sender, status) = watch::channel(DirectoryStatus {
            name: directory.name().to_owned(),
            dir: dir.clone(),
            owner: owner.clone(),
            notified: false,
            files: 0,
            documents: 0,
            problems: Vec::new(),
            blocked: false,
            held: None,
            synced_at: None,
            revision: None,
            revisions: 0,
        });
        let mut sync = Sync {
            engine,
            owner: owner.clone(),
            dir: shown,
            options,
            reader: Some(DirectoryReader::new(dir, options)),
            view: LogView::new(owner),
            watcher: Some(FolderWatcher::new(Arc::clone(&signal))),
            signal: Arc::clone(&signal),
            status: sender,
            done: None,
            agreed: None,
            compares_all: true,
            outdated: None,
        };
        sync.round(true, None).await;
        let stop = CancellationToken::new();
        let (asked, asks) = mpsc::channel(16);
        let task = tokio::spawn(run(sync, signal, asks, options, stop.clone()));
        Ok(Self { handle: DirectoryHandle { status, asked }, task, stop: stop.drop_guard() })
    }

    /// Returns a handle to read the status and to confirm a loss. Once the source has stopped, its calls return the
    /// last status.
    #[must_use]
    pub fn handle(&self) -> DirectoryHandle {
        self.handle.clone()
    }

    /// The state of the directory.
    #[must_use]
    pub fn status(&self) -> DirectoryStatus {
        self.handle.status()
    }

    /// Receives every change of the status from now on.
    #[must_use]
    pub fn statuses(&self) -> watch::Receiver<DirectoryStatus> {
        let mut statuses = self.handle.status.clone();
        statuses.mark_unchanged();
        statuses
    }

    /// Reads every file now, tries again what was refused, and answers the state afterwards.
    pub async fn sync_now(&self) -> DirectoryStatus {
        self.handle.sync_now().await
    }

    /// Stops watching. What the directory put into the log stays. Takes milliseconds, or as long as an edit that is
    /// under way.
    pub async fn stop(self) {
        drop(self.stop);
        if self.task.await.is_err() {
            tracing::error!("task of a watched directory failed");
        }
    }
}

impl DirectoryHandle {
    /// Returns the state of the directory.
    #[must_use]
    pub fn status(&self) -> DirectoryStatus {
        self.status.borrow().clone()
    }

    /// Reads every file now, tries again what was refused, and answers the state afterwards.
    pub async fn sync_now(&self) -> DirectoryStatus {
        self.ask(None).await
    }

    /// Reads every file now and makes the deletions that are found, however many they are. Returns the status
    /// afterwards. `by` is named in the reason of the revision. The confirmation is for this look alone.
    pub async fn confirm_loss(&self, by: &str) -> DirectoryStatus {
        self.ask(Some(by.to_owned())).await
    }

    async fn ask(&self, confirmed_by: Option<String>) -> DirectoryStatus {
        let (done, reply) = oneshot::channel();
        // Without the task there is nothing to wait for.
        if self.asked.send(SyncRequest { confirmed_by, done }).await.is_ok() {
            drop(reply.await);
        }
        self.status()
    }
}

async fn run(
    mut sync: Sync,
    signal: Arc<ChangeSignal>,
    mut asks: mpsc::Receiver<SyncRequest>,
    options: DirectoryOptions,
    stop: CancellationToken,
) {
    loop {
        let ask = tokio::select! {
            () = stop.cancelled() => return,
            () = signal.rung() => None,
            () = tokio::time::sleep(options.poll) => None,
            ask = asks.recv() => match ask {
                None => return,
                ask => ask,
            },
        };
        let Some(SyncRequest { confirmed_by, done }) = ask else {
            // Also at a poll: the file may be in the middle of a write.
            tokio::select! {
                () = stop.cancelled() => return,
                () = signal.settled(options.quiet) => {}
            }
            sync.round(false, None).await;
            continue;
        };
        sync.round(true, confirmed_by.as_deref()).await;
        if done.send(()).is_err() {
            tracing::debug!("the caller that requested a directory scan is gone");
        }
    }
}
