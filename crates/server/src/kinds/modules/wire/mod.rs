//! From the types of the modules to those on the wire.

mod module;
mod reload;

pub(super) use module::{module_counters, parked_answer};
pub(super) use reload::{Served, module_reload_answer, module_reload_answer_of_dry_run, module_reload_item};
