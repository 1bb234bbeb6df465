//! The pauses between attempts: of a random length up to a bound that doubles.

use std::time::Duration;

/// How long to pause before the next attempt.
#[derive(Debug)]
pub(crate) struct ReloadBackoff {
    first: Duration,
    max: Duration,
    bound: Duration,
}

impl ReloadBackoff {
    pub(crate) fn new(first: Duration, max: Duration) -> Self {
        let first = first.min(max);
        Self { first, max, bound: first }
    }

    /// How long to pause now: between half of the bound and all of it, so that a fleet does not come all at once.
    pub(crate) fn next(&mut self) -> Duration {
        let pause = self.bound.mul_f64(0.5 + fastrand::f64() / 2.0);
        self.bound = (self.bound * 2).min(self.max);
        pause
    }

    pub(crate) fn reset(&mut self) {
        self.bound = self.first;
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
