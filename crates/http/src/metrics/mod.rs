//! Metrics in Prometheus' text format. Each server has its own, so that two in one process do not mix. The code that
//! counts registers the metric and keeps the handle; there is no list of all metrics.

pub mod history;
pub mod registry;
pub(crate) mod reloads;
pub(crate) mod replica;
pub(crate) mod requests;
pub mod scrape;
