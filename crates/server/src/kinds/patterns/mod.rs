//! The patterns over HTTP: documents, classification, feedback, how they do, and the reload of the compatibility API.

mod api;
mod app;
mod classify;
mod documents;
mod feedback;
pub(crate) mod limits;
mod list;
mod metrics;
mod performance;
mod reload;
pub(crate) mod table;
mod usage;
mod wire;

pub(super) use api::setup;
