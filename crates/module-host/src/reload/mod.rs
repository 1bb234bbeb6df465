//! The part of a reload that runs between two messages: its transaction, and what it does with instances and states.

mod migrate;
mod pre_copy;
mod slot;
mod transaction;
mod trial;

pub(crate) use pre_copy::{MarkedState, PreCopied, load_before};
pub(crate) use slot::{EndedInstance, ModuleSlot, Retained, RunningInstance};
pub(crate) use transaction::{Finished, StateSource, Transaction, TransactionSetup, Verified};
pub(crate) use trial::{Trial, restore, start, try_on};
