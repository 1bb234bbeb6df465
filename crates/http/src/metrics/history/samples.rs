//! The ring of samples.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use midflight_wire::metrics::{MetricsHistoryAnswer, SampledSeries};

use super::sources::{SampledSources, SourceReading};
use super::{COLUMNS_MAX, HistorySettings};
use crate::wire::{ms, stamp};

/// The samples of a server, oldest first.
#[derive(Debug)]
pub(crate) struct MetricsHistory {
    settings: HistorySettings,
    sources: Arc<SampledSources>,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// When the counts were last read, and what they were.
    before: Option<(Timestamp, Vec<SourceReading>)>,
    samples: VecDeque<Sample>,
}

#[derive(Debug)]
struct Sample {
    at: Timestamp,
    /// In the order of the columns; shorter than that of a sample for which more metrics were registered.
    values: Box<[f64]>,
}

impl MetricsHistory {
    pub(crate) fn new(settings: HistorySettings, sources: Arc<SampledSources>) -> Self {
        Self { settings, sources, kept: Mutex::default() }
    }

    pub(crate) fn settings(&self) -> HistorySettings {
        self.settings
    }

    /// Takes a sample of what was counted since the last call. The first call takes none, nor does one after the clock
    /// was set back. Cost: a read of each count.
    pub(crate) fn take(&self, at: Timestamp) {
        // As answers write it, so that a client can ask for what comes after it.
        let at = Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at);
        let sources = self.sources.all();
        let readings: Vec<_> = sources.iter().map(|source| source.read()).collect();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let before = kept.before.replace((at, readings.clone()));
        let Some((since, before)) = before else { return };
        let seconds = at.duration_since(since).as_secs_f64();
        if seconds <= 0.0 {
            return;
        }
        let mut values = Vec::new();
        for (place, (source, after)) in sources.iter().zip(&readings).enumerate() {
            let before = before.get(place).cloned().unwrap_or_default();
            values.extend(source.values(&before, after, seconds).into_iter().map(rounded));
        }
        while kept.samples.len() >= self.settings.samples_max.max(1) {
            kept.samples.pop_front();
        }
        kept.samples.push_back(Sample { at, values: values.into() });
    }

    /// Every series, of the samples after a time. Cost: a copy of them.
    pub(crate) fn answer(&self, since: Option<Timestamp>) -> MetricsHistoryAnswer {
        let sources = self.sources.all();
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let samples: Vec<_> =
            kept.samples.iter().filter(|sample| since.is_none_or(|since| sample.at > since)).collect();
        let column = |place: usize| {
            let value =
                |sample: &&Sample| sample.values.get(place).copied().filter(|value| value.is_finite());
            samples.iter().map(value).collect()
        };
        let columns =
            sources.iter().flat_map(|source| source.statistics().iter().map(move |it| (source, *it)));
        let series = columns.enumerate().map(|(place, (source, statistic))| SampledSeries {
            name: source.name.to_owned(),
            label: source.label.as_ref().map(|label| label.value().to_owned()),
            statistic: statistic.word(),
            values: column(place),
        });
        MetricsHistoryAnswer {
            interval_ms: ms(self.settings.interval),
            samples_max: self.settings.samples_max,
            times: samples.iter().map(|sample| stamp(sample.at)).collect(),
            series: series.collect(),
        }
    }

    /// How long an answer may be, in bytes.
    pub(crate) fn bytes_max(&self) -> usize {
        /// A value with four digits, its exponent and its comma.
        const VALUE_BYTES: usize = 12;
        /// A time, or the names of a series.
        const NAME_BYTES: usize = 200;
        let rows = self.settings.samples_max.max(1);
        rows * (COLUMNS_MAX * VALUE_BYTES + NAME_BYTES) + COLUMNS_MAX * NAME_BYTES
    }
}

/// Four significant digits: more are no measurement, and make answers long.
fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    // By way of the text, which is the shortest with these digits; a product with a power of ten is not.
    format!("{value:.3e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::SignedDuration;
    use metrics::Unit;

    use super::*;
    use crate::metrics::registry::{EXECUTION_SECONDS, MetricsRegistry, label};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + seconds).unwrap()
    }

    fn history(registry: &MetricsRegistry, samples_max: usize) -> MetricsHistory {
        let settings = HistorySettings { interval: Duration::from_secs(10), samples_max };
        MetricsHistory::new(settings, registry.sources())
    }

    fn values(answer: &MetricsHistoryAnswer, name: &str, statistic: &str) -> Vec<Option<f64>> {
        let found = answer.series.iter().find(|it| it.name == name && it.statistic == statistic);
        found.unwrap_or_else(|| panic!("{name} {statistic} is not in {answer:?}")).values.clone()
    }

    #[test]
    fn a_sample_has_what_was_counted_since_the_one_before() {
        let registry = MetricsRegistry::new();
        let history = history(&registry, 10);
        let one = registry.sampled_counter("a_total", "Counts.", label("of", "x"));
        let other = registry.sampled_counter("a_total", "Counts.", label("of", "y"));
        let time =
            registry.sampled_histogram("b_seconds", "A time.", Unit::Seconds, EXECUTION_SECONDS, Vec::new());
        let level = registry.sampled_gauge("c", "A level.", Vec::new());
        one.increment(100);
        history.take(at(0));
        one.increment(5);
        other.increment(15);
        time.record(1.5e-6);
        level.set(3.0);
        history.take(at(10));
        history.take(at(20));
        let answer = history.answer(None);
        assert_eq!(answer.times.len(), 2);
        assert_eq!(values(&answer, "a_total", "rate"), [Some(2.0), Some(0.0)]);
        assert_eq!(values(&answer, "b_seconds", "rate"), [Some(0.1), Some(0.0)]);
        assert_eq!(values(&answer, "b_seconds", "p50"), [Some(1.5e-6), None]);
        assert_eq!(values(&answer, "c", "value"), [Some(3.0), Some(3.0)]);
        assert_eq!(history.answer(Some(at(10))).times, [stamp(at(20))]);
        // What Prometheus reads is the same as without samples.
        assert!(registry.render().contains("a_total{of=\"x\"} 105"));
    }

    #[test]
    fn what_comes_after_the_last_time_of_an_answer_is_new() {
        let registry = MetricsRegistry::new();
        let history = history(&registry, 3);
        let nanosecond = |second| at(second) + SignedDuration::from_nanos(1_234_567);
        (0..2).for_each(|second| history.take(nanosecond(second)));
        let last: Timestamp = history.answer(None).times.last().unwrap().parse().unwrap();
        assert_eq!(history.answer(Some(last)).times, [""; 0]);
        history.take(nanosecond(2));
        assert_eq!(history.answer(Some(last)).times.len(), 1);
    }

    #[test]
    fn the_oldest_samples_are_dropped_and_a_new_metric_has_none_before() {
        let registry = MetricsRegistry::new();
        let history = history(&registry, 3);
        let first = registry.sampled_counter("a_total", "Counts.", Vec::new());
        for second in 0..5 {
            first.increment(1);
            history.take(at(second));
        }
        registry.sampled_counter("z_total", "Counts.", Vec::new()).increment(4);
        history.take(at(6));
        let answer = history.answer(None);
        assert_eq!(values(&answer, "z_total", "rate"), [None, None, Some(2.0)]);
        assert_eq!(values(&answer, "a_total", "rate"), [Some(1.0), Some(1.0), Some(0.0)]);
    }

    #[test]
    fn a_clock_that_was_set_back_gives_no_sample() {
        let registry = MetricsRegistry::new();
        let history = history(&registry, 3);
        let count = registry.sampled_counter("a_total", "Counts.", Vec::new());
        history.take(at(100));
        history.take(at(50));
        count.increment(10);
        history.take(at(60));
        let answer = history.answer(None);
        assert_eq!(answer.times, [stamp(at(60))]);
        assert_eq!(values(&answer, "a_total", "rate"), [Some(1.0)]);
    }

    #[test]
    fn an_answer_is_no_longer_than_it_may_be() {
        let registry = MetricsRegistry::new();
        let history = history(&registry, 4);
        for nth in 0..COLUMNS_MAX {
            let name: &'static str = Box::leak(format!("midflight_metric_{nth}_total").into_boxed_str());
            registry.sampled_counter(name, "Counts.", Vec::new()).increment(u64::MAX / 3);
        }
        (0..6).for_each(|second| history.take(at(second)));
        let text = serde_json::to_vec(&history.answer(None)).unwrap();
        assert!(text.len() <= history.bytes_max(), "{} > {}", text.len(), history.bytes_max());
        assert_eq!((rounded(123_456.0), rounded(0.000_123_456), rounded(0.0)), (123_500.0, 0.000_123_5, 0.0));
    }
}
