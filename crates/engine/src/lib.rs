//! How we get from what is to what should be: the engine that every kind runs on.
//!
//! Every reload runs the same pipeline, no matter what triggered it: load, validate, diff, compile, check, prepare,
//! \[append,\] swap, verify, commit. An edit appends to the log at its point of no return, a follower finds the
//! revision there, a dry run stops short of it, a start is the change from nothing, and a way back is an edit like any
//! other.

mod background;
mod beforehand;
mod bodies;
mod candidate;
mod check;
mod collection;
mod component;
mod coordinator;
mod core;
mod divergence;
mod engine;
mod environment;
mod fairness;
mod faults;
mod first_edit;
mod fleet;
mod follower;
mod following;
mod full_reload;
mod history;
mod kind;
mod lanes;
mod last_good_writer;
mod leaked_threads;
mod limits;
mod load;
mod outcome;
mod parts;
mod phase_tracker;
mod planner;
mod priority;
mod quarantine;
mod recovery;
mod registry;
mod rehearsal;
mod reload;
mod requests;
mod retrier;
mod retry_backoff;
mod schedule;
mod sealed_inputs;
mod served_index;
mod status;
pub mod testing;

mod work;
mod workers;

pub use collection::{Collection, CollectionItem, CollectionItems};
pub use component::{Committed, Component, Criticality, Prepared, Section};
pub use core::Clock;
pub use divergence::Diverged;
pub use engine::{Engine, EngineBuilder, StartError};
pub use environment::{DocumentWriter, Environment, EnvironmentInput, EnvironmentInputs, InputName};
pub use faults::Faults;
pub use first_edit::{FirstEdit, FirstEditWhen};
pub use fleet::{AckState, Acks, Identity, REPLICA_SILENT_AFTER};
pub use follower::Refresh;
pub use history::{History, ReloadReport, Statistics};
pub use kind::{DocumentSchema, Kind, KindChange};
pub use limits::Limits;
pub use outcome::{
    AcceptedEdit, AppliedExtent, AwaitScope, EditMode, InvalidPolicy, Refusal, Refused, ReloadScope,
    Validated,
};
#[doc(hidden)]
pub use priority::lower_priority;
pub use quarantine::Quarantined;
pub use registry::KindSlot;
pub use schedule::{SCHEDULES, Schedule, Scheduled, ScheduledAction, When, Window, WindowText, schedule_id};
pub use sealed_inputs::differing_inputs;
pub use status::{EngineStatus, KindStatus, LastRefused, StoreStatus};
pub use work::{Interrupted, Work};
