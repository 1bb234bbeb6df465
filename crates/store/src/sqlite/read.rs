//! Reading the log. What takes several statements takes them in one transaction, so that all is of one moment.

use std::collections::HashMap;
use std::sync::Arc;

use midflight_core::{Digest, Document, DocumentId, Head, LogHead, Revision, RevisionNumber};
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, QueryBuilder, Row as _, Sqlite, SqliteConnection, SqliteExecutor, SqlitePool};

use super::chain;
use super::failure::failure;
use crate::blocking::on_a_blocking_thread;
use crate::query::PageBounds;
use crate::rows::blob::checked_blob;
use crate::rows::body::rows_are_long;
use crate::rows::edit::Heads;
use crate::rows::filter::DocumentFilter;
use crate::rows::page;
use crate::rows::row::{self, DOCUMENT};
use crate::rows::{self, Columns as _, integer, number, signed, without_gaps};
use crate::{
    Appended, Authorship, ChangedQuery, DocumentQuery, DocumentVersion, KeyedRevision, ListedRevision, Page,
    RevisionQuery, StoreError, StoredDocument,
};

pub(super) async fn head(reader: impl SqliteExecutor<'_>) -> Result<LogHead, StoreError> {
    let head = sqlx::query(
        "SELECT l.id AS log, COALESCE(r.number, 0) AS newest, c.digest AS head_digest FROM log_id l
         LEFT JOIN (SELECT MAX(number) AS number FROM revisions) r ON TRUE
         LEFT JOIN revision_digests c ON c.number = r.number",
    );
    rows::chain::log_head(&head.fetch_one(reader).await.map_err(failure)?)
}

pub(super) async fn revision_of_key(
    reader: impl SqliteExecutor<'_>,
    key: &str,
) -> Result<Option<KeyedRevision>, StoreError> {
    let row = sqlx::query(rows::KEYED).bind(key).fetch_optional(reader).await.map_err(failure)?;
    row.map(|row| row::keyed(&row)).transpose()
}

pub(super) async fn first(reader: &mut SqliteConnection) -> Result<RevisionNumber, StoreError> {
    let first: i64 = sqlx::query_scalar("SELECT value FROM meta WHERE key = 'first_revision'")
        .fetch_one(reader)
        .await
        .map_err(failure)?;
    number(first).map(RevisionNumber::new)
}

pub(super) async fn document_count(reader: impl SqliteExecutor<'_>) -> Result<u64, StoreError> {
    let count: i64 = sqlx::query_scalar("SELECT value FROM meta WHERE key = 'documents'")
        .fetch_one(reader)
        .await
        .map_err(failure)?;
    number(count)
}

/// Refuses a revision whose state is not kept, or not there yet.
async fn readable(reader: &mut SqliteConnection, at: RevisionNumber) -> Result<(), StoreError> {
    let first = first(reader).await?;
    rows::readable(at, first, head(&mut *reader).await?.number)
}

async fn parsed(rows: Vec<SqliteRow>) -> Result<Vec<Document>, StoreError> {
    let takes_long = rows_are_long(&rows);
    on_a_blocking_thread(takes_long, move || rows.iter().map(row::document).collect()).await?
}

/// The documents that these revisions made, each with its number, in the order of the edits.
async fn made_by(
    reader: &mut SqliteConnection,
    from: RevisionNumber,
    to: RevisionNumber,
) -> Result<HashMap<RevisionNumber, Vec<Document>>, StoreError> {
    let sql = format!(
        "SELECT {DOCUMENT} FROM documents d WHERE d.revision BETWEEN ?1 AND ?2 ORDER BY d.revision, d.rowid"
    );
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(signed(from)).bind(signed(to));
    let rows = rows.fetch_all(reader).await.map_err(failure)?;
    let mut made: HashMap<_, Vec<_>> = HashMap::new();
    for document in parsed(rows).await? {
        made.entry(document.revision).or_default().push(document);
    }
    Ok(made)
}

pub(super) async fn revisions(
    readers: &SqlitePool,
    query: RevisionQuery,
) -> Result<Page<ListedRevision, RevisionNumber>, StoreError> {
    let mut reader = readers.begin().await.map_err(failure)?;
    let first = first(&mut reader).await?;
    let mut sql = QueryBuilder::<Sqlite>::new(
        "SELECT r.*, c.digest AS chained, (SELECT group_concat(kind || ' ' || count) FROM (SELECT kind, COUNT(*) AS count
             FROM documents WHERE revision = r.number GROUP BY kind)) AS kinds
         FROM revisions r JOIN revision_digests c ON c.number = r.number WHERE r.number >= ",
    );
    sql.push_bind(signed(first));
    if let Some(before) = query.before {
        sql.push(" AND r.number < ").push_bind(signed(before));
    }
    if let Some(kind) = &query.kind {
        sql.push(" AND EXISTS (SELECT 1 FROM documents d WHERE d.revision = r.number AND d.kind = ");
        sql.push_bind(kind.as_str().to_owned()).push(")");
    }
    sql.push(" ORDER BY r.number DESC LIMIT ").push_bind(i64::from(query.limit) + 1);
    let rows = sql.build().fetch_all(&mut *reader).await.map_err(failure)?;
    let changes_max = query.changes_max.map_or(-1, i64::from);
    let mut items = Vec::with_capacity(rows.len());
    for row in &rows {
        let changes = sqlx::query(
            "SELECT kind, name, version, body IS NULL AS deleted FROM documents WHERE revision = ?1
             ORDER BY rowid LIMIT ?2",
        );
        let changes = changes.bind(row.integer("number")?).bind(changes_max);
        let changes = changes.fetch_all(&mut *reader).await.map_err(failure)?;
        items.push(row::listed(row, changes.iter().map(row::change).collect::<Result<_, _>>()?)?);
    }
    Ok(Page::cut(items, query.limit, |listed: &ListedRevision| listed.revision.number))
}

pub(super) async fn changed(
    readers: &SqlitePool,
    query: ChangedQuery,
) -> Result<Page<DocumentId, DocumentId>, StoreError> {
    let mut reader = readers.begin().await.map_err(failure)?;
    readable(&mut reader, query.upto).await?;
    readable(&mut reader, query.after.next().min(query.upto)).await?;
    let mut sql =
        QueryBuilder::<Sqlite>::new("SELECT DISTINCT d.kind, d.name FROM documents d WHERE d.revision > ");
    sql.push_bind(signed(query.after)).push(" AND d.revision <= ").push_bind(signed(query.upto));
    let asked =
        DocumentFilter { kind: &query.kind, name_prefix: query.name_prefix.clone(), after: &query.after_id };
    asked.push(&mut sql, "d");
    sql.push(" ORDER BY d.kind, d.name LIMIT ").push_bind(i64::from(query.limit) + 1);
    let rows = sql.build().fetch_all(&mut *reader).await.map_err(failure)?;
    let items = rows.iter().map(row::id).collect::<Result<_, _>>()?;
    Ok(Page::cut(items, query.limit, DocumentId::clone))
}

pub(super) async fn since(
    readers: &SqlitePool,
    since: RevisionNumber,
    limit: u32,
) -> Result<Vec<Appended>, StoreError> {
    let mut reader = readers.begin().await.map_err(failure)?;
    let first = first(&mut reader).await?;
    if since.next() < first {
        return Err(StoreError::Compacted { asked: since.next(), first });
    }
    let rows = sqlx::query(
        "SELECT r.*, c.digest AS chained FROM revisions r JOIN revision_digests c ON c.number = r.number
         WHERE r.number > ?1 ORDER BY r.number LIMIT ?2",
    );
    let rows = rows.bind(signed(since)).bind(limit).fetch_all(&mut *reader).await.map_err(failure)?;
    let Some(last) = rows.last() else { return Ok(Vec::new()) };
    let last = row::numbered(last, "number")?;
    let mut made = made_by(&mut reader, since.next(), last).await?;
    let mut parent = chain::parent(&mut reader, since).await?;
    let appended = rows.iter().map(|row| {
        let bare = row::revision(row, Vec::new())?;
        let documents = made.remove(&bare.number).unwrap_or_default();
        let revision = Revision { changes: documents.iter().map(row::summary).collect(), ..bare };
        let parent = std::mem::replace(&mut parent, revision.digest);
        Ok(Appended { revision, documents, parent })
    });
    without_gaps(since, appended.collect::<Result<_, _>>()?)
}

/// Documents are asked for as one JSON array: any number of them is one statement.
fn as_json<'a>(ids: impl Iterator<Item = &'a DocumentId>) -> String {
    let pairs = ids.map(|id| serde_json::json!([id.kind.as_str(), id.name.as_str()]));
    serde_json::Value::Array(pairs.collect()).to_string()
}

pub(super) async fn stored_heads(
    readers: &SqlitePool,
    ids: &[DocumentId],
) -> Result<(LogHead, Vec<Option<StoredDocument>>), StoreError> {
    let mut reader = readers.begin().await.map_err(failure)?;
    let head = head(&mut *reader).await?;
    let sql = format!(
        "SELECT {DOCUMENT} FROM json_each(?1) j
         JOIN heads h ON h.kind = j.value ->> 0 AND h.name = j.value ->> 1
         JOIN documents d ON d.rowid = h.document"
    );
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(as_json(ids.iter())).fetch_all(&mut *reader).await;
    let rows = rows.map_err(failure)?;
    let found: HashMap<_, _> =
        page::documents(rows).await?.into_iter().map(|document| (document.id.clone(), document)).collect();
    Ok((head, ids.iter().map(|id| found.get(id).cloned()).collect()))
}

pub(super) async fn heads_without_bodies(
    reader: &mut SqliteConnection,
    ids: &[&DocumentId],
) -> Result<Heads, StoreError> {
    let rows = sqlx::query(
        "SELECT h.* FROM json_each(?1) j JOIN heads h ON h.kind = j.value ->> 0 AND h.name = j.value ->> 1",
    );
    let rows = rows.bind(as_json(ids.iter().copied())).fetch_all(reader).await.map_err(failure)?;
    rows.iter().map(row::head).collect()
}

pub(super) async fn document_head(readers: &SqlitePool, id: &DocumentId) -> Result<Option<Head>, StoreError> {
    let row = sqlx::query("SELECT * FROM heads WHERE kind = ?1 AND name = ?2");
    let row =
        row.bind(id.kind.as_str()).bind(id.name.as_str()).fetch_optional(readers).await.map_err(failure)?;
    Ok(row.map(|row| row::head(&row)).transpose()?.map(|(_, head)| head))
}

pub(super) async fn documents(
    readers: &SqlitePool,
    query: DocumentQuery,
) -> Result<Page<StoredDocument, DocumentId>, StoreError> {
    let mut reader = readers.begin().await.map_err(failure)?;
    let size = "COALESCE(octet_length(d.body), 0) AS bytes";
    // The join is crossed so that it follows the order of the heads, and ends with the page.
    let mut sql = QueryBuilder::<Sqlite>::new("WITH page AS (SELECT ");
    let table = match (query.made_by, query.at) {
        (Some(made_by), _) => {
            sql.push(format!(
                "d.kind, d.name, d.rowid AS place, {size} FROM documents d WHERE d.revision = "
            ));
            sql.push_bind(signed(made_by));
            "d"
        }
        (None, None) => {
            sql.push(format!(
                "h.kind, h.name, h.document AS place, {size} FROM heads h
                 CROSS JOIN documents d ON d.rowid = h.document WHERE NOT h.deleted"
            ));
            "h"
        }
        (None, Some(at)) => {
            readable(&mut reader, at).await?;
            sql.push(format!(
                "h.kind, h.name, d.rowid AS place, {size} FROM heads h CROSS JOIN documents d ON d.rowid = (
                     SELECT o.rowid FROM documents o WHERE o.kind = h.kind AND o.name = h.name AND o.revision <= "
            ));
            sql.push_bind(signed(at)).push(" ORDER BY o.version DESC LIMIT 1) WHERE d.body IS NOT NULL");
            "h"
        }
    };
    let asked =
        DocumentFilter { kind: &query.kind, name_prefix: query.name_prefix.clone(), after: &query.after };
    asked.push(&mut sql, table);
    sql.push(format!(" ORDER BY {table}.kind, {table}.name LIMIT ")).push_bind(i64::from(query.limit) + 1);
    sql.push(")").push(page::sized("kind, name"));
    let bounds = PageBounds::new(query.limit, query.bytes_max);
    let fits = page::fits(bounds);
    sql.push(format!(
        " SELECT {DOCUMENT}, s.total, s.found FROM sized s CROSS JOIN documents d ON d.rowid = s.place
          WHERE {fits} ORDER BY s.nth"
    ));
    let rows = sql.build().fetch_all(&mut *reader).await.map_err(failure)?;
    let (items, found) = page::stored(rows).await?;
    Ok(Page::of(items, found, |document: &StoredDocument| document.id.clone()))
}

pub(super) async fn document_at(
    readers: &SqlitePool,
    id: &DocumentId,
    at: RevisionNumber,
) -> Result<Option<Document>, StoreError> {
    let mut reader = readers.begin().await.map_err(failure)?;
    readable(&mut reader, at).await?;
    let sql = format!(
        "SELECT {DOCUMENT} FROM documents d WHERE kind = ?1 AND name = ?2 AND revision <= ?3
         ORDER BY version DESC LIMIT 1"
    );
    let row = sqlx::query(AssertSqlSafe(sql)).bind(id.kind.as_str()).bind(id.name.as_str()).bind(signed(at));
    let row = row.fetch_optional(&mut *reader).await.map_err(failure)?;
    row.map(|row| row::document(&row)).transpose()
}

pub(super) async fn authorship(
    readers: &SqlitePool,
    ids: &[DocumentId],
    at: RevisionNumber,
) -> Result<Vec<Option<Authorship>>, StoreError> {
    let mut reader = readers.begin().await.map_err(failure)?;
    readable(&mut reader, at).await?;
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        let row = sqlx::query(
            "SELECT l.version, l.revision, u.author AS updated_by, u.created_at AS updated_at,
                 c.author AS created_by, c.created_at
             FROM (SELECT version, revision, body IS NULL AS deleted FROM documents
                   WHERE kind = ?1 AND name = ?2 AND revision <= ?3 ORDER BY version DESC LIMIT 1) l
             CROSS JOIN revisions u ON u.number = l.revision
             CROSS JOIN revisions c ON c.number = (
                 SELECT d.revision FROM documents d WHERE d.kind = ?1 AND d.name = ?2 AND d.version > COALESCE((
                     SELECT MAX(o.version) FROM documents o
                     WHERE o.kind = ?1 AND o.name = ?2 AND o.revision <= ?3 AND o.body IS NULL), 0)
                 ORDER BY d.version LIMIT 1)
             WHERE NOT l.deleted",
        );
        let row = row.bind(id.kind.as_str()).bind(id.name.as_str()).bind(signed(at));
        let row = row.fetch_optional(&mut *reader).await.map_err(failure)?;
        found.push(row.map(|row| row::authorship(&row)).transpose()?);
    }
    Ok(found)
}

pub(super) async fn versions(
    readers: &SqlitePool,
    id: &DocumentId,
    before: Option<u64>,
    bounds: PageBounds,
) -> Result<Page<DocumentVersion, u64>, StoreError> {
    let (sized, fits) = (page::sized("version DESC"), page::fits(bounds));
    let sql = format!(
        "WITH page AS (SELECT d.rowid AS place, d.version, COALESCE(octet_length(d.body), 0) AS bytes
         FROM documents d WHERE d.kind = ?1 AND d.name = ?2 AND d.version < ?3 ORDER BY d.version DESC LIMIT ?4)
         {sized} SELECT {DOCUMENT}, r.author, r.principal, r.reason, r.created_at, s.total, s.found FROM sized s
         CROSS JOIN documents d ON d.rowid = s.place CROSS JOIN revisions r ON r.number = d.revision
         WHERE {fits} ORDER BY s.nth"
    );
    let before = before.map_or(i64::MAX, integer);
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(id.kind.as_str()).bind(id.name.as_str());
    let rows =
        rows.bind(before).bind(i64::from(bounds.limit) + 1).fetch_all(readers).await.map_err(failure)?;
    let (items, found) = page::versions(rows).await?;
    Ok(Page::of(items, found, |version: &DocumentVersion| version.document.version))
}

pub(super) async fn blob(readers: &SqlitePool, digest: &Digest) -> Result<Option<Arc<[u8]>>, StoreError> {
    let select = sqlx::query("SELECT bytes FROM blobs WHERE digest = ?1").bind(digest.to_string());
    let Some(row) = select.fetch_optional(readers).await.map_err(failure)? else { return Ok(None) };
    let copy = move || row.try_get("bytes").map(|bytes: &[u8]| bytes.into()).map_err(failure);
    checked_blob(*digest, copy).await.map(Some)
}

/// SQLite keeps the length beside the bytes, and reads no more.
pub(super) async fn blob_size(readers: &SqlitePool, digest: &Digest) -> Result<Option<u64>, StoreError> {
    let select = sqlx::query_scalar("SELECT length(bytes) FROM blobs WHERE digest = ?1");
    let size: Option<i64> = select.bind(digest.to_string()).fetch_optional(readers).await.map_err(failure)?;
    Ok(size.and_then(|size| u64::try_from(size).ok()))
}

pub(super) async fn blobs_size(readers: &SqlitePool) -> Result<u64, StoreError> {
    let select = sqlx::query_scalar("SELECT coalesce(sum(length(bytes)), 0) FROM blobs");
    let size: i64 = select.fetch_one(readers).await.map_err(failure)?;
    Ok(u64::try_from(size).unwrap_or(0))
}
