//! What samples are computed from: counts beside those of Prometheus, summed over the labels that do not matter here,
//! and read without rendering any text.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use metrics::{Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Label};

use super::COLUMNS_MAX;

/// What a value of a sample says of the time since the sample before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Statistic {
    /// How many per second.
    Rate,
    /// So many hundredths took at most this long, by interpolation within a bucket.
    Quantile(u8),
    /// The mean.
    Mean,
    /// The value at the time of the sample.
    Value,
}

impl Statistic {
    /// As it is written in answers.
    pub(crate) fn word(self) -> String {
        match self {
            Self::Rate => "rate".to_owned(),
            Self::Quantile(hundredths) => format!("p{hundredths}"),
            Self::Mean => "mean".to_owned(),
            Self::Value => "value".to_owned(),
        }
    }
}

/// What is counted of one metric.
#[derive(Debug)]
pub(crate) enum SampledCounts {
    /// Events.
    Events(AtomicU64),
    /// The bits of the current value.
    Level(Arc<AtomicU64>),
    /// Values by bucket, the last for those past every bound, and which statistics are wanted of them.
    Values {
        bounds: &'static [f64],
        buckets: Box<[AtomicU64]>,
        /// The sum of the values, in billionths.
        sum: AtomicU64,
        wanted: &'static [Statistic],
    },
}

/// One metric that is sampled, or one of its labels.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) name: &'static str,
    /// The label that distinguishes it from others of the same name; none for all of them together.
    pub(crate) label: Option<Label>,
    pub(crate) counts: SampledCounts,
}

/// What was counted until a moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct SourceReading {
    /// By bucket; of events one, of a level none.
    buckets: Vec<u64>,
    /// The sum of the values in billionths; of a level its bits.
    sum: u64,
}

impl Source {
    /// The statistics that a sample has of it, in their order.
    pub(crate) fn statistics(&self) -> &'static [Statistic] {
        match &self.counts {
            SampledCounts::Events(_) => &[Statistic::Rate],
            SampledCounts::Level(_) => &[Statistic::Value],
            SampledCounts::Values { wanted, .. } => wanted,
        }
    }

    pub(crate) fn read(&self) -> SourceReading {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        match &self.counts {
            SampledCounts::Events(count) => SourceReading { buckets: vec![load(count)], sum: 0 },
            SampledCounts::Level(bits) => SourceReading { buckets: Vec::new(), sum: load(bits) },
            SampledCounts::Values { buckets, sum, .. } => {
                SourceReading { buckets: buckets.iter().map(load).collect(), sum: load(sum) }
            }
        }
    }

    /// The values of a sample; NaN where there is none.
    pub(crate) fn values(&self, before: &SourceReading, after: &SourceReading, seconds: f64) -> Vec<f64> {
        // A source that is younger than the sample before began at 0.
        let count = |at: usize| {
            let before = before.buckets.get(at).copied().unwrap_or(0);
            after.buckets.get(at).map_or(0, |after| after.saturating_sub(before))
        };
        let counts: Vec<u64> = (0..after.buckets.len()).map(count).collect();
        let total: u64 = counts.iter().sum();
        let value = |statistic: &Statistic| match (statistic, &self.counts) {
            (Statistic::Rate, _) => total as f64 / seconds,
            (Statistic::Value, _) => f64::from_bits(after.sum),
            (Statistic::Mean, _) if total > 0 => {
                after.sum.saturating_sub(before.sum) as f64 / BILLION / total as f64
            }
            (Statistic::Quantile(hundredths), SampledCounts::Values { bounds, .. }) => {
                quantile(bounds, &counts, f64::from(*hundredths) / 100.0)
            }
            (Statistic::Mean | Statistic::Quantile(_), _) => f64::NAN,
        };
        self.statistics().iter().map(value).collect()
    }
}

const BILLION: f64 = 1e9;

/// The value that a part of all values does not exceed, by linear interpolation within its bucket as Prometheus does it.
/// Past the last bound it is that bound; NaN without values.
fn quantile(bounds: &[f64], counts: &[u64], part: f64) -> f64 {
    let total: u64 = counts.iter().sum();
    if total == 0 {
        return f64::NAN;
    }
    let rank = part * total as f64;
    let (mut lower, mut below) = (0.0, 0.0);
    for (upper, count) in bounds.iter().zip(counts) {
        let up_to = below + *count as f64;
        if up_to >= rank && *count > 0 {
            return lower + (upper - lower) * (rank - below) / *count as f64;
        }
        (lower, below) = (*upper, up_to);
    }
    lower
}

/// The sources of a server. They are only ever added, so that the columns of samples keep their places.
#[derive(Debug, Default)]
pub(crate) struct SampledSources(Mutex<Vec<Arc<Source>>>);

impl SampledSources {
    /// The source of a name and a label, made when there is none; none when there is no room for its columns.
    fn of(
        &self,
        name: &'static str,
        label: Option<Label>,
        make: impl FnOnce() -> SampledCounts,
    ) -> Option<Arc<Source>> {
        let mut sources = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = sources.iter().find(|it| it.name == name && it.label == label) {
            return Some(Arc::clone(known));
        }
        let made = Arc::new(Source { name, label, counts: make() });
        let columns: usize = sources.iter().chain([&made]).map(|it| it.statistics().len()).sum();
        if columns > COLUMNS_MAX {
            tracing::warn!(metric = name, COLUMNS_MAX, "metric not sampled; too many are");
            return None;
        }
        sources.push(Arc::clone(&made));
        Some(made)
    }

    pub(crate) fn all(&self) -> Vec<Arc<Source>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Counts twice: for Prometheus, and for samples.
pub(crate) struct SampledCounter {
    counter: Counter,
    source: Arc<Source>,
    /// What this one counted, for counts that come as a whole.
    own: AtomicU64,
}

impl SampledCounter {
    pub(crate) fn of(sources: &SampledSources, name: &'static str, counter: Counter) -> Counter {
        match sources.of(name, None, || SampledCounts::Events(AtomicU64::new(0))) {
            Some(source) => Counter::from_arc(Arc::new(Self { counter, source, own: AtomicU64::new(0) })),
            None => counter,
        }
    }

    fn add(&self, count: u64) {
        if let SampledCounts::Events(events) = &self.source.counts {
            events.fetch_add(count, Ordering::Relaxed);
        }
    }
}

impl CounterFn for SampledCounter {
    fn increment(&self, count: u64) {
        self.counter.increment(count);
        self.own.fetch_add(count, Ordering::Relaxed);
        self.add(count);
    }

    fn absolute(&self, count: u64) {
        self.counter.absolute(count);
        let before = self.own.fetch_max(count, Ordering::Relaxed);
        self.add(count.saturating_sub(before));
    }
}

/// The same of values.
pub(crate) struct SampledHistogram {
    histogram: Histogram,
    source: Arc<Source>,
}

impl SampledHistogram {
    pub(crate) fn of(
        sources: &SampledSources,
        (name, label): (&'static str, Option<Label>),
        (bounds, wanted): (&'static [f64], &'static [Statistic]),
        histogram: Histogram,
    ) -> Histogram {
        let counts = || SampledCounts::Values {
            bounds,
            buckets: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(),
            sum: AtomicU64::new(0),
            wanted,
        };
        match sources.of(name, label, counts) {
            Some(source) => Histogram::from_arc(Arc::new(Self { histogram, source })),
            None => histogram,
        }
    }
}

impl HistogramFn for SampledHistogram {
    fn record(&self, value: f64) {
        self.histogram.record(value);
        if let SampledCounts::Values { bounds, buckets, sum, .. } = &self.source.counts {
            let place = bounds.partition_point(|bound| *bound < value);
            if let Some(bucket) = buckets.get(place) {
                bucket.fetch_add(1, Ordering::Relaxed);
            }
            sum.fetch_add((value * BILLION) as u64, Ordering::Relaxed);
        }
    }
}

/// The same of a value that goes up and down.
pub(crate) struct SampledGauge {
    gauge: Gauge,
    level: Arc<AtomicU64>,
}

impl SampledGauge {
    pub(crate) fn of(sources: &SampledSources, name: &'static str, gauge: Gauge) -> Gauge {
        let level = || SampledCounts::Level(Arc::new(AtomicU64::new(f64::NAN.to_bits())));
        let source = sources.of(name, None, level);
        match source.as_ref().map(|source| &source.counts) {
            Some(SampledCounts::Level(level)) => {
                Gauge::from_arc(Arc::new(Self { gauge, level: Arc::clone(level) }))
            }
            _ => gauge,
        }
    }
}

impl GaugeFn for SampledGauge {
    fn increment(&self, value: f64) {
        self.gauge.increment(value);
        GaugeFn::increment(&*self.level, value);
    }

    fn decrement(&self, value: f64) {
        self.gauge.decrement(value);
        GaugeFn::decrement(&*self.level, value);
    }

    fn set(&self, value: f64) {
        self.gauge.set(value);
        GaugeFn::set(&*self.level, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_lies_within_its_bucket() {
        let bounds = [1.0, 2.0, 4.0];
        let of = |counts: [u64; 4], part| quantile(&bounds, &counts, part);
        assert_eq!(of([0, 4, 0, 0], 0.5), 1.5);
        assert_eq!(of([2, 0, 2, 0], 0.5), 1.0);
        assert_eq!(of([2, 0, 2, 0], 0.75), 3.0);
        assert_eq!(of([0, 0, 0, 9], 0.5), 4.0);
        assert!(of([0; 4], 0.5).is_nan());
    }

    #[test]
    fn a_count_that_comes_as_a_whole_is_added_once() {
        let sources = SampledSources::default();
        let one = SampledCounter::of(&sources, "a", Counter::noop());
        let other = SampledCounter::of(&sources, "a", Counter::noop());
        one.absolute(5);
        one.absolute(7);
        one.absolute(6);
        other.increment(3);
        assert_eq!(sources.all().first().unwrap().read().buckets, [10]);
    }

    #[test]
    fn a_metric_past_the_bound_counts_for_prometheus_alone() {
        const ONE: &[Statistic] = &[Statistic::Mean];
        let sources = SampledSources::default();
        for nth in 0..COLUMNS_MAX + 5 {
            let label = Some(Label::new("nth", nth.to_string()));
            SampledHistogram::of(&sources, ("a", label), (&[1.0], ONE), Histogram::noop()).record(0.5);
        }
        assert_eq!(sources.all().len(), COLUMNS_MAX);
    }
}
