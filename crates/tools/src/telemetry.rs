//! What was observed of a pattern beside what was estimated: counts, success, bias, quantiles, and a correction fitted
//! to them.
//!
//! Nothing here measures or keeps time: who runs tools adds an [`Observation`] of each use. An aggregate has a fixed
//! size, however many observations it is of, and those of several replicas are merged into one.

mod counters;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::corrections::EstimateCorrection;
use crate::limits::{CORRECTION_FACTORS, CORRECTIONS_MAX, OBSERVATIONS_MIN};

/// One use of a pattern.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation {
    /// How long it took, in ms.
    pub time_ms: f64,
    /// How long it was estimated to take, in ms, before any correction.
    pub estimated_time_ms: f64,
    /// What it cost, if that is known.
    pub cost: Option<f64>,
    /// What it was estimated to cost, before any correction.
    pub estimated_cost: f64,
    /// Whether it succeeded.
    pub is_success: bool,
}

/// The observations of one pattern, aggregated.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PatternTelemetry {
    count: u64,
    successes: u64,
    time: Histogram,
    time_bias: Bias,
    cost_bias: Bias,
}

/// The ratio of observed to estimated values, as a geometric mean: one run of ten times the estimate and one of a tenth
/// cancel out.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Bias {
    count: u64,
    sum_ln: f64,
}

impl Bias {
    fn add(&mut self, observed: f64, estimated: f64) {
        let ratio = observed / estimated;
        if ratio.is_finite() && ratio > 0.0 {
            self.count += 1;
            self.sum_ln += ratio.ln();
        }
    }

    fn merge(&mut self, other: Self) {
        self.count += other.count;
        self.sum_ln += other.sum_ln;
    }

    fn mean(self) -> Option<f64> {
        (self.count > 0).then(|| (self.sum_ln / float(self.count)).exp())
    }

    /// The factor that corrects estimates; none before there are enough observations.
    fn factor(self) -> Option<f64> {
        let mean = self.mean().filter(|_| self.count >= OBSERVATIONS_MIN)?;
        Some(mean.clamp(*CORRECTION_FACTORS.start(), *CORRECTION_FACTORS.end()))
    }
}

/// How many buckets a histogram has, and the quotient of the bounds of each. From 0.1 ms they reach 10^8 ms (a day); a
/// quantile is wrong by 8 % at most.
const BUCKETS: usize = 144;
const GROWTH: f64 = 1.16;
const FIRST_MS: f64 = 0.1;

/// Counts of times by magnitude.
#[derive(Debug, Clone, PartialEq)]
struct Histogram([u64; BUCKETS]);

impl Default for Histogram {
    fn default() -> Self {
        Self([0; BUCKETS])
    }
}

impl Histogram {
    fn add(&mut self, time_ms: f64) {
        let at = (time_ms / FIRST_MS).ln() / GROWTH.ln();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the buckets")]
        let bucket = at.floor().clamp(0.0, float(BUCKETS as u64 - 1)) as usize;
        self.0[bucket] += 1;
    }

    /// The time that a share of all observations took at most, in ms: the middle of its bucket.
    fn quantile(&self, share: f64) -> Option<f64> {
        let total: u64 = self.0.iter().sum();
        let wanted = (share * float(total)).ceil().max(1.0);
        let mut seen = 0;
        let bucket = self.0.iter().position(|count| {
            seen += count;
            float(seen) >= wanted
        })?;
        (total > 0).then(|| FIRST_MS * GROWTH.powf(float(bucket as u64) + 0.5))
    }
}

impl PatternTelemetry {
    /// Adds an observation. A time that is no number, or negative, is ignored with all of the observation.
    pub fn add(&mut self, observation: &Observation) {
        if !(observation.time_ms.is_finite() && observation.time_ms >= 0.0) {
            return;
        }
        self.count += 1;
        self.successes += u64::from(observation.is_success);
        self.time.add(observation.time_ms);
        // The time of a failure is not the time of the work.
        if observation.is_success {
            self.time_bias.add(observation.time_ms, observation.estimated_time_ms);
            if let Some(cost) = observation.cost {
                self.cost_bias.add(cost, observation.estimated_cost);
            }
        }
    }

    /// Adds what another replica observed.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.successes += other.successes;
        self.time.0.iter_mut().zip(other.time.0).for_each(|(count, more)| *count += more);
        self.time_bias.merge(other.time_bias);
        self.cost_bias.merge(other.cost_bias);
    }

    /// How many uses were observed.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The share of uses that succeeded, 0 to 1; none without uses.
    #[must_use]
    pub fn success_rate(&self) -> Option<f64> {
        (self.count > 0).then(|| float(self.successes) / float(self.count))
    }

    /// How many times as long as estimated a successful use takes; none where nothing can be compared.
    #[must_use]
    pub fn time_bias(&self) -> Option<f64> {
        self.time_bias.mean()
    }

    /// How many times as much as estimated a successful use costs; none where nothing can be compared.
    #[must_use]
    pub fn cost_bias(&self) -> Option<f64> {
        self.cost_bias.mean()
    }

    /// The time that this share (0 to 1) of uses took at most, in ms, to 8 %; none without uses.
    #[must_use]
    pub fn time_quantile_ms(&self, share: f64) -> Option<f64> {
        self.time.quantile(share.clamp(0.0, 1.0))
    }

    /// The correction fitted to what was observed: the mean ratio of observed to estimated, within the bounds of
    /// [`CORRECTION_FACTORS`]; none before [`OBSERVATIONS_MIN`] successful uses.
    #[must_use]
    pub fn correction(&self) -> Option<EstimateCorrection> {
        let time_factor = self.time_bias.factor()?;
        Some(EstimateCorrection { time_factor, cost_factor: self.cost_bias.factor().unwrap_or(1.0) })
    }

    /// The member of a document `corrections/{tool}` for this pattern, its factors rounded to 3 digits so that noise
    /// makes no revision; none before there is a [`PatternTelemetry::correction`].
    #[must_use]
    pub fn correction_json(&self) -> Option<Value> {
        let correction = self.correction()?;
        let rounded = |factor: f64| (factor * 1000.0).round() / 1000.0;
        Some(json!({
            "time_factor": rounded(correction.time_factor).max(*CORRECTION_FACTORS.start()),
            "cost_factor": rounded(correction.cost_factor).max(*CORRECTION_FACTORS.start()),
            "observations": self.time_bias.count,
        }))
    }
}

/// The observations of a tool, by capability and pattern.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ToolTelemetry {
    patterns: BTreeMap<(Box<str>, Box<str>), PatternTelemetry>,
}

impl ToolTelemetry {
    /// Adds an observation of a pattern. Past [`CORRECTIONS_MAX`] patterns, those not seen before are ignored.
    pub fn add(&mut self, capability: &str, pattern: &str, observation: &Observation) {
        let key = (capability.into(), pattern.into());
        if self.patterns.len() < CORRECTIONS_MAX || self.patterns.contains_key(&key) {
            self.patterns.entry(key).or_default().add(observation);
        }
    }

    /// Adds what another replica observed, within the same bound.
    pub fn merge(&mut self, other: &Self) {
        for (key, telemetry) in &other.patterns {
            if self.patterns.len() < CORRECTIONS_MAX || self.patterns.contains_key(key) {
                self.patterns.entry(key.clone()).or_default().merge(telemetry);
            }
        }
    }

    /// What was observed of a pattern.
    #[must_use]
    pub fn pattern(&self, capability: &str, pattern: &str) -> Option<&PatternTelemetry> {
        self.patterns.get(&(capability.into(), pattern.into()))
    }

    /// Every pattern that was used, with what was observed, by capability and pattern.
    pub fn patterns(&self) -> impl Iterator<Item = (&str, &str, &PatternTelemetry)> {
        self.patterns.iter().map(|((capability, pattern), telemetry)| (&**capability, &**pattern, telemetry))
    }

    /// The document `corrections/{tool}` that these observations justify; none before one pattern has enough of them.
    ///
    /// ```
    /// use midflight_tools::telemetry::{Observation, ToolTelemetry};
    ///
    /// let mut telemetry = ToolTelemetry::default();
    /// let slow = Observation { time_ms: 300.0, estimated_time_ms: 200.0, cost: None, estimated_cost: 1.0, is_success: true };
    /// (0..20).for_each(|_| telemetry.add("text_search", "one_file", &slow));
    /// let document = telemetry.corrections().expect("20 observations are enough");
    /// assert_eq!(document["text_search/one_file"]["time_factor"], 1.5);
    /// ```
    #[must_use]
    pub fn corrections(&self) -> Option<Value> {
        let corrections: Map<String, Value> = self
            .patterns()
            .filter_map(|(capability, pattern, telemetry)| {
                Some((format!("{capability}/{pattern}"), telemetry.correction_json()?))
            })
            .collect();
        (!corrections.is_empty()).then_some(Value::Object(corrections))
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of uses are far below where that matters")]
fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corrections::read_corrections;
    use proptest::prelude::*;

    fn observation(time_ms: f64, estimated_time_ms: f64, is_success: bool) -> Observation {
        Observation { time_ms, estimated_time_ms, cost: Some(3.0), estimated_cost: 2.0, is_success }
    }

    fn telemetry(observations: &[Observation]) -> PatternTelemetry {
        let mut telemetry = PatternTelemetry::default();
        observations.iter().for_each(|observation| telemetry.add(observation));
        telemetry
    }

    #[test]
    fn nothing_is_known_of_what_was_not_observed() {
        let none = PatternTelemetry::default();
        assert_eq!(
            (none.count(), none.success_rate(), none.time_bias(), none.cost_bias()),
            (0, None, None, None)
        );
        assert_eq!(
            (none.time_quantile_ms(0.5), none.correction(), none.correction_json()),
            (None, None, None)
        );
        assert_eq!(telemetry(&[observation(f64::NAN, 1.0, true), observation(-1.0, 1.0, true)]).count(), 0);
    }

    #[test]
    fn success_bias_and_quantiles_are_those_of_the_observations() {
        let mut observations = vec![observation(200.0, 100.0, true); 90];
        observations.extend(vec![observation(5_000.0, 100.0, false); 10]);
        let telemetry = telemetry(&observations);
        assert_eq!((telemetry.count(), telemetry.success_rate()), (100, Some(0.9)));
        let is_near =
            |found: Option<f64>, expected: f64| found.is_some_and(|it| (it / expected - 1.0).abs() < 0.08);
        assert!(is_near(telemetry.time_bias(), 2.0) && is_near(telemetry.cost_bias(), 1.5));
        assert!(is_near(telemetry.time_quantile_ms(0.5), 200.0), "{:?}", telemetry.time_quantile_ms(0.5));
        assert!(is_near(telemetry.time_quantile_ms(0.95), 5_000.0), "{:?}", telemetry.time_quantile_ms(0.95));
    }

    #[test]
    fn a_correction_needs_enough_observations_and_stays_within_its_bounds() {
        let few = usize::try_from(OBSERVATIONS_MIN).unwrap() - 1;
        assert_eq!(telemetry(&vec![observation(200.0, 100.0, true); few]).correction(), None);
        let enough = telemetry(&vec![observation(200.0, 100.0, true); few + 1]);
        let correction = enough.correction().unwrap();
        assert!((correction.time_factor - 2.0).abs() < 1e-9 && (correction.cost_factor - 1.5).abs() < 1e-9);
        let wild = telemetry(&vec![observation(1e9, 0.001, true); few + 1]);
        assert_eq!(wild.correction().unwrap().time_factor, *CORRECTION_FACTORS.end());
        let tame = telemetry(&vec![observation(1e-9, 1e9, true); few + 1]);
        for telemetry in [&enough, &wild, &tame] {
            let body = json!({"c/p": telemetry.correction_json().unwrap()});
            assert!(read_corrections(&body).is_ok(), "{body}");
        }
        assert_eq!(
            enough.correction_json().unwrap(),
            json!({"time_factor": 2.0, "cost_factor": 1.5, "observations": 20})
        );
    }

    #[test]
    fn a_tool_is_corrected_where_enough_was_observed() {
        let mut tool = ToolTelemetry::default();
        (0..OBSERVATIONS_MIN).for_each(|_| tool.add("c", "often", &observation(300.0, 100.0, true)));
        tool.add("c", "seldom", &observation(300.0, 100.0, true));
        let body = tool.corrections().unwrap();
        assert_eq!(body.as_object().unwrap().keys().collect::<Vec<_>>(), ["c/often"]);
        assert!((read_corrections(&body).unwrap().of("c", "often").time_factor - 3.0).abs() < 1e-9);
        assert_eq!(tool.pattern("c", "seldom").map(PatternTelemetry::count), Some(1));
        let mut both = tool.clone();
        both.merge(&tool);
        assert_eq!(
            both.patterns().map(|(_, pattern, it)| (pattern, it.count())).collect::<Vec<_>>(),
            [("often", 40), ("seldom", 2)]
        );
        assert!(ToolTelemetry::default().corrections().is_none() && both.pattern("c", "never").is_none());
    }

    proptest! {
        #[test]
        fn merging_is_adding(times in prop::collection::vec((0.0..1e7_f64, any::<bool>()), 0..40), cut in 0..40_usize) {
            let all: Vec<_> = times.iter().map(|(time, good)| observation(*time, 50.0, *good)).collect();
            let cut = cut.min(all.len());
            let mut merged = telemetry(&all[..cut]);
            merged.merge(&telemetry(&all[cut..]));
            let whole = telemetry(&all);
            prop_assert_eq!((merged.count(), merged.success_rate()), (whole.count(), whole.success_rate()));
            prop_assert_eq!(&merged.time, &whole.time);
            let close = |a: Option<f64>, b: Option<f64>| match (a, b) {
                (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * b.abs(),
                (a, b) => a == b,
            };
            prop_assert!(close(merged.time_bias(), whole.time_bias()));
        }
    }
}
