//! What a gate counts, and when it fails.

use std::time::Duration;

use midflight_core::DocumentName;
use midflight_module_host::{ModuleHost, PauseHistogram};
use serde_json::{Value, json};

use crate::fail::Failure;
use crate::module::local::refused;
use crate::output::{Output, eprint_status, table};

/// What callers and reloads of a gate came to.
#[derive(Debug, Default, Clone)]
pub(super) struct GateTally {
    /// Messages sent.
    pub(super) calls: u64,
    /// Messages answered with a result.
    pub(super) replies: u64,
    /// Messages answered with an error.
    pub(super) errors: u64,
    /// Answers that did not follow the one before.
    pub(super) out_of_order: u64,
    /// Reloads that went live, and those that were rejected, as they must be.
    pub(super) committed: u64,
    pub(super) rejected: u64,
    /// Reloads and states that were not as they must be.
    pub(super) wrong: Vec<String>,
    /// How much the states at the end differ from what was acknowledged.
    pub(super) state_difference: u64,
    /// Messages that were accepted and never answered.
    pub(super) lost: u64,
    pauses: PauseHistogram,
}

impl GateTally {
    /// Adds what callers counted.
    pub(super) fn add_calls(&mut self, other: &Self) {
        self.calls += other.calls;
        self.replies += other.replies;
        self.errors += other.errors;
        self.out_of_order += other.out_of_order;
    }

    /// Notes what is not as it must be.
    pub(super) fn expect(&mut self, is_so: bool, what: impl FnOnce() -> String) {
        if !is_so {
            self.wrong.push(what());
        }
    }

    /// Adds what the host counted of a module whose count must be `expected` now.
    pub(super) async fn add_module(
        &mut self,
        host: &ModuleHost,
        name: &DocumentName,
        expected: u64,
    ) -> Result<(), Failure> {
        let state = host.export_state(name).await.map_err(|refusal| refused(&refusal))?;
        let count = state.and_then(|state| super::guests::count(&state));
        self.state_difference += count.map_or(expected, |count| count.abs_diff(expected));
        let metrics = host.metrics(name).unwrap_or_default();
        // What was accepted is answered, or it is lost, whatever the host says of it.
        self.lost += metrics.abandoned.max(metrics.accepted.saturating_sub(metrics.answered));
        let PauseHistogram { buckets, sum_us, max_us } = metrics.pauses;
        if self.pauses.buckets.is_empty() {
            self.pauses.buckets = buckets;
        } else {
            for (sum, (_, count)) in self.pauses.buckets.iter_mut().zip(buckets) {
                sum.1 += count;
            }
        }
        self.pauses.sum_us += sum_us;
        self.pauses.max_us = self.pauses.max_us.max(max_us);
        Ok(())
    }

    /// Prints it, and fails when something was lost.
    pub(super) fn tell(&self, output: &Output, took: Duration) -> Result<(), Failure> {
        let per_second = self.replies as f64 / took.as_secs_f64().max(f64::EPSILON);
        let p = |share| self.pauses.quantile_us(share);
        let counted = [
            ("calls", json!(self.calls)),
            ("replies", json!(self.replies)),
            ("errors", json!(self.errors)),
            ("out_of_order", json!(self.out_of_order)),
            ("state_difference", json!(self.state_difference)),
            ("lost", json!(self.lost)),
            ("reloads_committed", json!(self.committed)),
            ("reloads_rejected", json!(self.rejected)),
            ("wrong", json!(self.wrong)),
            ("calls_per_second", json!(per_second.round())),
            ("pause_p50_us_at_most", json!(p(0.5))),
            ("pause_p99_us_at_most", json!(p(0.99))),
            ("pause_max_us", json!(self.pauses.max_us)),
        ];
        let buckets = self.pauses.buckets.iter().filter(|(_, count)| *count > 0);
        let buckets: Vec<_> =
            buckets.map(|(bound, count)| json!({"us_at_most": bound, "pauses": count})).collect();
        let mut value: Value =
            counted.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        if let Some(members) = value.as_object_mut() {
            members.insert("pauses".to_owned(), Value::Array(buckets.clone()));
        }
        output.data(&value, || {
            let shown = counted.iter().filter(|(name, _)| *name != "wrong");
            let rows = shown.map(|(name, value)| [name.replace('_', " "), value.to_string()]);
            let pauses = buckets.iter().map(|bucket| {
                let bound = &bucket["us_at_most"];
                let bound = if bound.is_null() { "longer".to_owned() } else { format!("{bound} us") };
                [bound, bucket["pauses"].to_string()]
            });
            table(&["", ""], rows).trim_start().to_owned()
                + "\n"
                + &table(&["PAUSE AT MOST", "RELOADS"], pauses)
        })?;
        for wrong in &self.wrong {
            eprint_status(wrong);
        }
        if self.is_clean() {
            eprint_status("nothing was lost");
            return Ok(());
        }
        Err(Failure::failed(
            "a message, a part of the state or the order was lost, or a reload did not go as it must; see above",
        ))
    }

    fn is_clean(&self) -> bool {
        self.errors == 0
            && self.out_of_order == 0
            && self.state_difference == 0
            && self.lost == 0
            && self.wrong.is_empty()
            && self.calls == self.replies
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::OutputFormat;

    #[test]
    fn a_gate_fails_for_each_kind_of_loss() {
        let tell = |tally: &GateTally| tally.tell(&Output::new(OutputFormat::Json), Duration::from_secs(1));
        let good = GateTally { calls: 3, replies: 3, committed: 1, ..GateTally::default() };
        assert!(tell(&good).is_ok());
        let mut wrong = good.clone();
        wrong.expect(false, || "no reload".to_owned());
        for bad in [
            GateTally { replies: 2, ..good.clone() },
            GateTally { errors: 1, ..good.clone() },
            GateTally { out_of_order: 1, ..good.clone() },
            GateTally { state_difference: 1, ..good.clone() },
            GateTally { lost: 1, ..good.clone() },
            wrong,
        ] {
            assert!(tell(&bad).is_err(), "{bad:?}");
        }
    }
}
