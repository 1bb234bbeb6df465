//! Metrics in Prometheus' text format. Each server has its own, so that two in one process do not mix. Whoever counts registers
//! what it counts and keeps the handle; no list of all metrics is anywhere.

pub mod registry;
pub(crate) mod reloads;
pub(crate) mod replica;
pub(crate) mod requests;
pub mod scrape;
