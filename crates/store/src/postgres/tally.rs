//! Tallies in PostgreSQL: of all replicas together.

use midflight_core::DocumentName;
use sqlx::{AssertSqlSafe, Postgres, QueryBuilder};

use super::session::Session;
use crate::rows::tally::{TALLY, tally};
use crate::rows::{Columns as _, integer};
use crate::tally::{cursor, nanoseconds};
use crate::{Page, StoreError, Tally, TallyQuery};

/// Adds a batch in which every key is there once.
pub(super) async fn add(
    session: &mut Session,
    source: &str,
    number: u64,
    batch: &[Tally],
) -> Result<bool, StoreError> {
    let add = sqlx::query("SELECT midflight_add_tallies($1, $2, $3, $4, $5, $6, $7) AS is_new")
        .bind(source)
        .bind(integer(number))
        .bind(batch.iter().map(|tally| tally.kind.as_str()).collect::<Vec<_>>())
        .bind(batch.iter().map(|tally| tally.name.as_str()).collect::<Vec<_>>())
        .bind(batch.iter().map(|tally| tally.counter.as_str()).collect::<Vec<_>>())
        .bind(batch.iter().map(|tally| integer(tally.count)).collect::<Vec<_>>())
        .bind(batch.iter().map(|tally| nanoseconds(tally.last_at)).collect::<Vec<_>>());
    session.row(add).await?.truth("is_new")
}

pub(super) async fn select(
    session: &mut Session,
    query: TallyQuery,
) -> Result<Page<Tally, (DocumentName, String)>, StoreError> {
    let mut sql = QueryBuilder::<Postgres>::new(format!("SELECT {TALLY} FROM tallies WHERE kind = "));
    sql.push_bind(query.kind.as_str().to_owned());
    if let Some(names) = &query.names {
        let names: Vec<_> = names.iter().map(|name| name.as_str().to_owned()).collect();
        sql.push(" AND name = ANY (").push_bind(names).push(")");
    }
    if let Some((name, counter)) = query.after {
        sql.push(" AND (name, counter) > (").push_bind(name.as_str().to_owned());
        sql.push(", ").push_bind(counter).push(")");
    }
    sql.push(" ORDER BY name, counter LIMIT ").push_bind(i64::from(query.limit) + 1);
    let rows = session.rows(sql.build()).await?;
    let items = rows.iter().map(tally).collect::<Result<_, _>>()?;
    Ok(Page::cut(items, query.limit, cursor))
}

/// Forgets the tallies of the documents that are deleted now, in the order in which others change them.
pub(super) async fn forget(session: &mut Session) -> Result<(), StoreError> {
    let forget = sqlx::query(
        "DELETE FROM tallies t USING (
             SELECT t.kind, t.name, t.counter FROM tallies t JOIN heads h ON h.kind = t.kind AND h.name = t.name
             WHERE h.deleted ORDER BY t.kind, t.name, t.counter FOR UPDATE OF t) gone
         WHERE (t.kind, t.name, t.counter) = (gone.kind, gone.name, gone.counter)",
    );
    session.upkeep_row(forget).await.map(drop)
}

/// Why tallies cannot be read, of each that cannot. A thousand rows at a time: there may be more than fit into memory.
pub(super) async fn diagnose(session: &mut Session) -> Result<Vec<String>, StoreError> {
    let sql = format!(
        "SELECT {TALLY} FROM tallies WHERE (kind, name, counter) > ($1, $2, $3)
         ORDER BY kind, name, counter LIMIT 1000"
    );
    let mut problems = Vec::new();
    let mut last = [const { String::new() }; 3];
    loop {
        let [kind, name, counter] = &last;
        let select = sqlx::query(AssertSqlSafe(sql.clone())).bind(kind).bind(name).bind(counter);
        let rows = session.rows(select).await?;
        let Some(row) = rows.last() else { return Ok(problems) };
        last = [row.text("kind")?, row.text("name")?, row.text("counter")?];
        problems.extend(rows.iter().filter_map(|row| tally(row).err()).map(|error| error.to_string()));
    }
}
