//! From the types of the domain to those on the wire, which are twins, so that neither binds the other: for each type of
//! `midflight-wire` a function of the same name makes it.

mod directory;
mod document;
mod edit;
mod problem;
mod reload;
mod replica;
mod revision;
mod schedule;
mod status;
mod time;

pub(crate) use directory::directory_answer;
pub(crate) use document::{document_answer, document_answer_of_copy, version_answer};
pub(crate) use edit::{plan_answer, written};
pub use problem::problem_item;
pub(crate) use problem::problem_items;
pub use reload::{reload_answer, statistics_answer};
pub(crate) use replica::{Missing, ack, ack_of_reload, replica_answer, silent_replica};
pub use revision::quarantined_revisions;
pub(crate) use revision::{
    CHANGES_LISTED_MAX, CHANGES_SHOWN_MAX, quarantined_revision, revision_answer, served_revision,
};
pub(crate) use schedule::schedule_answer;
pub use status::store_answer;
pub(crate) use status::{AnsweringReplica, status_answer};
pub use time::{ms, stamp};
