//! Whether a server that fails is left alone: a state machine that knows no clock, and the one of a client.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::LlmError;
use super::settings::BreakerSettings;

/// How long after its deadline a trial that says nothing is waited for: one that is still polled has said it by then.
const VANISHED: Duration = Duration::from_secs(1);

/// Whether calls are let through to an LLM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// All of them.
    Closed,
    /// None, since too many failed one after the other. When `open_ms` are over it stays so until somebody calls.
    Open,
    /// One, which is under way; what comes of it decides.
    HalfOpen,
}

/// The state, with the number of times that it became another one. A call belongs to the number at which it was let through:
/// what comes of it later says nothing of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct State {
    era: u64,
    phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// So many calls failed one after the other.
    Closed { failed: u32 },
    /// Nobody is let through before that.
    Open { until: Instant },
    /// A trial is under way. After that it has vanished, and is not waited for.
    HalfOpen { until: Instant },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    /// Somebody wants to call, and has vanished if nothing is heard of it by then.
    Asked { ends: Instant },
    /// A call was answered.
    Answered { era: u64 },
    /// A call failed.
    Failed { era: u64 },
    /// Nobody waits for the call any more, so nothing is known of it.
    Left { era: u64 },
}

const CLOSED: State = State { era: 0, phase: Phase::Closed { failed: 0 } };

/// What becomes of a state.
fn next(state: State, event: Event, now: Instant, settings: BreakerSettings) -> State {
    let to = |phase| State { era: state.era + 1, phase };
    let open = Phase::Open { until: now + Duration::from_millis(settings.open_ms) };
    match (state.phase, event) {
        (Phase::Closed { .. }, Event::Asked { .. }) => state,
        (Phase::Open { .. } | Phase::HalfOpen { .. }, Event::Asked { ends }) => {
            if rest(state, now).is_none() { to(Phase::HalfOpen { until: ends }) } else { state }
        }
        (_, Event::Answered { era } | Event::Failed { era } | Event::Left { era }) if era != state.era => {
            state
        }
        (Phase::Closed { .. }, Event::Answered { .. }) => State { phase: CLOSED.phase, ..state },
        (Phase::Closed { failed }, Event::Failed { .. }) => {
            let failed = failed.saturating_add(1);
            let is_enough = settings.failures != 0 && failed >= settings.failures;
            if is_enough { to(open) } else { State { phase: Phase::Closed { failed }, ..state } }
        }
        (Phase::HalfOpen { .. }, Event::Answered { .. }) => to(CLOSED.phase),
        (Phase::HalfOpen { .. }, Event::Failed { .. }) => to(open),
        // The next one tries, and need not wait again.
        (Phase::HalfOpen { .. }, Event::Left { .. }) => to(Phase::Open { until: now }),
        // Whoever leaves says nothing, and no call is let through while it is open.
        (Phase::Closed { .. }, Event::Left { .. }) | (Phase::Open { .. }, _) => state,
    }
}

/// How long nobody is let through; none when a call is.
fn rest(state: State, now: Instant) -> Option<Duration> {
    match state.phase {
        Phase::Closed { .. } => None,
        Phase::Open { until } | Phase::HalfOpen { until } => {
            Some(until.saturating_duration_since(now)).filter(|rest| !rest.is_zero())
        }
    }
}

/// The breaker of one client.
pub(super) struct Breaker {
    settings: BreakerSettings,
    state: Mutex<State>,
}

impl Breaker {
    pub(super) fn new(settings: BreakerSettings) -> Self {
        Self { settings, state: Mutex::new(CLOSED) }
    }

    pub(super) fn state(&self) -> BreakerState {
        match self.lock().phase {
            Phase::Closed { .. } => BreakerState::Closed,
            Phase::Open { .. } => BreakerState::Open,
            Phase::HalfOpen { .. } => BreakerState::HalfOpen,
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
        *state = next(*state, Event::Asked { ends: deadline + VANISHED }, now, self.settings);
        Ok(Admitted { breaker: self, era: state.era, has_failed: None })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn refuse(state: State, now: Instant) -> Result<(), LlmError> {
    let Some(rest) = rest(state, now) else { return Ok(()) };
    // Rounded up: whoever comes back then is not too early.
    let retry_after_ms = rest.as_nanos().div_ceil(1_000_000).try_into().unwrap_or(u64::MAX);
    Err(LlmError::Resting { retry_after_ms })
}

/// A call that was let through. Dropped, it says that nobody waits for it any more.
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
            Some(true) => Event::Failed { era },
            Some(false) => Event::Answered { era },
            None => Event::Left { era },
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
        state: State,
        settings: BreakerSettings,
    }

    impl Machine {
        fn new(settings: BreakerSettings) -> Self {
            Self { start: Instant::now(), state: CLOSED, settings }
        }

        fn at(&self, ms: u64) -> Instant {
            self.start + Duration::from_millis(ms)
        }

        fn tell(&mut self, ms: u64, event: Event) -> Phase {
            self.state = next(self.state, event, self.at(ms), self.settings);
            self.state.phase
        }

        /// Asks for a call that takes 500 ms at the most; its era when it is let through.
        fn ask(&mut self, ms: u64) -> Option<u64> {
            let passes = rest(self.state, self.at(ms)).is_none();
            let (before, ends) = (self.state, self.at(ms + 500));
            self.tell(ms, Event::Asked { ends });
            assert!(passes || self.state == before, "who is refused changes nothing");
            passes.then_some(self.state.era)
        }

        fn fail(&mut self, ms: u64) -> Phase {
            let era = self.ask(ms).unwrap();
            self.tell(ms, Event::Failed { era })
        }

        /// One that failed three times, at 0 ms.
        fn open() -> Self {
            let mut machine = Self::new(SETTINGS);
            for _ in 0..3 {
                machine.fail(0);
            }
            assert_eq!(machine.state.phase, Phase::Open { until: machine.at(1000) });
            machine
        }
    }

    #[test]
    fn so_many_failures_one_after_the_other_open_it() {
        let mut machine = Machine::new(SETTINGS);
        assert_eq!(machine.fail(1), Phase::Closed { failed: 1 });
        assert_eq!(machine.fail(2), Phase::Closed { failed: 2 });
        let era = machine.ask(3).unwrap();
        assert_eq!(machine.tell(4, Event::Left { era }), Phase::Closed { failed: 2 });
        assert_eq!(machine.tell(5, Event::Answered { era }), Phase::Closed { failed: 0 });
        assert_eq!(machine.fail(6), Phase::Closed { failed: 1 });
        assert_eq!(machine.fail(7), Phase::Closed { failed: 2 });
        assert_eq!(machine.fail(8), Phase::Open { until: machine.at(1008) });
        let mut never = Machine::new(BreakerSettings { failures: 0, ..SETTINGS });
        for n in 1..100 {
            assert_eq!(never.fail(n.into()), Phase::Closed { failed: n });
        }
    }

    #[test]
    fn one_is_let_through_when_the_rest_is_over() {
        let mut machine = Machine::open();
        assert_eq!((machine.ask(1), machine.ask(999)), (None, None));
        assert_eq!(rest(machine.state, machine.at(400)), Some(Duration::from_millis(600)));
        let trial = machine.ask(1000).unwrap();
        assert_eq!(machine.state.phase, Phase::HalfOpen { until: machine.at(1500) });
        assert_eq!((machine.ask(1001), machine.ask(1499)), (None, None));
        assert_eq!(machine.tell(1100, Event::Answered { era: trial }), Phase::Closed { failed: 0 });
        assert_eq!(machine.fail(1101), Phase::Closed { failed: 1 }, "the count starts again from zero");
    }

    #[test]
    fn a_trial_that_fails_opens_it_again() {
        let mut machine = Machine::open();
        let trial = machine.ask(1234).unwrap();
        assert_eq!(machine.tell(1300, Event::Failed { era: trial }), Phase::Open { until: machine.at(2300) });
        assert_eq!(machine.ask(2299), None);
        assert!(machine.ask(2300).is_some());
    }

    #[test]
    fn a_trial_that_is_left_or_vanishes_makes_room_for_the_next() {
        let mut machine = Machine::open();
        let trial = machine.ask(1000).unwrap();
        assert_eq!(machine.tell(1010, Event::Left { era: trial }), Phase::Open { until: machine.at(1010) });
        let second = machine.ask(1010).unwrap();
        assert_eq!(machine.ask(1509), None);
        // Of the second nothing is heard.
        let third = machine.ask(1510).unwrap();
        let half_open = machine.state.phase;
        assert_eq!(
            machine.tell(1511, Event::Failed { era: second }),
            half_open,
            "it is not its trial any more"
        );
        assert_eq!(machine.tell(1512, Event::Answered { era: third }), Phase::Closed { failed: 0 });
    }

    #[test]
    fn what_was_asked_before_it_opened_says_nothing_of_what_is_now() {
        let mut machine = Machine::new(SETTINGS);
        let old = machine.ask(0).unwrap();
        for _ in 0..3 {
            machine.fail(0);
        }
        let open = machine.state.phase;
        assert_eq!(machine.tell(1, Event::Answered { era: old }), open);
        let trial = machine.ask(1000).unwrap();
        let half_open = machine.state.phase;
        for event in [Event::Answered { era: old }, Event::Failed { era: old }, Event::Left { era: old }] {
            assert_eq!(machine.tell(1001, event), half_open);
        }
        machine.tell(1002, Event::Answered { era: trial });
        assert_eq!(machine.tell(1003, Event::Failed { era: old }), Phase::Closed { failed: 0 });
    }

    #[test]
    fn who_is_refused_is_told_for_how_long_and_not_too_short() {
        let machine = Machine::open();
        let now = machine.at(1) - Duration::from_nanos(1);
        let refused = |now| refuse(machine.state, now).err();
        assert_eq!(refused(now), Some(LlmError::Resting { retry_after_ms: 1000 }));
        assert_eq!(refused(machine.at(1)), Some(LlmError::Resting { retry_after_ms: 999 }));
        assert_eq!(refused(machine.at(1000)), None);
    }
}
