//! How long a bus over a network waits for what.

use std::time::Duration;

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
    /// of a random length up to its bound, so that a fleet does not come back all at once.
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

/// The pauses between tries to connect: of a random length up to a bound that doubles.
#[derive(Debug)]
pub(crate) struct ReconnectBackoff {
    timing: Timing,
    bound: Duration,
}

impl ReconnectBackoff {
    pub(crate) fn new(timing: Timing) -> Self {
        Self { timing, bound: Duration::from_millis(timing.backoff_ms_first) }
    }

    /// How long to pause now. A connection that lasted longer than the next pause may take was a good one, and the
    /// bounds start again; one that was lost at once counts as a failed try.
    pub(crate) fn next(&mut self, held: Duration) -> Duration {
        if held > self.bound {
            *self = Self::new(self.timing);
        }
        let pause = self.bound.mul_f64(fastrand::f64());
        self.bound = (self.bound * 2).min(Duration::from_millis(self.timing.backoff_ms_max));
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_their_bound_and_start_again_after_a_connection_that_held() {
        let mut backoff = ReconnectBackoff::new(Timing::default());
        let mut bounds = Vec::new();
        for _ in 0..9 {
            bounds.push(backoff.bound.as_millis());
            let bound = backoff.bound;
            assert!(backoff.next(Duration::ZERO) <= bound);
        }
        assert_eq!(bounds, [50, 100, 200, 400, 800, 1000, 1000, 1000, 1000]);
        assert!(backoff.next(Duration::from_secs(2)) <= Duration::from_millis(50));
    }

    #[test]
    fn a_server_that_hangs_is_noticed_within_a_second() {
        let Timing { answer_ms_max, silence_ms_max, backoff_ms_max, .. } = Timing::default();
        assert!(silence_ms_max + answer_ms_max <= 1000);
        assert!(backoff_ms_max <= 1000, "and one that is back is connected to within a second");
    }
}
