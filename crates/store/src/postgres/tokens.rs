//! Tokens in PostgreSQL: of all replicas together.

use jiff::Timestamp;
use sqlx::AssertSqlSafe;

use super::session::Session;
use super::storable;
use crate::rows::token::{NameConflict, REPLACED, TOKEN, token, used, values};
use crate::rows::{Columns as _, integer, number};
use crate::{StoreError, Token};

/// Answers whether the row is there as given now.
pub(super) async fn put(
    session: &mut Session,
    token: &Token,
    taken: NameConflict<'_>,
) -> Result<bool, StoreError> {
    let sql = match taken {
        NameConflict::Replace | NameConflict::Keep => {
            let rest = match taken {
                NameConflict::Keep => "NOTHING".to_owned(),
                _ => format!("UPDATE SET {REPLACED}"),
            };
            format!(
                "INSERT INTO tokens ({TOKEN}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
                 ON CONFLICT (name) DO {rest} RETURNING name"
            )
        }
        NameConflict::ReplaceOf(_) => format!(
            "UPDATE tokens SET ({TOKEN}) = ROW ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
             WHERE name = $1 AND hash = $11 RETURNING name"
        ),
    };
    let mut put = sqlx::query(AssertSqlSafe(sql));
    for value in values(token) {
        put = put.bind(value.map(|value| storable(&value)));
    }
    if let NameConflict::ReplaceOf(hash) = taken {
        put = put.bind(hash);
    }
    Ok(!session.rows(put).await?.is_empty())
}

pub(super) async fn delete(session: &mut Session, name: &str) -> Result<bool, StoreError> {
    let delete = sqlx::query("DELETE FROM tokens WHERE name = $1 RETURNING name").bind(storable(name));
    Ok(!session.rows(delete).await?.is_empty())
}

pub(super) async fn delete_at(session: &mut Session, name: &str, changes: u64) -> Result<bool, StoreError> {
    // The lock has a concurrent deletion wait, and then see that the number moved.
    let delete = sqlx::query(
        "WITH now AS (SELECT number FROM token_changes FOR UPDATE)
         DELETE FROM tokens USING now WHERE tokens.name = $1 AND now.number = $2 RETURNING tokens.name",
    );
    let delete = delete.bind(storable(name)).bind(integer(changes));
    Ok(!session.rows(delete).await?.is_empty())
}

pub(super) async fn all(session: &mut Session) -> Result<Vec<Token>, StoreError> {
    let rows = session.rows(sqlx::query("SELECT * FROM tokens ORDER BY name")).await?;
    rows.iter().map(token).collect()
}

pub(super) async fn changes(session: &mut Session) -> Result<u64, StoreError> {
    number(session.row(sqlx::query("SELECT number FROM token_changes")).await?.integer("number")?)
}

pub(super) async fn note_uses(session: &mut Session, uses: &[(String, Timestamp)]) -> Result<(), StoreError> {
    // In one order, so that replicas which note the same tokens do not wait for each other in a circle.
    let insert = sqlx::query(
        "INSERT INTO token_uses (name, used_at_us)
         SELECT it.name, MAX(it.at) FROM unnest($1::text[], $2::bigint[]) AS it (name, at)
         JOIN tokens t ON t.name = it.name GROUP BY it.name ORDER BY it.name
         ON CONFLICT (name) DO UPDATE SET used_at_us = GREATEST(token_uses.used_at_us, excluded.used_at_us)",
    );
    let insert = insert
        .bind(uses.iter().map(|(name, _)| storable(name)).collect::<Vec<_>>())
        .bind(uses.iter().map(|(_, at)| at.as_microsecond()).collect::<Vec<_>>());
    session.run(insert).await
}

pub(super) async fn uses(session: &mut Session) -> Result<Vec<(String, Timestamp)>, StoreError> {
    let rows = session.rows(sqlx::query("SELECT * FROM token_uses ORDER BY name")).await?;
    rows.iter().map(used).collect()
}
