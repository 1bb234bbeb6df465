//! Reload events in PostgreSQL: each replica's are its own.

use midflight_core::ReloadEvent;
use sqlx::{Postgres, QueryBuilder};

use super::session::Session;
use crate::rows::event::{event, to_json};
use crate::rows::filter::push_events;
use crate::rows::integer;
use crate::{EventQuery, Page, StoreError};

/// Replicas come and go under ever new names; the events of one that recorded none for so long are forgotten.
const OTHERS_DAYS_MAX: i32 = 30;

pub(super) async fn record(
    session: &mut Session,
    replica: &str,
    events: &[ReloadEvent],
    keep: u64,
) -> Result<(), StoreError> {
    // They need not survive a crash of the machine, so there is no wait for the disk. Numbers have no gaps, so the
    // newest less what is kept is where the old begins.
    let newest = events.iter().map(|event| event.id.0).max().unwrap_or(0);
    let mut insert = QueryBuilder::<Postgres>::new("WITH quick AS (");
    insert.push("SELECT set_config('synchronous_commit', 'off', TRUE)), old AS (");
    insert.push("DELETE FROM reload_events USING quick WHERE replica = ").push_bind(replica);
    insert.push(" AND id <= ").push_bind(integer(newest).saturating_sub(integer(keep)));
    insert.push("), others AS (DELETE FROM reload_events WHERE recorded_at < clock_timestamp() - ");
    insert.push_bind(OTHERS_DAYS_MAX).push(" * INTERVAL '1 day' AND replica <> ").push_bind(replica);
    insert.push(") INSERT INTO reload_events (replica, id, trigger_word, outcome, kinds, event) ");
    let first_kept = newest.saturating_sub(keep);
    insert.push_values(events.iter().filter(|event| event.id.0 > first_kept), |mut row, event| {
        let kinds: Vec<_> = event.kinds.iter().map(|kind| kind.as_str().to_owned()).collect();
        row.push_bind(replica)
            .push_bind(integer(event.id.0))
            .push_bind(event.trigger.as_str().to_owned())
            .push_bind(event.outcome.as_str().to_owned())
            .push_bind(kinds)
            .push_bind(to_json(event).to_string());
    });
    insert.push(
        " ON CONFLICT (replica, id) DO UPDATE SET trigger_word = excluded.trigger_word, outcome = excluded.outcome,
             kinds = excluded.kinds, event = excluded.event, recorded_at = excluded.recorded_at",
    );
    session.run(insert.build()).await
}

pub(super) async fn select(
    session: &mut Session,
    replica: &str,
    query: EventQuery,
) -> Result<Page<ReloadEvent, u64>, StoreError> {
    let mut sql = QueryBuilder::<Postgres>::new("SELECT event FROM reload_events WHERE replica = ");
    sql.push_bind(replica);
    if let Some(kind) = &query.kind {
        sql.push(" AND ").push_bind(kind.as_str().to_owned()).push(" = ANY (kinds)");
    }
    push_events(&mut sql, &query);
    let rows = session.rows(sql.build()).await?;
    let items = rows.iter().map(event).collect::<Result<_, _>>()?;
    Ok(Page::cut(items, query.limit, |event: &ReloadEvent| event.id.0))
}
