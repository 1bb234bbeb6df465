//! The tools over HTTP: the catalogue in the format of the compatibility API, versions that can be rolled back, search,
//! selection, formulas, differences, lint, and observed uses.

mod agents;
mod answers;
mod api;
mod app;
mod authors;
mod capabilities;
mod compute;
mod create;
mod delete;
mod diff;
mod evaluate;
mod export;
mod figures;
mod health;
mod history;
mod import;
pub(crate) mod limits;
mod lint;
mod list;
mod metrics;
mod named_reloads;
mod names;
mod read;
mod reload;
mod rollback;
mod search;
mod select;
mod telemetry;
mod update;
mod validate;
mod variables;
mod versions;
mod wire;
mod written;

pub(crate) use agents::{AgentSettings, seal_key};
pub(super) use api::setup;
pub use variables::HOT_RELOAD_ALIASES;
