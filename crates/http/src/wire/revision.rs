//! Revisions: the entries of the log.

use midflight_core::{ChangeSummary, cut_reason};
use midflight_store::ListedRevision;
use serde::Serialize;
use utoipa::ToSchema;

use super::document::DocumentAnswer;
use super::edit::DocumentDiffAnswer;
use super::problem::ProblemItem;
use super::time::stamp;

/// How many changes of each revision a list shows.
pub(crate) const CHANGES_LISTED_MAX: u32 = 20;
/// How many changes of a revision are shown by itself, and to watchers.
pub(crate) const CHANGES_SHOWN_MAX: u32 = 256;

/// What a revision did to one document.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ChangeAnswer {
    /// The kind.
    pub kind: String,
    /// The name.
    pub name: String,
    /// `put` or `delete`.
    pub op: &'static str,
    /// The version that this made.
    pub version: u64,
}

impl From<&ChangeSummary> for ChangeAnswer {
    fn from(change: &ChangeSummary) -> Self {
        Self {
            kind: change.id.kind.to_string(),
            name: change.id.name.to_string(),
            op: change.op.as_str(),
            version: change.version,
        }
    }
}

/// One entry of the log.
#[derive(Debug, Clone, Serialize, ToSchema)]
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

impl From<&ListedRevision> for RevisionAnswer {
    fn from(listed: &ListedRevision) -> Self {
        let revision = &listed.revision;
        Self {
            number: revision.number.get(),
            author: revision.author.clone(),
            principal: revision.principal.as_ref().map(ToString::to_string),
            reason: cut_reason(revision.reason.clone()),
            trigger: revision.trigger.to_string(),
            created_at: stamp(revision.created_at),
            idempotency_key: revision.key.clone(),
            changes: revision.changes.iter().map(ChangeAnswer::from).collect(),
            changes_count: listed.changes_count(),
            digest: revision.digest.to_string(),
        }
    }
}

/// One entry of the log as a watcher gets it: a [`RevisionAnswer`], and whether it is served.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WatchedRevision {
    /// The entry.
    #[serde(flatten)]
    pub revision: RevisionAnswer,
    /// Whether it is quarantined on this replica because it is invalid there: none of it went live.
    pub quarantined: bool,
    /// Why it is quarantined; each problem has a stable `code`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<ProblemItem>,
}

impl WatchedRevision {
    /// One that is served.
    pub(crate) fn served(answer: &RevisionAnswer) -> Self {
        Self { revision: answer.clone(), quarantined: false, problems: Vec::new() }
    }

    /// One that is left out, and why.
    pub(crate) fn quarantined(answer: &RevisionAnswer, problems: Vec<ProblemItem>) -> Self {
        Self { quarantined: true, problems, ..Self::served(answer) }
    }
}

/// A page of revisions, newest first.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RevisionList {
    /// The revisions.
    pub items: Vec<RevisionAnswer>,
    /// What to pass as `cursor` for the next page; null on the last.
    pub next_cursor: Option<String>,
}

/// One entry of the log with the documents it made.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RevisionDetail {
    /// The entry.
    pub revision: RevisionAnswer,
    /// The document versions that it made, by kind and name.
    pub documents: Vec<DocumentAnswer>,
    /// What to pass as `cursor` for the next documents; null with the last.
    pub next_cursor: Option<String>,
}

/// What differs between the states of the log at two revisions.
#[derive(Debug, Clone, Serialize, ToSchema)]
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
