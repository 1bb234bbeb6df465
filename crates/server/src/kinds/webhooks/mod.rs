//! The server side of the kind `webhooks`: what happens is read from the log and the audit, kept as deliveries beside
//! the log, and sent (ADR 0014).

mod api;
mod collector;
mod events;
mod metrics;
mod observer;
mod over_bound;
mod routes;
mod scoped;
mod sender;

pub(crate) use api::setup;
