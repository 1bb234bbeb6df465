//! Tallies as the SQL databases keep them.

use super::row::id;
use super::{Columns, number};
use crate::tally::at;
use crate::{StoreError, Tally};

/// The columns that [`tally`] reads.
pub(crate) const TALLY: &str = "kind, name, counter, count, last_at_ns";

pub(crate) fn tally(row: &impl Columns) -> Result<Tally, StoreError> {
    let of = id(row)?;
    Ok(Tally {
        kind: of.kind,
        name: of.name,
        counter: row.text("counter")?,
        count: number(row.integer("count")?)?,
        last_at: at(row.integer("last_at_ns")?),
    })
}
