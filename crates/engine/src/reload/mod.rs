//! The pipeline that every change goes through: an edit, a hint followed, a start, a dry run, a way back.
//!
//! Each stage takes what the one before has made: what was read, a candidate, what is ready. One that stops answers
//! why. What is known of the reload by then goes along, for its event and for those who asked for it.

mod candidate;
mod commit;
mod event;
mod prepare;
mod read;

use std::sync::Arc;
use std::time::{Duration, Instant};

use midflight_core::{
    Appended, ComponentTime, Diff, JsonPointer, Outcome, Phase, Plan, Problem, Problems, ReloadEvent,
    ReloadStatus, RevisionNumber, StatusEvent, Trigger,
};
use midflight_live::World;
use tokio_util::sync::CancellationToken;

use crate::beforehand::ValidBeforehand;
use crate::candidate::CandidateBuilder;
use crate::core::{Core, free};
use crate::environment::EnvironmentInputs;
use crate::load::{BaseDocuments, DocumentOrigins, ReloadTarget};
use crate::outcome::{AcceptedEdit, AppliedExtent, Refusal, Refused};
use crate::parts::PrepareResult;
use crate::phase_tracker::PhaseTracker;
use crate::rehearsal::Rehearsal;
use crate::status::CoordinatorState;
use crate::workers::{Allowance, Workers};
use event::StateBefore;
use prepare::PreparedReload;

/// The result of a reload.
#[derive(Debug, Default)]
pub(crate) struct ReloadResult {
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
    pub(crate) trace: ReloadTrace,
}

/// What is known of a reload, as far as it came.
#[derive(Debug, Default)]
pub(crate) struct ReloadTrace {
    /// For an edit, what it changes in the log.
    pub(crate) diff: Option<Diff>,
    pub(crate) plan: Option<Plan>,
    /// The state of each component that took part.
    pub(crate) components: Vec<ComponentTime>,
    pub(crate) base: BaseDocuments,
    /// The revisions in quarantine that were tried along with it.
    pub(crate) retried: Vec<RevisionNumber>,
    /// Which revision wanted which document, to find the one to blame.
    pub(crate) origins: DocumentOrigins,
    /// Whether stale kinds and components that are behind were brought in with it.
    pub(crate) with_extra_work: bool,
    /// What the log took of an edit.
    pub(crate) appended: Option<Appended>,
    /// The revision that an edit with the same key had become before.
    repeats: Option<RevisionNumber>,
    /// What was invalid of an edit that was made without it.
    left_out: Vec<Problem>,
}

/// What a stage made, and what is known by then.
struct StageResult<T> {
    value: T,
    trace: ReloadTrace,
}

/// A stage that stopped.
struct StoppedStage {
    reason: StopReason,
    trace: Box<ReloadTrace>,
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

impl ReloadTrace {
    /// The end of a stage.
    fn end<T>(self, made: Result<T, StopReason>) -> Result<StageResult<T>, StoppedStage> {
        match made {
            Ok(value) => Ok(StageResult { value, trace: self }),
            Err(reason) => Err(StoppedStage { reason, trace: Box::new(self) }),
        }
    }
}

impl ReloadResult {
    /// Whether what was tried does not compile, verify or prepare, rather than that it could not be tried.
    pub(crate) fn is_refused(&self) -> bool {
        self.outcome.is_some_and(is_refusal)
    }

    /// Whether what was wanted is served now.
    pub(crate) fn is_live(&self) -> bool {
        self.outcome.is_some_and(Outcome::is_live)
    }

    /// What the one who asked for an edit is answered.
    pub(crate) fn into_answer(self) -> Result<AcceptedEdit, Refused> {
        let Self { event, refusal, trace, .. } = self;
        let ReloadTrace { diff, plan, appended, repeats, left_out, .. } = trace;
        let diff = diff.unwrap_or_default();
        if let Some(refusal) = refusal {
            return Err(Refused { refusal, diff: Some(diff), event });
        }
        let (revision, documents) = appended.map(|appended| (appended.revision, appended.documents)).unzip();
        let documents = documents.unwrap_or_default();
        Ok(AcceptedEdit { revision, repeats, documents, diff, plan, event, left_out })
    }
}

/// Whether that outcome means that what was tried does not compile, verify or prepare.
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
    machine: PhaseTracker,
    purpose: Purpose,
    /// Whether the log is looked at because all that is there is to be served. Then what does not depend on a new
    /// revision is brought in too. A hint, a single revision and most edits are about what they bring, and are not held
    /// up by the rest.
    looks: bool,
    /// What it is tried on instead of what is served.
    rehearsal: Option<&'a mut Rehearsal>,
    /// Components that were prepared before.
    tried: Option<PrepareResult>,
    /// Documents that were validated before.
    valid: Option<ValidBeforehand>,
    workers: &'a Workers,
    /// What it reads beside documents.
    inputs: Arc<EnvironmentInputs>,
    /// Cancels it, short of the point of no return.
    stop: CancellationToken,
}

impl<'a> Reload<'a> {
    pub(crate) fn new(core: &'a Core, machine: PhaseTracker, target: &ReloadTarget<'_>) -> Self {
        let looks = matches!(
            target,
            ReloadTarget::Log { upto: None, .. }
                | ReloadTarget::Copy(_)
                | ReloadTarget::Everything
                | ReloadTarget::First(_)
                | ReloadTarget::At(_)
                | ReloadTarget::Rehearsed(_)
                | ReloadTarget::Edit { extent: AppliedExtent::Look, .. }
        );
        Self {
            core,
            looks: looks && machine.trigger != Trigger::Notify,
            machine,
            purpose: if matches!(target, ReloadTarget::Edit { .. }) {
                Purpose::Edit
            } else {
                Purpose::Follow
            },
            rehearsal: None,
            tried: None,
            valid: None,
            workers: &core.workers,
            inputs: Arc::new(EnvironmentInputs::new(Arc::clone(&core.environment))),
            stop: core.stop.clone(),
        }
    }

    /// One for which these components were prepared already.
    pub(crate) fn with_components(self, tried: PrepareResult) -> Self {
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
    pub(crate) fn dry_run(
        core: &'a Core,
        machine: PhaseTracker,
        target: &ReloadTarget<'_>,
        stop: &CancellationToken,
    ) -> Self {
        let purpose = Purpose::DryRun;
        Self { purpose, stop: stop.clone(), ..Self::new(core, machine, target).in_background() }
    }

    /// One on threads that are not those of the coordinator's reloads.
    pub(crate) fn in_background(self) -> Self {
        Self { workers: &self.core.background_workers, ..self }
    }

    /// The machine of one that has run.
    pub(crate) fn into_machine(self) -> PhaseTracker {
        self.machine
    }

    /// Leaves the event of one that ran as a rehearsal and is not served.
    pub(crate) fn tell(
        core: &Core,
        machine: PhaseTracker,
        state: &mut CoordinatorState,
        ended: &ReloadResult,
    ) -> Arc<ReloadEvent> {
        let message = Reload::new(core, machine, &ReloadTarget::Everything);
        message.report(state, &message.before(state), ended)
    }

    fn before(&self, state: &CoordinatorState) -> StateBefore {
        StateBefore {
            served: self.served().revision(),
            log_was_unavailable: state.store_error.is_some() || state.diverged.is_some(),
        }
    }

    /// Goes through all stages, in a span. `state` is updated with the result.
    pub(crate) async fn run(
        &mut self,
        state: &mut CoordinatorState,
        target: ReloadTarget<'_>,
    ) -> ReloadResult {
        self.machine.begin_span(match (self.purpose, &self.rehearsal) {
            (Purpose::DryRun, _) => "dry run",
            (_, Some(_)) => "rehearsal",
            (Purpose::Edit, None) => "edit",
            (Purpose::Follow, None) => "reload",
        });
        let ended = self.run_stages(state, target).await;
        self.machine.end_span(ended.outcome, self.core.cell.world().revision());
        ended
    }

    async fn run_stages(&mut self, state: &mut CoordinatorState, target: ReloadTarget<'_>) -> ReloadResult {
        let before = self.before(state);
        let live = match self.make_ready(state, target).await {
            Ok(StageResult { value: ready, trace }) if self.purpose == Purpose::DryRun => {
                // The next dry run may need the memory.
                free(ready.candidate).await;
                return ReloadResult { trace, ..ReloadResult::default() };
            }
            Ok(ready) if self.rehearsal.is_some() => return self.keep(state, ready),
            Ok(ready) => self.go_live(state, ready).await,
            Err(stopped) => Err(stopped),
        };
        let mut ended = match live {
            Ok(trace) => ReloadResult { trace, ..ReloadResult::default() },
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
    async fn make_ready(
        &mut self,
        state: &mut CoordinatorState,
        target: ReloadTarget<'_>,
    ) -> Result<StageResult<PreparedReload>, StoppedStage> {
        let read = self.read(state, target).await?;
        let candidate = self.make_candidate(state, read).await?;
        self.prepare(candidate).await
    }

    /// The result of a stage that stopped.
    fn stopped(&mut self, state: &mut CoordinatorState, stopped: StoppedStage) -> ReloadResult {
        let StoppedStage { reason, trace } = stopped;
        let mut ended = ReloadResult { trace: *trace, ..ReloadResult::default() };
        match reason {
            StopReason::Moved => ended.moved = true,
            StopReason::NothingToDo => {
                // A component that was asked and has nothing to do is in step.
                state.followed(&ended.trace.components);
                self.machine.step(StatusEvent::NothingToDo);
            }
            StopReason::Refused(refusal) => {
                let problem = Problem::new("refused", JsonPointer::root(), refusal.to_string());
                ended.problems = self.core.redacted(&problem.into());
                // What an edit is conditional on was read, and is not met: that is not a failure to read.
                let is_unread = matches!(refusal, Refusal::Store(_) | Refusal::LogDiverged(_));
                if self.machine.phase() == Some(Phase::Load) && !is_unread {
                    self.machine.step(StatusEvent::Finished);
                }
                ended.refusal = Some(refusal);
                self.machine.step(StatusEvent::Failed);
            }
            StopReason::Invalid(problems) => {
                let problems = self.core.redacted(&problems);
                if let ReloadStatus::Running(phase) = self.machine.status() {
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
    fn keep(&mut self, state: &mut CoordinatorState, ready: StageResult<PreparedReload>) -> ReloadResult {
        let StageResult { value: PreparedReload { candidate, .. }, trace } = ready;
        state.position = state.position.max(candidate.position);
        state.quarantine = candidate.quarantine;
        if let Some(rehearsal) = &mut self.rehearsal {
            rehearsal.keep(candidate.world, candidate.stored, trace.base, &self.machine);
        }
        let (outcome, took) = (Some(Outcome::Success), self.machine.computed());
        ReloadResult { outcome, took, trace, ..ReloadResult::default() }
    }

    /// When everything short of the point of no return has to be done.
    fn deadline(&self) -> Instant {
        (self.machine.resumed + self.core.limits.reload_max()).into_std()
    }

    /// What makes candidates, until the deadline.
    fn maker(&self) -> CandidateBuilder<'a> {
        let (core, workers) = (self.core, self.workers);
        CandidateBuilder {
            registry: &core.registry,
            workers,
            limits: &core.limits,
            allowance: self.allowance(),
        }
    }

    fn allowance(&self) -> Allowance {
        Allowance {
            deadline: self.deadline(),
            bytes_max: self.core.limits.compile_bytes_max,
            inputs: Arc::clone(&self.inputs),
            stop: self.stop.clone(),
        }
    }

    /// Whether components that are behind are tried too. What was not requested is left to the retries beside the
    /// reloads.
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
