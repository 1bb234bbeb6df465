//! The log: its revisions, what they changed, how they differ, and requests about it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::documents::DocumentAnswer;
use crate::edits::DocumentDiffAnswer;
use crate::problem::ProblemItem;

/// What a revision did to one document.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChangeAnswer {
    /// The kind.
    pub kind: String,
    /// The name.
    pub name: String,
    /// `put` or `delete`.
    pub op: Cow<'static, str>,
    /// The version that this made.
    pub version: u64,
}

/// One entry of the log.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RevisionAnswer {
    /// Its place in the log.
    pub number: u64,
    /// Who.
    pub author: String,
    /// The id of the token with which it was made, if one was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// Why, in the author's words.
    pub reason: String,
    /// What asked for it.
    pub trigger: String,
    /// When it was accepted.
    pub created_at: String,
    /// The key under which it was made, with whose it is, as `http:TOKEN:KEY`; none when it had none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// What it changed; of many changes the first.
    pub changes: Vec<ChangeAnswer>,
    /// How many changes there are in all.
    pub changes_count: u64,
    /// The SHA-256 over the digest of the revision before it and over its contents. Logs that have the same digest for
    /// a revision have the same history up to it.
    pub digest: String,
}

/// One entry of the log as a watcher gets it: a [`RevisionAnswer`], and whether it is served.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WatchedRevision {
    /// The entry.
    #[serde(flatten)]
    pub revision: RevisionAnswer,
    /// Whether it is quarantined on this replica because it is invalid there: none of it went live.
    pub quarantined: bool,
    /// Why it is quarantined; each problem has a stable `code`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<ProblemItem>,
}

/// A page of revisions, newest first.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RevisionList {
    /// The revisions.
    pub items: Vec<RevisionAnswer>,
    /// What to pass as `cursor` for the next page; null on the last.
    pub next_cursor: Option<String>,
}

/// One entry of the log with the documents it made.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RevisionDetail {
    /// The entry.
    pub revision: RevisionAnswer,
    /// The document versions that it made, by kind and name.
    pub documents: Vec<DocumentAnswer>,
    /// What to pass as `cursor` for the next documents; null with the last.
    pub next_cursor: Option<String>,
}

/// What differs between the states of the log at two revisions.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RevisionDiff {
    /// From the state at this revision
    pub against: u64,
    /// to the state at this one.
    pub revision: u64,
    /// The documents that differ, by kind and name.
    pub documents: Vec<DocumentDiffAnswer>,
    /// What to pass as `cursor` for the next documents; null with the last.
    pub next_cursor: Option<String>,
}

/// Revisions up to `revision` whose documents are left out, since they are invalid on this replica; empty when all are
/// in. With both, the log has all that went into an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct QuarantinedRevisions(pub Vec<u64>);

/// What of a state to bring back.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RestoreRequest {
    /// Only documents of this kind; all but schedules without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Only this document, or those below it (`loans` is the ruleset and its rules).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Why.
    #[serde(default)]
    pub reason: String,
}

/// What to forget.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CompactRequest {
    /// The first revision to keep in full.
    pub keep_from: u64,
}

/// What was forgotten.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CompactAnswer {
    /// The first revision that can be read in full.
    pub first_revision: u64,
    /// How many document versions were forgotten.
    pub forgotten: u64,
}

/// Why the log is adopted.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AdoptRequest {
    /// Why, for those who read the history; not empty.
    pub reason: String,
}
