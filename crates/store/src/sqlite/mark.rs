//! A mark beside the file of how far the log had come, so that a copy which lacks the newest revisions says so: SQLite keeps
//! those in a second file (`-wal`) until it moves them, and whoever copies the first alone gets an earlier log, or none.

use std::io;
use std::path::{Path, PathBuf};

use midflight_core::{LogHead, RevisionNumber};

use super::SqliteStore;
use crate::{RevisionLog as _, StoreError};

const WORD: &str = "midflight-head";

/// Where the mark of a log is.
fn path_of(log: &Path) -> PathBuf {
    PathBuf::from(format!("{}.head", log.display()))
}

/// Writes the mark of a revision that is on the disk. The mark itself need not be: an older one is weaker, and still true.
pub(super) async fn write(log: &Path, head: LogHead) {
    let path = path_of(log);
    let text = format!("{WORD} {} {} {}\n", head.log, head.number, head.digest);
    let written = tokio::task::spawn_blocking(move || std::fs::write(path, text)).await;
    if let Err(error) = written.unwrap_or_else(|error| Err(io::Error::other(error))) {
        tracing::warn!(%error, "cannot write the mark of how far the log has come");
    }
}

/// What a mark says; none when there is none, or it was cut short.
fn read(log: &Path) -> Option<LogHead> {
    let text = std::fs::read_to_string(path_of(log)).ok()?;
    let mut words = text.strip_suffix('\n')?.split(' ');
    let (word, id, number, digest) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let number = RevisionNumber::new(number.parse().ok()?);
    (word == WORD).then_some(LogHead { log: id.parse().ok()?, number, digest: digest.parse().ok()? })
}

/// Refuses a log that has not all that the mark says it had.
pub(super) async fn check(store: &SqliteStore) -> Result<(), StoreError> {
    let Some(marked) = read(store.path()) else { return Ok(()) };
    let (head, digests) = store.digests(&[marked.number]).await?;
    if head.log == marked.log && digests == [Some(marked.digest)] {
        return Ok(());
    }
    let (log, mark) = (store.path().display(), path_of(store.path()));
    Err(StoreError::Corrupt(format!(
        "{log} is at {head} and had been at {marked}: it is an earlier copy, or was copied without {log}-wal; copy that too, or \
         remove {} to go on with what is there",
        mark.display()
    )))
}
