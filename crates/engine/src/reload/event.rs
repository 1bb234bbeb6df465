//! What a reload leaves behind: one event, a line in the log of the process, and what the state is to keep of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use midflight_core::{
    ComponentState, ComponentTime, DocumentId, Effect, KindName, Outcome, PlannedDocument, Problems,
    ReloadEvent, RevisionNumber, Trigger,
};

use super::{Purpose, Reload, ReloadResult};
use crate::history::ReloadReport;
use crate::status::{CoordinatorState, LastRefused};

/// How it was before a reload.
pub(super) struct StateBefore {
    pub(super) served: RevisionNumber,
    pub(super) log_was_unavailable: bool,
}

impl Reload<'_> {
    /// Leaves one event, whatever the result.
    pub(super) fn report(
        &self,
        state: &mut CoordinatorState,
        before: &StateBefore,
        ended: &ReloadResult,
    ) -> Arc<ReloadEvent> {
        let event = Arc::new(self.event(before, ended));
        log(&event, before);
        if is_refused(&event) {
            state.last_refused = Some(self.last_refused(state, &event, ended));
        }
        let by_itself = matches!(self.machine.trigger, Trigger::Periodic | Trigger::Notify);
        let still_unavailable = event.outcome == Outcome::LoadFailed && before.log_was_unavailable;
        let failed_looks = by_itself && (event.outcome == Outcome::Unchanged || still_unavailable);
        if !failed_looks {
            let concerns_log = self.purpose != Purpose::Edit || ended.trace.appended.is_some();
            if concerns_log || event.outcome.is_live() {
                state.last_reload = Some(Arc::clone(&event));
            }
            let changes = self.reported_changes(self.machine.outcome(), changes(ended));
            self.core.history.add(ReloadReport {
                event: Arc::clone(&event),
                changes,
                changed: changed(&event, ended),
            });
        }
        event
    }

    fn event(&self, before: &StateBefore, ended: &ReloadResult) -> ReloadEvent {
        let (core, machine, outcome) = (self.core, &self.machine, self.machine.outcome());
        let changes = changes(ended);
        ReloadEvent {
            id: core.history.next_id(),
            trigger: machine.trigger.into(),
            triggered_by: machine.triggered_by.clone(),
            started_at: machine.started_at,
            took: machine.started.elapsed(),
            phases: machine.phases().to_vec(),
            outcome: outcome.into(),
            from: before.served,
            to: if outcome.is_live() { core.cell.world().revision() } else { before.served },
            kinds: kinds_of(changes, &ended.problems),
            documents_changed: changes.len(),
            components: ended
                .trace
                .components
                .iter()
                .map(|component| at_the_end(component, outcome))
                .collect(),
            problems: ended.problems.clone(),
        }
    }

    fn last_refused(
        &self,
        state: &CoordinatorState,
        event: &ReloadEvent,
        ended: &ReloadResult,
    ) -> LastRefused {
        LastRefused {
            revision: ended.trace.plan.as_ref().map(|plan| plan.to).filter(|to| *to <= state.desired),
            at: self.core.now(),
            outcome: self.machine.outcome(),
            problems: event.problems.clone(),
            kinds: event.kinds.clone(),
        }
    }

    /// What is reported to observers one by one.
    fn reported_changes(&self, outcome: Outcome, changes: &[PlannedDocument]) -> Arc<[(DocumentId, Effect)]> {
        if outcome != Outcome::Success {
            return Arc::default();
        }
        let message = changes.iter().take(self.core.limits.changes_reported_max);
        message.map(|change| (change.id.clone(), change.effect)).collect()
    }
}

fn changes(ended: &ReloadResult) -> &[PlannedDocument] {
    ended.trace.plan.as_ref().map_or(&[][..], |plan| &plan.changes)
}

/// How many documents of each kind were changed.
fn changed(event: &ReloadEvent, ended: &ReloadResult) -> BTreeMap<KindName, usize> {
    let mut changed = BTreeMap::new();
    if event.outcome == Outcome::Success {
        changes(ended).iter().for_each(|change| *changed.entry(change.id.kind.clone()).or_default() += 1);
    }
    changed
}

/// Whether something was seen and refused, rather than that nothing was seen.
fn is_refused(event: &ReloadEvent) -> bool {
    !event.outcome.is_live() && event.outcome != Outcome::LoadFailed
}

/// The state of a component: what was prepared for a reload that is not served was released.
fn at_the_end(component: &ComponentTime, outcome: Outcome) -> ComponentTime {
    let mut component = component.clone();
    if outcome != Outcome::Success && component.state == ComponentState::Replaced {
        component.state = ComponentState::Released.into();
    }
    component
}

fn log(event: &ReloadEvent, before: &StateBefore) {
    let ReloadEvent { id, outcome, problems, .. } = event;
    if is_refused(event) {
        tracing::warn!(reload = %id, %outcome, %problems, "reload rejected; keeping current revision");
    } else if outcome.is_live() {
        tracing::debug!(reload = %id, %outcome, revision = %event.to, "reload");
    } else if before.log_was_unavailable {
        tracing::debug!(%problems, "log still unavailable");
    } else {
        tracing::warn!(%problems, "log unavailable; keeping current revision");
    }
}

/// The kinds that a reload was about: those that it changes, and those of documents that were refused before that.
fn kinds_of(changes: &[PlannedDocument], problems: &Problems) -> Vec<KindName> {
    let refused = problems.iter().filter_map(|problem| problem.document.as_ref());
    let kinds: BTreeSet<_> =
        changes.iter().map(|change| &change.id).chain(refused).map(|id| &id.kind).collect();
    kinds.into_iter().cloned().collect()
}
