//! Pages that end by count or by bytes: the sizes of the bodies are asked for first, and only the bodies that fit are
//! read.

use std::sync::Arc;

use midflight_core::Digest;
use serde_json::value::RawValue;

use super::body::rows_are_long;
use super::row::{id, numbered, owner, principal, time};
use super::{Columns, corrupt, integer, number};
use crate::blocking::on_a_blocking_thread;
use crate::query::PageBounds;
use crate::{DocumentVersion, StoreError, StoredDocument};

/// The table `sized`, of a table `page (place, bytes, ...)`: for each place its number in that order, the bytes up to
/// it, and how many rows there are.
pub(crate) fn sized(order: &str) -> String {
    format!(
        ", sized AS (SELECT place, SUM(bytes) OVER w AS total, ROW_NUMBER() OVER w AS nth, COUNT(*) OVER () AS found
         FROM page WINDOW w AS (ORDER BY {order}))"
    )
}

/// The condition that a row of `sized s` is on the page.
pub(crate) fn fits(bounds: PageBounds) -> String {
    let (limit, bytes_max) = (bounds.limit, integer(bounds.bytes_max));
    format!("(s.nth = 1 OR (s.nth <= {limit} AND s.total <= {bytes_max}))")
}

/// The documents of rows, and how many the list went on with. Cost: a digest of each body.
pub(crate) async fn stored<R: Columns + Send + 'static>(
    rows: Vec<R>,
) -> Result<(Vec<StoredDocument>, usize), StoreError> {
    read(rows, stored_document).await
}

/// The documents of rows that are no page.
#[cfg(feature = "sqlite")]
pub(crate) async fn documents<R: Columns + Send + 'static>(
    rows: Vec<R>,
) -> Result<Vec<StoredDocument>, StoreError> {
    let takes_long = rows_are_long(&rows);
    on_a_blocking_thread(takes_long, move || rows.iter().map(stored_document).collect()).await?
}

/// The versions of rows, and how many the list went on with.
pub(crate) async fn versions<R: Columns + Send + 'static>(
    rows: Vec<R>,
) -> Result<(Vec<DocumentVersion>, usize), StoreError> {
    read(rows, version).await
}

async fn read<R: Columns + Send + 'static, T: Send + 'static>(
    rows: Vec<R>,
    one: fn(&R) -> Result<T, StoreError>,
) -> Result<(Vec<T>, usize), StoreError> {
    let Some(last) = rows.last() else { return Ok((Vec::new(), 0)) };
    let found = usize::try_from(last.integer("found")?).unwrap_or(usize::MAX);
    let items =
        on_a_blocking_thread(rows_are_long(&rows), move || rows.iter().map(one).collect::<Result<_, _>>())
            .await??;
    Ok((items, found))
}

/// A document with its body as text. Cost: a digest of it.
pub(crate) fn stored_document(row: &impl Columns) -> Result<StoredDocument, StoreError> {
    let id = id(row)?;
    let version = number(row.integer("version")?)?;
    let body = match (row.text_or_none("body")?, row.text_or_none("digest")?) {
        (None, _) => None,
        (Some(text), Some(digest)) => {
            let is_whole = digest.parse() == Ok(Digest::of_bytes(text.as_bytes()));
            let damaged = || corrupt(format_args!("version {version} of {id} is not what was put there"));
            Some(is_whole.then_some(text).ok_or_else(damaged)?)
        }
        // Added by hand. What is not JSON is shown as a text.
        (Some(text), None) => match serde_json::from_str::<&RawValue>(&text) {
            Ok(_) => Some(text),
            Err(_) => Some(serde_json::Value::String(text).to_string()),
        },
    };
    Ok(StoredDocument {
        id,
        version,
        revision: numbered(row, "revision")?,
        owner: owner(row)?,
        body: body.map(Arc::from),
    })
}

/// A version of a document, with the metadata of its revision.
fn version(row: &impl Columns) -> Result<DocumentVersion, StoreError> {
    Ok(DocumentVersion {
        document: stored_document(row)?,
        author: row.text("author")?,
        principal: principal(row)?,
        reason: row.text("reason")?,
        created_at: time(row)?,
    })
}
