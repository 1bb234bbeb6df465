//! Deliveries in SQLite.

use std::collections::BTreeMap;
use std::time::Duration;

use midflight_core::DocumentName;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Sqlite, SqlitePool};

use super::failure::failure;
use crate::delivery::millis;
use crate::rows::delivery::{
    COUNTS, WAITING_COUNTS, claim as claim_sql, end, end_all as end_all_sql, forget as forget_sql, page,
    resend, select, sorted, waiting_counts,
};
use crate::rows::{Columns as _, integer, number};
use crate::{
    AttemptEnd, CursorMove, Delivery, DeliveryCounts, DeliveryQuery, DeliveryRetention, NewDelivery, Page,
    ResendQuery, StoreError,
};

const NOW: &str = "CAST(unixepoch('subsec') * 1000 AS INTEGER)";

pub(super) async fn cursor(readers: &SqlitePool, source: &str) -> Result<Option<u64>, StoreError> {
    let select = sqlx::query("SELECT position FROM delivery_cursors WHERE source = ?1").bind(source);
    let row = select.fetch_optional(readers).await.map_err(failure)?;
    row.map(|row| number(row.integer("position")?)).transpose()
}

/// The rows go as one JSON array: any number of them is one statement.
pub(super) async fn add(
    notes: &SqlitePool,
    deliveries: &[NewDelivery],
    cursor: Option<CursorMove<'_>>,
) -> Result<bool, StoreError> {
    let mut transaction = notes.begin_with("BEGIN IMMEDIATE").await.map_err(failure)?;
    if let Some(CursorMove { source, from, to }) = cursor {
        let moved = sqlx::query(
            "INSERT INTO delivery_cursors (source, position) VALUES (?1, ?3)
             ON CONFLICT (source) DO UPDATE SET position = excluded.position WHERE position = ?2",
        );
        let moved = moved.bind(source).bind(from.map_or(-1, integer)).bind(integer(to));
        if moved.execute(&mut *transaction).await.map_err(failure)?.rows_affected() == 0 {
            return Ok(false);
        }
    }
    let row = |new: &NewDelivery| json!([new.id, new.webhook.as_str(), new.event, new.payload, new.dead]);
    let rows = Value::Array(deliveries.iter().map(row).collect()).to_string();
    let insert = format!(
        "INSERT INTO deliveries (id, webhook, event, payload, state, attempts, created_at_ms, due_at_ms, ended_at_ms,
             error)
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3,
             CASE WHEN value ->> 4 IS NULL THEN 'waiting' ELSE 'dead' END, 0, {NOW}, {NOW},
             CASE WHEN value ->> 4 IS NULL THEN 0 ELSE {NOW} END, value ->> 4
         FROM json_each(?1) WHERE TRUE ORDER BY key ON CONFLICT DO NOTHING"
    );
    sqlx::query(AssertSqlSafe(insert)).bind(rows).execute(&mut *transaction).await.map_err(failure)?;
    transaction.commit().await.map_err(failure)?;
    Ok(true)
}

pub(super) async fn claim(
    notes: &SqlitePool,
    limit: u32,
    lease: Duration,
) -> Result<Vec<Delivery>, StoreError> {
    let claim = sqlx::query(AssertSqlSafe(claim_sql(NOW, ""))).bind(i64::from(limit)).bind(millis(lease));
    sorted(&claim.fetch_all(notes).await.map_err(failure)?)
}

pub(super) async fn end_attempt(
    notes: &SqlitePool,
    number: u64,
    attempt: u32,
    ended: &AttemptEnd,
) -> Result<bool, StoreError> {
    let end = sqlx::query(AssertSqlSafe(end(NOW)))
        .bind(integer(number))
        .bind(i64::from(attempt))
        .bind(ended.state().as_str())
        .bind(millis(ended.after()))
        .bind(ended.error());
    Ok(end.execute(notes).await.map_err(failure)?.rows_affected() > 0)
}

pub(super) async fn end_all(
    notes: &SqlitePool,
    webhook: &DocumentName,
    error: &str,
) -> Result<u64, StoreError> {
    let end = sqlx::query(AssertSqlSafe(end_all_sql(NOW))).bind(webhook.as_str()).bind(error);
    Ok(end.execute(notes).await.map_err(failure)?.rows_affected())
}

pub(super) async fn list(
    readers: &SqlitePool,
    query: &DeliveryQuery,
) -> Result<Page<Delivery, u64>, StoreError> {
    let mut sql = select::<Sqlite>(query);
    page(&sql.build().fetch_all(readers).await.map_err(failure)?, query.limit)
}

pub(super) async fn resend_all(notes: &SqlitePool, which: &ResendQuery) -> Result<u64, StoreError> {
    let (one, webhook) = match which {
        ResendQuery::One(number) => (Some(integer(*number)), None),
        ResendQuery::DeadOf(webhook) => (None, Some(webhook.as_str())),
    };
    let resend = sqlx::query(AssertSqlSafe(resend(NOW))).bind(one).bind(webhook);
    Ok(resend.execute(notes).await.map_err(failure)?.rows_affected())
}

pub(super) async fn counts(readers: &SqlitePool) -> Result<DeliveryCounts, StoreError> {
    let row = sqlx::query(COUNTS).fetch_one(readers).await.map_err(failure)?;
    Ok(DeliveryCounts { waiting: number(row.integer("waiting")?)?, dead: number(row.integer("dead")?)? })
}

pub(super) async fn waiting(readers: &SqlitePool) -> Result<BTreeMap<DocumentName, u64>, StoreError> {
    waiting_counts(&sqlx::query(WAITING_COUNTS).fetch_all(readers).await.map_err(failure)?)
}

pub(super) async fn forget(notes: &SqlitePool, keep: DeliveryRetention) -> Result<u64, StoreError> {
    let forget = sqlx::query(AssertSqlSafe(forget_sql(NOW)))
        .bind(millis(keep.delivered))
        .bind(millis(keep.dead))
        .bind(integer(keep.dead_max));
    Ok(forget.execute(notes).await.map_err(failure)?.rows_affected())
}
