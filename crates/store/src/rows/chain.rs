//! Digests of revisions as the SQL databases keep them.

use midflight_core::{Digest, LogHead, LogId, RevisionNumber};

use super::row::numbered;
use super::{Columns, corrupt};
use crate::StoreError;

/// A column that holds a digest.
pub(crate) fn digest(row: &impl Columns, column: &str) -> Result<Digest, StoreError> {
    row.text(column)?.parse().map_err(corrupt)
}

/// A column that may hold a digest.
pub(crate) fn digest_or_none(row: &impl Columns, column: &str) -> Result<Option<Digest>, StoreError> {
    row.text_or_none(column)?.map(|digest| digest.parse().map_err(corrupt)).transpose()
}

/// A column with the id of the log.
pub(crate) fn log_id(row: &impl Columns, column: &str) -> Result<LogId, StoreError> {
    row.text(column)?.parse().map_err(corrupt)
}

/// A row with the columns `log`, `newest` and `head_digest`, which is absent for an empty log.
pub(crate) fn log_head(row: &impl Columns) -> Result<LogHead, StoreError> {
    let empty = LogHead::empty(log_id(row, "log")?);
    let newest = numbered(row, "newest")?;
    match digest_or_none(row, "head_digest")? {
        Some(digest) => Ok(empty.at(newest, digest)),
        None if newest == RevisionNumber::ZERO => Ok(empty),
        // In SQLite a row that was added by hand has its digest once the log was read.
        None => Err(StoreError::Unavailable(format!("revision {newest} was added just now; try again"))),
    }
}

/// Computes the digest of a revision from its row and those of its documents.
#[cfg(feature = "sqlite")]
pub(crate) fn of_rows<'a, R: Columns + 'a>(
    revision: &R,
    documents: impl Iterator<Item = &'a R>,
    parent: &Digest,
) -> Result<Digest, StoreError> {
    let mut hasher = midflight_core::RevisionHasher::new(
        parent,
        numbered(revision, "number")?,
        (&revision.text("author")?, &revision.text("reason")?),
        &revision.text("trigger_word")?,
        &revision.text("created_at")?,
    );
    for row in documents {
        let body = match row.text_or_none("body")? {
            None => None,
            Some(text) => {
                let kept = digest_or_none(row, "digest")?;
                Some(kept.unwrap_or_else(|| Digest::of_bytes(text.as_bytes())))
            }
        };
        let (kind, name) = (row.text("kind")?, row.text("name")?);
        let version = super::number(row.integer("version")?)?;
        hasher.document((&kind, &name), version, body.as_ref(), row.text_or_none("owner")?.as_deref());
    }
    Ok(hasher.finish())
}
