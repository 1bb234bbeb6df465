//! Deliveries as the SQL databases keep them. The statements are the same but for what the time is.

use std::collections::BTreeMap;

use jiff::Timestamp;
use midflight_core::DocumentName;
use sqlx::{Database, Encode, QueryBuilder, Type};

use super::{Columns, corrupt, integer, number};
use crate::delivery::unknown_state;
use crate::{Delivery, DeliveryQuery, DeliveryState, NewDelivery, Page, StoreError};

/// What a claim sets, from `$1` deliveries and a lease of `$2` ms. `{skip}` is what keeps concurrent claims apart.
pub(crate) fn claim(now: &str, skip: &str) -> String {
    format!(
        "WITH due AS MATERIALIZED (
             SELECT number FROM deliveries WHERE state = 'waiting' AND due_at_ms <= {now}
             ORDER BY due_at_ms, number LIMIT $1 {skip})
         UPDATE deliveries SET due_at_ms = {now} + $2, attempts = attempts + 1
         WHERE number IN (SELECT number FROM due) RETURNING *"
    )
}

/// Ends attempt `$2` of delivery `$1` in state `$3`, due in `$4` ms, with error `$5`.
pub(crate) fn end(now: &str) -> String {
    format!(
        "UPDATE deliveries SET state = $3, due_at_ms = {now} + $4, error = $5,
             ended_at_ms = CASE WHEN $3 = 'waiting' THEN 0 ELSE {now} END
         WHERE number = $1 AND attempts = $2 AND state = 'waiting'"
    )
}

/// Makes one delivery (`$1`) or the dead letters of a webhook (`$2`) due.
pub(crate) fn resend(now: &str) -> String {
    format!(
        "UPDATE deliveries SET state = 'waiting', attempts = 0, due_at_ms = {now}, ended_at_ms = 0, error = NULL
         WHERE (number = $1 AND state <> 'waiting') OR (webhook = $2 AND state = 'dead')"
    )
}

/// Makes dead letters, with the error `$2`, of those of webhook `$1` that wait.
pub(crate) fn end_all(now: &str) -> String {
    format!(
        "UPDATE deliveries SET state = 'dead', error = $2, ended_at_ms = {now} WHERE webhook = $1 AND state = 'waiting'"
    )
}

/// Deletes what was delivered `$1` ms ago, died `$2` ms ago, and dead letters but the newest `$3`.
pub(crate) fn forget(now: &str) -> String {
    format!(
        "DELETE FROM deliveries WHERE (state = 'delivered' AND ended_at_ms < {now} - $1)
             OR (state = 'dead' AND (ended_at_ms < {now} - $2 OR number <= COALESCE(
                 (SELECT number FROM deliveries WHERE state = 'dead' ORDER BY number DESC LIMIT 1 OFFSET $3), -1)))"
    )
}

/// How many wait and are dead.
pub(crate) const COUNTS: &str = "SELECT
    (SELECT COUNT(*) FROM deliveries WHERE state = 'waiting') AS waiting,
    (SELECT COUNT(*) FROM deliveries WHERE state = 'dead') AS dead";

/// How many wait of each webhook.
pub(crate) const WAITING_COUNTS: &str =
    "SELECT webhook, COUNT(*) AS number FROM deliveries WHERE state = 'waiting' GROUP BY webhook";

/// The webhooks of the rows that it gave, with how many wait of each.
pub(crate) fn waiting_counts(rows: &[impl Columns]) -> Result<BTreeMap<DocumentName, u64>, StoreError> {
    let mut counts = BTreeMap::new();
    for row in rows {
        let webhook = DocumentName::new(&row.text("webhook")?).map_err(corrupt)?;
        counts.insert(webhook, number(row.integer("number")?)?);
    }
    Ok(counts)
}

/// A delivery of its row.
pub(crate) fn delivery(row: &impl Columns) -> Result<Delivery, StoreError> {
    let time = |column: &str| Timestamp::from_millisecond(row.integer(column)?).map_err(corrupt);
    let word = row.text("state")?;
    let state = DeliveryState::of_word(&word).ok_or_else(|| unknown_state(&word))?;
    Ok(Delivery {
        number: number(row.integer("number")?)?,
        new: NewDelivery {
            id: row.text("id")?,
            webhook: DocumentName::new(&row.text("webhook")?).map_err(corrupt)?,
            event: row.text("event")?,
            payload: row.text("payload")?,
            dead: None,
        },
        state,
        attempts: u32::try_from(row.integer("attempts")?).map_err(corrupt)?,
        created_at: time("created_at_ms")?,
        due_at: time("due_at_ms")?,
        ended_at: (state != DeliveryState::Waiting).then(|| time("ended_at_ms")).transpose()?,
        error: row.text_or_none("error")?,
    })
}

/// Deliveries of their rows, by number.
pub(crate) fn sorted(rows: &[impl Columns]) -> Result<Vec<Delivery>, StoreError> {
    let mut claimed: Vec<_> = rows.iter().map(delivery).collect::<Result<_, _>>()?;
    claimed.sort_unstable_by_key(|delivery| delivery.number);
    Ok(claimed)
}

/// The statement that lists deliveries, with one too many.
pub(crate) fn select<DB: Database>(query: &DeliveryQuery) -> QueryBuilder<DB>
where
    for<'q> String: Encode<'q, DB> + Type<DB>,
    for<'q> i64: Encode<'q, DB> + Type<DB>,
{
    let mut sql = QueryBuilder::new("SELECT * FROM deliveries WHERE TRUE");
    if let Some(webhook) = &query.webhook {
        sql.push(" AND webhook = ").push_bind(webhook.as_str().to_owned());
    }
    if let Some(state) = query.state {
        sql.push(" AND state = ").push_bind(state.as_str().to_owned());
    }
    if let Some(before) = query.before {
        sql.push(" AND number < ").push_bind(integer(before));
    }
    sql.push(" ORDER BY number DESC LIMIT ").push_bind(i64::from(query.limit) + 1);
    sql
}

/// The page of the rows that it gave.
pub(crate) fn page(rows: &[impl Columns], limit: u32) -> Result<Page<Delivery, u64>, StoreError> {
    let items: Vec<_> = rows.iter().map(delivery).collect::<Result<_, _>>()?;
    Ok(Page::cut(items, limit, |delivery| delivery.number))
}
