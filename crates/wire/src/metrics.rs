//! The recent past of a replica's metrics.

use serde::{Deserialize, Serialize};

/// One statistic of a metric over time.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SampledSeries {
    /// The metric, as it is named in `/metrics`.
    pub name: String,
    /// The value of the label that distinguishes it, as the phase of a reload; null when it is of all labels together.
    pub label: Option<String>,
    /// What a value says of the time since the sample before, in the unit of the metric: `rate` (per second), `p50`, `p95`,
    /// `p99`, `mean`, or `value` (at that moment).
    pub statistic: String,
    /// A value for each of the times; null where there was nothing to measure.
    pub values: Vec<Option<f64>>,
}

/// Samples of a replica's metrics.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MetricsHistoryAnswer {
    /// The time between two samples.
    pub interval_ms: f64,
    /// How many samples are kept at most.
    pub samples_max: usize,
    /// When each sample was taken, oldest first.
    pub times: Vec<String>,
    /// The series, each with a value for each time.
    pub series: Vec<SampledSeries>,
}
