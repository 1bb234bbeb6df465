//! The audit in SQLite.

use jiff::Timestamp;
use serde_json::{Value, json};
use sqlx::{Sqlite, SqlitePool};

use super::failure::failure;
use crate::audit::to_json;
use crate::rows::audit::{page, select};
use crate::{AuditEntry, AuditQuery, AuditRecord, Page, StoreError};

/// The rows go as one JSON array: any number of them is one statement.
pub(super) async fn add(notes: &SqlitePool, entries: &[AuditEntry]) -> Result<(), StoreError> {
    let row = |entry: &AuditEntry| {
        let rest = to_json(entry).to_string();
        json!([entry.at.as_microsecond(), entry.actor, entry.action, entry.outcome, rest])
    };
    let rows = Value::Array(entries.iter().map(row).collect()).to_string();
    let insert = sqlx::query(
        "INSERT INTO audit (at_us, actor, action, outcome, entry)
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each(?1) ORDER BY key",
    );
    insert.bind(rows).execute(notes).await.map(drop).map_err(failure)
}

pub(super) async fn list(
    readers: &SqlitePool,
    query: &AuditQuery,
) -> Result<Page<AuditRecord, u64>, StoreError> {
    let mut sql = select::<Sqlite>(query);
    page(&sql.build().fetch_all(readers).await.map_err(failure)?, query.limit)
}

pub(super) async fn forget(notes: &SqlitePool, before: Timestamp) -> Result<u64, StoreError> {
    let mut transaction = notes.begin_with("BEGIN IMMEDIATE").await.map_err(failure)?;
    let keep = sqlx::query(
        "UPDATE audit_kept SET kept_from = max(kept_from, COALESCE(
             (SELECT MIN(number) FROM audit WHERE at_us >= ?1), (SELECT MAX(number) + 1 FROM audit), 0))",
    );
    keep.bind(before.as_microsecond()).execute(&mut *transaction).await.map_err(failure)?;
    let delete = sqlx::query("DELETE FROM audit WHERE number < (SELECT kept_from FROM audit_kept)");
    let deleted = delete.execute(&mut *transaction).await.map_err(failure)?.rows_affected();
    transaction.commit().await.map_err(failure)?;
    Ok(deleted)
}
