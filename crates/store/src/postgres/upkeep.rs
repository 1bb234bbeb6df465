//! Compacting a log, and looking whether it is whole.

use midflight_core::RevisionNumber;
use sqlx::AssertSqlSafe;

use super::session::Session;
use super::{read, tally};
use crate::StoreError;
use crate::rows::row::{DOCUMENT, document};
use crate::rows::{Columns as _, corrupt, number, signed};

/// Forgets the versions that no kept state needs, the revisions that are left with none, and the tallies of what is
/// deleted.
pub(super) async fn compact(session: &mut Session, first: RevisionNumber) -> Result<u64, StoreError> {
    let head = read::head(session).await?.number;
    if first > head {
        return Err(StoreError::NoSuchRevision { asked: first, head });
    }
    session.begin_upkeep("").await?;
    let compact = sqlx::query("SELECT midflight_compact($1) AS forgotten").bind(signed(first));
    let answer = session.upkeep_row(compact).await?.ok_or_else(|| corrupt("compacting answered nothing"))?;
    let keys = sqlx::query(
        "DELETE FROM edit_keys WHERE revision < (SELECT value FROM meta WHERE key = 'first_revision')",
    );
    session.run(keys).await?;
    tally::forget(session).await?;
    session.commit().await?;
    number(answer.integer("forgotten")?)
}

/// What must not be there, each with what it is.
const DISAGREEMENTS: [(&str, &str); 6] = [
    (
        "SELECT COUNT(*) AS count FROM heads h WHERE NOT EXISTS (SELECT 1 FROM documents d
             WHERE d.place = h.place AND (d.kind, d.name, d.version) = (h.kind, h.name, h.version))
         OR EXISTS (SELECT 1 FROM documents d
             WHERE d.kind = h.kind AND d.name = h.name AND d.version > h.version)",
        "heads that are not the newest version of their document",
    ),
    (
        "SELECT COUNT(*) AS count FROM documents d WHERE NOT EXISTS
             (SELECT 1 FROM heads h WHERE h.kind = d.kind AND h.name = d.name)",
        "document versions without the head of their document",
    ),
    (
        "SELECT COUNT(*) AS count FROM documents d WHERE NOT EXISTS
             (SELECT 1 FROM revisions r WHERE r.number = d.revision)",
        "document versions without their revision",
    ),
    (
        "SELECT COUNT(*) AS count FROM revisions r
         WHERE r.number > (SELECT value FROM meta WHERE key = 'first_revision')
         AND NOT EXISTS (SELECT 1 FROM revisions p WHERE p.number = r.number - 1)",
        "gaps in the numbers of revisions",
    ),
    (
        "SELECT ABS(value - (SELECT COUNT(*) FROM heads WHERE NOT deleted)) AS count
         FROM meta WHERE key = 'documents'",
        "documents more or less than were counted",
    ),
    (
        "SELECT COUNT(*) AS count FROM revisions r LEFT JOIN revision_digests c ON c.number = r.number
         WHERE r.number >= (SELECT value FROM meta WHERE key = 'first_revision')
         AND c.digest IS DISTINCT FROM midflight_digest(r.number, midflight_chained(r.number - 1))",
        "revisions whose digest is not that of their contents",
    ),
];

/// Reads all of it, and reports what does not agree.
pub(super) async fn diagnose(session: &mut Session) -> Result<Vec<String>, StoreError> {
    let mut problems = Vec::new();
    session.begin_upkeep("ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    // A thousand rows at a time: a log may be larger than memory.
    let sql =
        format!("SELECT d.place, {DOCUMENT} FROM documents d WHERE d.place > $1 ORDER BY d.place LIMIT 1000");
    let mut place = 0;
    loop {
        let rows = session.rows(sqlx::query(AssertSqlSafe(sql.clone())).bind(place)).await?;
        let Some(last) = rows.last() else { break };
        place = last.integer("place")?;
        problems.extend(rows.iter().filter_map(|row| document(row).err()).map(|error| error.to_string()));
    }
    problems.extend(tally::diagnose(session).await?);
    for (sql, what) in DISAGREEMENTS {
        let row = session.upkeep_row(sqlx::query(sql)).await?;
        let count = row.map_or(Ok(0), |row| row.integer("count"))?;
        if count > 0 {
            problems.push(format!("{count} {what}"));
        }
    }
    session.commit().await?;
    Ok(problems)
}
