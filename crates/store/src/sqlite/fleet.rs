//! What replicas share beside the log. With one process on the file there is one replica, and the same answers.

use std::time::Duration;

use sqlx::SqlitePool;

use super::failure::failure;
use crate::rows::{corrupt, replica};
use crate::secret::new_key;
use crate::{Replica, SeenReplica, StoreError};

pub(super) async fn hint_key(writer: &SqlitePool) -> Result<[u8; 32], StoreError> {
    let put = sqlx::query("INSERT INTO hint_key (one, key) VALUES (1, ?1) ON CONFLICT DO NOTHING");
    // Made before it is known to be needed: the first one kept is the key of all.
    put.bind(&new_key()?[..]).execute(writer).await.map_err(failure)?;
    let key: Vec<u8> =
        sqlx::query_scalar("SELECT key FROM hint_key").fetch_one(writer).await.map_err(failure)?;
    key.try_into().map_err(|_| corrupt("the key of hints does not have 32 bytes"))
}

pub(super) async fn put_replica(notes: &SqlitePool, replica: &Replica) -> Result<(), StoreError> {
    let put = sqlx::query(
        "INSERT INTO replicas (id, said) VALUES (?1, ?2)
         ON CONFLICT (id) DO UPDATE SET said = excluded.said, seen_at_ms = excluded.seen_at_ms",
    );
    let put = put.bind(&replica.id).bind(replica::to_json(replica).to_string());
    put.execute(notes).await.map(drop).map_err(failure)
}

pub(super) async fn replicas(notes: &SqlitePool, within: Duration) -> Result<Vec<SeenReplica>, StoreError> {
    let aged = "(CAST(unixepoch('subsec') * 1000 AS INTEGER) - seen_at_ms) * 1000";
    let forget = format!("DELETE FROM replicas WHERE {aged} > ?1");
    let forget = sqlx::query(sqlx::AssertSqlSafe(forget)).bind(replica::micros(within));
    forget.execute(notes).await.map_err(failure)?;
    let select = format!("SELECT id, said, {aged} AS age_us FROM replicas ORDER BY id");
    let rows = sqlx::query(sqlx::AssertSqlSafe(select)).fetch_all(notes).await.map_err(failure)?;
    rows.iter().map(replica::seen).collect()
}

pub(super) async fn forget_replica(notes: &SqlitePool, id: &str) -> Result<(), StoreError> {
    let forget = sqlx::query("DELETE FROM replicas WHERE id = ?1").bind(id);
    forget.execute(notes).await.map(drop).map_err(failure)
}
