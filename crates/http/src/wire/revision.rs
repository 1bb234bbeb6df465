//! Revisions: the entries of the log.

use midflight_core::{ChangeSummary, RevisionNumber, cut_reason};
use midflight_store::ListedRevision;
use midflight_wire::log::{ChangeAnswer, QuarantinedRevisions, RevisionAnswer, WatchedRevision};
use midflight_wire::problem::ProblemItem;

use super::time::stamp;

/// How many changes of each revision a list shows.
pub(crate) const CHANGES_LISTED_MAX: u32 = 20;
/// How many changes of a revision are shown by itself, and to watchers.
pub(crate) const CHANGES_SHOWN_MAX: u32 = 256;

fn change_answer(change: &ChangeSummary) -> ChangeAnswer {
    ChangeAnswer {
        kind: change.id.kind.to_string(),
        name: change.id.name.to_string(),
        op: change.op.as_str().into(),
        version: change.version,
    }
}

/// An entry of the log.
pub(crate) fn revision_answer(listed: &ListedRevision) -> RevisionAnswer {
    let revision = &listed.revision;
    RevisionAnswer {
        number: revision.number.get(),
        author: revision.author.clone(),
        principal: revision.principal.as_ref().map(ToString::to_string),
        reason: cut_reason(revision.reason.clone()),
        trigger: revision.trigger.to_string(),
        created_at: stamp(revision.created_at),
        idempotency_key: revision.key.clone(),
        changes: revision.changes.iter().map(change_answer).collect(),
        changes_count: listed.changes_count(),
        digest: revision.digest.to_string(),
    }
}

/// An entry that is served.
pub(crate) fn served_revision(answer: &RevisionAnswer) -> WatchedRevision {
    WatchedRevision { revision: answer.clone(), quarantined: false, problems: Vec::new() }
}

/// An entry that is left out, and why.
pub(crate) fn quarantined_revision(answer: &RevisionAnswer, problems: Vec<ProblemItem>) -> WatchedRevision {
    WatchedRevision { quarantined: true, problems, ..served_revision(answer) }
}

/// What is left out of what an answer was computed from.
pub fn quarantined_revisions(quarantined: &[RevisionNumber]) -> QuarantinedRevisions {
    QuarantinedRevisions(quarantined.iter().map(|revision| revision.get()).collect())
}
