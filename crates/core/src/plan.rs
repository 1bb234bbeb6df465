//! The plan of a reload: what will be done, before anything is done. Execution has no choices left.

use std::sync::Arc;

use serde_json::Value;

use crate::{Diff, DocumentId, Effect, KindName, RevisionNumber};

/// What a plan does to one document.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedDocument {
    /// The document.
    pub id: DocumentId,
    /// Whether it is new to what is served, changed, or deleted.
    pub effect: Effect,
    /// Its new body; none when it is deleted.
    pub body: Option<Arc<Value>>,
}

/// One thing that a plan does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanStep {
    /// Compile the next snapshot of a kind from this many changed documents.
    Compile {
        /// The kind.
        kind: KindName,
        /// How many of its documents change, its checks not counted.
        documents: usize,
    },
    /// Ask the new snapshot of a kind its checks.
    Check {
        /// The kind.
        kind: KindName,
    },
    /// Let a component build its replacement.
    Prepare {
        /// The component's name.
        component: String,
    },
    /// Give the revision its number in the log.
    Append,
    /// Publish all of it at once.
    Swap {
        /// The kinds whose snapshot changes.
        kinds: Vec<KindName>,
        /// The components that get replaced, in order.
        components: Vec<String>,
    },
}

/// What leads from the revision that is served to the one that is wanted. Made by a pure function, never altered.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The revision it starts from; a plan is void once another one is served.
    pub from: RevisionNumber,
    /// The revision it leads to.
    pub to: RevisionNumber,
    /// What changes in what is served, ordered by document.
    pub changes: Vec<PlannedDocument>,
    /// For an edit, what changes in the log: the same, unless the log is ahead of what is served.
    pub diff: Option<Diff>,
    /// What is done about it, in order.
    pub steps: Vec<PlanStep>,
}
