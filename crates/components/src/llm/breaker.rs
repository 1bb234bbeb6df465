//! The circuit breaker: a state machine that knows no clock, and the one of a client.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::LlmError;
use super::settings::BreakerSettings;

/// How long after its deadline a silent trial is waited for: one that is still polled has reported by then.
const VANISHED: Duration = Duration::from_secs(1);

/// Whether calls are let through to an LLM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// All of them.
    Closed,
    /// None, since too many failed one after the other. When `open_ms` are over it stays so until the next call.
    Open,
    /// One, which is in progress; its result decides.
    HalfOpen,
}

/// The state, with the number of times that it became another one. A call belongs to the number at which it was let
/// through: its later result does not affect another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct BreakerCell {
    era: u64,
    phase: BreakerPhase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BreakerPhase {
    /// So many calls failed one after the other.
    Closed { failed: u32 },
    /// No call is let through before that.
    Open { until: Instant },
    /// A trial is under way. After that it has vanished, and is not waited for.
    HalfOpen { until: Instant },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BreakerEvent {
    /// A caller wants to call, and has vanished if it reports nothing by then.
    Asked { ends: Instant },
    /// A call was answered.
    Answered { era: u64 },
    /// A call failed.
    Failed { era: u64 },
    /// No caller waits for the call any more, so nothing is known of it.
    Left { era: u64 },
}

const CLOSED: BreakerCell = BreakerCell { era: 0, phase: BreakerPhase::Closed { failed: 0 } };

/// The next state.
fn next(state: BreakerCell, event: BreakerEvent, now: Instant, settings: BreakerSettings) -> BreakerCell {
    let to = |phase| BreakerCell { era: state.era + 1, phase };
    let open = BreakerPhase::Open { until: now + Duration::from_millis(settings.open_ms) };
    match (state.phase, event) {
        (BreakerPhase::Closed { .. }, BreakerEvent::Asked { .. }) => state,
        (BreakerPhase::Open { .. } | BreakerPhase::HalfOpen { .. }, BreakerEvent::Asked { ends }) => {
            if rest(state, now).is_none() { to(BreakerPhase::HalfOpen { until: ends }) } else { state }
        }
        (_, BreakerEvent::Answered { era } | BreakerEvent::Failed { era } | BreakerEvent::Left { era })
            if era != state.era =>
        {
            state
        }
        (BreakerPhase::Closed { .. }, BreakerEvent::Answered { .. }) => {
            BreakerCell { phase: CLOSED.phase, ..state }
        }
        (BreakerPhase::Closed { failed }, BreakerEvent::Failed { .. }) => {
            let failed = failed.saturating_add(1);
            let is_enough = settings.failures != 0 && failed >= settings.failures;
            if is_enough { to(open) } else { BreakerCell { phase: BreakerPhase::Closed { failed }, ..state } }
        }
        (BreakerPhase::HalfOpen { .. }, BreakerEvent::Answered { .. }) => to(CLOSED.phase),
        (BreakerPhase::HalfOpen { .. }, BreakerEvent::Failed { .. }) => to(open),
        // The next one tries, and need not wait again.
        (BreakerPhase::HalfOpen { .. }, BreakerEvent::Left { .. }) => to(BreakerPhase::Open { until: now }),
        // A caller that leaves reports nothing, and no call is let through while it is open.
        (BreakerPhase::Closed { .. }, BreakerEvent::Left { .. }) | (BreakerPhase::Open { .. }, _) => state,
    }
}

/// How long no call is let through; none when a call is.
fn rest(state: BreakerCell, now: Instant) -> Option<Duration> {
    match state.phase {
        BreakerPhase::Closed { .. } => None,
        BreakerPhase::Open { until } | BreakerPhase::HalfOpen { until } => {
            Some(until.saturating_duration_since(now)).filter(|rest| !rest.is_zero())
        }
    }
}

/// The breaker of one client.
pub(super) struct Breaker {
    settings: BreakerSettings,
    state: Mutex<BreakerCell>,
}

impl Breaker {
    pub(super) fn new(settings: BreakerSettings) -> Self {
        Self { settings, state: Mutex::new(CLOSED) }
    }

    pub(super) fn state(&self) -> BreakerState {
        match self.lock().phase {
            BreakerPhase::Closed { .. } => BreakerState::Closed,
            BreakerPhase::Open { .. } => BreakerState::Open,
            BreakerPhase::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    /// Refuses whom [`Self::admit`] would refuse now.
    pub(super) fn look(&self) -> Result<(), LlmError> {
        refuse(*self.lock(), Instant::now())
    }

    /// Lets a call through that is done by `deadline`.
    pub(super) fn admit(&self, deadline: Instant) -> Result<Admitted<'_>, LlmError> {
        let (mut state, now) = (self.lock(), Instant::now());
        refuse(*state, now)?;
        *state = next(*state, BreakerEvent::Asked { ends: deadline + VANISHED }, now, self.settings);
        Ok(Admitted { breaker: self, era: state.era, has_failed: None })
    }

    fn lock(&self) -> MutexGuard<'_, BreakerCell> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn refuse(state: BreakerCell, now: Instant) -> Result<(), LlmError> {
    let Some(rest) = rest(state, now) else { return Ok(()) };
    // Rounded up: a caller that returns then is not too early.
    let retry_after_ms = rest.as_nanos().div_ceil(1_000_000).try_into().unwrap_or(u64::MAX);
    Err(LlmError::Resting { retry_after_ms })
}

/// A call that was let through. Dropped, it reports that no caller waits for it any more.
pub(super) struct Admitted<'a> {
    breaker: &'a Breaker,
    era: u64,
    has_failed: Option<bool>,
}

impl Admitted<'_> {
    pub(super) fn ended(mut self, has_failed: bool) {
        self.has_failed = Some(has_failed);
    }
}

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        let era = self.era;
        let event = match self.has_failed {
            Some(true) => BreakerEvent::Failed { era },
            Some(false) => BreakerEvent::Answered { era },
            None => BreakerEvent::Left { era },
        };
        let mut state = self.breaker.lock();
        *state = next(*state, event, Instant::now(), self.breaker.settings);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: BreakerSettings = BreakerSettings { failures: 3, open_ms: 1000 };

    /// A machine and the time that is given to it, in milliseconds since its start.
    struct Machine {
        start: Instant,
        state: BreakerCell,
        settings: BreakerSettings,
    }

    impl Machine {
        fn new(settings: BreakerSettings) -> Self {
            Self { start: Instant::now(), state: CLOSED, settings }
        }

        fn at(&self, ms: u64) -> Instant {
            self.start + Duration::from_millis(ms)
        }

        fn tell(&mut self, ms: u64, event: BreakerEvent) -> BreakerPhase {
            self.state = next(self.state, event, self.at(ms), self.settings);
            self.state.phase
        }

        /// Asks for a call that takes 500 ms at the most; its era when it is let through.
        fn ask(&mut self, ms: u64) -> Option<u64> {
            let passes = rest(self.state, self.at(ms)).is_none();
            let (before, ends) = (self.state, self.at(ms + 500));
            self.tell(ms, BreakerEvent::Asked { ends });
            assert!(passes || self.state == before, "who is refused changes nothing");
            passes.then_some(self.state.era)
        }

        fn fail(&mut self, ms: u64) -> BreakerPhase {
            let era = self.ask(ms).unwrap();
            self.tell(ms, BreakerEvent::Failed { era })
        }

        /// One that failed three times, at 0 ms.
        fn open() -> Self {
            let mut machine = Self::new(SETTINGS);
            for _ in 0..3 {
                machine.fail(0);
            }
            assert_eq!(machine.state.phase, BreakerPhase::Open { until: machine.at(1000) });
            machine
        }
    }

    #[test]
    fn so_many_failures_one_after_the_other_open_it() {
        let mut machine = Machine::new(SETTINGS);
        assert_eq!(machine.fail(1), BreakerPhase::Closed { failed: 1 });
        assert_eq!(machine.fail(2), BreakerPhase::Closed { failed: 2 });
        let era = machine.ask(3).unwrap();
        assert_eq!(machine.tell(4, BreakerEvent::Left { era }), BreakerPhase::Closed { failed: 2 });
        assert_eq!(machine.tell(5, BreakerEvent::Answered { era }), BreakerPhase::Closed { failed: 0 });
        assert_eq!(machine.fail(6), BreakerPhase::Closed { failed: 1 });
        assert_eq!(machine.fail(7), BreakerPhase::Closed { failed: 2 });
        assert_eq!(machine.fail(8), BreakerPhase::Open { until: machine.at(1008) });
        let mut never = Machine::new(BreakerSettings { failures: 0, ..SETTINGS });
        for n in 1..100 {
            assert_eq!(never.fail(n.into()), BreakerPhase::Closed { failed: n });
        }
    }

    #[test]
    fn one_is_let_through_when_the_rest_is_over() {
        let mut machine = Machine::open();
        assert_eq!((machine.ask(1), machine.ask(999)), (None, None));
        assert_eq!(rest(machine.state, machine.at(400)), Some(Duration::from_millis(600)));
        let trial = machine.ask(1000).unwrap();
        assert_eq!(machine.state.phase, BreakerPhase::HalfOpen { until: machine.at(1500) });
        assert_eq!((machine.ask(1001), machine.ask(1499)), (None, None));
        assert_eq!(
            machine.tell(1100, BreakerEvent::Answered { era: trial }),
            BreakerPhase::Closed { failed: 0 }
        );
        assert_eq!(
            machine.fail(1101),
            BreakerPhase::Closed { failed: 1 },
            "the count starts again from zero"
        );
    }

    #[test]
    fn a_trial_that_fails_opens_it_again() {
        let mut machine = Machine::open();
        let trial = machine.ask(1234).unwrap();
        assert_eq!(
            machine.tell(1300, BreakerEvent::Failed { era: trial }),
            BreakerPhase::Open { until: machine.at(2300) }
        );
        assert_eq!(machine.ask(2299), None);
        assert!(machine.ask(2300).is_some());
    }

    #[test]
    fn a_trial_that_is_left_or_vanishes_makes_room_for_the_next() {
        let mut machine = Machine::open();
        let trial = machine.ask(1000).unwrap();
        assert_eq!(
            machine.tell(1010, BreakerEvent::Left { era: trial }),
            BreakerPhase::Open { until: machine.at(1010) }
        );
        let second = machine.ask(1010).unwrap();
        assert_eq!(machine.ask(1509), None);
        // The second reports nothing.
        let third = machine.ask(1510).unwrap();
        let half_open = machine.state.phase;
        assert_eq!(
            machine.tell(1511, BreakerEvent::Failed { era: second }),
            half_open,
            "it is not its trial any more"
        );
        assert_eq!(
            machine.tell(1512, BreakerEvent::Answered { era: third }),
            BreakerPhase::Closed { failed: 0 }
        );
    }

    #[test]
    fn an_answer_from_before_it_opened_does_not_count() {
        let mut machine = Machine::new(SETTINGS);
        let old = machine.ask(0).unwrap();
        for _ in 0..3 {
            machine.fail(0);
        }
        let open = machine.state.phase;
        assert_eq!(machine.tell(1, BreakerEvent::Answered { era: old }), open);
        let trial = machine.ask(1000).unwrap();
        let half_open = machine.state.phase;
        for event in [
            BreakerEvent::Answered { era: old },
            BreakerEvent::Failed { era: old },
            BreakerEvent::Left { era: old },
        ] {
            assert_eq!(machine.tell(1001, event), half_open);
        }
        machine.tell(1002, BreakerEvent::Answered { era: trial });
        assert_eq!(machine.tell(1003, BreakerEvent::Failed { era: old }), BreakerPhase::Closed { failed: 0 });
    }

    #[test]
    fn a_refused_call_learns_for_how_long_and_not_too_short() {
        let machine = Machine::open();
        let now = machine.at(1) - Duration::from_nanos(1);
        let refused = |now| refuse(machine.state, now).err();
        assert_eq!(refused(now), Some(LlmError::Resting { retry_after_ms: 1000 }));
        assert_eq!(refused(machine.at(1)), Some(LlmError::Resting { retry_after_ms: 999 }));
        assert_eq!(refused(machine.at(1000)), None);
    }
}
