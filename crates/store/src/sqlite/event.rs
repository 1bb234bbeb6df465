//! Reload events in SQLite.

use midflight_core::ReloadEvent;
use sqlx::{QueryBuilder, Sqlite, SqlitePool};

use super::failure::failure;
use crate::rows::event::{event, to_json};
use crate::rows::filter::push_events;
use crate::rows::integer;
use crate::{EventQuery, Page, StoreError};

pub(super) async fn record(notes: &SqlitePool, events: &[ReloadEvent], keep: u64) -> Result<(), StoreError> {
    if events.is_empty() {
        return Ok(());
    }
    let mut transaction = notes.begin_with("BEGIN IMMEDIATE").await.map_err(failure)?;
    let mut insert = QueryBuilder::<Sqlite>::new(
        "INSERT OR REPLACE INTO reload_events (id, trigger_word, outcome, event) ",
    );
    insert.push_values(events, |mut row, event| {
        row.push_bind(integer(event.id.0))
            .push_bind(event.trigger.as_str().to_owned())
            .push_bind(event.outcome.as_str().to_owned())
            .push_bind(to_json(event).to_string());
    });
    insert.build().execute(&mut *transaction).await.map_err(failure)?;
    // Numbers have no gaps, so the newest less what is kept is where the old begins.
    let prune = sqlx::query("DELETE FROM reload_events WHERE id <= (SELECT MAX(id) FROM reload_events) - ?1");
    prune.bind(integer(keep)).execute(&mut *transaction).await.map_err(failure)?;
    transaction.commit().await.map_err(failure)
}

pub(super) async fn select(
    readers: &SqlitePool,
    query: EventQuery,
) -> Result<Page<ReloadEvent, u64>, StoreError> {
    let mut sql = QueryBuilder::<Sqlite>::new("SELECT event FROM reload_events WHERE TRUE");
    if let Some(kind) = &query.kind {
        sql.push(" AND EXISTS (SELECT 1 FROM json_each(event, '$.kinds') WHERE value = ");
        sql.push_bind(kind.as_str().to_owned()).push(")");
    }
    push_events(&mut sql, &query);
    let rows = sql.build().fetch_all(readers).await.map_err(failure)?;
    let items = rows.iter().map(event).collect::<Result<_, _>>()?;
    Ok(Page::cut(items, query.limit, |event: &ReloadEvent| event.id.0))
}
