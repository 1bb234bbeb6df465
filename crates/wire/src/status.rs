//! The state of a replica: desired, served and last refused.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::directories::DirectoryAnswer;
use crate::problem::ProblemItem;
use crate::reload::ReloadAnswer;

/// How one kind is served.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KindStatusAnswer {
    /// The kind.
    pub kind: String,
    /// The newest revision known to be in the log.
    pub desired_revision: u64,
    /// The revision that is served.
    pub served_revision: u64,
    /// How many of its documents are served.
    pub documents: usize,
    /// The kind's own figures.
    pub figures: BTreeMap<String, u64>,
}

/// The last thing that was wanted and did not go live.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RefusedAnswer {
    /// The revision; null when it was an edit that never became one.
    pub revision: Option<u64>,
    /// When.
    pub at: String,
    /// How it ended.
    pub outcome: Cow<'static, str>,
    /// Why.
    pub problems: Vec<ProblemItem>,
    /// The kinds it was about.
    pub kinds: Vec<String>,
}

/// A revision that this replica excludes, since it is invalid here.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct QuarantinedAnswer {
    /// The revision.
    pub revision: u64,
    /// Why.
    pub problems: Vec<ProblemItem>,
    /// Its first 100 documents, which stay at their last good version.
    pub documents: Vec<String>,
    /// How many documents it has in all.
    pub document_count: usize,
}

/// Whether the log answers. A log in PostgreSQL is asked when nothing was answered for 300 ms, and counts as
/// unavailable after 500 ms without an answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StoreAnswer {
    /// Whether it answers.
    pub available: bool,
    /// For how long that is so; null where it is not measured: a log in a file is in no network.
    pub since_ms: Option<f64>,
    /// How long ago it last answered; null if it never did.
    pub last_answer_ms: Option<f64>,
}

/// The state of this replica against the log.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StatusAnswer {
    /// This replica.
    pub replica_id: String,
    /// The version of the program.
    pub version: Cow<'static, str>,
    /// Since when the server runs.
    pub started_at: String,
    /// The newest revision known to be in the log.
    pub desired_revision: u64,
    /// The revision that is served.
    pub served_revision: u64,
    /// Since when.
    pub served_since: String,
    /// When the log was last looked at with success.
    pub last_checked_at: Option<String>,
    /// What was last refused.
    pub last_refused: Option<RefusedAnswer>,
    /// What is left out here.
    pub quarantined: Vec<QuarantinedAnswer>,
    /// Whether the log answers.
    pub store_available: bool,
    /// The same, with since when.
    pub store: StoreAnswer,
    /// The id of the log that is followed; null until it was read.
    pub log_id: Option<String>,
    /// The revision up to which the log was followed.
    pub position: Option<u64>,
    /// The digest of that revision.
    pub digest: Option<String>,
    /// How the log differs from the one that was followed; null when it does not. Nothing is followed while it does.
    pub log_diverged: Option<String>,
    /// The last reload that was about what the log holds.
    pub last_reload: Option<ReloadAnswer>,
    /// Threads that were lost to work that does not end.
    pub runaways: usize,
    /// The kinds whose changes are refused here because of it (`runaways_max`), with how many threads each lost.
    pub blocked_kinds: BTreeMap<String, usize>,
    /// The kinds.
    pub kinds: Vec<KindStatusAnswer>,
    /// The watched directories.
    pub directories: Vec<DirectoryAnswer>,
}
