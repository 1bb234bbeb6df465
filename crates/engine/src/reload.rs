//! The road that every change takes: an edit, a hint followed, a start, a dry run, a way back.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use midflight_core::{
    Appended, ComponentState, ComponentTime, Diff, DocumentId, Effect, KindName, Outcome, Phase, Plan,
    Planned, Pointer, Problem, Problems, ReloadEvent, RevisionNumber, Status, StatusEvent, Step, Trigger,
};
use midflight_live::World;
use midflight_store::{AppendError, NewRevision};
use tokio_util::sync::CancellationToken;

use crate::Work;
use crate::candidate::{Maker, Valid};
use crate::core::Core;
use crate::ground::Ground;
use crate::history::ReloadReport;
use crate::keeper::Says;
use crate::load::{Aim, LoadError, Loaded, Origins, load};
use crate::machine::Machine;
use crate::outcome::{Accepted, Refusal, Refused};
use crate::parts::{self, CommittedParts, PreparedParts, Tried};
use crate::planner::{Planning, Target, plan};
use crate::rehearsal::Rehearsal;
use crate::status::{LastRefused, State};
use crate::workers::{Allowance, Workers};

/// How long a stop waits for the log to answer whether it took an edit.
const APPEND_GRACE: Duration = Duration::from_millis(50);

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
    /// The log moved under it: follow, and try again.
    pub(crate) moved: bool,
    /// The revision that an edit with the same key had become before.
    repeats: Option<RevisionNumber>,
    pub(crate) appended: Option<Appended>,
    pub(crate) diff: Option<Diff>,
    pub(crate) plan: Option<Plan>,
    /// What every document says that was compiled, for this replica's own copy.
    pub(crate) says: Vec<Says>,
    /// What became of each component that took part.
    pub(crate) components: Vec<ComponentTime>,
    /// Whether that is everything there is, not only what changed.
    pub(crate) anew: bool,
    /// Whether it is what this replica had kept.
    is_copy: bool,
    /// Whether what is in quarantine stays there: it was decided before.
    keeps_quarantine: bool,
    /// Whether stale kinds and components that are behind were brought in with it.
    pub(crate) with_besides: bool,
    /// The revisions in quarantine that were tried along with it.
    pub(crate) retried: Vec<RevisionNumber>,
    /// What the checks of the local copy found, which is served all the same.
    failed_checks: Problems,
    /// Which revision wanted which document, to find the one to blame.
    pub(crate) origins: Origins,
    pub(crate) problems: Problems,
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
        let diff = self.diff.unwrap_or_default();
        if let Some(refusal) = self.refusal {
            return Err(Refused { refusal, diff: Some(diff), event: self.event });
        }
        let (revision, documents) =
            self.appended.map(|appended| (appended.revision, appended.documents)).unzip();
        let documents = documents.unwrap_or_default();
        Ok(Accepted { revision, repeats: self.repeats, documents, diff, plan: self.plan, event: self.event })
    }
}

/// Whether that outcome says that what was tried does not compile, verify or prepare.
pub(crate) fn is_refusal(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::ValidationFailed | Outcome::Rejected | Outcome::RolledBack)
}

/// What is ready to go live: everything short of the point of no return.
struct Ready {
    plan: Plan,
    /// How far in the log it is.
    position: RevisionNumber,
    world: Arc<World>,
    parts: PreparedParts,
    edit: Option<midflight_core::Edit>,
}

/// What a plan has to bring in beside documents.
#[derive(Clone, Copy)]
struct Besides<'a> {
    behind: &'a BTreeSet<String>,
    stale: &'a [KindName],
}

/// One reload under way.
pub(crate) struct Reload<'a> {
    core: &'a Core,
    machine: Machine,
    dry_run: bool,
    is_edit: bool,
    /// Whether the log is looked at because all that is there is to be served. Then what does not hang on a new revision is
    /// brought in too. An edit, a hint and a single revision are about what they bring, and are not held up by the rest.
    looks: bool,
    /// What it is tried on instead of what is served.
    rehearsal: Option<&'a mut Rehearsal>,
    /// Components that were prepared before.
    tried: Option<Tried>,
    workers: &'a Workers,
    /// Cancels it, short of the point of no return.
    stop: CancellationToken,
}

/// A phase failed, or there is nothing to do.
enum Halt {
    Failed(Problems),
    Refused(Refusal),
    NothingToDo,
    Moved,
}

impl From<Problems> for Halt {
    fn from(problems: Problems) -> Self {
        Self::Failed(problems)
    }
}

impl<'a> Reload<'a> {
    pub(crate) fn new(core: &'a Core, machine: Machine, aim: &Aim<'_>) -> Self {
        let looks = matches!(aim, Aim::Log { upto: None, .. } | Aim::Copy(_) | Aim::Everything | Aim::At(_));
        Self {
            core,
            looks: looks && machine.trigger != Trigger::Notify,
            machine,
            dry_run: false,
            is_edit: matches!(aim, Aim::Edit(_)),
            rehearsal: None,
            tried: None,
            workers: &core.workers,
            stop: core.stop.clone(),
        }
    }

    /// One for which these components were prepared already.
    pub(crate) fn with_components(self, tried: Tried) -> Self {
        Self { tried: Some(tried), ..self }
    }

    /// One that ends short of the point of no return, and is kept in the rehearsal.
    pub(crate) fn on(self, rehearsal: Option<&'a mut Rehearsal>) -> Self {
        Self { looks: self.looks && rehearsal.is_none(), rehearsal, ..self }
    }

    /// One that ends short of the point of no return, on threads that are not those of reloads.
    pub(crate) fn dry_run(core: &'a Core, machine: Machine, aim: &Aim<'_>, stop: &CancellationToken) -> Self {
        let workers = &core.dry_run_workers;
        Self { dry_run: true, workers, stop: stop.clone(), ..Self::new(core, machine, aim) }
    }

    /// Goes the whole road. `state` is brought up to what came of it.
    pub(crate) async fn run(mut self, state: &mut State, aim: Aim<'_>) -> Ended {
        let mut ended = Ended::default();
        let from = self.served().revision();
        let was_away = state.store_error.is_some() || state.diverged.is_some();
        let halt = match self.make_ready(state, aim, &mut ended).await {
            Ok(ready) if self.dry_run => {
                ended.plan = Some(ready.plan);
                self.core.let_go(ready.world);
                return ended;
            }
            Ok(ready) if self.rehearsal.is_some() => {
                self.keep(state, ready, &mut ended);
                return ended;
            }
            Ok(ready) => self.go_live(state, ready, &mut ended).await.err(),
            Err(halt) => Some(halt),
        };
        match halt {
            None => {}
            Some(Halt::Moved) => {
                ended.moved = true;
                return ended;
            }
            Some(Halt::NothingToDo) => {
                // Whoever was asked and has nothing to do is in step.
                state.followed(&ended.components);
                self.machine.step(StatusEvent::NothingToDo);
            }
            Some(Halt::Refused(refusal)) => {
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
            Some(Halt::Failed(problems)) => {
                let problems = self.core.redacted(&problems);
                if let Status::Running(phase) = self.machine.status() {
                    let cancelled = self.stop.is_cancelled() && phase < Phase::Append;
                    self.machine.step(if cancelled { StatusEvent::Cancelled } else { StatusEvent::Failed });
                }
                ended.refusal = Some(self.refusal(problems.clone()));
                ended.problems = problems;
            }
        }
        if !self.dry_run {
            ended.outcome = Some(self.machine.outcome());
            ended.took = self.machine.computed();
            if self.rehearsal.is_none() {
                self.tell(state, from, was_away, &mut ended);
            }
        }
        ended
    }

    /// What it starts from.
    fn served(&self) -> Arc<World> {
        match &self.rehearsal {
            Some(rehearsal) => Arc::clone(&rehearsal.world),
            None => self.core.cell.world(),
        }
    }

    /// Keeps what is ready in the rehearsal.
    fn keep(&mut self, state: &mut State, ready: Ready, ended: &mut Ended) {
        state.position = state.position.max(ready.position);
        release(state, ended);
        ended.outcome = Some(Outcome::Success);
        ended.took = self.machine.computed();
        if let Some(rehearsal) = &mut self.rehearsal {
            rehearsal.keep(ready.world, std::mem::take(&mut ended.says), ended.anew);
        }
    }

    /// Everything short of the point of no return. Whatever fails here, dropping what was made is the whole undo.
    async fn make_ready(
        &mut self,
        state: &mut State,
        aim: Aim<'_>,
        ended: &mut Ended,
    ) -> Result<Ready, Halt> {
        let core = self.core;
        let deadline = (self.machine.started + core.limits.reload_max()).into_std();
        core.faults.at(Phase::Load)?;
        let allowance =
            Allowance { deadline, bytes_max: core.limits.compile_bytes_max, stop: self.stop.clone() };
        let stale = if self.looks { self.stale(&allowance).await? } else { Vec::new() };
        ended.with_besides = !stale.is_empty() || (self.tries_behind() && !state.behind.is_empty());
        let loaded = self.load(state, aim, deadline, ended).await?;
        ended.origins = Arc::clone(&loaded.origins);
        let Loaded { to, position, wanted, anew, retried, edit, .. } = loaded;
        let (edit, diff) = edit.unzip();
        ended.diff.clone_from(&diff);
        ended.anew = anew;
        ended.retried = retried;
        ended.is_copy = matches!(aim, Aim::Copy(_));
        ended.keeps_quarantine = matches!(aim, Aim::Copy(_) | Aim::Rehearsed(_));
        if let Some(problems) = edit.as_ref().and_then(|edit| self.unknown_kinds(edit)) {
            return Err(problems.into());
        }

        self.next_phase(Phase::Validate)?;
        let maker =
            Maker { registry: &core.registry, workers: self.workers, limits: &core.limits, allowance };
        let mut valid = maker.validate(wanted).await?;

        self.next_phase(Phase::Diff)?;
        let served = self.served();
        let prepared =
            self.tried.iter().flat_map(|tried| &tried.times).map(|time| time.name.clone()).collect();
        let behind = if self.tries_behind() { &state.behind } else { &prepared };
        let plan = self.plan(&served, to, &valid, anew, diff, Besides { behind, stale: &stale });
        keep_planned(&mut valid, &plan, anew);
        if core.keeper.is_some() || self.rehearsal.is_some() {
            ended.says = valid.iter().map(|valid| valid.target.says()).collect();
        }
        ended.plan = Some(plan.clone());

        self.next_phase(Phase::Compile)?;
        let quarantined = left_out_after(state, ended, to);
        let world = maker.compile(Arc::clone(&served), valid, &plan, anew, quarantined, core.ground).await?;
        let world = Arc::new(world);

        self.next_phase(Phase::Check)?;
        if core.enforce_checks {
            match maker.check(Arc::clone(&world), &plan, core.ground).await {
                // What was verified before is better than nothing at all; what fails now is reported.
                Err(problems) if ended.is_copy && !self.stop.is_cancelled() => ended.failed_checks = problems,
                checked => checked?,
            }
        }

        self.next_phase(Phase::Prepare)?;
        // A dry run dials nobody and sends nobody a secret: it says of its components only that it did not try them. What is
        // rehearsed is prepared once, when it is served.
        let is_tried = !self.dry_run && self.rehearsal.is_none();
        let concerned = if is_tried { core.components_of(&plan) } else { Vec::new() };
        let tried = match self.tried.take() {
            Some(tried) => tried,
            None if concerned.is_empty() => Tried::default(),
            None => {
                let _gate = core.retry_gate.interrupt().await;
                parts::prepare(&concerned, &served, &world, deadline, &self.stop).await
            }
        };
        ended.components = tried.times;
        let parts = tried.parts?;
        let compiles = plan.steps.iter().any(|step| matches!(step, Step::Compile { .. } | Step::Append));
        let is_same = plan.changes.is_empty()
            && !compiles
            && served.revision() == plan.to
            && served.quarantined() == world.quarantined();
        // What was compiled anew is kept anew too, be it the same.
        if is_same && parts.is_empty() && !anew {
            return Err(Halt::NothingToDo);
        }
        Ok(Ready { plan, position, world, parts, edit })
    }

    /// From the point of no return on: for an edit the log takes it first, then it is published, verified and kept,
    /// or taken back.
    async fn go_live(&mut self, state: &mut State, ready: Ready, ended: &mut Ended) -> Result<(), Halt> {
        let core = self.core;
        let Ready { plan, position, world, parts, edit } = ready;
        self.next_phase(Phase::Append)?;
        if let Some(edit) = &edit {
            ended.appended = Some(self.append(state, edit).await?);
        }
        for problem in core.redacted(&parts.left_behind).iter() {
            tracing::warn!(%problem, "a component stays on its old value");
        }

        point_of_no_return();

        if let Some(Appended { revision, .. }) = &ended.appended {
            state.desired = state.desired.max(revision.number);
            let head = state.trail.at(state.position).map(|head| head.at(revision.number, revision.digest));
            state.trail.learn(state.position, head.as_slice());
        }
        self.machine.step(StatusEvent::Finished);
        if let Err(problems) = core.faults.at(Phase::Swap) {
            self.take_back(state, &plan, None, PublishedParts::Ready(parts));
            return Err(problems.into());
        }
        let old = core.cell.publish(Arc::clone(&world));
        let parts = parts.commit();
        self.machine.step(StatusEvent::Finished);

        let with_checks = core.enforce_checks && ended.failed_checks.is_empty();
        if let Err(problems) = self.verify(&world, &plan, &parts, with_checks).await {
            self.take_back(state, &plan, Some(old), PublishedParts::Committed(parts));
            return Err(problems.into());
        }
        self.machine.step(StatusEvent::Finished);

        if let Err(problems) = core.faults.at(Phase::Commit) {
            self.take_back(state, &plan, Some(old), PublishedParts::Committed(parts));
            return Err(problems.into());
        }
        parts.retire(&core.retiring, &core.stop);
        state.position = state.position.max(position);
        state.served_since = core.now();
        state.followed(&ended.components);
        release(state, ended);
        keep_failed_checks(state, ended, &plan);
        if let Some(keeper) = &core.keeper {
            keeper.live(state.kept_at(), std::mem::take(&mut ended.says), ended.anew);
        }
        core.let_go(old);
        self.machine.step(StatusEvent::Finished);
        Ok(())
    }

    /// Whether components that are behind are tried too. What nobody asked for leaves that to the retries beside the reloads.
    fn tries_behind(&self) -> bool {
        self.looks && self.machine.trigger != Trigger::Periodic
    }

    /// The kinds whose snapshot is of something that is different now.
    async fn stale(&self, allowance: &Allowance) -> Result<Vec<KindName>, Problems> {
        let (world, registry) = (self.served(), self.core.registry.clone());
        let blocked = self.workers.runaways().blocked();
        let look = move |work: &Work| {
            let mut stale = Vec::new();
            for registered in registry.iter().filter(|registered| !blocked.contains_key(&registered.name)) {
                work.go_on()?;
                work.enter(&registered.name);
                let snapshot = world.get_any(registered.slot);
                if snapshot.is_some_and(|snapshot| registered.kind.is_stale(snapshot)) {
                    stale.push(registered.name.clone());
                }
            }
            Ok(stale)
        };
        self.workers.run(allowance, look).await
    }

    async fn load(
        &self,
        state: &mut State,
        aim: Aim<'_>,
        deadline: Instant,
        ended: &mut Ended,
    ) -> Result<Loaded, Halt> {
        let core = self.core;
        let deadline = tokio::time::Instant::from_std(deadline);
        let loaded = tokio::select! {
            loaded = tokio::time::timeout_at(deadline, load(&*core.store, state, aim, || core.now())) => loaded,
            () = self.stop.cancelled() => return Err(Problems::from(crate::Interrupted::Cancelled).into()),
        };
        let Ok(loaded) = loaded else {
            state.store_error = Some("it did not answer before the deadline".to_owned());
            return Err(Problems::from(crate::Interrupted::Deadline).into());
        };
        let head = match &loaded {
            // The log was not looked at.
            Ok(loaded) => loaded.head,
            Err(LoadError::NothingToDo(head, _) | LoadError::Repeated(head, _)) => Some(*head),
            Err(_) => None,
        };
        if let Some(head) = head {
            state.desired = head.number;
            state.last_checked_at = Some(core.now());
            state.store_error = None;
            state.diverged = None;
            state.trail.learn(state.position, &[head]);
        }
        if let Ok(loaded) = &loaded {
            state.trail.learn(state.position, &loaded.known);
        }
        if let (Err(LoadError::NothingToDo(head, _)), true) = (&loaded, ended.with_besides) {
            return Ok(Loaded::nothing(state.newest_served(), *head));
        }
        loaded.map_err(|error| match error {
            LoadError::NothingToDo(_, diff) => {
                ended.diff = Some(diff);
                Halt::NothingToDo
            }
            LoadError::Repeated(_, revision) => {
                ended.repeats = Some(revision);
                Halt::NothingToDo
            }
            LoadError::Behind => Halt::Moved,
            LoadError::Diverged(diverged) => {
                state.store_error = None;
                if state.diverged.is_none() {
                    tracing::error!(%diverged, "log diverged; keeping current revision");
                }
                state.diverged = Some((*diverged).clone());
                Halt::Refused(Refusal::LogDiverged(diverged))
            }
            LoadError::Refused(refusal) => Halt::Refused(refusal),
            LoadError::Store(error) => {
                state.store_error = Some(error.to_string());
                Halt::Refused(Refusal::Store(error))
            }
        })
    }

    fn unknown_kinds(&self, edit: &midflight_core::Edit) -> Option<Problems> {
        let known = self.core.registry.names();
        let unknown = edit.changes.iter().filter(|change| self.core.registry.get(&change.id.kind).is_none());
        let problem = |change: &midflight_core::Change| {
            let message =
                format!("unknown kind {:?}; expected one of: {}", change.id.kind.as_str(), known.join(", "));
            Problem::new("unknown_kind", Pointer::root(), message).in_document(&change.id)
        };
        let problems: Problems = unknown.map(problem).collect();
        (!problems.is_empty()).then_some(problems)
    }

    fn plan(
        &self,
        served: &World,
        to: RevisionNumber,
        valid: &[Valid],
        anew: bool,
        diff: Option<Diff>,
        besides: Besides<'_>,
    ) -> Plan {
        let nothing = Ground::default();
        let ground = served.get::<Ground>(self.core.ground).unwrap_or(&nothing);
        let targets: Vec<Target> = valid.iter().map(|valid| valid.target.clone()).collect();
        let parts = &self.core.component_parts;
        let Besides { behind, stale } = besides;
        let from = served.revision();
        plan(Planning { from, to, served: ground, targets: &targets, anew, diff, parts, behind, stale })
    }

    async fn append(&self, state: &mut State, edit: &midflight_core::Edit) -> Result<Appended, Halt> {
        let Some(expected_head) = state.trail.at(state.position) else {
            // What is served was not read from the log in this process.
            return Err(Halt::Moved);
        };
        let new = NewRevision {
            edit,
            created_at: self.core.now(),
            expected_head,
            documents_max: self.core.limits.documents_max,
        };
        let taken = tokio::select! {
            taken = self.core.store.append(new) => taken,
            unheard = self.unheard(state.position) => Err(unheard),
        };
        taken.map_err(|error| match error {
            // One that has its key is there by now, and is found when the edit is loaded again.
            AppendError::Moved { .. } | AppendError::Repeated { .. } => Halt::Moved,
            AppendError::Precondition(failed) => Halt::Refused(Refusal::Precondition(failed)),
            AppendError::Owned { id, owner } => Halt::Refused(Refusal::Owned { id, owner }),
            AppendError::Unknown { number: revision, why } => {
                // It may be there: the log is looked at again and again until it says.
                state.store_error = Some(why.clone());
                Halt::Refused(Refusal::Unknown { revision, why })
            }
            AppendError::Store(error) => Halt::Refused(Refusal::Store(error)),
            error => Halt::Refused(Refusal::TooManyDocuments(error.to_string())),
        })
    }

    /// What is known of an append that a stop does not wait for any longer.
    async fn unheard(&self, position: RevisionNumber) -> AppendError {
        self.core.stop.cancelled().await;
        tokio::time::sleep(APPEND_GRACE).await;
        AppendError::Unknown {
            number: position.next(),
            why: "the log did not answer before the stop".to_owned(),
        }
    }

    /// Asks through what readers use whether it answers as it should.
    async fn verify(
        &self,
        world: &Arc<World>,
        plan: &Plan,
        parts: &CommittedParts,
        with_checks: bool,
    ) -> Result<(), Problems> {
        let core = self.core;
        core.faults.at(Phase::Verify)?;
        let served = core.cell.world();
        if !Arc::ptr_eq(&served, world) {
            let message = format!("revision {} was published and {} is served", plan.to, served.revision());
            return Err(Problem::new("not_served", Pointer::root(), message).into());
        }
        if with_checks {
            let allowance = Allowance {
                deadline: (tokio::time::Instant::now() + core.limits.reload_max()).into_std(),
                bytes_max: core.limits.compile_bytes_max,
                // Past the point of no return a stop no longer cancels: the reload is finished either way.
                stop: CancellationToken::new(),
            };
            let maker =
                Maker { registry: &core.registry, workers: &core.workers, limits: &core.limits, allowance };
            maker.check(served, plan, core.ground).await?;
        }
        parts.verify().await
    }

    /// Puts the retained old back: nothing is dialled, built or read again. The revision, if it is in the log, is
    /// left out from here on.
    fn take_back(&mut self, state: &mut State, plan: &Plan, old: Option<Arc<World>>, parts: PublishedParts) {
        self.machine.step(StatusEvent::Failed);
        if let Some(old) = old {
            self.core.let_go(self.core.cell.publish(old));
        }
        match parts {
            PublishedParts::Ready(parts) => drop(parts),
            PublishedParts::Committed(parts) => parts.rollback(),
        }
        tracing::error!(revision = %plan.to, "was taken back");
        state.served_since = self.core.now();
        self.machine.step(StatusEvent::TakenBack);
    }

    /// Ends the running phase and begins `phase`.
    fn next_phase(&mut self, phase: Phase) -> Result<(), Problems> {
        if self.stop.is_cancelled() {
            return Err(crate::Interrupted::Cancelled.into());
        }
        self.machine.step(StatusEvent::Finished);
        debug_assert_eq!(self.machine.phase(), Some(phase), "the road and the phase machine agree");
        self.core.faults.at(phase)
    }

    fn refusal(&self, problems: Problems) -> Refusal {
        match self.machine.outcome() {
            Outcome::Cancelled => Refusal::Stopping,
            Outcome::RolledBack | Outcome::Stuck => Refusal::RolledBack(problems),
            Outcome::Rejected => Refusal::Rejected(problems),
            _ => Refusal::Invalid(problems),
        }
    }

    /// Leaves one event, whatever came of it.
    fn tell(self, state: &mut State, from: RevisionNumber, was_away: bool, ended: &mut Ended) {
        let core = self.core;
        let outcome = self.machine.outcome();
        let changes = ended.plan.as_ref().map_or(&[][..], |plan| &plan.changes);
        let kinds = kinds_of(changes, &ended.problems);
        let live = core.cell.world().revision();
        if outcome != Outcome::Success {
            for component in &mut ended.components {
                if component.state == ComponentState::Replaced {
                    component.state = ComponentState::Released.into();
                }
            }
        }
        let concerns_log = !self.is_edit || ended.appended.is_some();
        let event = Arc::new(ReloadEvent {
            id: core.history.next_id(),
            trigger: self.machine.trigger.into(),
            triggered_by: self.machine.triggered_by.clone(),
            started_at: self.machine.started_at,
            took: self.machine.started.elapsed(),
            phases: self.machine.phases().to_vec(),
            outcome: outcome.into(),
            from,
            to: if outcome.is_live() { live } else { from },
            kinds: kinds.clone(),
            documents_changed: changes.len(),
            components: ended.components.clone(),
            problems: ended.problems.clone(),
        });
        if outcome.is_live() {
            tracing::debug!(reload = %event.id, %outcome, revision = %live, "reload");
        } else if outcome == Outcome::LoadFailed {
            // No revision was refused: none was seen.
            let problems = &ended.problems;
            match was_away {
                false => {
                    tracing::warn!(%problems, "log unavailable; keeping current revision")
                }
                true => tracing::debug!(%problems, "log still unavailable"),
            }
        } else {
            let wanted = ended.plan.as_ref().map(|plan| plan.to).filter(|to| *to <= state.desired);
            let problems = ended.problems.clone();
            tracing::warn!(reload = %event.id, %outcome, %problems, "reload rejected; keeping current revision");
            state.last_refused =
                Some(LastRefused { revision: wanted, at: core.now(), outcome, problems, kinds });
        }
        let told: Arc<[(DocumentId, Effect)]> = match outcome {
            Outcome::Success => {
                let told = changes.iter().take(core.limits.changes_told_max);
                told.map(|change| (change.id.clone(), change.effect)).collect()
            }
            _ => Arc::default(),
        };
        let by_itself = matches!(self.machine.trigger, Trigger::Periodic | Trigger::Notify);
        let still_away = outcome == Outcome::LoadFailed && was_away;
        let looked_in_vain = by_itself && (outcome == Outcome::Unchanged || still_away);
        if !looked_in_vain {
            if concerns_log || outcome.is_live() {
                state.last_reload = Some(Arc::clone(&event));
            }
            core.history.add(ReloadReport { event: Arc::clone(&event), changes: told });
        }
        ended.event = Some(event);
    }
}

/// The kinds that a reload was about: those that it changes, and those of documents that were refused before that.
fn kinds_of(changes: &[Planned], problems: &Problems) -> Vec<KindName> {
    let refused = problems.iter().filter_map(|problem| problem.document.as_ref());
    let kinds: BTreeSet<_> =
        changes.iter().map(|change| &change.id).chain(refused).map(|id| &id.kind).collect();
    kinds.into_iter().cloned().collect()
}

/// The components of a reload that is taken back: not yet in use, or in use.
enum PublishedParts {
    Ready(PreparedParts),
    Committed(CommittedParts),
}

/// Before this line every error means "drop the new". After it nothing may fail; what does not verify is swapped back.
fn point_of_no_return() {}

/// Keeps what the plan compiles; what is the same as what is served need not be.
fn keep_planned(valid: &mut Vec<Valid>, plan: &Plan, anew: bool) {
    if anew {
        valid.retain(|valid| valid.target.body.is_some());
    } else {
        let planned = |id: &DocumentId| plan.changes.binary_search_by(|change| change.id.cmp(id)).is_ok();
        valid.retain(|valid| planned(&valid.target.id));
    }
}

/// The revisions up to `to` that are left out of the world that this reload makes.
fn left_out_after(state: &State, ended: &Ended, to: RevisionNumber) -> Arc<[RevisionNumber]> {
    let mut after = state.clone();
    release(&mut after, ended);
    after.quarantine.range(..=to).map(|(revision, _)| *revision).collect()
}

/// Takes out of quarantine what was brought in anew: by the revision itself, tried again, or by a later one. Everything
/// compiled anew leaves nothing out, unless that was decided before.
fn release(state: &mut State, ended: &Ended) {
    match ended.anew {
        _ if state.quarantine.is_empty() || ended.keeps_quarantine => {}
        true => state.quarantine.clear(),
        false => {
            let origins: std::collections::HashMap<_, _> =
                ended.origins.iter().map(|(id, revision)| (id, *revision)).collect();
            state.release(|id, quarantined| origins.get(id).is_some_and(|revision| *revision >= quarantined));
        }
    }
}

/// Keeps which checks fail on what is served, as far as they were not asked again.
fn keep_failed_checks(state: &mut State, ended: &mut Ended, plan: &Plan) {
    if ended.anew {
        state.failed_checks = std::mem::take(&mut ended.failed_checks);
    } else if !state.failed_checks.is_empty() {
        let is_asked =
            |kind: &KindName| plan.steps.iter().any(|step| *step == Step::Check { kind: kind.clone() });
        let kept = state
            .failed_checks
            .iter()
            .filter(|problem| problem.document.as_ref().is_some_and(|id| !is_asked(&id.kind)));
        state.failed_checks = kept.cloned().collect();
    }
}
