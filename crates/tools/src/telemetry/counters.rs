//! An aggregate as named counters that only grow, to be kept beside a log and added up there: adding the counters of
//! two aggregates gives those of both merged.

use super::{BUCKETS, Bias, PatternTelemetry};

/// What a sum of logarithms is multiplied with to be counted, so that a counter has it to six digits.
const MICRO: f64 = 1e6;

impl PatternTelemetry {
    /// Its counters, each with how much it has; those without anything are left out. Names have 1 to 32 of `a-z`,
    /// `0-9`, `_`. At most 152.
    ///
    /// ```
    /// use midflight_tools::telemetry::{Observation, PatternTelemetry};
    ///
    /// let slow = Observation { time_ms: 300.0, estimated_time_ms: 200.0, cost: None, estimated_cost: 1.0, is_success: true };
    /// let mut one = PatternTelemetry::default();
    /// one.add(&slow);
    /// let mut kept = PatternTelemetry::default();
    /// (0..2).for_each(|_| one.counters().iter().for_each(|(name, count)| kept.add_counter(name, *count)));
    /// assert_eq!((kept.count(), kept.success_rate()), (2, Some(1.0)));
    /// assert!((kept.time_bias().unwrap() - 1.5).abs() < 1e-5);
    /// ```
    #[must_use]
    pub fn counters(&self) -> Vec<(String, u64)> {
        let mut counters = vec![("uses".to_owned(), self.count), ("successes".to_owned(), self.successes)];
        for (bias, name) in [(self.time_bias, "time"), (self.cost_bias, "cost")] {
            counters.push((format!("{name}_n"), bias.count));
            counters.push((format!("{name}_over"), micros(bias.sum_ln)));
            counters.push((format!("{name}_under"), micros(-bias.sum_ln)));
        }
        let buckets = self.time.0.iter().enumerate();
        counters.extend(buckets.map(|(bucket, count)| (format!("t{bucket:03}"), *count)));
        counters.retain(|(_, count)| *count > 0);
        counters
    }

    /// Adds to a counter of [`PatternTelemetry::counters`]. One of another name is ignored: a newer version may count
    /// more.
    pub fn add_counter(&mut self, name: &str, count: u64) {
        let add = |sum: &mut u64| *sum = sum.saturating_add(count);
        match name {
            "uses" => add(&mut self.count),
            "successes" => add(&mut self.successes),
            "time_n" => add(&mut self.time_bias.count),
            "cost_n" => add(&mut self.cost_bias.count),
            "time_over" => add_micros(&mut self.time_bias, count, 1.0),
            "time_under" => add_micros(&mut self.time_bias, count, -1.0),
            "cost_over" => add_micros(&mut self.cost_bias, count, 1.0),
            "cost_under" => add_micros(&mut self.cost_bias, count, -1.0),
            _ => {
                let bucket = name.strip_prefix('t').and_then(|digits| digits.parse::<usize>().ok());
                if let Some(bucket) = bucket.filter(|bucket| *bucket < BUCKETS) {
                    add(&mut self.time.0[bucket]);
                }
            }
        }
    }
}

/// The positive part of a sum, in millionths.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is clamped to what is counted"
)]
fn micros(sum: f64) -> u64 {
    (sum * MICRO).round().clamp(0.0, 1e15) as u64
}

fn add_micros(bias: &mut Bias, count: u64, sign: f64) {
    bias.sum_ln += sign * super::float(count) / MICRO;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Observation;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn counters_that_are_added_up_are_the_aggregates_merged(
            times in prop::collection::vec((0.0..1e7_f64, any::<bool>()), 0..40),
            cut in 0..40_usize,
        ) {
            let telemetry = |part: &[(f64, bool)]| {
                let mut telemetry = PatternTelemetry::default();
                for (time_ms, is_success) in part {
                    let cost = Some(time_ms / 1e3);
                    telemetry.add(&Observation {
                        time_ms: *time_ms, estimated_time_ms: 50.0, cost, estimated_cost: 2.0, is_success: *is_success,
                    });
                }
                telemetry
            };
            let cut = cut.min(times.len());
            let (mut kept, whole) = (PatternTelemetry::default(), telemetry(&times));
            for part in [&times[..cut], &times[cut..]] {
                for (name, count) in telemetry(part).counters() {
                    prop_assert!(name.len() <= 32 && count > 0);
                    kept.add_counter(&name, count);
                }
            }
            prop_assert_eq!((kept.count, kept.successes, &kept.time), (whole.count, whole.successes, &whole.time));
            for (kept, whole) in [(kept.time_bias, whole.time_bias), (kept.cost_bias, whole.cost_bias)] {
                prop_assert_eq!(kept.count, whole.count);
                prop_assert!((kept.sum_ln - whole.sum_ln).abs() < 1e-5, "{} {}", kept.sum_ln, whole.sum_ln);
            }
        }
    }

    #[test]
    fn a_counter_of_another_name_is_ignored() {
        let mut telemetry = PatternTelemetry::default();
        for name in ["t144", "t", "used", "", "tx", "median"] {
            telemetry.add_counter(name, 3);
        }
        assert_eq!(telemetry, PatternTelemetry::default());
    }
}
