//! Deliveries in PostgreSQL: of all replicas together.

use std::collections::BTreeMap;
use std::time::Duration;

use midflight_core::DocumentName;
use sqlx::{AssertSqlSafe, Postgres};

use super::session::Session;
use super::storable;
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

const NOW: &str = "(EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::bigint";

pub(super) async fn cursor(session: &mut Session, source: &str) -> Result<Option<u64>, StoreError> {
    let select = sqlx::query("SELECT position FROM delivery_cursors WHERE source = $1").bind(source);
    let rows = session.rows(select).await?;
    rows.first().map(|row| number(row.integer("position")?)).transpose()
}

/// One statement, so that the cursor moves with the deliveries. Of several replicas that move the cursor from the same
/// place, the others wait for the first, and then find another place.
pub(super) async fn add(
    session: &mut Session,
    deliveries: &[NewDelivery],
    cursor: Option<CursorMove<'_>>,
) -> Result<bool, StoreError> {
    let texts = |text: fn(&NewDelivery) -> &str| -> Vec<String> {
        deliveries.iter().map(|new| storable(text(new))).collect()
    };
    let dead: Vec<_> = deliveries.iter().map(|new| new.dead.as_deref().map(storable)).collect();
    let add = format!(
        "WITH moved AS (
             INSERT INTO delivery_cursors AS kept (source, position)
             SELECT $1::text, $3::bigint WHERE $1::text IS NOT NULL
             ON CONFLICT (source) DO UPDATE SET position = excluded.position WHERE kept.position = $2::bigint
             RETURNING 1),
         allowed AS (SELECT $1::text IS NULL OR EXISTS (SELECT 1 FROM moved) AS is_moved),
         added AS (
             INSERT INTO deliveries
                 (id, webhook, event, payload, state, attempts, created_at_ms, due_at_ms, ended_at_ms, error)
             SELECT it.id, it.webhook, it.event, it.payload,
                 CASE WHEN it.dead IS NULL THEN 'waiting' ELSE 'dead' END, 0, {NOW}, {NOW},
                 CASE WHEN it.dead IS NULL THEN 0 ELSE {NOW} END, it.dead
             FROM unnest($4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
                 WITH ORDINALITY AS it (id, webhook, event, payload, dead, nth), allowed
             WHERE allowed.is_moved ORDER BY it.nth ON CONFLICT DO NOTHING RETURNING 1)
         SELECT is_moved FROM allowed"
    );
    let add = sqlx::query(AssertSqlSafe(add))
        .bind(cursor.as_ref().map(|cursor| cursor.source))
        .bind(cursor.as_ref().and_then(|cursor| cursor.from).map_or(-1, integer))
        .bind(cursor.as_ref().map_or(0, |cursor| integer(cursor.to)))
        .bind(texts(|new| &new.id))
        .bind(texts(|new| new.webhook.as_str()))
        .bind(texts(|new| &new.event))
        .bind(texts(|new| &new.payload))
        .bind(dead);
    session.row(add).await?.truth("is_moved")
}

pub(super) async fn claim(
    session: &mut Session,
    limit: u32,
    lease: Duration,
) -> Result<Vec<Delivery>, StoreError> {
    let claim = sqlx::query(AssertSqlSafe(claim_sql(NOW, "FOR UPDATE SKIP LOCKED")));
    sorted(&session.rows(claim.bind(i64::from(limit)).bind(millis(lease))).await?)
}

/// The number of rows that a change touched.
fn counted(change: &str) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!("WITH done AS ({change} RETURNING 1) SELECT COUNT(*) AS number FROM done"))
}

pub(super) async fn end_attempt(
    session: &mut Session,
    of: u64,
    attempt: u32,
    ended: &AttemptEnd,
) -> Result<bool, StoreError> {
    let end = sqlx::query(counted(&end(NOW)))
        .bind(integer(of))
        .bind(i64::from(attempt))
        .bind(ended.state().as_str())
        .bind(millis(ended.after()))
        .bind(ended.error().map(storable));
    Ok(session.row(end).await?.integer("number")? > 0)
}

pub(super) async fn end_all(
    session: &mut Session,
    webhook: &DocumentName,
    error: &str,
) -> Result<u64, StoreError> {
    let end = sqlx::query(counted(&end_all_sql(NOW))).bind(webhook.as_str()).bind(storable(error));
    number(session.row(end).await?.integer("number")?)
}

pub(super) async fn list(
    session: &mut Session,
    query: &DeliveryQuery,
) -> Result<Page<Delivery, u64>, StoreError> {
    let mut sql = select::<Postgres>(query);
    page(&session.rows(sql.build()).await?, query.limit)
}

pub(super) async fn resend_all(session: &mut Session, which: &ResendQuery) -> Result<u64, StoreError> {
    let (one, webhook) = match which {
        ResendQuery::One(number) => (Some(integer(*number)), None),
        ResendQuery::DeadOf(webhook) => (None, Some(webhook.as_str())),
    };
    number(session.row(sqlx::query(counted(&resend(NOW))).bind(one).bind(webhook)).await?.integer("number")?)
}

pub(super) async fn counts(session: &mut Session) -> Result<DeliveryCounts, StoreError> {
    let row = session.row(sqlx::query(COUNTS)).await?;
    Ok(DeliveryCounts { waiting: number(row.integer("waiting")?)?, dead: number(row.integer("dead")?)? })
}

pub(super) async fn waiting(session: &mut Session) -> Result<BTreeMap<DocumentName, u64>, StoreError> {
    waiting_counts(&session.rows(sqlx::query(WAITING_COUNTS)).await?)
}

pub(super) async fn forget(session: &mut Session, keep: DeliveryRetention) -> Result<u64, StoreError> {
    let forget = sqlx::query(counted(&forget_sql(NOW)))
        .bind(millis(keep.delivered))
        .bind(millis(keep.dead))
        .bind(integer(keep.dead_max));
    number(session.row(forget).await?.integer("number")?)
}
