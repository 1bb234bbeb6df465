//! The audit in PostgreSQL: of all replicas together.

use jiff::Timestamp;
use sqlx::Postgres;

use super::session::Session;
use super::storable;
use crate::audit::to_json;
use crate::rows::audit::{page, select};
use crate::rows::{Columns as _, number};
use crate::{AuditEntry, AuditQuery, AuditRecord, Page, StoreError};

pub(super) async fn add(session: &mut Session, entries: &[AuditEntry]) -> Result<(), StoreError> {
    let texts = |text: fn(&AuditEntry) -> &str| -> Vec<String> {
        entries.iter().map(|entry| storable(text(entry))).collect()
    };
    let insert = sqlx::query(
        "INSERT INTO audit (at_us, actor, action, outcome, entry)
         SELECT it.at, it.actor, it.action, it.outcome, it.entry
         FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[])
             WITH ORDINALITY AS it (at, actor, action, outcome, entry, nth)
         ORDER BY it.nth",
    );
    let insert = insert
        .bind(entries.iter().map(|entry| entry.at.as_microsecond()).collect::<Vec<_>>())
        .bind(texts(|entry| &entry.actor))
        .bind(texts(|entry| &entry.action))
        .bind(texts(|entry| &entry.outcome))
        .bind(entries.iter().map(|entry| to_json(entry).to_string()).collect::<Vec<_>>());
    session.run(insert).await
}

pub(super) async fn list(
    session: &mut Session,
    query: &AuditQuery,
) -> Result<Page<AuditRecord, u64>, StoreError> {
    let mut sql = select::<Postgres>(query);
    page(&session.rows(sql.build()).await?, query.limit)
}

pub(super) async fn forget(session: &mut Session, before: Timestamp) -> Result<u64, StoreError> {
    let keep = sqlx::query(
        "UPDATE audit_kept SET kept_from = GREATEST(kept_from, COALESCE(
             (SELECT MIN(number) FROM audit WHERE at_us >= $1), (SELECT MAX(number) + 1 FROM audit), 0))",
    );
    session.run(keep.bind(before.as_microsecond())).await?;
    let delete = sqlx::query(
        "WITH gone AS (DELETE FROM audit WHERE number < (SELECT kept_from FROM audit_kept) RETURNING 1)
         SELECT COUNT(*) AS number FROM gone",
    );
    number(session.row(delete).await?.integer("number")?)
}
