//! The last stage short of the point of no return: the components build their replacements beside the old.

use midflight_core::{Phase, Step};

use super::candidate::Candidate;
use super::{Purpose, Reload, Stage, StopReason, Stopped, Trace};
use crate::load::Base;
use crate::parts::{self, PreparedParts, Tried};

/// What is ready to go live.
pub(super) struct Ready {
    pub(super) candidate: Candidate,
    pub(super) parts: PreparedParts,
}

impl Reload<'_> {
    /// Prepares the components that the plan names.
    pub(super) async fn prepare(&mut self, candidate: Stage<Candidate>) -> Result<Stage<Ready>, Stopped> {
        let Stage { value: candidate, mut trace } = candidate;
        let ready = self.prepare_into(candidate, &mut trace).await;
        trace.end(ready)
    }

    async fn prepare_into(&mut self, candidate: Candidate, trace: &mut Trace) -> Result<Ready, StopReason> {
        let core = self.core;
        self.next_phase(Phase::Prepare)?;
        let Candidate { served, plan, world, .. } = &candidate;
        // A dry run dials nobody and sends nobody a secret: it says of its components only that it did not try them. What is
        // rehearsed is prepared once, when it is served.
        let is_tried = self.purpose != Purpose::DryRun && self.rehearsal.is_none();
        let concerned = if is_tried { core.components_of(plan) } else { Vec::new() };
        let tried = match self.tried.take() {
            Some(tried) => tried,
            None if concerned.is_empty() => Tried::default(),
            None => {
                let _gate = core.retry_gate.interrupt().await;
                parts::prepare(&concerned, served, world, self.deadline(), &self.stop).await
            }
        };
        trace.components = tried.times;
        let parts = tried.parts?;
        let compiles = plan.steps.iter().any(|step| matches!(step, Step::Compile { .. } | Step::Append));
        let is_same = plan.changes.is_empty()
            && !compiles
            && served.revision() == plan.to
            && served.quarantined() == world.quarantined();
        // What was compiled from the beginning is kept as a whole, be it the same.
        if is_same && parts.is_empty() && trace.base == Base::Served {
            return Err(StopReason::NothingToDo);
        }
        Ok(Ready { candidate, parts })
    }
}
