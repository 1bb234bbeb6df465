//! Rows of the log, read into what they mean. A body is held against its digest, so that a damaged file says so.

use std::sync::Arc;

use jiff::Timestamp;
use midflight_core::{ChangeSummary, Digest, Document, DocumentId, Op, Owner, Revision, RevisionNumber};
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::failure::{corrupt, failure};
use crate::StoreError;

/// The columns that [`document`] reads, of a table called `d`.
pub(super) const DOCUMENT: &str = "d.kind, d.name, d.version, d.revision, d.owner, d.digest, d.body";

pub(super) fn number(value: i64) -> Result<u64, StoreError> {
    u64::try_from(value).map_err(|_| corrupt(format_args!("{value} is no number of this log")))
}

pub(super) fn signed(number: RevisionNumber) -> i64 {
    // The log never comes near to the 63 bits that SQLite counts in.
    i64::try_from(number.get()).unwrap_or(i64::MAX)
}

pub(super) fn id(row: &SqliteRow) -> Result<DocumentId, StoreError> {
    let kind: String = row.try_get("kind").map_err(failure)?;
    let name: String = row.try_get("name").map_err(failure)?;
    DocumentId::new(&kind, &name).map_err(corrupt)
}

pub(super) fn document(row: &SqliteRow) -> Result<Document, StoreError> {
    let id = id(row)?;
    let version = number(row.try_get("version").map_err(failure)?)?;
    let body: Option<String> = row.try_get("body").map_err(failure)?;
    let digest: Option<String> = row.try_get("digest").map_err(failure)?;
    let body = match body {
        None => None,
        Some(text) => {
            let damaged = |what: &str| corrupt(format_args!("version {version} of {id} {what}"));
            let kept_as = digest.map(|digest| digest.parse::<Digest>()).transpose();
            let kept_as = kept_as.map_err(|_| damaged("has no digest that could be one"))?;
            let body = serde_json::from_str(&text);
            match (body, kept_as) {
                // The text was written canonical, so its bytes have the digest; nothing is made anew to compare.
                (Ok(body), Some(digest)) if digest == Digest::of_bytes(text.as_bytes()) => {
                    Some(Arc::new(body))
                }
                (_, Some(_)) => return Err(damaged("is not what was put there")),
                (Ok(body), None) => Some(Arc::new(body)),
                // Added by hand, and no JSON: no kind takes it, so the revision is left out by whoever follows it.
                (Err(_), None) => Some(Arc::new(serde_json::Value::String(text))),
            }
        }
    };
    let owner: Option<String> = row.try_get("owner").map_err(failure)?;
    let revision = RevisionNumber::new(number(row.try_get("revision").map_err(failure)?)?);
    Ok(Document { id, version, revision, owner: owner.map(|owner| Owner::new(&owner)), body })
}

/// More rows than this are read on a thread where nobody waits: parsing and hashing them takes milliseconds, which
/// requests on this thread would have to wait for.
const READ_HERE_MAX: usize = 64;

/// Runs what costs time for each of `count` things, on a thread for that when they are many.
pub(super) async fn off_the_road<T: Send + 'static>(
    count: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, StoreError> {
    if count <= READ_HERE_MAX {
        return Ok(work());
    }
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| StoreError::Unavailable(format!("the rows were not worked through: {error}")))
}

pub(super) async fn documents(rows: Vec<SqliteRow>) -> Result<Vec<Document>, StoreError> {
    off_the_road(rows.len(), move || rows.iter().map(document).collect()).await?
}

pub(super) fn time(row: &SqliteRow) -> Result<Timestamp, StoreError> {
    let text: String = row.try_get("created_at").map_err(failure)?;
    text.parse().map_err(corrupt)
}

/// A revision without its changes.
pub(super) fn revision(row: &SqliteRow, changes: Vec<ChangeSummary>) -> Result<Revision, StoreError> {
    let trigger: String = row.try_get("trigger_word").map_err(failure)?;
    Ok(Revision {
        number: RevisionNumber::new(number(row.try_get("number").map_err(failure)?)?),
        author: row.try_get("author").map_err(failure)?,
        reason: row.try_get("reason").map_err(failure)?,
        trigger: trigger.parse().map_err(corrupt)?,
        created_at: time(row)?,
        changes: changes.into(),
    })
}

pub(super) fn summary(document: &Document) -> ChangeSummary {
    let op = if document.body.is_some() { Op::Put } else { Op::Delete };
    ChangeSummary { id: document.id.clone(), op, version: document.version }
}
