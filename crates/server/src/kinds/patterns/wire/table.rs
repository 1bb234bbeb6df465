//! The followed table.

use midflight_http::wire::stamp;
use midflight_wire::patterns::{RowProblemAnswer, TableAnswer};

use super::super::table::TableStatus;

/// The status of a followed table.
pub(in super::super) fn table_answer(status: TableStatus) -> TableAnswer {
    let problems = status.problems.into_iter();
    TableAnswer {
        table: status.table,
        stands_by: status.stands_by,
        rows: status.rows,
        error: status.error,
        problem_count: status.problem_count,
        problems: problems.map(|it| RowProblemAnswer { row: it.row, message: it.message }).collect(),
        kept: status.held.map_or(0, |held| held.deleted),
        synced_at: status.synced_at.map(stamp),
        revision: status.revision.map(|revision| revision.get()),
        revisions: status.revisions,
        counts_taken: status.counts_taken,
    }
}
