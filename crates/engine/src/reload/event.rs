//! What a reload leaves behind: one event, a line in the log of the process, and what the state is to keep of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use midflight_core::{
    ComponentState, ComponentTime, DocumentId, Effect, KindName, Outcome, Planned, Problems, ReloadEvent,
    RevisionNumber, Trigger,
};

use super::{Ended, Purpose, Reload};
use crate::history::ReloadReport;
use crate::status::{LastRefused, State};

/// How it was before a reload.
pub(super) struct Before {
    pub(super) served: RevisionNumber,
    pub(super) log_was_unavailable: bool,
}

impl Reload<'_> {
    /// Leaves one event, whatever came of it.
    pub(super) fn report(&self, state: &mut State, before: &Before, ended: &Ended) -> Arc<ReloadEvent> {
        let event = Arc::new(self.event(before, ended));
        log(&event, before);
        if is_refused(&event) {
            state.last_refused = Some(self.last_refused(state, &event, ended));
        }
        let by_itself = matches!(self.machine.trigger, Trigger::Periodic | Trigger::Notify);
        let still_unavailable = event.outcome == Outcome::LoadFailed && before.log_was_unavailable;
        let looked_in_vain = by_itself && (event.outcome == Outcome::Unchanged || still_unavailable);
        if !looked_in_vain {
            let concerns_log = self.purpose != Purpose::Edit || ended.trace.appended.is_some();
            if concerns_log || event.outcome.is_live() {
                state.last_reload = Some(Arc::clone(&event));
            }
            let changes = self.told_changes(self.machine.outcome(), changes(ended));
            self.core.history.add(ReloadReport {
                event: Arc::clone(&event),
                changes,
                changed: changed(&event, ended),
            });
        }
        event
    }

    fn event(&self, before: &Before, ended: &Ended) -> ReloadEvent {
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

    fn last_refused(&self, state: &State, event: &ReloadEvent, ended: &Ended) -> LastRefused {
        LastRefused {
            revision: ended.trace.plan.as_ref().map(|plan| plan.to).filter(|to| *to <= state.desired),
            at: self.core.now(),
            outcome: self.machine.outcome(),
            problems: event.problems.clone(),
            kinds: event.kinds.clone(),
        }
    }

    /// What those who listen are told one by one.
    fn told_changes(&self, outcome: Outcome, changes: &[Planned]) -> Arc<[(DocumentId, Effect)]> {
        if outcome != Outcome::Success {
            return Arc::default();
        }
        let told = changes.iter().take(self.core.limits.changes_told_max);
        told.map(|change| (change.id.clone(), change.effect)).collect()
    }
}

fn changes(ended: &Ended) -> &[Planned] {
    ended.trace.plan.as_ref().map_or(&[][..], |plan| &plan.changes)
}

/// How many documents of each kind were changed.
fn changed(event: &ReloadEvent, ended: &Ended) -> BTreeMap<KindName, usize> {
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

/// What became of a component: what was prepared for a reload that is not served was released.
fn at_the_end(component: &ComponentTime, outcome: Outcome) -> ComponentTime {
    let mut component = component.clone();
    if outcome != Outcome::Success && component.state == ComponentState::Replaced {
        component.state = ComponentState::Released.into();
    }
    component
}

fn log(event: &ReloadEvent, before: &Before) {
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
fn kinds_of(changes: &[Planned], problems: &Problems) -> Vec<KindName> {
    let refused = problems.iter().filter_map(|problem| problem.document.as_ref());
    let kinds: BTreeSet<_> =
        changes.iter().map(|change| &change.id).chain(refused).map(|id| &id.kind).collect();
    kinds.into_iter().cloned().collect()
}
