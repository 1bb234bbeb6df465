//! How long a bus over a network waits for what.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};

/// How long things may take. The defaults suit a network; tests shorten them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// The longest that connecting may take, in milliseconds: name, socket, TLS, log-in and subscription.
    pub connect_ms_max: u64,
    /// The longest that the server may take to answer, in milliseconds. One that takes longer counts as lost: the
    /// connection is closed and made again, and the log is looked at.
    pub answer_ms_max: u64,
    /// After how much silence the server is asked whether it is there, in milliseconds. A dead one is noticed after
    /// this and [`Self::answer_ms_max`]. Cost: one small round trip for each connection and each such silence.
    pub silence_ms_max: u64,
    /// The bound of the first pause before reconnecting, in milliseconds. It doubles with each failed try. A pause is
    /// of a random length between half of its bound and all of it, so that a fleet does not come back all at once.
    pub backoff_ms_first: u64,
    /// What that bound does not go beyond, in milliseconds.
    pub backoff_ms_max: u64,
}

impl Default for Timing {
    /// 5 s to connect, 500 ms to answer, 400 ms of silence, pauses of up to 50 ms at first and up to 1 s at last. So
    /// [`crate::BusStatus::connected`] is true within a second of the fact, both when a server goes and when it is
    /// back.
    fn default() -> Self {
        Self {
            connect_ms_max: 5000,
            answer_ms_max: 500,
            silence_ms_max: 400,
            backoff_ms_first: 50,
            backoff_ms_max: 1000,
        }
    }
}

impl Timing {
    pub(crate) fn connect(&self) -> Duration {
        Duration::from_millis(self.connect_ms_max)
    }

    pub(crate) fn answer(&self) -> Duration {
        Duration::from_millis(self.answer_ms_max)
    }

    pub(crate) fn silence(&self) -> Duration {
        Duration::from_millis(self.silence_ms_max)
    }
}

/// The pauses between tries to connect.
#[derive(Debug)]
pub(crate) struct ReconnectBackoff {
    timing: Timing,
    pauses: ExponentialBackoff,
}

impl ReconnectBackoff {
    pub(crate) fn new(timing: Timing) -> Self {
        let longest = Duration::from_millis(timing.backoff_ms_max);
        let first = Duration::from_millis(timing.backoff_ms_first).min(longest);
        // A pause is drawn between this and twice as much.
        let pauses = ExponentialBuilder::new().with_min_delay(first / 2).with_max_delay(longest / 2);
        Self { timing, pauses: pauses.with_jitter().without_max_times().build() }
    }

    /// How long to pause now. A connection that lasted longer than the longest pause was a good one, and the pauses
    /// start again; one that was lost sooner counts as a failed try.
    pub(crate) fn next(&mut self, held: Duration) -> Duration {
        let longest = Duration::from_millis(self.timing.backoff_ms_max);
        if held > longest {
            *self = Self::new(self.timing);
        }
        self.pauses.next().unwrap_or(longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_their_bound_and_start_again_after_a_connection_that_held() {
        let mut backoff = ReconnectBackoff::new(Timing::default());
        for bound in [50, 100, 200, 400, 800, 1000, 1000, 1000, 1000].map(Duration::from_millis) {
            let pause = backoff.next(Duration::ZERO);
            assert!(pause >= bound / 2 && pause <= bound, "{pause:?} of {bound:?}");
        }
        assert!(backoff.next(Duration::from_secs(2)) <= Duration::from_millis(50));
    }

    #[test]
    fn a_server_that_hangs_is_noticed_within_a_second() {
        let Timing { answer_ms_max, silence_ms_max, backoff_ms_max, .. } = Timing::default();
        assert!(silence_ms_max + answer_ms_max <= 1000);
        assert!(backoff_ms_max <= 1000, "and one that is back is connected to within a second");
    }
}
