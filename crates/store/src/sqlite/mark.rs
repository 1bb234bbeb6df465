//! A mark beside the file of the position of the log, so that a copy which lacks the newest revisions is detected:
//! SQLite keeps those in a second file (`-wal`) until it moves them, and a copy of the first alone is an earlier log,
//! or none.

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

/// Writes the mark of a revision that is on the disk. The mark itself need not be: an older one is weaker, and still
/// true.
pub(super) async fn write(log: &Path, head: LogHead) {
    let path = path_of(log);
    let text = format!("{WORD} {} {} {}\n", head.log, head.number, head.digest);
    let written = tokio::task::spawn_blocking(move || std::fs::write(path, text)).await;
    if let Err(error) = written.unwrap_or_else(|error| Err(io::Error::other(error))) {
        tracing::warn!(%error, "cannot write the mark of the position of the log");
    }
}

/// The contents of a mark; none when there is none, or it was cut short.
fn read(log: &Path) -> Option<LogHead> {
    let text = std::fs::read_to_string(path_of(log)).ok()?;
    let mut words = text.strip_suffix('\n')?.split(' ');
    let (word, id, number, digest) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let number = RevisionNumber::new(number.parse().ok()?);
    (word == WORD).then_some(LogHead { log: id.parse().ok()?, number, digest: digest.parse().ok()? })
}

/// Refuses a log that has not all that it had at the mark.
pub(super) async fn check(store: &SqliteStore) -> Result<(), StoreError> {
    let Some(marked) = read(store.path()) else { return Ok(()) };
    let (head, digests) = store.digests(&[marked.number]).await?;
    if head.log == marked.log && digests == [Some(marked.digest)] {
        return Ok(());
    }
    let (log, mark) = (store.path().display(), path_of(store.path()));
    Err(StoreError::Corrupt(format!(
        "{log} is at {head} and was at {marked} before: it is an earlier copy, or was copied without \
         {log}-wal; copy that too, or remove {} to continue with it",
        mark.display()
    )))
}
