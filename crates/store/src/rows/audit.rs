//! Entries of the audit as the SQL databases keep them.

use jiff::Timestamp;
use sqlx::{Database, Encode, QueryBuilder, Type};

use super::{Columns, corrupt, integer, number};
use crate::audit::of_json;
use crate::{AuditQuery, AuditRecord, Page, StoreError};

/// An entry of its row.
pub(crate) fn record(row: &impl Columns) -> Result<AuditRecord, StoreError> {
    let at = Timestamp::from_microsecond(row.integer("at_us")?).map_err(corrupt)?;
    let words = [row.text("actor")?, row.text("action")?, row.text("outcome")?];
    Ok(AuditRecord {
        number: number(row.integer("number")?)?,
        entry: of_json(at, words, &row.text("entry")?)?,
    })
}

/// The statement that lists entries, with one too many.
pub(crate) fn select<DB: Database>(query: &AuditQuery) -> QueryBuilder<DB>
where
    for<'q> String: Encode<'q, DB> + Type<DB>,
    for<'q> i64: Encode<'q, DB> + Type<DB>,
{
    let mut sql = QueryBuilder::new("SELECT * FROM audit WHERE TRUE");
    let words = [("actor", &query.actor), ("action", &query.action), ("outcome", &query.outcome)];
    for (column, word) in words {
        if let Some(word) = word {
            sql.push(" AND ").push(column).push(" = ").push_bind(word.clone());
        }
    }
    if let Some(since) = query.since {
        sql.push(" AND at_us >= ").push_bind(since.as_microsecond());
    }
    if let Some(until) = query.until {
        sql.push(" AND at_us < ").push_bind(until.as_microsecond());
    }
    if let Some(before) = query.before {
        sql.push(" AND number < ").push_bind(integer(before));
    }
    sql.push(" ORDER BY number DESC LIMIT ").push_bind(i64::from(query.limit) + 1);
    sql
}

/// The page of the rows that it gave.
pub(crate) fn page(rows: &[impl Columns], limit: u32) -> Result<Page<AuditRecord, u64>, StoreError> {
    let records: Vec<_> = rows.iter().map(record).collect::<Result<_, _>>()?;
    Ok(Page::cut(records, limit, |record| record.number))
}
