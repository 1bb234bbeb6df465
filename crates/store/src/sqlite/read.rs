//! Reading the log. What takes several statements takes them in one transaction, so that all is of one moment.

use std::collections::HashMap;
use std::sync::Arc;

use midflight_core::{Digest, Document, DocumentId, Head, LogHead, Revision, RevisionNumber};
use sqlx::{AssertSqlSafe, QueryBuilder, Sqlite, SqliteConnection, SqliteExecutor, SqlitePool};

use super::chain;
use super::failure::failure;
use crate::rows::edit::Heads;
use crate::rows::row::{self, DOCUMENT};
use crate::rows::{self, Columns as _, corrupt, integer, number, signed};
use crate::{Appended, DocumentQuery, DocumentVersion, Page, RevisionQuery, StoreError, Token};

pub(super) async fn head(reader: impl SqliteExecutor<'_>) -> Result<LogHead, StoreError> {
    let head = sqlx::query(
        "SELECT l.id AS log, COALESCE(r.number, 0) AS newest, c.digest AS head_digest FROM log_id l
         LEFT JOIN (SELECT MAX(number) AS number FROM revisions) r ON TRUE
         LEFT JOIN revision_digests c ON c.number = r.number",
    );
    rows::chain::log_head(&head.fetch_one(reader).await.map_err(failure)?)
}

pub(super) async fn revision_of_key(
    readers: &SqlitePool,
    key: &str,
) -> Result<Option<RevisionNumber>, StoreError> {
    let row = sqlx::query("SELECT revision FROM edit_keys WHERE key = ?1").bind(key);
    let row = row.fetch_optional(readers).await.map_err(failure)?;
    row.map(|row| row::numbered(&row, "revision")).transpose()
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
    for document in row::documents(rows).await? {
        made.entry(document.revision).or_default().push(document);
    }
    Ok(made)
}

pub(super) async fn revisions(
    readers: &SqlitePool,
    query: RevisionQuery,
) -> Result<Page<Revision, RevisionNumber>, StoreError> {
    let mut reader = readers.begin().await.map_err(failure)?;
    let first = first(&mut reader).await?;
    let mut sql = QueryBuilder::<Sqlite>::new(
        "SELECT r.*, c.digest AS chained FROM revisions r JOIN revision_digests c ON c.number = r.number
         WHERE r.number >= ",
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
    let mut items = Vec::with_capacity(rows.len());
    for row in &rows {
        let changes = sqlx::query(
            "SELECT kind, name, version, body IS NULL AS deleted FROM documents WHERE revision = ?1 ORDER BY rowid",
        );
        let changes = changes.bind(row.integer("number")?).fetch_all(&mut *reader).await.map_err(failure)?;
        items.push(row::revision(row, changes.iter().map(row::change).collect::<Result<_, _>>()?)?);
    }
    Ok(Page::cut(items, query.limit, |revision| revision.number))
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
    appended.collect()
}

/// Documents are asked for as one JSON array: any number of them is one statement.
fn as_json<'a>(ids: impl Iterator<Item = &'a DocumentId>) -> String {
    let pairs = ids.map(|id| serde_json::json!([id.kind.as_str(), id.name.as_str()]));
    serde_json::Value::Array(pairs.collect()).to_string()
}

pub(super) async fn heads(
    readers: &SqlitePool,
    ids: &[DocumentId],
) -> Result<(LogHead, Vec<Option<Document>>), StoreError> {
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
        row::documents(rows).await?.into_iter().map(|document| (document.id.clone(), document)).collect();
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

pub(super) async fn everything(readers: &SqlitePool) -> Result<(LogHead, Vec<Document>), StoreError> {
    let mut reader = readers.begin().await.map_err(failure)?;
    let head = head(&mut *reader).await?;
    let sql = format!(
        "SELECT {DOCUMENT} FROM heads h JOIN documents d ON d.rowid = h.document WHERE NOT h.deleted"
    );
    let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut *reader).await.map_err(failure)?;
    Ok((head, row::documents(rows).await?))
}

pub(super) async fn documents(
    readers: &SqlitePool,
    query: DocumentQuery,
) -> Result<Page<Document, DocumentId>, StoreError> {
    let mut reader = readers.begin().await.map_err(failure)?;
    let mut sql = QueryBuilder::<Sqlite>::new(format!("SELECT {DOCUMENT} FROM "));
    match query.at {
        None => sql.push("heads h JOIN documents d ON d.rowid = h.document WHERE NOT h.deleted"),
        Some(at) => {
            readable(&mut reader, at).await?;
            sql.push(
                "documents d JOIN (SELECT kind, name, MAX(version) AS version FROM documents WHERE revision <= ",
            );
            sql.push_bind(signed(at)).push(
                " GROUP BY kind, name) h ON h.kind = d.kind AND h.name = d.name AND h.version = d.version
                 WHERE d.body IS NOT NULL",
            )
        }
    };
    if let Some(kind) = &query.kind {
        sql.push(" AND h.kind = ").push_bind(kind.as_str().to_owned());
    }
    if !query.name_prefix.is_empty() {
        // Names are compared as bytes, so a prefix is a range, which the index answers.
        sql.push(" AND h.name >= ").push_bind(query.name_prefix.clone());
        sql.push(" AND h.name < ").push_bind(format!("{}\u{10ffff}", query.name_prefix));
    }
    if let Some(after) = &query.after {
        sql.push(" AND (h.kind, h.name) > (").push_bind(after.kind.as_str().to_owned());
        sql.push(", ").push_bind(after.name.as_str().to_owned()).push(")");
    }
    sql.push(" ORDER BY h.kind, h.name LIMIT ").push_bind(i64::from(query.limit) + 1);
    let rows = sql.build().fetch_all(&mut *reader).await.map_err(failure)?;
    Ok(Page::cut(row::documents(rows).await?, query.limit, |document: &Document| document.id.clone()))
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

pub(super) async fn versions(
    readers: &SqlitePool,
    id: &DocumentId,
    before: Option<u64>,
    limit: u32,
) -> Result<Page<DocumentVersion, u64>, StoreError> {
    let sql = format!(
        "SELECT {DOCUMENT}, r.author, r.reason, r.created_at
         FROM documents d JOIN revisions r ON r.number = d.revision
         WHERE d.kind = ?1 AND d.name = ?2 AND d.version < ?3 ORDER BY d.version DESC LIMIT ?4"
    );
    let before = before.map_or(i64::MAX, integer);
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(id.kind.as_str()).bind(id.name.as_str());
    let rows = rows.bind(before).bind(i64::from(limit) + 1).fetch_all(readers).await.map_err(failure)?;
    let items = rows.iter().map(row::version).collect::<Result<_, StoreError>>()?;
    Ok(Page::cut(items, limit, |version: &DocumentVersion| version.document.version))
}

pub(super) async fn blob(readers: &SqlitePool, digest: &Digest) -> Result<Option<Arc<[u8]>>, StoreError> {
    let bytes: Option<Vec<u8>> = sqlx::query_scalar("SELECT bytes FROM blobs WHERE digest = ?1")
        .bind(digest.to_string())
        .fetch_optional(readers)
        .await
        .map_err(failure)?;
    match bytes {
        Some(bytes) if Digest::of_bytes(&bytes) != *digest => Err(corrupt(format_args!("blob {digest}"))),
        bytes => Ok(bytes.map(Into::into)),
    }
}

pub(super) async fn tokens(readers: &SqlitePool) -> Result<Vec<Token>, StoreError> {
    let rows = sqlx::query("SELECT * FROM tokens ORDER BY name").fetch_all(readers).await.map_err(failure)?;
    rows.iter().map(row::token).collect()
}
