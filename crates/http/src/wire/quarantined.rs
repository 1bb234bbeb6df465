//! What is left out of what an answer was computed from.

use midflight_core::RevisionNumber;
use serde::Serialize;
use utoipa::ToSchema;

/// Revisions up to `revision` whose documents are left out, since they are invalid on this replica; empty when all are
/// in. With both, the log has all that went into an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(transparent)]
pub struct QuarantinedRevisions(Vec<u64>);

impl From<&[RevisionNumber]> for QuarantinedRevisions {
    fn from(quarantined: &[RevisionNumber]) -> Self {
        Self(quarantined.iter().map(|revision| revision.get()).collect())
    }
}
