//! A reload under way: where it is, how long each phase took, and what it leaves behind.

use std::time::Duration;

use jiff::Timestamp;
use midflight_core::{
    Outcome, Phase, PhaseTime, ReloadStatus, RevisionNumber, StatusEvent, Trigger, next_status,
};
use tokio::time::Instant;
use tracing::field::Empty;
use tracing::{Span, debug_span};

/// Follows one reload through its phases. Every step goes through [`next_status`]; there is no other way to move.
#[derive(Debug)]
pub(crate) struct PhaseTracker {
    pub(crate) trigger: Trigger,
    pub(crate) triggered_by: String,
    pub(crate) started_at: Timestamp,
    /// When the first of it began, which may be done before: see [`PhaseTracker::after`].
    pub(crate) started: Instant,
    /// When this machine began.
    pub(crate) resumed: Instant,
    status: ReloadStatus,
    phase_started: Instant,
    phases: Vec<PhaseTime>,
    span: Span,
    /// That of the phase that runs, a child of `span`.
    phase_span: Span,
}

impl PhaseTracker {
    pub(crate) fn new(trigger: Trigger, triggered_by: String, now: Timestamp) -> Self {
        let started = Instant::now();
        Self {
            trigger,
            triggered_by,
            started_at: now,
            started,
            resumed: started,
            status: ReloadStatus::Running(Phase::Load),
            phase_started: started,
            phases: Vec::with_capacity(Phase::ALL.len()),
            span: Span::none(),
            phase_span: Span::none(),
        }
    }

    /// Begins the span of the reload, in that of the one who asks for it, and that of the phase that runs.
    ///
    /// They are spans of the level debug, so that lines of the usual levels are not longer by them.
    pub(crate) fn begin_span(&mut self, name: &'static str) {
        self.span = debug_span!(
            "reload",
            otel.name = name,
            otel.status_code = Empty,
            trigger = self.trigger.as_str(),
            by = self.triggered_by,
            outcome = Empty,
            revision = Empty
        );
        self.begin_phase_span();
    }

    fn begin_phase_span(&mut self) {
        self.phase_span = Span::none();
        let Some(phase) = self.phase().filter(|_| !self.span.is_disabled()) else { return };
        let name = match self.status {
            ReloadStatus::RollingBack(_) => "roll back",
            _ => phase.as_str(),
        };
        self.phase_span = debug_span!(parent: &self.span, "phase", otel.name = name);
    }

    /// Ends the spans: with an outcome, unless there is none, and the revision that is served.
    pub(crate) fn end_span(&mut self, outcome: Option<Outcome>, served: RevisionNumber) {
        self.phase_span = Span::none();
        let span = std::mem::replace(&mut self.span, Span::none());
        span.record("revision", served.get());
        if let Some(outcome) = outcome {
            span.record("outcome", outcome.as_str());
            if !outcome.is_live() {
                span.record("otel.status_code", "ERROR");
            }
        }
    }

    /// One with the time of the earlier phases, too.
    pub(crate) fn after(self, earlier: &PriorPhases) -> Self {
        let PriorPhases { started_at, started, phases } = earlier.clone();
        Self { started_at, started, phases, ..self }
    }

    pub(crate) fn status(&self) -> ReloadStatus {
        self.status
    }

    pub(crate) fn phases(&self) -> &[PhaseTime] {
        &self.phases
    }

    /// How long this replica has computed: all phases that have ended, but for reading the log.
    pub(crate) fn computed(&self) -> Duration {
        self.phases.iter().filter(|time| time.phase != Phase::Load).map(|time| time.took).sum()
    }

    /// Continues after `event`, keeping the time of the phase that it ends.
    pub(crate) fn step(&mut self, event: StatusEvent) -> ReloadStatus {
        let next = next_status(self.status, event);
        if let (ReloadStatus::Running(phase), true) = (self.status, next != self.status) {
            let now = Instant::now();
            add(&mut self.phases, &PhaseTime { phase: phase.into(), took: now - self.phase_started });
            self.phase_started = now;
        }
        let is_other = next != self.status;
        self.status = next;
        if is_other {
            self.begin_phase_span();
        }
        next
    }

    /// The phase that runs.
    pub(crate) fn phase(&self) -> Option<Phase> {
        match self.status {
            ReloadStatus::Running(phase) | ReloadStatus::RollingBack(phase) => Some(phase),
            ReloadStatus::Done(_) => None,
        }
    }

    /// How it ended; stuck when it is asked before its end, which a reported reload never is.
    pub(crate) fn outcome(&self) -> Outcome {
        match self.status {
            ReloadStatus::Done(outcome) => outcome,
            ReloadStatus::Running(_) | ReloadStatus::RollingBack(_) => Outcome::Stuck,
        }
    }
}

/// What was done of a reload before it is served.
#[derive(Debug, Clone)]
pub(crate) struct PriorPhases {
    started_at: Timestamp,
    started: Instant,
    phases: Vec<PhaseTime>,
}

impl PriorPhases {
    /// What a machine has done.
    pub(crate) fn of(machine: &PhaseTracker) -> Self {
        let PhaseTracker { started_at, started, phases, .. } = machine;
        Self { started_at: *started_at, started: *started, phases: phases.clone() }
    }

    /// Adds what another has done.
    pub(crate) fn add(&mut self, machine: &PhaseTracker) {
        machine.phases.iter().for_each(|time| add(&mut self.phases, time));
    }
}

fn add(phases: &mut Vec<PhaseTime>, time: &PhaseTime) {
    match phases.iter_mut().find(|known| known.phase == time.phase) {
        Some(known) => known.took += time.took,
        None => phases.push(*time),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_phase_that_ends_has_its_time() {
        let mut machine = PhaseTracker::new(Trigger::Manual, "me".into(), Timestamp::UNIX_EPOCH);
        machine.step(StatusEvent::Finished);
        machine.step(StatusEvent::Finished);
        machine.step(StatusEvent::NothingToDo);
        machine.step(StatusEvent::Failed);
        let phases: Vec<_> = machine.phases().iter().map(|time| time.phase).collect();
        assert_eq!(phases, [Phase::Load, Phase::Validate, Phase::Diff]);
        assert_eq!(machine.outcome(), Outcome::Unchanged);
    }

    #[test]
    fn prior_phases_are_reported_once() {
        let made = |events: usize| {
            let mut machine = PhaseTracker::new(Trigger::Manual, "me".into(), Timestamp::UNIX_EPOCH);
            for _ in 0..events {
                machine.step(StatusEvent::Finished);
            }
            machine
        };
        let mut earlier = PriorPhases::of(&made(3));
        earlier.add(&made(4));
        let machine = made(0).after(&earlier);
        let phases: Vec<_> = machine.phases().iter().map(|time| time.phase).collect();
        assert_eq!(phases, [Phase::Load, Phase::Validate, Phase::Diff, Phase::Compile]);
        assert_eq!((machine.phase(), machine.started), (Some(Phase::Load), earlier.started));
    }
}
