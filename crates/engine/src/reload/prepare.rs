//! The last stage short of the point of no return: the components build their replacements beside the old.

use midflight_core::{Phase, PlanStep};

use super::candidate::Candidate;
use super::{Purpose, Reload, ReloadTrace, StageResult, StopReason, StoppedStage};
use crate::load::BaseDocuments;
use crate::parts::{self, PrepareResult, PreparedParts};

/// What is ready to go live.
pub(super) struct PreparedReload {
    pub(super) candidate: Candidate,
    pub(super) parts: PreparedParts,
}

impl Reload<'_> {
    /// Prepares the components that the plan names.
    pub(super) async fn prepare(
        &mut self,
        candidate: StageResult<Candidate>,
    ) -> Result<StageResult<PreparedReload>, StoppedStage> {
        let StageResult { value: candidate, mut trace } = candidate;
        let ready = self.prepare_into(candidate, &mut trace).await;
        trace.end(ready)
    }

    async fn prepare_into(
        &mut self,
        candidate: Candidate,
        trace: &mut ReloadTrace,
    ) -> Result<PreparedReload, StopReason> {
        let core = self.core;
        self.next_phase(Phase::Prepare)?;
        let Candidate { served, plan, world, .. } = &candidate;
        // A dry run opens no connections and sends no secrets: it reports of its components only that it did not try
        // them. What is rehearsed is prepared once, when it is served.
        let is_tried = self.purpose != Purpose::DryRun && self.rehearsal.is_none();
        let concerned = if is_tried { core.components_of(plan) } else { Vec::new() };
        let tried = match self.tried.take() {
            Some(tried) => tried,
            None if concerned.is_empty() => PrepareResult::default(),
            None => {
                let _gate = core.retry_gate.interrupt().await;
                parts::prepare(&concerned, served, world, self.deadline(), &self.stop).await
            }
        };
        trace.components = tried.times;
        let parts = tried.parts?;
        let compiles =
            plan.steps.iter().any(|step| matches!(step, PlanStep::Compile { .. } | PlanStep::Append));
        let is_same = plan.changes.is_empty()
            && !compiles
            && served.revision() == plan.to
            && served.quarantined() == world.quarantined();
        // What was compiled from the beginning is kept as a whole, be it the same.
        if is_same && parts.is_empty() && trace.base == BaseDocuments::Served {
            return Err(StopReason::NothingToDo);
        }
        Ok(PreparedReload { candidate, parts })
    }
}
