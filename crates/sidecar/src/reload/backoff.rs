//! The pauses between attempts: of a random length up to a bound that doubles.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};

/// How long to pause before the next attempt.
#[derive(Debug)]
pub(crate) struct ReloadBackoff {
    max: Duration,
    builder: ExponentialBuilder,
    pauses: ExponentialBackoff,
}

impl ReloadBackoff {
    pub(crate) fn new(first: Duration, max: Duration) -> Self {
        // A pause is drawn between this and twice as much, so that a fleet does not come all at once.
        let builder = ExponentialBuilder::new().with_min_delay(first.min(max) / 2).with_max_delay(max / 2);
        let builder = builder.with_jitter().without_max_times();
        Self { max, builder, pauses: builder.build() }
    }

    /// How long to pause now: between half of the bound and all of it.
    pub(crate) fn next(&mut self) -> Duration {
        self.pauses.next().unwrap_or(self.max)
    }

    pub(crate) fn reset(&mut self) {
        self.pauses = self.builder.build();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_their_bound_and_start_again() {
        let mut backoff = ReloadBackoff::new(Duration::from_secs(5), Duration::from_secs(30));
        for bound in [5, 10, 20, 30, 30].map(Duration::from_secs) {
            let pause = backoff.next();
            assert!(pause <= bound && pause >= bound / 2, "{pause:?} of {bound:?}");
        }
        backoff.reset();
        assert!(backoff.next() <= Duration::from_secs(5));
        let mut short = ReloadBackoff::new(Duration::from_secs(5), Duration::from_secs(1));
        assert!(short.next() <= Duration::from_secs(1));
    }
}
