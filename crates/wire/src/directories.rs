//! Watched directories.

use serde::{Deserialize, Serialize};

/// A directory that the log is kept in step with.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DirectoryAnswer {
    /// The name as which it owns its documents.
    pub name: String,
    /// Where.
    pub dir: String,
    /// As whom it owns its documents.
    pub owner: String,
    /// Whether the system reports changes; else they are found by polling.
    pub notified: bool,
    /// How many files it has.
    pub files: usize,
    /// How many documents they have.
    pub documents: usize,
    /// When it was last brought into the log.
    pub last_sync_at: Option<String>,
    /// The last revision that it made.
    pub revision: Option<u64>,
    /// Whether its changes wait, since something is wrong with the directory as a whole or with any of its files.
    pub blocked: bool,
    /// The deletions that wait to be confirmed; null when there are none.
    pub held_loss: Option<HeldLossAnswer>,
    /// What is wrong with its files; the log keeps what it had.
    pub problems: Vec<DirectoryProblem>,
}

/// Deletions that were not made, since they would remove too many documents at once.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HeldLossAnswer {
    /// How many documents would be deleted.
    pub deleted: usize,
    /// How many documents the directory owns in the log.
    pub owned: usize,
    /// Whether the directory has no document at all.
    pub empty: bool,
}

/// The directory that the log is to follow.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ConfirmLossBody {
    /// The directory, by its name or its path (`directories[].name` or `dir` of `/api/v1/status`).
    pub dir: String,
}

/// Something wrong in a file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DirectoryProblem {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: Option<u64>,
    /// The column, from 1.
    pub column: Option<u64>,
    /// The document, once that much is known.
    pub document: Option<String>,
    /// The place in the document's body, as a JSON Pointer.
    pub path: String,
    /// What is wrong.
    pub message: String,
}
