//! Revisions: the entries of the log.

use midflight_core::{ChangeSummary, Revision};
use serde::Serialize;
use utoipa::ToSchema;

use super::{DocumentAnswer, DocumentDiffAnswer, stamp};

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
    /// Why, in the author's words.
    pub reason: String,
    /// What asked for it.
    pub trigger: &'static str,
    /// When it was accepted.
    pub created_at: String,
    /// What it changed.
    pub changes: Vec<ChangeAnswer>,
    /// The SHA-256 over the digest of the revision before it and over its contents. Logs that have the same digest for a
    /// revision have the same history up to it.
    pub digest: String,
}

impl From<&Revision> for RevisionAnswer {
    fn from(revision: &Revision) -> Self {
        Self {
            number: revision.number.get(),
            author: revision.author.clone(),
            reason: revision.reason.clone(),
            trigger: revision.trigger.as_str(),
            created_at: stamp(revision.created_at),
            changes: revision.changes.iter().map(ChangeAnswer::from).collect(),
            digest: revision.digest.to_string(),
        }
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
    /// The document versions that it made.
    pub documents: Vec<DocumentAnswer>,
}

/// What differs between the states of the log at two revisions.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RevisionDiff {
    /// From the state at this revision
    pub against: u64,
    /// to the state at this one.
    pub revision: u64,
    /// The documents that differ.
    pub documents: Vec<DocumentDiffAnswer>,
}
