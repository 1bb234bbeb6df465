//! The types on the wire: twins of the domain's types, so that neither binds the other.

mod directory;
mod document;
mod edit;
mod problem;
mod quarantined;
mod reload;
mod replica;
mod revision;
mod schedule;
mod status;
mod time;

pub(crate) use directory::ConfirmLossBody;
pub use directory::{DirectoryAnswer, DirectoryProblem, HeldLossAnswer};
pub use document::{DocumentAnswer, DocumentList, VersionAnswer, VersionList};
pub use edit::{ApplyRequest, ChangeRequest, DocumentDiffAnswer, OpWord, PlanAnswer, WriteAnswer, Written};
pub use problem::{ProblemItem, items};
pub use quarantined::QuarantinedRevisions;
pub use reload::{PhaseAnswer, ReloadAnswer, ReloadList, StatisticsAnswer};
pub(crate) use replica::Missing;
pub use replica::{Ack, NackAnswer, ReplicaAnswer, ReplicaList, SilentReplica};
pub(crate) use revision::{CHANGES_LISTED_MAX, CHANGES_SHOWN_MAX};
pub use revision::{
    ChangeAnswer, RevisionAnswer, RevisionDetail, RevisionDiff, RevisionList, WatchedRevision,
};
pub use schedule::{PlannedAnswer, ScheduleAnswer, ScheduleList, ScheduledChange, WindowAnswer};
pub(crate) use status::AnsweringReplica;
pub use status::{KindStatusAnswer, QuarantinedAnswer, RefusedAnswer, StatusAnswer, StoreAnswer};
pub use time::{ms, stamp};
