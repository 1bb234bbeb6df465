//! What is counted of a module, as plain numbers that a server can export.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::phase::ModulePhase;

/// The upper bounds of the histogram's buckets, in microseconds; the last bucket has none.
const BOUNDS_US: [u64; 14] =
    [50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000];

/// Pauses by length.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PauseHistogram {
    /// How many pauses were at most so long, in microseconds, and longer than the bucket before; the last has no bound.
    pub buckets: Vec<(Option<u64>, u64)>,
    /// The sum of all, in microseconds.
    pub sum_us: u64,
    /// The longest, in microseconds.
    pub max_us: u64,
}

impl PauseHistogram {
    /// How many pauses there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|(_, count)| count).sum()
    }

    /// The upper bound of the bucket in which that share of the pauses ends, in microseconds; none without pauses.
    #[must_use]
    pub fn quantile_us(&self, share: f64) -> Option<u64> {
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
        let wanted = self.count() as f64 * share;
        let mut seen = 0;
        for (bound, count) in &self.buckets {
            seen += count;
            #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
            let is_there = seen > 0 && seen as f64 >= wanted;
            if is_there {
                return Some(bound.unwrap_or(self.max_us));
            }
        }
        None
    }
}

/// The counters of a module at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MetricsSnapshot {
    /// Messages accepted.
    pub accepted: u64,
    /// Messages answered, with failures too.
    pub answered: u64,
    /// Messages answered with a failure of the module.
    pub failures: u64,
    /// Messages accepted and lost. It must stay 0.
    pub abandoned: u64,
    /// Messages not accepted because the mailbox was full.
    pub refused_full: u64,
    /// Instances that trapped.
    pub traps: u64,
    /// Restarts after a trap.
    pub restarts: u64,
    /// Messages that trapped two instances.
    pub poisoned: u64,
    /// Acknowledged messages whose effect a restart lost.
    pub lost_by_restart: u64,
    /// Reloads that went live.
    pub committed: u64,
    /// Reloads that had nothing to do.
    pub unchanged: u64,
    /// Reloads that failed, by phase.
    pub failed: [u64; 8],
    /// Returns to the retained instance, by an operator or by a trap after a commit.
    pub returns: u64,
    /// Reloads that went live and took over only changes in the pause.
    pub pre_copied: u64,
    /// Reloads that went live and had to load the whole state in the pause, though it was copied before.
    pub pre_copy_fallbacks: u64,
    /// Records that the journal did not take.
    pub journal_failures: u64,
    /// Messages that wait.
    pub waiting: u64,
    /// Pauses of reloads that went live.
    pub pauses: PauseHistogram,
}

/// The counters of a module.
#[derive(Debug, Default)]
pub(crate) struct ModuleMetrics {
    pub(crate) accepted: AtomicU64,
    pub(crate) answered: AtomicU64,
    pub(crate) failures: AtomicU64,
    pub(crate) abandoned: AtomicU64,
    pub(crate) refused_full: AtomicU64,
    pub(crate) traps: AtomicU64,
    pub(crate) restarts: AtomicU64,
    pub(crate) poisoned: AtomicU64,
    pub(crate) lost_by_restart: AtomicU64,
    pub(crate) committed: AtomicU64,
    pub(crate) unchanged: AtomicU64,
    pub(crate) returns: AtomicU64,
    pub(crate) pre_copied: AtomicU64,
    pub(crate) pre_copy_fallbacks: AtomicU64,
    pub(crate) journal_failures: AtomicU64,
    failed: [AtomicU64; 8],
    pauses: [AtomicU64; BOUNDS_US.len() + 1],
    pause_sum_us: AtomicU64,
    pause_max_us: AtomicU64,
}

/// Adds one.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl ModuleMetrics {
    pub(crate) fn failed_in(&self, phase: ModulePhase) {
        count(&self.failed[phase.index()]);
    }

    pub(crate) fn paused(&self, pause: Duration) {
        let us = u64::try_from(pause.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_US.iter().position(|bound| us <= *bound).unwrap_or(BOUNDS_US.len());
        count(&self.pauses[bucket]);
        self.pause_sum_us.fetch_add(us, Ordering::Relaxed);
        self.pause_max_us.fetch_max(us, Ordering::Relaxed);
    }

    pub(crate) fn snapshot(&self) -> MetricsSnapshot {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let bounds = BOUNDS_US.iter().map(|bound| Some(*bound)).chain([None]);
        let (answered, accepted) = (get(&self.answered), get(&self.accepted));
        MetricsSnapshot {
            accepted,
            answered,
            failures: get(&self.failures),
            abandoned: get(&self.abandoned),
            refused_full: get(&self.refused_full),
            traps: get(&self.traps),
            restarts: get(&self.restarts),
            poisoned: get(&self.poisoned),
            lost_by_restart: get(&self.lost_by_restart),
            committed: get(&self.committed),
            unchanged: get(&self.unchanged),
            failed: std::array::from_fn(|phase| get(&self.failed[phase])),
            returns: get(&self.returns),
            pre_copied: get(&self.pre_copied),
            pre_copy_fallbacks: get(&self.pre_copy_fallbacks),
            journal_failures: get(&self.journal_failures),
            waiting: accepted.saturating_sub(answered),
            pauses: PauseHistogram {
                buckets: bounds.zip(self.pauses.iter().map(get)).collect(),
                sum_us: get(&self.pause_sum_us),
                max_us: get(&self.pause_max_us),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_the_bound_of_its_bucket() {
        let metrics = ModuleMetrics::default();
        assert_eq!(metrics.snapshot().pauses.quantile_us(0.5), None);
        for us in [40, 60, 70, 3_000_000] {
            metrics.paused(Duration::from_micros(us));
        }
        let pauses = metrics.snapshot().pauses;
        assert_eq!(
            (pauses.count(), pauses.quantile_us(0.25), pauses.quantile_us(0.5)),
            (4, Some(50), Some(100))
        );
        assert_eq!(pauses.quantile_us(1.0), Some(3_000_000));
    }
}
