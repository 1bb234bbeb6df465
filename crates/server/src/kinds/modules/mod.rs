//! The modules over HTTP: components as blobs, calls, reloads and ways back, states in and out; and the host that runs
//! them in this process.

mod api;
mod app;
mod blob_source;
mod blobs;
mod call;
mod codes;
mod events;
mod failures;
mod history;
pub(crate) mod limits;
mod metrics;
mod names;
mod read;
mod reconciler;
mod reload;
mod rollback;
mod runtime;
mod state;
mod status;
mod wire;

pub(super) use api::setup;
pub(crate) use runtime::ModuleRuntime;
