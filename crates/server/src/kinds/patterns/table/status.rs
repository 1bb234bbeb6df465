//! How a followed table stands to the log.

use jiff::Timestamp;
use midflight_core::RevisionNumber;
use midflight_source::HeldLoss;

/// How many rows with problems are listed.
pub(super) const PROBLEMS_MAX: usize = 1_000;

/// How a followed table stands to the log.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in super::super) struct TableStatus {
    /// The table.
    pub(in super::super) table: String,
    /// Whether another replica of the log follows it, and this one waits.
    pub(in super::super) stands_by: bool,
    /// How many rows it had when it was last read.
    pub(in super::super) rows: usize,
    /// Rows that are not patterns, and patterns that are not the table's to change.
    pub(in super::super) problems: Vec<RowProblem>,
    /// How many there are.
    pub(in super::super) problem_count: usize,
    /// Why it cannot be followed now; none when it can.
    pub(in super::super) error: Option<String>,
    /// The patterns that are kept in the log though their rows are gone, since they are too many at once.
    pub(in super::super) held: Option<HeldLoss>,
    /// When it was last found, or made, to agree with the log but for `problems`.
    pub(in super::super) synced_at: Option<Timestamp>,
    /// The last revision that it made in this process.
    pub(in super::super) revision: Option<RevisionNumber>,
    /// How many revisions it made in this process.
    pub(in super::super) revisions: u64,
    /// For how many patterns counts were taken in this process.
    pub(in super::super) counts_taken: u64,
}

/// What is wrong with a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct RowProblem {
    /// The row: its place in the table, from 0, as `/3`, or the pattern that it is.
    pub(in super::super) row: String,
    /// What is wrong with it, and the cure.
    pub(in super::super) message: String,
}

impl TableStatus {
    /// What is wrong with following it, in one sentence.
    pub(in super::super) fn degraded(&self) -> Option<String> {
        let table = &self.table;
        if let Some(error) = &self.error {
            return Some(format!("the table {table} is not followed: {error}"));
        }
        if let Some(HeldLoss { deleted, owned, empty }) = self.held {
            let (what, flag) = match empty {
                true => ("has no rows", "--allow-empty"),
                false => ("lost too many rows at once", "a higher --table-loss-percent-max"),
            };
            return Some(format!(
                "the table {table} {what}; {deleted} of its {owned} patterns are kept; bring the rows back, or start with \
                 {flag}"
            ));
        }
        let first = self.problems.first()?;
        let (count, RowProblem { row, message }) = (self.problem_count, first);
        Some(format!("{count} rows of the table {table} are not followed: {row}: {message}"))
    }
}
