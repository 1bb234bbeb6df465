//! The state of a log, read in parts: at most two of them are in memory.

use std::sync::Arc;

use midflight_core::{Document, DocumentId, LogHead, RevisionNumber};

use crate::blocking::{are_long, on_a_blocking_thread};
use crate::{DocumentQuery, Page, RevisionLog, StoreError, StoredDocument};

/// How many documents a part may have: twice as many as the last had, within these bounds. A log looks at the sizes of
/// all that are asked for, so it is not asked for many more than fit.
const PART_LEN: std::ops::RangeInclusive<usize> = 64..=4_096;
/// How many bytes the bodies of a part have together, unless it is one. 4 MiB: what a request may read too.
const PART_BYTES_MAX: u64 = 4 << 20;

/// How often the newest state is begun again when the log is compacted while it is read.
const TRIES_MAX: u32 = 8;

/// Every document that is not deleted, as it was at a revision, in the order of their ids, each as `one` makes it of
/// what the log keeps. Cost: linear in the state, and the memory of a few MiB beside what `one` makes, which is called
/// on a background thread.
///
/// # Errors
/// [`StoreError::Compacted`] or [`StoreError::NoSuchRevision`] when `at` is not in the log, and the errors of `one`.
pub async fn state_at<T: Send + 'static>(
    log: &(impl RevisionLog + ?Sized),
    at: RevisionNumber,
    one: impl Fn(StoredDocument) -> Result<T, StoreError> + Send + Sync + 'static,
) -> Result<Vec<T>, StoreError> {
    let one = Arc::new(one);
    let mut made = Vec::new();
    let mut page = part(log, at, None, *PART_LEN.start()).await?;
    loop {
        let Page { items, next } = page;
        let takes_long = are_long(items.iter().map(text_bytes));
        let len = (2 * items.len()).clamp(*PART_LEN.start(), *PART_LEN.end());
        let one = Arc::clone(&one);
        let make = move || items.into_iter().map(|document| one(document)).collect::<Result<Vec<T>, _>>();
        let making = on_a_blocking_thread(takes_long, make);
        let Some(after) = next else {
            made.extend(making.await??);
            return Ok(made);
        };
        let (part, read) = tokio::join!(making, part(log, at, Some(after), len));
        made.extend(part??);
        page = read?;
    }
}

/// The same of the newest revision, with that.
///
/// # Errors
/// As [`state_at`].
pub async fn newest_state<T: Send + 'static>(
    log: &(impl RevisionLog + ?Sized),
    one: impl Fn(StoredDocument) -> Result<T, StoreError> + Clone + Send + Sync + 'static,
) -> Result<(LogHead, Vec<T>), StoreError> {
    let mut tries = 0;
    loop {
        let head = log.head().await?;
        tries += 1;
        match state_at(log, head.number, one.clone()).await {
            Err(StoreError::Compacted { .. }) if tries < TRIES_MAX => {}
            made => return Ok((head, made?)),
        }
    }
}

/// [`RevisionLog::stored_heads`], each as `one` makes it, which is called on a background thread.
///
/// # Errors
/// When the log cannot be read, and the errors of `one`.
pub async fn heads_as<T: Send + 'static>(
    log: &(impl RevisionLog + ?Sized),
    ids: &[DocumentId],
    one: impl Fn(StoredDocument) -> Result<T, StoreError> + Send + 'static,
) -> Result<(LogHead, Vec<Option<T>>), StoreError> {
    let (head, stored) = log.stored_heads(ids).await?;
    let bytes = |stored: &Option<StoredDocument>| stored.as_ref().map_or(0, text_bytes);
    let takes_long = are_long(stored.iter().map(bytes));
    let make =
        move || stored.into_iter().map(|stored| stored.map(&one).transpose()).collect::<Result<_, _>>();
    Ok((head, on_a_blocking_thread(takes_long, make).await??))
}

fn text_bytes(stored: &StoredDocument) -> usize {
    stored.body.as_ref().map_or(0, |body| body.len())
}

/// The newest state with everything parsed.
///
/// # Errors
/// As [`state_at`], and [`StoreError::Corrupt`] for a body that is not JSON.
pub async fn everything(log: &(impl RevisionLog + ?Sized)) -> Result<(LogHead, Vec<Document>), StoreError> {
    newest_state(log, |document| document.parse()).await
}

async fn part(
    log: &(impl RevisionLog + ?Sized),
    at: RevisionNumber,
    after: Option<DocumentId>,
    len: usize,
) -> Result<Page<StoredDocument, DocumentId>, StoreError> {
    let (limit, bytes_max) = (u32::try_from(len).unwrap_or(u32::MAX), Some(PART_BYTES_MAX));
    let (at, for_state) = (Some(at), true);
    let query = DocumentQuery { at, after, limit, bytes_max, for_state, ..DocumentQuery::default() };
    log.documents(query).await
}
