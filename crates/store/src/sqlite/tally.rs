//! Tallies in SQLite.

use futures_util::TryStreamExt as _;
use midflight_core::DocumentName;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, QueryBuilder, Sqlite, SqliteConnection, SqlitePool};

use super::failure::failure;
use crate::rows::integer;
use crate::rows::tally::{TALLY, tally};
use crate::tally::{batch, cursor, nanoseconds};
use crate::{Page, StoreError, Tally, TallyQuery};

pub(super) async fn add(
    notes: &SqlitePool,
    source: &str,
    number: u64,
    tallies: &[Tally],
) -> Result<bool, StoreError> {
    let batch = batch(source, number, tallies)?;
    let mut transaction = notes.begin_with("BEGIN IMMEDIATE").await.map_err(failure)?;
    let hear = sqlx::query(
        "INSERT INTO tally_sources (source, batch) VALUES (?1, ?2)
         ON CONFLICT (source) DO UPDATE SET batch = excluded.batch WHERE excluded.batch > batch",
    );
    let hear = hear.bind(source).bind(integer(number)).execute(&mut *transaction).await.map_err(failure)?;
    let is_new = hear.rows_affected() > 0;
    let now = "CAST(unixepoch('subsec') * 1000 AS INTEGER)";
    let received = format!("UPDATE tally_sources SET heard_at_ms = {now} WHERE source = ?1");
    let received = sqlx::query(AssertSqlSafe(received)).bind(source);
    received.execute(&mut *transaction).await.map_err(failure)?;
    if is_new {
        insert(&mut transaction, &batch).await?;
        let forget = format!("DELETE FROM tally_sources WHERE heard_at_ms < {now} - 86400000");
        sqlx::query(AssertSqlSafe(forget)).execute(&mut *transaction).await.map_err(failure)?;
    }
    transaction.commit().await.map_err(failure)?;
    Ok(is_new)
}

/// The rows go as one JSON array: any number of them is one statement.
async fn insert(transaction: &mut SqliteConnection, batch: &[Tally]) -> Result<(), StoreError> {
    let row = |tally: &Tally| {
        let (count, last_at) = (integer(tally.count), nanoseconds(tally.last_at));
        json!([tally.kind.as_str(), tally.name.as_str(), tally.counter, count, last_at])
    };
    let rows = Value::Array(batch.iter().map(row).collect()).to_string();
    let insert = sqlx::query(
        "INSERT INTO tallies (kind, name, counter, count, last_at_ns)
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each(?1) WHERE TRUE
         ON CONFLICT (kind, name, counter) DO UPDATE SET
             count = count + min(excluded.count, 9223372036854775807 - count),
             last_at_ns = max(last_at_ns, excluded.last_at_ns)",
    );
    insert.bind(rows).execute(transaction).await.map(drop).map_err(failure)
}

pub(super) async fn select(
    readers: &SqlitePool,
    query: TallyQuery,
) -> Result<Page<Tally, (DocumentName, String)>, StoreError> {
    let mut sql = QueryBuilder::<Sqlite>::new(format!("SELECT {TALLY} FROM tallies WHERE kind = "));
    sql.push_bind(query.kind.as_str().to_owned());
    if let Some(names) = &query.names {
        let names: Value = names.iter().map(DocumentName::as_str).collect();
        sql.push(" AND name IN (SELECT value FROM json_each(").push_bind(names.to_string()).push("))");
    }
    if let Some((name, counter)) = &query.after {
        sql.push(" AND (name, counter) > (").push_bind(name.as_str().to_owned());
        sql.push(", ").push_bind(counter.clone()).push(")");
    }
    sql.push(" ORDER BY name, counter LIMIT ").push_bind(i64::from(query.limit) + 1);
    let rows = sql.build().fetch_all(readers).await.map_err(failure)?;
    let items = rows.iter().map(tally).collect::<Result<_, _>>()?;
    Ok(Page::cut(items, query.limit, cursor))
}

/// Forgets the tallies of the documents that are deleted now.
pub(super) async fn forget(writer: &mut SqliteConnection) -> Result<(), StoreError> {
    let forget = sqlx::query(
        "DELETE FROM tallies WHERE EXISTS (
             SELECT 1 FROM heads h WHERE h.kind = tallies.kind AND h.name = tallies.name AND h.deleted)",
    );
    forget.execute(writer).await.map(drop).map_err(failure)
}

/// Why tallies cannot be read, of each that cannot.
pub(super) async fn diagnose(reader: &mut SqliteConnection) -> Result<Vec<String>, StoreError> {
    let rows = sqlx::query(AssertSqlSafe(format!("SELECT {TALLY} FROM tallies")));
    let mut rows = rows.fetch(reader);
    let mut problems = Vec::new();
    while let Some(row) = rows.try_next().await.map_err(failure)? {
        problems.extend(tally(&row).err().map(|error| error.to_string()));
    }
    Ok(problems)
}
