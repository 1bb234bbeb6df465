//! What a gate counts, and when it fails.

use std::time::Duration;

use midflight_core::DocumentName;
use midflight_module_host::{ModuleHost, PauseHistogram};
use serde::Serialize;

use crate::columns::{optional, record, table};
use crate::fail::Failure;
use crate::module::local::refused;
use crate::output::{Output, eprint_status};

/// What a gate came to, as it is printed.
#[derive(Debug, Serialize)]
struct GateAnswer<'a> {
    calls: u64,
    replies: u64,
    errors: u64,
    out_of_order: u64,
    state_difference: u64,
    lost: u64,
    reloads_committed: u64,
    reloads_rejected: u64,
    wrong: &'a [String],
    calls_per_second: f64,
    pause_p50_us_at_most: Option<u64>,
    pause_p99_us_at_most: Option<u64>,
    pause_max_us: u64,
    pauses: Vec<PauseBucket>,
}

/// How many pauses were at most so long; longer than all bounds without one.
#[derive(Debug, Serialize)]
struct PauseBucket {
    us_at_most: Option<u64>,
    pauses: u64,
}

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

impl GateAnswer<'_> {
    fn text(&self) -> String {
        let rows = [
            ("calls", self.calls.to_string()),
            ("replies", self.replies.to_string()),
            ("errors", self.errors.to_string()),
            ("out of order", self.out_of_order.to_string()),
            ("state difference", self.state_difference.to_string()),
            ("lost", self.lost.to_string()),
            ("reloads committed", self.reloads_committed.to_string()),
            ("reloads rejected", self.reloads_rejected.to_string()),
            ("calls per second", self.calls_per_second.to_string()),
            ("pause p50 us at most", optional(self.pause_p50_us_at_most)),
            ("pause p99 us at most", optional(self.pause_p99_us_at_most)),
            ("pause max us", self.pause_max_us.to_string()),
        ];
        let pauses = self.pauses.iter().map(|bucket| {
            let bound = bucket.us_at_most.map_or_else(|| "longer".to_owned(), |us| format!("{us} us"));
            [bound, bucket.pauses.to_string()]
        });
        record(rows) + "\n" + &table(&["PAUSE AT MOST", "RELOADS"], pauses)
    }
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
        let buckets = self.pauses.buckets.iter().filter(|(_, count)| *count > 0);
        let answer = GateAnswer {
            calls: self.calls,
            replies: self.replies,
            errors: self.errors,
            out_of_order: self.out_of_order,
            state_difference: self.state_difference,
            lost: self.lost,
            reloads_committed: self.committed,
            reloads_rejected: self.rejected,
            wrong: &self.wrong,
            calls_per_second: per_second.round(),
            pause_p50_us_at_most: p(0.5),
            pause_p99_us_at_most: p(0.99),
            pause_max_us: self.pauses.max_us,
            pauses: buckets
                .map(|(bound, count)| PauseBucket { us_at_most: *bound, pauses: *count })
                .collect(),
        };
        output.data(&answer, || answer.text())?;
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
