//! Reload events: what is kept of a reload when it is over. A store may hold those of a newer version, so their words
//! are [`Open`].

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use crate::outcome::words;
use crate::{KindName, Open, Outcome, Phase, Problems, RevisionNumber, Trigger};

/// Counts the reloads of one replica; the first is 1. It continues over restarts as far as events were kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReloadId(pub u64);

impl fmt::Display for ReloadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How long one phase of a reload took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PhaseTime {
    /// The phase.
    pub phase: Open<Phase>,
    /// Its time on the wall.
    pub took: Duration,
}

words! {
    /// What a reload did to a component.
    #[non_exhaustive]
    ComponentState {
        /// Its replacement is in use.
        Replaced => "replaced",
        /// Nothing that concerns it is different.
        Unchanged => "unchanged",
        /// It could not prepare, and keeps its old value while the others continue.
        LeftBehind => "left_behind",
        /// It could not prepare, and so the reload was rejected.
        Refused => "refused",
        /// Its replacement was ready and was released again, since the reload did not go through.
        Released => "released",
    }
}

/// What a reload did to one component, and how long building the replacement took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComponentTime {
    /// The component.
    pub name: String,
    /// Its result.
    pub state: Open<ComponentState>,
    /// How long it prepared.
    pub took: Duration,
}

/// One reload, reported afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReloadEvent {
    /// Which one, on its replica.
    pub id: ReloadId,
    /// Why it ran.
    pub trigger: Open<Trigger>,
    /// Who asked: an author, or the engine's own part that woke it.
    pub triggered_by: String,
    /// When it began.
    pub started_at: Timestamp,
    /// How long all of it took.
    pub took: Duration,
    /// The phases it went through, in order, the one it failed in last.
    pub phases: Vec<PhaseTime>,
    /// How it ended.
    pub outcome: Open<Outcome>,
    /// The revision that was served before it.
    pub from: RevisionNumber,
    /// The revision it was for; for a refused edit, the one before.
    pub to: RevisionNumber,
    /// The kinds with changed documents.
    pub kinds: Vec<KindName>,
    /// How many documents it put or deleted.
    pub documents_changed: usize,
    /// The components that took part, in the order of their commits.
    pub components: Vec<ComponentTime>,
    /// What was wrong, when it did not succeed.
    pub problems: Problems,
}
