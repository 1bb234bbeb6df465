//! The rules over HTTP: rulesets, rules and conditions as documents, execution, and the compatibility endpoints for hot
//! reloading.

mod api;
mod app;
mod asked_ruleset;
mod conditions;
mod execute;
mod hot_reload;
mod items;
pub(crate) mod limits;
mod metrics;
mod rulesets;
mod scope;
mod validate;
mod wire;

pub(super) use api::setup;
