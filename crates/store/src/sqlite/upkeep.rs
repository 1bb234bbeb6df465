//! Compacting a log, and looking whether it is whole.

use midflight_core::RevisionNumber;
use sqlx::{AssertSqlSafe, Row as _, SqliteConnection, SqlitePool};

use super::failure::failure;
use super::{chain, read, tally};
use crate::StoreError;
use crate::rows::row::{DOCUMENT, document};
use crate::rows::signed;

/// Forgets the versions that no kept state needs, the revisions that are left with none, and the tallies of what is
/// deleted.
pub(super) async fn compact(writer: &SqlitePool, first: RevisionNumber) -> Result<u64, StoreError> {
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await.map_err(failure)?;
    let head = read::head(&mut *transaction).await?.number;
    if first > head {
        return Err(StoreError::NoSuchRevision { asked: first, head });
    }
    let is_forgotten = first <= read::first(&mut transaction).await?;
    let forgotten = if is_forgotten { 0 } else { forget_versions(&mut transaction, first).await? };
    tally::forget(&mut transaction).await?;
    transaction.commit().await.map_err(failure)?;
    Ok(forgotten)
}

async fn forget_versions(writer: &mut SqliteConnection, first: RevisionNumber) -> Result<u64, StoreError> {
    let steps = [
        "UPDATE meta SET value = 1 WHERE key = 'compacting'",
        // A version is needed when no newer one is as old as the first kept state.
        "DELETE FROM documents WHERE EXISTS (
             SELECT 1 FROM documents n WHERE n.kind = documents.kind AND n.name = documents.name
             AND n.version > documents.version AND n.revision <= ?1)",
        "DELETE FROM edit_keys WHERE revision < ?1",
        "DELETE FROM revisions WHERE number < ?1
             AND NOT EXISTS (SELECT 1 FROM documents d WHERE d.revision = revisions.number)",
        "UPDATE meta SET value = 0 WHERE key = 'compacting'",
        "UPDATE meta SET value = ?1 WHERE key = 'first_revision'",
    ];
    let mut forgotten = 0;
    for (place, step) in steps.into_iter().enumerate() {
        let done = sqlx::query(step).bind(signed(first)).execute(&mut *writer).await.map_err(failure)?;
        if place == 1 {
            forgotten = done.rows_affected();
        }
    }
    Ok(forgotten)
}

/// Reads all of it, and reports what does not agree.
pub(super) async fn diagnose(readers: &SqlitePool) -> Result<Vec<String>, StoreError> {
    let mut reader = readers.begin().await.map_err(failure)?;
    let mut problems = Vec::new();
    let checks = sqlx::query("PRAGMA integrity_check").fetch_all(&mut *reader).await.map_err(failure)?;
    for row in &checks {
        let output: String = row.try_get(0).map_err(failure)?;
        if output != "ok" {
            problems.push(output);
        }
    }
    // One row at a time: a log may be larger than memory.
    let sql = format!("SELECT {DOCUMENT} FROM documents d WHERE d.rowid > ?1 ORDER BY d.rowid LIMIT 1000");
    let with_place = sql.replace("SELECT ", "SELECT d.rowid AS place, ");
    let mut place = -1_i64;
    loop {
        let rows = sqlx::query(AssertSqlSafe(with_place.clone())).bind(place).fetch_all(&mut *reader).await;
        let rows = rows.map_err(failure)?;
        let Some(last) = rows.last() else { break };
        place = last.try_get("place").map_err(failure)?;
        problems.extend(rows.iter().filter_map(|row| document(row).err()).map(|error| error.to_string()));
    }
    problems.extend(tally::diagnose(&mut reader).await?);
    match chain::disagreements(&mut reader).await? {
        0 => {}
        wrong => problems.push(format!("{wrong} revisions whose digest is not that of their contents")),
    }
    let disagreements = [
        (
            "SELECT COUNT(*) FROM heads h WHERE h.version <>
                 (SELECT MAX(version) FROM documents d WHERE d.kind = h.kind AND d.name = h.name)",
            "heads that are not the newest version of their document",
        ),
        (
            "SELECT COUNT(*) FROM documents d WHERE NOT EXISTS
                 (SELECT 1 FROM revisions r WHERE r.number = d.revision)",
            "document versions without their revision",
        ),
        (
            "SELECT COUNT(*) FROM revisions WHERE number >
                 (SELECT value FROM meta WHERE key = 'first_revision')
                 AND number - 1 NOT IN (SELECT number FROM revisions)",
            "gaps in the numbers of revisions",
        ),
        (
            "SELECT abs((SELECT value FROM meta WHERE key = 'documents') -
                 (SELECT COUNT(*) FROM heads WHERE NOT deleted))",
            "documents counted wrongly",
        ),
    ];
    for (sql, what) in disagreements {
        let count: i64 = sqlx::query_scalar(sql).fetch_one(&mut *reader).await.map_err(failure)?;
        if count > 0 {
            problems.push(format!("{count} {what}"));
        }
    }
    Ok(problems)
}
