//! From the point of no return on: an edit is first appended to the log, then it is published, verified and kept, or
//! rolled back.

use std::sync::Arc;
use std::time::Duration;

use midflight_core::{
    Appended, Edit, JsonPointer, KindName, LogHead, Phase, Plan, PlanStep, Problem, Problems, RevisionNumber,
    StatusEvent,
};
use midflight_live::World;
use midflight_store::{AppendError, NewRevision};
use tokio_util::sync::CancellationToken;

use super::prepare::PreparedReload;
use super::{Reload, ReloadTrace, StageResult, StopReason, StoppedStage};
use crate::candidate::CandidateBuilder;
use crate::load::BaseDocuments;
use crate::outcome::Refusal;
use crate::parts::{CommittedParts, PreparedParts};
use crate::served_index::ServedIndex;
use crate::status::{CoordinatorState, LogLook, WentLive};
use crate::workers::Allowance;

/// How long a stop waits for the log to answer whether it took an edit.
const APPEND_GRACE: Duration = Duration::from_millis(50);

/// The components of a reload that is rolled back: not yet in use, or in use.
enum PublishedParts {
    Ready(PreparedParts),
    Committed(CommittedParts),
}

/// Before this line every error means "drop the new". After it nothing may fail; what does not verify is swapped back.
fn point_of_no_return() {}

impl Reload<'_> {
    /// Serves what is ready.
    pub(super) async fn go_live(
        &mut self,
        state: &mut CoordinatorState,
        ready: StageResult<PreparedReload>,
    ) -> Result<ReloadTrace, StoppedStage> {
        let StageResult { value: ready, mut trace } = ready;
        let live = self.go_live_with(state, ready, &mut trace).await;
        trace.end(live).map(|stage| stage.trace)
    }

    async fn go_live_with(
        &mut self,
        state: &mut CoordinatorState,
        ready: PreparedReload,
        trace: &mut ReloadTrace,
    ) -> Result<(), StopReason> {
        let core = self.core;
        let PreparedReload { candidate, mut parts } = ready;
        // The last of `Prepare`: from here on dropping the parts resumes what they have paused.
        parts.pause(self.deadline(), &self.stop, &mut trace.components).await?;
        self.next_phase(Phase::Append)?;
        if let Some(edit) = &candidate.edit {
            trace.appended = Some(self.append(state, edit, candidate.head).await?);
        }
        for problem in core.redacted(&parts.left_behind).iter() {
            tracing::warn!(%problem, "component keeps its previous value");
        }

        point_of_no_return();

        let plan = &candidate.plan;
        if let Some((Appended { revision, .. }, head)) = trace.appended.as_ref().zip(candidate.head) {
            state.appended(head.at(revision.number, revision.digest));
        }
        self.machine.step(StatusEvent::Finished);
        if let Err(problems) = core.faults.at(Phase::Swap) {
            self.take_back(state, plan, None, PublishedParts::Ready(parts));
            return Err(problems.into());
        }
        let old = core.cell.publish(Arc::clone(&candidate.world));
        let parts = parts.commit();
        self.machine.step(StatusEvent::Finished);

        let with_checks = core.enforce_checks && candidate.failed_checks.is_empty();
        if let Err(problems) = self.verify(&candidate.world, plan, &parts, with_checks).await {
            self.take_back(state, plan, Some(old), PublishedParts::Committed(parts));
            return Err(problems.into());
        }
        self.machine.step(StatusEvent::Finished);

        if let Err(problems) = core.faults.at(Phase::Commit) {
            self.take_back(state, plan, Some(old), PublishedParts::Committed(parts));
            return Err(problems.into());
        }
        parts.retire(&core.retiring, &core.stop);
        state.went_live(WentLive {
            position: candidate.position,
            at: core.now(),
            quarantine: candidate.quarantine,
            components: &trace.components,
            failed_checks: match trace.base {
                BaseDocuments::Empty => candidate.failed_checks,
                BaseDocuments::Served => still_failing(&state.failed_checks, plan),
            },
            inputs: candidate
                .world
                .get::<ServedIndex>(core.served_index)
                .map_or_else(Arc::default, |served_index| Arc::clone(&served_index.inputs)),
        });
        if let Some(copy_writer) = &core.copy_writer {
            copy_writer.live(state.kept_at(), candidate.stored, trace.base);
        }
        core.release(old);
        self.machine.step(StatusEvent::Finished);
        Ok(())
    }

    async fn append(
        &self,
        state: &mut CoordinatorState,
        edit: &Edit,
        head: Option<LogHead>,
    ) -> Result<Appended, StopReason> {
        let expected_head = head.ok_or(StopReason::Moved)?;
        let new = NewRevision {
            edit,
            created_at: self.core.now(),
            expected_head,
            documents_max: self.core.limits.documents_max,
        };
        let taken = tokio::select! {
            taken = self.core.store.append(new) => taken,
            unheard = self.unheard(expected_head.number) => Err(unheard),
        };
        taken.map_err(|error| match error {
            // One that has its key is there by now, and is found when the edit is loaded again.
            AppendError::Moved { .. } | AppendError::Repeated { .. } => StopReason::Moved,
            AppendError::Precondition(failed) => StopReason::Refused(Refusal::Precondition(failed)),
            AppendError::Owned { id, owner } => StopReason::Refused(Refusal::Owned { id, owner }),
            AppendError::Unknown { number: revision, why } => {
                // It may be there: the log is polled until it answers.
                state.looked(LogLook::Unavailable(why.clone()));
                StopReason::Refused(Refusal::Unknown { revision, why })
            }
            AppendError::Store(error) => StopReason::Refused(Refusal::Store(error)),
            error => StopReason::Refused(Refusal::TooManyDocuments(error.to_string())),
        })
    }

    /// What is known of an append that a stop does not wait for any longer.
    async fn unheard(&self, head: RevisionNumber) -> AppendError {
        self.core.stop.cancelled().await;
        tokio::time::sleep(APPEND_GRACE).await;
        AppendError::Unknown { number: head.next(), why: "log did not respond before the stop".to_owned() }
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
            return Err(Problem::new("not_served", JsonPointer::root(), message).into());
        }
        if with_checks {
            let allowance = Allowance {
                deadline: (tokio::time::Instant::now() + core.limits.reload_max()).into_std(),
                // Past the point of no return a stop no longer cancels: the reload is finished either way.
                stop: CancellationToken::new(),
                ..self.allowance()
            };
            let maker = CandidateBuilder { workers: &core.workers, allowance, ..self.maker() };
            maker.check(served, plan, core.served_index).await?;
        }
        parts.verify().await
    }

    /// Puts the retained old back: nothing is dialled, built or read again. The revision, if it is in the log, is
    /// left out from here on.
    fn take_back(
        &mut self,
        state: &mut CoordinatorState,
        plan: &Plan,
        old: Option<Arc<World>>,
        parts: PublishedParts,
    ) {
        self.machine.step(StatusEvent::Failed);
        if let Some(old) = old {
            self.core.release(self.core.cell.publish(old));
        }
        match parts {
            PublishedParts::Ready(parts) => drop(parts),
            PublishedParts::Committed(parts) => parts.rollback(),
        }
        tracing::error!(revision = %plan.to, "revision rolled back");
        state.served_since = self.core.now();
        self.machine.step(StatusEvent::Undone);
    }
}

/// Which checks fail on what is served, as far as this plan did not ask them again.
fn still_failing(failing: &Problems, plan: &Plan) -> Problems {
    let is_asked =
        |kind: &KindName| plan.steps.iter().any(|step| *step == PlanStep::Check { kind: kind.clone() });
    let kept =
        failing.iter().filter(|problem| problem.document.as_ref().is_some_and(|id| !is_asked(&id.kind)));
    kept.cloned().collect()
}
