//! Digests of revisions. SQLite cannot compute them, so rows that were added by hand, or by an earlier version, get
//! theirs here before anything of the log is read.

use std::collections::HashMap;

use midflight_core::{Digest, LogHead, RevisionNumber};
use sqlx::sqlite::SqliteRow;
use sqlx::{Sqlite, SqliteConnection, SqlitePool, Transaction};

use super::failure::failure;
use super::read;
use crate::StoreError;
use crate::rows::{Columns as _, chain, row, signed};

/// How many revisions are read at once.
const PAGE: i64 = 200;

/// Sees to it that every revision has its digest. Cost: one small read when they have.
pub(super) async fn seal(readers: &SqlitePool, writer: &SqlitePool) -> Result<(), StoreError> {
    if is_sealed(readers).await? {
        return Ok(());
    }
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await.map_err(failure)?;
    seal_all(&mut transaction).await?;
    transaction.commit().await.map_err(failure)
}

async fn is_sealed(readers: &SqlitePool) -> Result<bool, StoreError> {
    let same = "SELECT (SELECT MAX(number) FROM revisions) IS (SELECT MAX(number) FROM revision_digests)";
    sqlx::query_scalar(same).fetch_one(readers).await.map_err(failure)
}

/// The same within a transaction that writes.
pub(super) async fn seal_all(transaction: &mut Transaction<'static, Sqlite>) -> Result<(), StoreError> {
    loop {
        // Of what was compacted there is not all, so a chain begins with the first that can be read in full.
        let after: Option<i64> = sqlx::query_scalar("SELECT MAX(number) FROM revision_digests")
            .fetch_one(&mut **transaction)
            .await
            .map_err(failure)?;
        let first = read::first(transaction).await?;
        let after = after.unwrap_or_else(|| signed(first) - 1);
        let revisions = sqlx::query("SELECT * FROM revisions WHERE number > ?1 ORDER BY number LIMIT ?2");
        let revisions = revisions.bind(after).bind(PAGE).fetch_all(&mut **transaction).await;
        let revisions = revisions.map_err(failure)?;
        let Some(last) = revisions.last() else { return Ok(()) };
        let documents = documents(transaction, after, last.integer("number")?).await?;
        let mut parent = digest_before(transaction, after).await?;
        for revision in &revisions {
            let made = documents.get(&revision.integer("number")?).into_iter().flatten();
            parent = chain::of_rows(revision, made, &parent)?;
            keep(transaction, row::numbered(revision, "number")?, &parent).await?;
        }
    }
}

/// The rows of the documents of revisions after one up to another, by revision and in the order of the edits.
async fn documents(
    reader: &mut SqliteConnection,
    after: i64,
    last: i64,
) -> Result<HashMap<i64, Vec<SqliteRow>>, StoreError> {
    let rows = sqlx::query("SELECT * FROM documents WHERE revision > ?1 AND revision <= ?2 ORDER BY rowid");
    let rows = rows.bind(after).bind(last).fetch_all(reader).await.map_err(failure)?;
    let mut documents: HashMap<_, Vec<_>> = HashMap::new();
    for row in rows {
        documents.entry(row.integer("revision")?).or_default().push(row);
    }
    Ok(documents)
}

/// The digest of a revision; that of the empty log for one that has none.
async fn digest_before(reader: &mut SqliteConnection, number: i64) -> Result<Digest, StoreError> {
    let row = sqlx::query(
        "SELECT id, (SELECT digest FROM revision_digests WHERE number = ?1) AS digest FROM log_id",
    );
    let row = row.bind(number).fetch_one(reader).await.map_err(failure)?;
    let genesis = || chain::log_id(&row, "id").map(|id| id.genesis());
    chain::digest_or_none(&row, "digest")?.map_or_else(genesis, Ok)
}

/// The parent of the revision after that one.
pub(super) async fn parent(
    reader: &mut SqliteConnection,
    since: RevisionNumber,
) -> Result<Digest, StoreError> {
    digest_before(reader, signed(since)).await
}

/// Keeps the digest of a revision.
pub(super) async fn keep(
    writer: &mut SqliteConnection,
    number: RevisionNumber,
    digest: &Digest,
) -> Result<(), StoreError> {
    let insert = sqlx::query("INSERT INTO revision_digests (number, digest) VALUES (?1, ?2)");
    let insert = insert.bind(signed(number)).bind(digest.to_string());
    insert.execute(writer).await.map(drop).map_err(failure)
}

/// The digests of these revisions, and the newest revision.
pub(super) async fn digests(
    readers: &SqlitePool,
    of: &[RevisionNumber],
) -> Result<(LogHead, Vec<Option<Digest>>), StoreError> {
    let mut reader = readers.begin().await.map_err(failure)?;
    let head = read::head(&mut *reader).await?;
    let mut digests = Vec::with_capacity(of.len());
    for number in of {
        if *number == RevisionNumber::ZERO {
            digests.push(Some(head.log.genesis()));
            continue;
        }
        let row = sqlx::query("SELECT digest FROM revision_digests WHERE number = ?1").bind(signed(*number));
        let row = row.fetch_optional(&mut *reader).await.map_err(failure)?;
        digests.push(row.map(|row| chain::digest(&row, "digest")).transpose()?);
    }
    Ok((head, digests))
}

/// The revisions whose digest is not that of their rows after their parent's.
pub(super) async fn disagreements(reader: &mut SqliteConnection) -> Result<u64, StoreError> {
    let (mut after, mut wrong) = (signed(read::first(reader).await?) - 1, 0);
    loop {
        let revisions = sqlx::query(
            "SELECT r.*, c.digest AS chained FROM revisions r LEFT JOIN revision_digests c ON c.number = r.number
             WHERE r.number > ?1 ORDER BY r.number LIMIT ?2",
        );
        let revisions = revisions.bind(after).bind(PAGE).fetch_all(&mut *reader).await.map_err(failure)?;
        let Some(last) = revisions.last() else { return Ok(wrong) };
        let last = last.integer("number")?;
        let documents = documents(reader, after, last).await?;
        let mut parent = digest_before(reader, after).await?;
        for revision in &revisions {
            let made = documents.get(&revision.integer("number")?).into_iter().flatten();
            let kept = chain::digest_or_none(revision, "chained")?;
            wrong += u64::from(kept != Some(chain::of_rows(revision, made, &parent)?));
            parent = kept.unwrap_or(parent);
        }
        after = last;
    }
}
