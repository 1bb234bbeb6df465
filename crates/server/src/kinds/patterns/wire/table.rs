//! The followed table on the wire, and counts that are taken over.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::table::TableStatus;
use midflight_http::wire::stamp;

/// How the followed table stands to the log.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct TableAnswer {
    /// The table.
    table: String,
    /// Whether another replica of the log follows it, and this one stands by.
    stands_by: bool,
    /// How many rows it had when it was last read here.
    rows: usize,
    /// Why it cannot be followed now; null when it can.
    error: Option<String>,
    /// How many rows are not followed.
    problem_count: usize,
    /// What is wrong with them, the first thousand. The patterns of such rows stay as they are in the log.
    problems: Vec<RowProblemAnswer>,
    /// How many patterns are kept in the log though the table has no rows any more.
    kept: usize,
    /// When the log was last found, or made, to say what the table says but for `problems`.
    synced_at: Option<String>,
    /// The last revision that it made in this process.
    revision: Option<u64>,
    /// How many revisions it made in this process.
    revisions: u64,
    /// For how many patterns counts were taken in this process.
    counts_taken: u64,
}

/// What is wrong with a row.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct RowProblemAnswer {
    /// The id of the row; its place among the rows, as `/3`, where it has none.
    row: String,
    /// What is wrong with it, and the cure.
    message: String,
}

impl From<TableStatus> for TableAnswer {
    fn from(status: TableStatus) -> Self {
        let problems = status.problems.into_iter();
        Self {
            table: status.table,
            stands_by: status.stands_by,
            rows: status.rows,
            error: status.error,
            problem_count: status.problem_count,
            problems: problems.map(|it| RowProblemAnswer { row: it.row, message: it.message }).collect(),
            kept: status.kept,
            synced_at: status.synced_at.map(stamp),
            revision: status.revision.map(|revision| revision.get()),
            revisions: status.revisions,
            counts_taken: status.counts_taken,
        }
    }
}

/// How often another program used patterns.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct UsageBody {
    /// At most 10,000.
    pub(in super::super) items: Vec<UsageItem>,
}

/// How often another program used a pattern.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct UsageItem {
    /// The id of the pattern.
    pub(in super::super) id: String,
    /// How often it answered a query there, since ever.
    #[serde(default)]
    pub(in super::super) times_used: u64,
    /// The number of positive feedbacks there, in total.
    #[serde(default)]
    pub(in super::super) times_correct: u64,
    /// When it last answered there (RFC 3339; of UTC without a zone).
    #[serde(default)]
    pub(in super::super) last_used_at: Option<String>,
}

/// What was taken over.
#[derive(Debug, Serialize, ToSchema)]
pub(in super::super) struct UsageTaken {
    /// For how many patterns there was more than was taken before.
    pub(in super::super) patterns: usize,
}
