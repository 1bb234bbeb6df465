//! Configs over HTTP: documents, what is in effect, reloads, and webhooks.

mod api;
mod app;
mod documents;
mod reload;
mod webhooks;
mod wire;

pub(super) use api::setup;
