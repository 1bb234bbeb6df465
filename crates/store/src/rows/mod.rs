//! What the logs in SQL databases have in common: how rows are read into what they mean, how bodies are kept, and what
//! an edit makes of the heads it finds. Nothing here knows which database it is.

pub(crate) mod audit;
pub(crate) mod blob;
pub(crate) mod body;
pub(crate) mod chain;
pub(crate) mod delivery;
pub(crate) mod edit;
pub(crate) mod event;
pub(crate) mod filter;
pub(crate) mod page;
pub(crate) mod replica;
pub(crate) mod row;
pub(crate) mod tally;
pub(crate) mod token;

use midflight_core::{Appended, RevisionNumber};
use sqlx::migrate::{MigrateError, Migrator};

use crate::StoreError;

/// A row, as far as the log's columns need it. Both databases have these types; a value of another is
/// [`StoreError::Corrupt`].
pub(crate) trait Columns {
    /// A text.
    fn text(&self, column: &str) -> Result<String, StoreError>;
    /// A text that may be absent.
    fn text_or_none(&self, column: &str) -> Result<Option<String>, StoreError>;
    /// A 64-bit integer.
    fn integer(&self, column: &str) -> Result<i64, StoreError>;
    /// Yes or no.
    fn truth(&self, column: &str) -> Result<bool, StoreError>;
    /// How long the column `body` is, in bytes; none where there is no body.
    fn body_bytes(&self) -> usize;
}

/// What [`row::keyed`] reads of a key.
pub(crate) const KEYED: &str = "SELECT k.revision, r.created_at, k.request FROM edit_keys k JOIN revisions r ON r.number = k.revision WHERE k.key = $1";

/// A value that was not put there by this program.
pub(crate) fn corrupt(what: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt(what.to_string())
}

/// Revisions after `since`, of which none is missing.
pub(crate) fn without_gaps(since: RevisionNumber, all: Vec<Appended>) -> Result<Vec<Appended>, StoreError> {
    let mut expected = since;
    for one in &all {
        expected = expected.next();
        if one.revision.number != expected {
            return Err(corrupt(format_args!("revision {expected} has no digest")));
        }
    }
    Ok(all)
}

/// An integer of the database as a number of the log.
pub(crate) fn number(value: i64) -> Result<u64, StoreError> {
    u64::try_from(value)
        .map_err(|_| corrupt(format_args!("{value} is out of range; expected a non-negative integer")))
}

/// A number as the databases count, who have 63 bits for it. Logs never come near to that; bounds that mean "as many as
/// there are" do.
pub(crate) fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A revision's number as the databases count.
pub(crate) fn signed(number: RevisionNumber) -> i64 {
    integer(number.get())
}

/// Refuses a revision whose state is not kept, or not there yet.
pub(crate) fn readable(
    asked: RevisionNumber,
    first: RevisionNumber,
    head: RevisionNumber,
) -> Result<(), StoreError> {
    if asked < first && first > RevisionNumber::new(1) {
        return Err(StoreError::Compacted { asked, first });
    }
    if asked > head {
        return Err(StoreError::NoSuchRevision { asked, head });
    }
    Ok(())
}

/// The migrations that this program knows. Others are skipped, and [`check_schema`] tests whether the log may be used
/// with them.
pub(crate) fn migrator(mut known: Migrator) -> Migrator {
    known.set_ignore_missing(true);
    known
}

/// What [`check_schema`] reads, once this program's migrations were made.
pub(crate) const SCHEMA: &str =
    "SELECT (SELECT MAX(version) FROM _sqlx_migrations) AS newest, oldest FROM schema_reader";

/// Refuses a log that a newer program made in a way that this one cannot use.
pub(crate) fn check_schema(row: &impl Columns, known: &Migrator) -> Result<(), StoreError> {
    let known = known.iter().map(|migration| migration.version).max().unwrap_or(0);
    let (found, oldest) = (row.integer("newest")?, row.integer("oldest")?);
    if found > known && oldest > known { Err(StoreError::TooNew { found, known }) } else { Ok(()) }
}

/// Why the schema could not be brought up to date.
pub(crate) fn migration_failure(
    error: MigrateError,
    failure: impl Fn(sqlx::Error) -> StoreError,
) -> StoreError {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => failure(error),
        other => StoreError::Corrupt(other.to_string()),
    }
}
