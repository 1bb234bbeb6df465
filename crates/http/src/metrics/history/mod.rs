//! The recent past of some metrics, kept in memory: what the server did in the last hour, without Prometheus.
//!
//! A metric is in it when it was registered as one that is sampled ([`super::registry::MetricsRegistry::sampled_histogram`]
//! and the others); the code that counts decides. Samples are taken whether or not a client asks for them.

pub(crate) mod routes;
pub(crate) mod run;
mod samples;
mod sources;

use std::time::Duration;

pub(crate) use samples::MetricsHistory;
pub(crate) use sources::SampledSources;
pub(super) use sources::{SampledCounter, SampledGauge, SampledHistogram, Statistic};

/// How samples are taken. An hour takes `samples_max` x 128 columns x 8 bytes at most: 360 KiB by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistorySettings {
    /// The time between two samples. 10 s: a chart of an hour has a point for every two or three pixels.
    pub interval: Duration,
    /// How many samples are kept; past it the oldest is dropped. 360: an hour.
    pub samples_max: usize,
}

impl Default for HistorySettings {
    fn default() -> Self {
        Self { interval: Duration::from_secs(10), samples_max: 360 }
    }
}

/// How many values one sample has at most; a metric that is registered past it is not sampled. 128: three times as many
/// as the server itself has.
pub(crate) const COLUMNS_MAX: usize = 128;
