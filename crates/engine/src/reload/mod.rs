//! The pipeline that every change goes through: an edit, a hint followed, a start, a dry run, a way back.
//!
//! Each stage takes what the one before has made: what was read, a candidate, what is ready. One that does not go on answers
//! why. What is known of the reload by then goes along, for its event and for those who asked for it.

mod candidate;
mod commit;
mod event;
mod prepare;
mod read;

use std::sync::Arc;
use std::time::{Duration, Instant};

use midflight_core::{
    Appended, ComponentTime, Diff, Outcome, Phase, Plan, Pointer, Problem, Problems, ReloadEvent,
    RevisionNumber, Status, StatusEvent, Trigger,
};
use midflight_live::World;
use tokio_util::sync::CancellationToken;

use crate::beforehand::ValidBeforehand;
use crate::candidate::Maker;
use crate::core::{Core, free};
use crate::environment::Inputs;
use crate::load::{Aim, Base, Origins};
use crate::machine::Machine;
use crate::outcome::{Accepted, Extent, Refusal, Refused};
use crate::parts::Tried;
use crate::rehearsal::Rehearsal;
use crate::status::State;
use crate::workers::{Allowance, Workers};
use event::Before;
use prepare::Ready;

/// What a reload came to.
#[derive(Debug, Default)]
pub(crate) struct Ended {
    /// None for a dry run, for a rehearsal, and for one that has to begin again.
    pub(crate) event: Option<Arc<ReloadEvent>>,
    /// None for a dry run, and for one that has to begin again.
    pub(crate) outcome: Option<Outcome>,
    /// How long it computed, without the time in which the log was read; nothing for what has no outcome.
    pub(crate) took: Duration,
    pub(crate) refusal: Option<Refusal>,
    pub(crate) problems: Problems,
    /// The log moved under it: follow, and try again.
    pub(crate) moved: bool,
    pub(crate) trace: Trace,
}

/// What is known of a reload, as far as it came.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    /// For an edit, what it changes in the log.
    pub(crate) diff: Option<Diff>,
    pub(crate) plan: Option<Plan>,
    /// What became of each component that took part.
    pub(crate) components: Vec<ComponentTime>,
    pub(crate) base: Base,
    /// The revisions in quarantine that were tried along with it.
    pub(crate) retried: Vec<RevisionNumber>,
    /// Which revision wanted which document, to find the one to blame.
    pub(crate) origins: Origins,
    /// Whether stale kinds and components that are behind were brought in with it.
    pub(crate) with_besides: bool,
    /// What the log took of an edit.
    pub(crate) appended: Option<Appended>,
    /// The revision that an edit with the same key had become before.
    repeats: Option<RevisionNumber>,
    /// What was invalid of an edit that was made without it.
    left_out: Vec<Problem>,
}

/// What a stage made, and what is known by then.
struct Stage<T> {
    value: T,
    trace: Trace,
}

/// A stage that did not go on.
struct Stopped {
    reason: StopReason,
    trace: Box<Trace>,
}

enum StopReason {
    Invalid(Problems),
    Refused(Refusal),
    NothingToDo,
    /// The log has moved meanwhile.
    Moved,
}

impl From<Problems> for StopReason {
    fn from(problems: Problems) -> Self {
        Self::Invalid(problems)
    }
}

impl Trace {
    /// The end of a stage.
    fn end<T>(self, made: Result<T, StopReason>) -> Result<Stage<T>, Stopped> {
        match made {
            Ok(value) => Ok(Stage { value, trace: self }),
            Err(reason) => Err(Stopped { reason, trace: Box::new(self) }),
        }
    }
}

impl Ended {
    /// Whether what was tried does not compile, verify or prepare, rather than that it could not be tried.
    pub(crate) fn is_refused(&self) -> bool {
        self.outcome.is_some_and(is_refusal)
    }

    /// Whether what was wanted is served now.
    pub(crate) fn is_live(&self) -> bool {
        self.outcome.is_some_and(Outcome::is_live)
    }

    /// What the one who asked for an edit is answered.
    pub(crate) fn into_answer(self) -> Result<Accepted, Refused> {
        let Self { event, refusal, trace, .. } = self;
        let Trace { diff, plan, appended, repeats, left_out, .. } = trace;
        let diff = diff.unwrap_or_default();
        if let Some(refusal) = refusal {
            return Err(Refused { refusal, diff: Some(diff), event });
        }
        let (revision, documents) = appended.map(|appended| (appended.revision, appended.documents)).unzip();
        let documents = documents.unwrap_or_default();
        Ok(Accepted { revision, repeats, documents, diff, plan, event, left_out })
    }
}

/// Whether that outcome says that what was tried does not compile, verify or prepare.
pub(crate) fn is_refusal(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::ValidationFailed | Outcome::Rejected | Outcome::RolledBack)
}

/// What a reload is to end in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// A candidate that is dropped.
    DryRun,
    /// An edit that is live.
    Edit,
    /// What the log or the local copy holds is live.
    Follow,
}

/// One reload under way.
pub(crate) struct Reload<'a> {
    core: &'a Core,
    machine: Machine,
    purpose: Purpose,
    /// Whether the log is looked at because all that is there is to be served. Then what does not hang on a new revision is
    /// brought in too. A hint, a single revision and most edits are about what they bring, and are not held up by the rest.
    looks: bool,
    /// What it is tried on instead of what is served.
    rehearsal: Option<&'a mut Rehearsal>,
    /// Components that were prepared before.
    tried: Option<Tried>,
    /// Documents that were validated before.
    valid: Option<ValidBeforehand>,
    workers: &'a Workers,
    /// What it reads beside documents.
    inputs: Arc<Inputs>,
    /// Cancels it, short of the point of no return.
    stop: CancellationToken,
}

impl<'a> Reload<'a> {
    pub(crate) fn new(core: &'a Core, machine: Machine, aim: &Aim<'_>) -> Self {
        let looks = matches!(
            aim,
            Aim::Log { upto: None, .. }
                | Aim::Copy(_)
                | Aim::Everything
                | Aim::First(_)
                | Aim::At(_)
                | Aim::Rehearsed(_)
                | Aim::Edit { extent: Extent::Look, .. }
        );
        Self {
            core,
            looks: looks && machine.trigger != Trigger::Notify,
            machine,
            purpose: if matches!(aim, Aim::Edit { .. }) { Purpose::Edit } else { Purpose::Follow },
            rehearsal: None,
            tried: None,
            valid: None,
            workers: &core.workers,
            inputs: Arc::new(Inputs::new(Arc::clone(&core.environment))),
            stop: core.stop.clone(),
        }
    }

    /// One for which these components were prepared already.
    pub(crate) fn with_components(self, tried: Tried) -> Self {
        Self { tried: Some(tried), ..self }
    }

    /// One whose documents may have been validated already, of the same inputs.
    pub(crate) fn with_valid(self, valid: Option<ValidBeforehand>) -> Self {
        let inputs = valid.as_ref().map_or(self.inputs, |valid| Arc::clone(&valid.inputs));
        Self { valid, inputs, ..self }
    }

    /// One that ends short of the point of no return, and is kept in the rehearsal.
    pub(crate) fn on(self, rehearsal: Option<&'a mut Rehearsal>) -> Self {
        Self { looks: self.looks && rehearsal.is_none(), rehearsal, ..self }
    }

    /// One that ends short of the point of no return, on threads that are not those of reloads.
    pub(crate) fn dry_run(core: &'a Core, machine: Machine, aim: &Aim<'_>, stop: &CancellationToken) -> Self {
        let purpose = Purpose::DryRun;
        Self { purpose, stop: stop.clone(), ..Self::new(core, machine, aim).in_background() }
    }

    /// One on threads that are not those of the coordinator's reloads.
    pub(crate) fn in_background(self) -> Self {
        Self { workers: &self.core.background_workers, ..self }
    }

    /// The machine of one that has run.
    pub(crate) fn into_machine(self) -> Machine {
        self.machine
    }

    /// Leaves the event of one that ran as a rehearsal and is not served.
    pub(crate) fn tell(core: &Core, machine: Machine, state: &mut State, ended: &Ended) -> Arc<ReloadEvent> {
        let told = Reload::new(core, machine, &Aim::Everything);
        told.report(state, &told.before(state), ended)
    }

    fn before(&self, state: &State) -> Before {
        Before {
            served: self.served().revision(),
            log_was_unavailable: state.store_error.is_some() || state.diverged.is_some(),
        }
    }

    /// Goes through all stages. `state` is brought up to what came of it.
    pub(crate) async fn run(&mut self, state: &mut State, aim: Aim<'_>) -> Ended {
        let before = self.before(state);
        let live = match self.make_ready(state, aim).await {
            Ok(Stage { value: ready, trace }) if self.purpose == Purpose::DryRun => {
                // The next dry run may need the memory.
                free(ready.candidate).await;
                return Ended { trace, ..Ended::default() };
            }
            Ok(ready) if self.rehearsal.is_some() => return self.keep(state, ready),
            Ok(ready) => self.go_live(state, ready).await,
            Err(stopped) => Err(stopped),
        };
        let mut ended = match live {
            Ok(trace) => Ended { trace, ..Ended::default() },
            Err(stopped) => self.stopped(state, stopped),
        };
        if ended.moved || self.purpose == Purpose::DryRun {
            return ended;
        }
        ended.outcome = Some(self.machine.outcome());
        ended.took = self.machine.computed();
        if self.rehearsal.is_none() {
            ended.event = Some(self.report(state, &before, &ended));
        }
        ended
    }

    /// Everything short of the point of no return. Whatever fails here, dropping what was made is the whole undo.
    async fn make_ready(&mut self, state: &mut State, aim: Aim<'_>) -> Result<Stage<Ready>, Stopped> {
        let read = self.read(state, aim).await?;
        let candidate = self.make_candidate(state, read).await?;
        self.prepare(candidate).await
    }

    /// What comes of a stage that did not go on.
    fn stopped(&mut self, state: &mut State, stopped: Stopped) -> Ended {
        let Stopped { reason, trace } = stopped;
        let mut ended = Ended { trace: *trace, ..Ended::default() };
        match reason {
            StopReason::Moved => ended.moved = true,
            StopReason::NothingToDo => {
                // Whoever was asked and has nothing to do is in step.
                state.followed(&ended.trace.components);
                self.machine.step(StatusEvent::NothingToDo);
            }
            StopReason::Refused(refusal) => {
                let problem = Problem::new("refused", Pointer::root(), refusal.to_string());
                ended.problems = self.core.redacted(&problem.into());
                // What an edit is conditional on was read, and does not hold: that is no failure to read.
                let is_unread = matches!(refusal, Refusal::Store(_) | Refusal::LogDiverged(_));
                if self.machine.phase() == Some(Phase::Load) && !is_unread {
                    self.machine.step(StatusEvent::Finished);
                }
                ended.refusal = Some(refusal);
                self.machine.step(StatusEvent::Failed);
            }
            StopReason::Invalid(problems) => {
                let problems = self.core.redacted(&problems);
                if let Status::Running(phase) = self.machine.status() {
                    let cancelled = self.stop.is_cancelled() && phase < Phase::Append;
                    self.machine.step(if cancelled { StatusEvent::Cancelled } else { StatusEvent::Failed });
                }
                let left_out = std::mem::take(&mut ended.trace.left_out);
                ended.refusal = Some(self.refusal(candidate::all(left_out, problems.clone())));
                ended.problems = problems;
            }
        }
        ended
    }

    fn refusal(&self, problems: Problems) -> Refusal {
        match self.machine.outcome() {
            Outcome::Cancelled => Refusal::Stopping,
            Outcome::RolledBack | Outcome::Stuck => Refusal::RolledBack(problems),
            Outcome::Rejected => Refusal::Rejected(problems),
            _ => Refusal::Invalid(problems),
        }
    }

    /// What it starts from.
    fn served(&self) -> Arc<World> {
        match &self.rehearsal {
            Some(rehearsal) => Arc::clone(&rehearsal.world),
            None => self.core.cell.world(),
        }
    }

    /// Keeps what is ready in the rehearsal.
    fn keep(&mut self, state: &mut State, ready: Stage<Ready>) -> Ended {
        let Stage { value: Ready { candidate, .. }, trace } = ready;
        state.position = state.position.max(candidate.position);
        state.quarantine = candidate.quarantine;
        if let Some(rehearsal) = &mut self.rehearsal {
            rehearsal.keep(candidate.world, candidate.says, trace.base, &self.machine);
        }
        let (outcome, took) = (Some(Outcome::Success), self.machine.computed());
        Ended { outcome, took, trace, ..Ended::default() }
    }

    /// When everything short of the point of no return has to be done.
    fn deadline(&self) -> Instant {
        (self.machine.resumed + self.core.limits.reload_max()).into_std()
    }

    /// What makes candidates, until the deadline.
    fn maker(&self) -> Maker<'a> {
        let (core, workers) = (self.core, self.workers);
        Maker { registry: &core.registry, workers, limits: &core.limits, allowance: self.allowance() }
    }

    fn allowance(&self) -> Allowance {
        Allowance {
            deadline: self.deadline(),
            bytes_max: self.core.limits.compile_bytes_max,
            inputs: Arc::clone(&self.inputs),
            stop: self.stop.clone(),
        }
    }

    /// Whether components that are behind are tried too. What nobody asked for leaves that to the retries beside the reloads.
    fn tries_behind(&self) -> bool {
        self.looks && self.machine.trigger != Trigger::Periodic
    }

    /// Ends the running phase and begins `phase`.
    fn next_phase(&mut self, phase: Phase) -> Result<(), Problems> {
        if self.stop.is_cancelled() {
            return Err(crate::Interrupted::Cancelled.into());
        }
        self.machine.step(StatusEvent::Finished);
        debug_assert_eq!(self.machine.phase(), Some(phase), "the pipeline and the phase machine agree");
        self.core.faults.at(phase)
    }
}
