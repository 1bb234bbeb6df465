//! Reading the log. Each answer is one statement, so that all of it is of one moment and it costs one round trip.

use midflight_core::{Digest, Document, DocumentId, Head, LogHead, RevisionNumber};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Postgres, QueryBuilder};

use super::session::Session;
use super::storable;
use crate::blocking::on_a_blocking_thread;
use crate::query::PageBounds;
use crate::rows::body::rows_are_long;
use crate::rows::edit::Heads;
use crate::rows::filter::DocumentFilter;
use crate::rows::page;
use crate::rows::row::{self, DOCUMENT};
use crate::rows::{self, Columns as _, chain, integer, number, signed, without_gaps};
use crate::{
    Appended, Authorship, ChangedQuery, DocumentQuery, DocumentVersion, KeyedRevision, ListedRevision, Page,
    RevisionQuery, StoreError, StoredDocument,
};

/// Where the log begins and ends, to be joined with what is read of it: a row that is there even when nothing else is.
const LOG: &str =
    "WITH log AS MATERIALIZED (SELECT l.id AS log, n.newest, midflight_chained(n.newest) AS head_digest,
    (SELECT value FROM meta WHERE key = 'first_revision') AS first
    FROM log_id l, (SELECT midflight_newest() AS newest) n) ";

/// The newest revision of [`LOG`].
const HEAD: &str = "log.log, log.newest, log.head_digest";

/// The columns of a revision, of a table called `r` and its digest of one called `c`.
const REVISION: &str = "r.number, r.author, r.principal, r.reason, r.trigger_word, r.created_at, r.edit_key,
    c.digest AS chained";

pub(super) async fn head(session: &mut Session) -> Result<LogHead, StoreError> {
    let sql = format!("{LOG} SELECT {HEAD} FROM log");
    chain::log_head(&session.row(sqlx::query(AssertSqlSafe(sql))).await?)
}

pub(super) async fn digests(
    session: &mut Session,
    of: &[RevisionNumber],
) -> Result<(LogHead, Vec<Option<Digest>>), StoreError> {
    let sql = format!(
        "{LOG} SELECT {HEAD}, c.digest AS chained FROM log
         LEFT JOIN unnest($1::bigint[]) WITH ORDINALITY AS asked (number, nth) ON TRUE
         LEFT JOIN revision_digests c ON c.number = asked.number ORDER BY asked.nth"
    );
    let numbers: Vec<_> = of.iter().copied().map(signed).collect();
    let rows = session.rows(sqlx::query(AssertSqlSafe(sql)).bind(numbers)).await?;
    let head = newest(&rows)?;
    let digest = |(number, row): (&RevisionNumber, &PgRow)| match *number {
        RevisionNumber::ZERO => Ok(Some(head.log.genesis())),
        _ => chain::digest_or_none(row, "chained"),
    };
    Ok((head, of.iter().zip(&rows).map(digest).collect::<Result<_, _>>()?))
}

pub(super) async fn revision_of_key(
    session: &mut Session,
    key: &str,
) -> Result<Option<KeyedRevision>, StoreError> {
    let rows = session.rows(sqlx::query(rows::KEYED).bind(storable(key))).await?;
    rows.first().map(row::keyed).transpose()
}

/// What the log keeps of itself under that word.
pub(super) async fn meta(session: &mut Session, key: &'static str) -> Result<u64, StoreError> {
    let row = session.row(sqlx::query("SELECT value FROM meta WHERE key = $1").bind(key)).await?;
    number(row.integer("value")?)
}

/// The newest revision, from the first of rows that were joined with [`LOG`].
fn newest(rows: &[PgRow]) -> Result<LogHead, StoreError> {
    let log = rows.first().ok_or_else(|| rows::corrupt("the log has no position"))?;
    chain::log_head(log)
}

fn check_readable(rows: &[PgRow], at: RevisionNumber) -> Result<(), StoreError> {
    let newest = newest(rows)?.number;
    rows.first().map_or(Ok(()), |log| rows::readable(at, row::numbered(log, "first")?, newest))
}

/// Those of rows joined with [`LOG`] that have a document.
fn with_document(mut rows: Vec<PgRow>) -> Result<Vec<PgRow>, StoreError> {
    // Only the first can be one without: it means none at all.
    if rows.len() == 1 && rows[0].text_or_none("kind")?.is_none() {
        rows.clear();
    }
    Ok(rows)
}

/// Rows that belong to the same revision, as slices.
fn by_revision(rows: &[PgRow]) -> impl Iterator<Item = &[PgRow]> {
    rows.chunk_by(|one, other| one.integer("number").ok() == other.integer("number").ok())
}

pub(super) async fn revisions(
    session: &mut Session,
    query: RevisionQuery,
) -> Result<Page<ListedRevision, RevisionNumber>, StoreError> {
    let mut sql = QueryBuilder::<Postgres>::new(format!(
        "SELECT {REVISION}, r.kinds, d.kind, d.name, d.version, d.deleted
         FROM (SELECT r.*, (SELECT string_agg(k.kind || ' ' || k.count, ',') FROM (SELECT kind, COUNT(*) AS count
                   FROM documents WHERE revision = r.number GROUP BY kind) k) AS kinds FROM revisions r
               WHERE r.number >= (SELECT value FROM meta WHERE key = 'first_revision')"
    ));
    if let Some(before) = query.before {
        sql.push(" AND r.number < ").push_bind(signed(before));
    }
    if let Some(kind) = &query.kind {
        sql.push(" AND EXISTS (SELECT 1 FROM documents d WHERE d.revision = r.number AND d.kind = ");
        sql.push_bind(kind.as_str().to_owned()).push(")");
    }
    sql.push(" ORDER BY r.number DESC LIMIT ").push_bind(i64::from(query.limit) + 1);
    sql.push(
        ") r JOIN revision_digests c ON c.number = r.number LEFT JOIN LATERAL (SELECT d.kind, d.name, d.version, d.body IS NULL AS deleted, d.place
             FROM documents d WHERE d.revision = r.number ORDER BY d.place LIMIT ",
    );
    sql.push_bind(query.changes_max.map(i64::from)).push(") d ON TRUE ORDER BY r.number DESC, d.place");
    let rows = session.rows(sql.build()).await?;
    let mut items = Vec::new();
    for of_one in by_revision(&rows) {
        let mut changes = Vec::with_capacity(of_one.len());
        for row in of_one {
            if row.text_or_none("kind")?.is_some() {
                changes.push(row::change(row)?);
            }
        }
        items.push(row::listed(&of_one[0], changes)?);
    }
    Ok(Page::cut(items, query.limit, |listed: &ListedRevision| listed.revision.number))
}

pub(super) async fn changed(
    session: &mut Session,
    query: ChangedQuery,
) -> Result<Page<DocumentId, DocumentId>, StoreError> {
    let mut sql = QueryBuilder::<Postgres>::new(format!(
        "{LOG} SELECT {HEAD}, log.first, d.* FROM log LEFT JOIN LATERAL (
             SELECT DISTINCT d.kind, d.name FROM documents d WHERE d.revision > "
    ));
    sql.push_bind(signed(query.after)).push(" AND d.revision <= ").push_bind(signed(query.upto));
    let asked = DocumentFilter {
        kind: &query.kind,
        name_prefix: storable(&query.name_prefix),
        after: &query.after_id,
    };
    asked.push(&mut sql, "d");
    sql.push(" ORDER BY d.kind, d.name LIMIT ").push_bind(i64::from(query.limit) + 1);
    sql.push(") d ON TRUE ORDER BY d.kind, d.name");
    let rows = session.rows(sql.build()).await?;
    check_readable(&rows, query.upto)?;
    check_readable(&rows, query.after.next().min(query.upto))?;
    let items = with_document(rows)?.iter().map(row::id).collect::<Result<_, _>>()?;
    Ok(Page::cut(items, query.limit, DocumentId::clone))
}

pub(super) async fn since(
    session: &mut Session,
    since: RevisionNumber,
    limit: u32,
) -> Result<Vec<Appended>, StoreError> {
    let sql = format!(
        "{LOG} SELECT log.first, midflight_chained($1) AS parent, {REVISION}, {DOCUMENT} FROM log
         LEFT JOIN (revisions r JOIN revision_digests c ON c.number = r.number)
             ON r.number > $1 AND r.number <= $2
         LEFT JOIN documents d ON d.revision = r.number ORDER BY r.number, d.place"
    );
    // From the first kept revision on numbers have no gaps, so the limit is a number too.
    let last = signed(since).saturating_add(i64::from(limit));
    let rows = session.rows(sqlx::query(AssertSqlSafe(sql)).bind(signed(since)).bind(last)).await?;
    let first = rows.first().map_or(Ok(RevisionNumber::ZERO), |log| row::numbered(log, "first"))?;
    if since.next() < first {
        return Err(StoreError::Compacted { asked: since.next(), first });
    }
    let takes_long = rows_are_long(&rows);
    let read = move || {
        let mut parent = rows.first().map(|log| chain::digest(log, "parent")).transpose()?;
        let mut all = Vec::new();
        for of_one in by_revision(&rows) {
            let Some(parent) = &mut parent else { break };
            let Some(appended) = appended(of_one, *parent) else { continue };
            let appended = appended?;
            *parent = appended.revision.digest;
            all.push(appended);
        }
        without_gaps(since, all)
    };
    on_a_blocking_thread(takes_long, read).await?
}

/// None for the row without a revision.
fn appended(rows: &[PgRow], parent: Digest) -> Option<Result<Appended, StoreError>> {
    let is_absent = |row: &PgRow, column| row.text_or_none(column).is_ok_and(|text| text.is_none());
    if is_absent(&rows[0], "author") {
        return None;
    }
    let documents = rows.iter().filter(|row| !is_absent(row, "kind")).map(row::document);
    Some(documents.collect::<Result<Vec<_>, _>>().and_then(|documents| {
        let changes = documents.iter().map(row::summary).collect();
        Ok(Appended { revision: row::revision(&rows[0], changes)?, documents, parent })
    }))
}

/// The kinds and the names of documents, as two arrays: any number of them is one statement.
fn arrays<'a>(ids: impl Iterator<Item = &'a DocumentId>) -> (Vec<&'a str>, Vec<&'a str>) {
    ids.map(|id| (id.kind.as_str(), id.name.as_str())).unzip()
}

pub(super) async fn stored_heads(
    session: &mut Session,
    ids: &[DocumentId],
) -> Result<(LogHead, Vec<Option<StoredDocument>>), StoreError> {
    let sql = format!(
        "{LOG} SELECT {HEAD}, {DOCUMENT} FROM log
         LEFT JOIN unnest($1::text[], $2::text[]) WITH ORDINALITY AS asked (kind, name, nth) ON TRUE
         LEFT JOIN heads h ON h.kind = asked.kind AND h.name = asked.name
         LEFT JOIN documents d ON d.place = h.place ORDER BY asked.nth"
    );
    let (kinds, names) = arrays(ids.iter());
    let rows = session.rows(sqlx::query(AssertSqlSafe(sql)).bind(kinds).bind(names)).await?;
    let newest = newest(&rows)?;
    let (asked, takes_long) = (ids.len(), rows_are_long(&rows));
    let read = |row: &PgRow| match row.text_or_none("kind")? {
        Some(_) => page::stored_document(row).map(Some),
        None => Ok(None),
    };
    // Asked for none, the log alone makes a row.
    let read = move || rows.iter().take(asked).map(read).collect::<Result<_, StoreError>>();
    Ok((newest, on_a_blocking_thread(takes_long, read).await??))
}

/// What an append looks at: the newest revision, how many documents there are, and the heads of these.
pub(super) async fn heads_without_bodies(
    session: &mut Session,
    ids: impl Iterator<Item = &DocumentId>,
) -> Result<(LogHead, u64, Heads), StoreError> {
    let sql = format!(
        "{LOG} SELECT {HEAD}, (SELECT value FROM meta WHERE key = 'documents') AS documents,
             h.kind, h.name, h.version, h.revision, h.owner, h.deleted FROM log
         LEFT JOIN (unnest($1::text[], $2::text[]) AS asked (kind, name)
             JOIN heads h ON h.kind = asked.kind AND h.name = asked.name) ON TRUE"
    );
    let (kinds, names) = arrays(ids);
    let rows = session.rows(sqlx::query(AssertSqlSafe(sql)).bind(kinds).bind(names)).await?;
    let newest = newest(&rows)?;
    let documents = number(rows[0].integer("documents")?)?;
    let heads = with_document(rows)?.iter().map(row::head).collect::<Result<_, _>>()?;
    Ok((newest, documents, heads))
}

pub(super) async fn document_head(
    session: &mut Session,
    id: &DocumentId,
) -> Result<Option<Head>, StoreError> {
    let head = sqlx::query("SELECT * FROM heads WHERE kind = $1 AND name = $2");
    let rows = session.rows(head.bind(id.kind.as_str()).bind(id.name.as_str())).await?;
    Ok(rows.first().map(row::head).transpose()?.map(|(_, head)| head))
}

pub(super) async fn documents(
    session: &mut Session,
    query: DocumentQuery,
) -> Result<Page<StoredDocument, DocumentId>, StoreError> {
    let size = "COALESCE(octet_length(d.body), 0) AS bytes";
    let mut sql = QueryBuilder::<Postgres>::new(format!("{LOG}, page AS (SELECT "));
    let table = match (query.made_by, query.at) {
        (Some(made_by), _) => {
            sql.push(format!("d.kind, d.name, d.place, {size} FROM documents d WHERE d.revision = "));
            sql.push_bind(signed(made_by));
            "d"
        }
        (None, None) => {
            sql.push(format!(
                "h.kind, h.name, h.place, {size} FROM heads h JOIN documents d ON d.place = h.place WHERE NOT h.deleted"
            ));
            "h"
        }
        (None, Some(at)) => {
            // The limit inside keeps the join in the order of the heads, so that it ends with the page.
            sql.push(format!(
                "h.kind, h.name, d.place, {size} FROM heads h CROSS JOIN LATERAL (
                     SELECT o.place, o.body FROM documents o
                     WHERE o.kind = h.kind AND o.name = h.name AND o.revision <= "
            ));
            sql.push_bind(signed(at)).push(" ORDER BY o.version DESC LIMIT 1) d WHERE d.body IS NOT NULL");
            "h"
        }
    };
    let asked =
        DocumentFilter { kind: &query.kind, name_prefix: storable(&query.name_prefix), after: &query.after };
    asked.push(&mut sql, table);
    sql.push(format!(" ORDER BY {table}.kind, {table}.name LIMIT ")).push_bind(i64::from(query.limit) + 1);
    sql.push(")").push(page::sized("kind, name"));
    let fits = page::fits(PageBounds::new(query.limit, query.bytes_max));
    sql.push(format!(
        " SELECT {HEAD}, log.first, {DOCUMENT}, s.total, s.found FROM log
          LEFT JOIN (sized s JOIN documents d ON d.place = s.place AND {fits}) ON TRUE ORDER BY s.nth"
    ));
    let rows = session.rows(sql.build()).await?;
    if let Some(at) = query.at {
        check_readable(&rows, at)?;
    }
    let (items, found) = page::stored(with_document(rows)?).await?;
    Ok(Page::of(items, found, |document: &StoredDocument| document.id.clone()))
}

pub(super) async fn document_at(
    session: &mut Session,
    id: &DocumentId,
    at: RevisionNumber,
) -> Result<Option<Document>, StoreError> {
    let sql = format!(
        "{LOG} SELECT {HEAD}, log.first, d.* FROM log LEFT JOIN LATERAL (
             SELECT {DOCUMENT} FROM documents d WHERE d.kind = $1 AND d.name = $2 AND d.revision <= $3
             ORDER BY d.version DESC LIMIT 1) d ON TRUE"
    );
    let query = sqlx::query(AssertSqlSafe(sql)).bind(id.kind.as_str()).bind(id.name.as_str());
    let rows = session.rows(query.bind(signed(at))).await?;
    check_readable(&rows, at)?;
    with_document(rows)?.first().map(row::document).transpose()
}

pub(super) async fn authorship(
    session: &mut Session,
    ids: &[DocumentId],
    at: RevisionNumber,
) -> Result<Vec<Option<Authorship>>, StoreError> {
    let sql = format!(
        "{LOG} SELECT {HEAD}, log.first, a.* FROM log LEFT JOIN LATERAL (
             SELECT asked.nth, l.version, l.revision, u.author AS updated_by, u.created_at AS updated_at,
                 c.author AS created_by, c.created_at
             FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS asked (kind, name, nth)
             JOIN LATERAL (SELECT d.version, d.revision, d.body IS NULL AS deleted FROM documents d
                 WHERE d.kind = asked.kind AND d.name = asked.name AND d.revision <= $3
                 ORDER BY d.version DESC LIMIT 1) l ON NOT l.deleted
             JOIN revisions u ON u.number = l.revision
             JOIN revisions c ON c.number = (
                 SELECT f.revision FROM documents f
                 WHERE f.kind = asked.kind AND f.name = asked.name AND f.version > COALESCE((
                     SELECT MAX(o.version) FROM documents o WHERE o.kind = asked.kind AND o.name = asked.name
                     AND o.revision <= $3 AND o.body IS NULL), 0)
                 ORDER BY f.version LIMIT 1)) a ON TRUE"
    );
    let (kinds, names) = arrays(ids.iter());
    let query = sqlx::query(AssertSqlSafe(sql)).bind(kinds).bind(names).bind(signed(at));
    let rows = session.rows(query).await?;
    check_readable(&rows, at)?;
    let mut found = vec![None; ids.len()];
    for row in &rows {
        // Where none of them was there then, the log alone makes a row.
        if row.text_or_none("created_by")?.is_some() {
            let nth = number(row.integer("nth")?)?;
            let place = usize::try_from(nth).ok().and_then(|nth| found.get_mut(nth.checked_sub(1)?));
            *place.ok_or_else(|| rows::corrupt("an author of no document"))? = Some(row::authorship(row)?);
        }
    }
    Ok(found)
}

pub(super) async fn versions(
    session: &mut Session,
    id: &DocumentId,
    before: Option<u64>,
    bounds: PageBounds,
) -> Result<Page<DocumentVersion, u64>, StoreError> {
    let (sized, fits) = (page::sized("version DESC"), page::fits(bounds));
    let sql = format!(
        "WITH page AS (SELECT d.place, d.version, COALESCE(octet_length(d.body), 0) AS bytes
         FROM documents d WHERE d.kind = $1 AND d.name = $2 AND d.version < $3 ORDER BY d.version DESC LIMIT $4)
         {sized} SELECT {DOCUMENT}, r.author, r.principal, r.reason, r.created_at, s.total, s.found FROM sized s
         JOIN documents d ON d.place = s.place JOIN revisions r ON r.number = d.revision
         WHERE {fits} ORDER BY s.nth"
    );
    let query = sqlx::query(AssertSqlSafe(sql)).bind(id.kind.as_str()).bind(id.name.as_str());
    let query = query.bind(before.map_or(i64::MAX, integer)).bind(i64::from(bounds.limit) + 1);
    let (items, found) = page::versions(session.rows(query).await?).await?;
    Ok(Page::of(items, found, |version: &DocumentVersion| version.document.version))
}
