//! The types on the wire: twins of the domain's types, so that neither binds the other.

mod config;
mod directory;
mod document;
mod edit;
mod reload;
mod replica;
mod revision;
mod schedule;
mod status;
mod time;

pub use config::{
    ConfigDiff, ConfigEffects, ConfigItem, ConfigList, EffectiveAnswer, KeyAnswer, KeyChangeAnswer,
    MaskedAnswer,
};
pub(crate) use directory::ConfirmLossBody;
pub use directory::{DirectoryAnswer, DirectoryProblem, HeldLossAnswer};
pub use document::{DocumentAnswer, DocumentList, VersionAnswer, VersionList};
pub use edit::{ApplyRequest, ChangeRequest, DocumentDiffAnswer, OpWord, PlanAnswer, WriteAnswer, Written};
pub use reload::{PhaseAnswer, ReloadAnswer, ReloadList, StatisticsAnswer};
pub use replica::{Ack, NackAnswer, ReplicaAnswer, ReplicaList};
pub use revision::{ChangeAnswer, RevisionAnswer, RevisionDetail, RevisionDiff, RevisionList};
pub use schedule::{PlannedAnswer, ScheduleAnswer, ScheduleList, ScheduledChange, WindowAnswer};
pub(crate) use status::Answering;
pub use status::{KindStatusAnswer, QuarantinedAnswer, RefusedAnswer, StatusAnswer};
pub(crate) use time::{ms, stamp};
