//! The followed table, and counts that are taken over.

use serde::{Deserialize, Serialize};

/// The status of a followed table.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TableAnswer {
    /// The table.
    pub table: String,
    /// Whether another replica of the log follows it, and this one waits.
    pub stands_by: bool,
    /// How many rows it had when it was last read here.
    pub rows: usize,
    /// Why it cannot be followed now; null when it can.
    pub error: Option<String>,
    /// How many rows are not followed.
    pub problem_count: usize,
    /// What is wrong with them, the first thousand. The patterns of such rows stay as they are in the log.
    pub problems: Vec<RowProblemAnswer>,
    /// How many patterns are kept in the log though the table has no rows any more.
    pub kept: usize,
    /// When the log last had the contents of the table, except for `problems`.
    pub synced_at: Option<String>,
    /// The last revision that it made in this process.
    pub revision: Option<u64>,
    /// How many revisions it made in this process.
    pub revisions: u64,
    /// For how many patterns counts were taken in this process.
    pub counts_taken: u64,
}

/// What is wrong with a row.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RowProblemAnswer {
    /// The id of the row; its place among the rows, as `/3`, where it has none.
    pub row: String,
    /// What is wrong with it, and the cure.
    pub message: String,
}

/// How often another program used patterns.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct UsageBody {
    /// At most 10,000.
    pub items: Vec<UsageItem>,
}

/// How often another program used a pattern.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct UsageItem {
    /// The id of the pattern.
    pub id: String,
    /// How often it answered a query there, since ever.
    #[serde(default)]
    pub times_used: u64,
    /// The number of positive feedbacks there, in total.
    #[serde(default)]
    pub times_correct: u64,
    /// When it last answered there (RFC 3339; of UTC without a zone).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<String>,
}

/// What was taken over.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UsageTaken {
    /// For how many patterns there was more than was taken before.
    pub patterns: usize,
}
