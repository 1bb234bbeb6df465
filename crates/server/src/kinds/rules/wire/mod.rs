//! From the types of the rules to those on the wire.

mod compat;
mod execution;
mod list;

pub(crate) use compat::{registry_answer, rules_reload_item};
pub(crate) use execution::execution_answer;
pub(crate) use list::{rule_info_answer, ruleset_info_answer};
