//! What replicas share beside the log: blobs, the key of hints, and what each says of itself.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use midflight_core::Digest;
use sqlx::Row as _;

use super::failure::failure;
use super::session::Session;
use super::storable;
use crate::rows::blob::checked_blob;
use crate::rows::{corrupt, replica};
use crate::secret::new_key;
use crate::{Replica, SeenReplica, StoreError};

pub(super) async fn put_blob(session: &mut Session, digest: &Digest, bytes: &[u8]) -> Result<(), StoreError> {
    let put = sqlx::query("INSERT INTO blobs (digest, bytes) VALUES ($1, $2) ON CONFLICT DO NOTHING");
    session.run(put.bind(digest.to_string()).bind(bytes)).await?;
    Ok(())
}

pub(super) async fn blob(session: &mut Session, digest: &Digest) -> Result<Option<Arc<[u8]>>, StoreError> {
    let select = sqlx::query("SELECT bytes FROM blobs WHERE digest = $1").bind(digest.to_string());
    let rows = session.rows(select).await?;
    let Some(row) = rows.into_iter().next() else { return Ok(None) };
    let copy = move || row.try_get("bytes").map(|bytes: &[u8]| bytes.into()).map_err(failure);
    checked_blob(*digest, copy).await.map(Some)
}

/// PostgreSQL keeps the length beside the bytes, and reads no more.
pub(super) async fn blob_size(session: &mut Session, digest: &Digest) -> Result<Option<u64>, StoreError> {
    let select = sqlx::query("SELECT octet_length(bytes)::bigint AS size FROM blobs WHERE digest = $1");
    let rows = session.rows(select.bind(digest.to_string())).await?;
    rows.first().map(size).transpose()
}

pub(super) async fn blobs_size(session: &mut Session) -> Result<u64, StoreError> {
    let select = sqlx::query("SELECT coalesce(sum(octet_length(bytes)), 0)::bigint AS size FROM blobs");
    let rows = session.rows(select).await?;
    rows.first().map_or(Ok(0), size)
}

fn size(row: &sqlx::postgres::PgRow) -> Result<u64, StoreError> {
    let size: i64 = row.try_get("size").map_err(failure)?;
    Ok(u64::try_from(size).unwrap_or(0))
}

async fn kept_key(session: &mut Session) -> Result<Option<[u8; 32]>, StoreError> {
    let rows = session.rows(sqlx::query("SELECT key FROM hint_key")).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let key: Vec<u8> = row.try_get("key").map_err(failure)?;
    key.try_into().map(Some).map_err(|_| corrupt("the key of hints does not have 32 bytes"))
}

pub(super) async fn hint_key(session: &mut Session) -> Result<[u8; 32], StoreError> {
    if let Some(key) = kept_key(session).await? {
        return Ok(key);
    }
    // Others may be at it: the first one kept is the key of all.
    let put = sqlx::query("INSERT INTO hint_key (one, key) VALUES (1, $1) ON CONFLICT DO NOTHING");
    session.run(put.bind(new_key()?.to_vec())).await?;
    kept_key(session).await?.ok_or_else(|| corrupt("the key of hints was removed"))
}

/// The server's time.
pub(super) async fn now(session: &mut Session) -> Result<Timestamp, StoreError> {
    let select = sqlx::query("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now_us");
    let rows = session.rows(select).await?;
    let now: i64 = rows.first().ok_or_else(|| corrupt("no time"))?.try_get("now_us").map_err(failure)?;
    Timestamp::from_microsecond(now).map_err(corrupt)
}

/// There is no wait for the disk: the last report is repeated soon. What is different from before is notified, for
/// those who wait until every replica serves a revision; `midflight-bus` listens.
pub(super) async fn put_replica(session: &mut Session, replica: &Replica) -> Result<(), StoreError> {
    let put = sqlx::query(
        "WITH quick AS (SELECT set_config('synchronous_commit', 'off', TRUE)),
         before AS (SELECT said FROM replicas WHERE id = $1),
         put AS (INSERT INTO replicas (id, said) SELECT $1, $2 FROM quick
             ON CONFLICT (id) DO UPDATE SET said = excluded.said, seen_at = clock_timestamp())
         SELECT pg_notify('midflight_replicas', '') WHERE (SELECT said FROM before) IS DISTINCT FROM $2",
    );
    let output = replica::to_json(replica).to_string();
    session.run(put.bind(storable(&replica.id)).bind(output)).await
}

pub(super) async fn replicas(
    session: &mut Session,
    within: Duration,
) -> Result<Vec<SeenReplica>, StoreError> {
    // One that speaks up in the meantime has another time by then, and stays.
    let select = sqlx::query(
        "WITH aged AS MATERIALIZED (
             SELECT id, said, seen_at, (extract(epoch FROM clock_timestamp() - seen_at) * 1000000)::bigint AS age_us
             FROM replicas),
         gone AS (
             DELETE FROM replicas r USING aged WHERE r.id = aged.id AND r.seen_at = aged.seen_at AND age_us > $1)
         SELECT id, said, age_us FROM aged WHERE age_us <= $1 ORDER BY id",
    );
    let rows = session.rows(select.bind(replica::micros(within))).await?;
    rows.iter().map(replica::seen).collect()
}

pub(super) async fn forget_replica(session: &mut Session, id: &str) -> Result<(), StoreError> {
    session.run(sqlx::query("DELETE FROM replicas WHERE id = $1").bind(storable(id))).await
}
