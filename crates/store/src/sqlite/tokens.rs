//! Tokens in SQLite.

use jiff::Timestamp;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, SqlitePool};

use super::failure::failure;
use crate::rows::token::{NameConflict, REPLACED, TOKEN, token, used, values};
use crate::rows::{Columns as _, integer, number};
use crate::{StoreError, Token};

/// Answers whether the row is there as given now.
pub(super) async fn put(
    writer: &SqlitePool,
    token: &Token,
    taken: NameConflict<'_>,
) -> Result<bool, StoreError> {
    let rest = match taken {
        NameConflict::Replace => format!("ON CONFLICT (name) DO UPDATE SET {REPLACED}"),
        NameConflict::Keep => "ON CONFLICT (name) DO NOTHING".to_owned(),
        NameConflict::ReplaceOf(_) => format!("ON CONFLICT (name) DO UPDATE SET {REPLACED}"),
    };
    let from = match taken {
        NameConflict::ReplaceOf(_) => "WHERE EXISTS (SELECT 1 FROM tokens WHERE name = ?1 AND hash = ?11)",
        // SQLite takes the ON of the conflict for one of a join without it.
        _ => "WHERE TRUE",
    };
    let sql =
        format!("INSERT INTO tokens ({TOKEN}) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10 {from} {rest}");
    let mut put = sqlx::query(AssertSqlSafe(sql));
    for value in values(token) {
        put = put.bind(value);
    }
    if let NameConflict::ReplaceOf(hash) = taken {
        put = put.bind(hash);
    }
    Ok(put.execute(writer).await.map_err(failure)?.rows_affected() > 0)
}

pub(super) async fn delete(writer: &SqlitePool, name: &str) -> Result<bool, StoreError> {
    let delete = sqlx::query("DELETE FROM tokens WHERE name = ?1").bind(name);
    Ok(delete.execute(writer).await.map_err(failure)?.rows_affected() > 0)
}

pub(super) async fn delete_at(writer: &SqlitePool, name: &str, changes: u64) -> Result<bool, StoreError> {
    let delete = "DELETE FROM tokens WHERE name = ?1 AND ?2 = (SELECT number FROM token_changes)";
    let delete = sqlx::query(delete).bind(name).bind(integer(changes));
    Ok(delete.execute(writer).await.map_err(failure)?.rows_affected() > 0)
}

pub(super) async fn all(readers: &SqlitePool) -> Result<Vec<Token>, StoreError> {
    let rows = sqlx::query("SELECT * FROM tokens ORDER BY name").fetch_all(readers).await.map_err(failure)?;
    rows.iter().map(token).collect()
}

pub(super) async fn changes(readers: &SqlitePool) -> Result<u64, StoreError> {
    let select = sqlx::query("SELECT number FROM token_changes");
    number(select.fetch_one(readers).await.map_err(failure)?.integer("number")?)
}

/// The rows go as one JSON array: any number of them is one statement.
pub(super) async fn note_uses(notes: &SqlitePool, uses: &[(String, Timestamp)]) -> Result<(), StoreError> {
    let rows = uses.iter().map(|(name, at)| json!([name, at.as_microsecond()]));
    let insert = sqlx::query(
        "INSERT INTO token_uses (name, used_at_us)
         SELECT value ->> 0, value ->> 1 FROM json_each(?1) WHERE value ->> 0 IN (SELECT name FROM tokens)
         ON CONFLICT (name) DO UPDATE SET used_at_us = max(used_at_us, excluded.used_at_us)",
    );
    let insert = insert.bind(Value::Array(rows.collect()).to_string());
    insert.execute(notes).await.map(drop).map_err(failure)
}

pub(super) async fn uses(readers: &SqlitePool) -> Result<Vec<(String, Timestamp)>, StoreError> {
    let select = sqlx::query("SELECT * FROM token_uses ORDER BY name");
    select.fetch_all(readers).await.map_err(failure)?.iter().map(used).collect()
}
