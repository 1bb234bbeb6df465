//! Where metrics are registered.

use std::sync::{Arc, Mutex, PoisonError};

use super::history::{SampledCounter, SampledGauge, SampledHistogram, SampledSources, Statistic};
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Label, Level, Metadata, Recorder, Unit};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

/// The upper ends of the buckets of reload times, in milliseconds: from one document of a few to all of a hundred
/// thousand.
pub const RELOAD_MS: &[f64] = &[0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 5000.0];
/// The same in seconds.
pub const RELOAD_SECONDS: &[f64] = &[5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1, 0.25, 0.5, 1.0, 5.0];
/// The upper ends of the buckets of execution times, in seconds: from ten rules to a batch of many inputs.
pub const EXECUTION_SECONDS: &[f64] =
    &[1e-6, 2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 5e-4, 1e-3, 1e-2, 1e-1, 1.0];

/// What is sampled of a histogram.
const SAMPLED: &[Statistic] =
    &[Statistic::Rate, Statistic::Quantile(50), Statistic::Quantile(95), Statistic::Quantile(99)];

const METADATA: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, Some(module_path!()));

/// The metrics of one server. A handle that it gives counts without looking anything up; a name that is registered
/// twice with the same labels gives the same metric.
pub struct MetricsRegistry {
    plain: Recorded,
    /// One recorder for each list of buckets: a recorder learns of its buckets before it exists.
    histograms: Mutex<Vec<(&'static [f64], Arc<Recorded>)>>,
    /// What samples are computed from.
    sources: Arc<SampledSources>,
}

struct Recorded {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
}

impl Recorded {
    fn new(builder: PrometheusBuilder) -> Self {
        let recorder = builder.build_recorder();
        Self { handle: recorder.handle(), recorder }
    }
}

/// A label whose value is known when the program is compiled.
pub fn label(name: &'static str, value: &'static str) -> Vec<Label> {
    vec![Label::from_static_parts(name, value)]
}

impl Default for MetricsRegistry {
    fn default() -> Self {
        Self::new()
    }
}

impl MetricsRegistry {
    /// One without metrics.
    #[must_use]
    pub fn new() -> Self {
        let plain = Recorded::new(PrometheusBuilder::new());
        Self { plain, histograms: Mutex::default(), sources: Arc::default() }
    }

    /// A count that only grows.
    pub fn counter(&self, name: &'static str, help: &'static str, labels: Vec<Label>) -> Counter {
        self.plain.recorder.describe_counter(KeyName::from_const_str(name), None, help.into());
        self.plain.recorder.register_counter(&Key::from_parts(name, labels), &METADATA)
    }

    /// A value that goes up and down.
    pub fn gauge(&self, name: &'static str, help: &'static str, labels: Vec<Label>) -> Gauge {
        self.plain.recorder.describe_gauge(KeyName::from_const_str(name), None, help.into());
        self.plain.recorder.register_gauge(&Key::from_parts(name, labels), &METADATA)
    }

    /// Counts of values by the bucket that they fall into.
    pub fn histogram(
        &self,
        name: &'static str,
        help: &'static str,
        unit: Unit,
        buckets: &'static [f64],
        labels: Vec<Label>,
    ) -> Histogram {
        let recorded = self.with_buckets(buckets);
        recorded.recorder.describe_histogram(KeyName::from_const_str(name), Some(unit), help.into());
        recorded.recorder.register_histogram(&Key::from_parts(name, labels), &METADATA)
    }

    /// A count whose rate, over all labels together, is sampled for the last hour too.
    pub fn sampled_counter(&self, name: &'static str, help: &'static str, labels: Vec<Label>) -> Counter {
        SampledCounter::of(&self.sources, name, self.counter(name, help, labels))
    }

    /// A value that is sampled for the last hour too.
    pub fn sampled_gauge(&self, name: &'static str, help: &'static str, labels: Vec<Label>) -> Gauge {
        SampledGauge::of(&self.sources, name, self.gauge(name, help, labels))
    }

    /// Values whose rate and quantiles, over all labels together, are sampled for the last hour too.
    pub fn sampled_histogram(
        &self,
        name: &'static str,
        help: &'static str,
        unit: Unit,
        buckets: &'static [f64],
        labels: Vec<Label>,
    ) -> Histogram {
        let histogram = self.histogram(name, help, unit, buckets, labels);
        SampledHistogram::of(&self.sources, (name, None), (buckets, SAMPLED), histogram)
    }

    /// Values with one label whose mean is sampled for the last hour too, for each value of the label.
    pub fn sampled_means(
        &self,
        name: &'static str,
        help: &'static str,
        unit: Unit,
        buckets: &'static [f64],
        label: Label,
    ) -> Histogram {
        let histogram = self.histogram(name, help, unit, buckets, vec![label.clone()]);
        SampledHistogram::of(&self.sources, (name, Some(label)), (buckets, &[Statistic::Mean]), histogram)
    }

    /// What samples are computed from.
    pub(crate) fn sources(&self) -> Arc<SampledSources> {
        Arc::clone(&self.sources)
    }

    fn with_buckets(&self, buckets: &'static [f64]) -> Arc<Recorded> {
        let mut histograms = self.histograms.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = histograms.iter().find(|(known, _)| *known == buckets) {
            return Arc::clone(known);
        }
        // Only a list of no buckets is an error.
        let builder = PrometheusBuilder::new().set_buckets(buckets).unwrap_or_default();
        let recorded = Arc::new(Recorded::new(builder));
        histograms.push((buckets, Arc::clone(&recorded)));
        recorded
    }

    fn histograms(&self) -> Vec<Arc<Recorded>> {
        let histograms = self.histograms.lock().unwrap_or_else(PoisonError::into_inner);
        histograms.iter().map(|(_, recorded)| Arc::clone(recorded)).collect()
    }

    /// Forgets the single values that were recorded, once they are in their buckets; without it they would pile up
    /// between two scrapes.
    pub(crate) fn upkeep(&self) {
        self.plain.handle.run_upkeep();
        self.histograms().iter().for_each(|recorded| recorded.handle.run_upkeep());
    }

    /// All of them, in Prometheus' text format. A name is in one recorder only, so no comment comes twice.
    pub(crate) fn render(&self) -> String {
        let mut text = self.plain.handle.render();
        self.histograms().iter().for_each(|recorded| text += &recorded.handle.render());
        text
    }
}

/// A gauge that is 1 while something holds, and else 0.
pub fn set_truth(gauge: &Gauge, holds: bool) {
    gauge.set(if holds { 1.0 } else { 0.0 });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registration_keeps_a_handle_and_each_histogram_has_its_own_buckets() {
        let registry = MetricsRegistry::new();
        let first = registry.counter("a_count", "Counts.", label("of", "x"));
        let same = registry.counter("a_count", "Counts.", label("of", "x"));
        first.increment(1);
        same.increment(2);
        registry.gauge("a_level", "A level.", Vec::new()).set(4.0);
        let of = |name, buckets| registry.histogram(name, "A time.", Unit::Seconds, buckets, Vec::new());
        of("a_time", EXECUTION_SECONDS).record(3e-6);
        of("b_time", EXECUTION_SECONDS).record(0.5);
        of("c_time", RELOAD_MS).record(3.0);
        registry.upkeep();
        let text = registry.render();
        for line in [
            "a_count{of=\"x\"} 3",
            "a_level 4",
            "a_time_bucket{le=\"0.000005\"} 1",
            "b_time_bucket{le=\"0.1\"} 0",
            "c_time_bucket{le=\"5\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        for name in ["a_count", "a_level", "a_time", "b_time", "c_time"] {
            assert_eq!(text.matches(&format!("# HELP {name} ")).count(), 1, "{name} in\n{text}");
        }
    }
}
