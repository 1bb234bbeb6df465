//! Forced reloads: everything is compiled again beside the turns of the coordinator, which continues with edits and
//! revisions meanwhile. In a turn it is brought up to what has come since, and served in one swap.

use std::sync::Arc;

use midflight_core::{LogHead, ReloadEvent, RevisionNumber, Trigger};

use crate::coordinator::{Coordinator, ENGINE_AUTHOR};
use crate::core::{Core, free};
use crate::divergence;
use crate::load::{BaseDocuments, ReloadTarget};
use crate::outcome::Refusal;
use crate::phase_tracker::PhaseTracker;
use crate::quarantine::Quarantine;
use crate::rehearsal::Rehearsal;
use crate::reload::{Reload, ReloadResult};
use crate::status::{CoordinatorState, LogLook};

/// Everything in the log, compiled again, or why it is not.
pub(crate) struct FullReload {
    rehearsal: Rehearsal,
    /// The revision that it is of; none when it was refused, or the log was not read.
    head: Option<LogHead>,
    /// The newest revision that was seen in the log.
    seen: RevisionNumber,
    ended: ReloadResult,
    machine: PhaseTracker,
}

impl FullReload {
    /// Compiles everything in the log on a world that no reader sees. `state` is a copy.
    pub(crate) async fn make(core: &Core, state: &mut CoordinatorState, trigger: Trigger, by: &str) -> Self {
        let mut rehearsal = Rehearsal::on(core.cell.world(), BaseDocuments::Empty);
        let machine = PhaseTracker::new(trigger, by.to_owned(), core.now());
        let reload = Reload::new(core, machine, &ReloadTarget::Everything).in_background();
        let mut reload = reload.on(Some(&mut rehearsal));
        let ended = reload.run(state, ReloadTarget::Everything).await;
        let machine = reload.into_machine();
        let head = state.digest_trail.at(state.position).filter(|_| ended.is_live());
        Self { rehearsal, head, seen: state.desired, ended, machine }
    }
}

impl Coordinator {
    /// Serves what was compiled again. If that was refused, what is served stays, and what is new is brought in step by
    /// step.
    pub(crate) async fn full(
        &mut self,
        trigger: Trigger,
        by: &str,
        full: Option<Box<FullReload>>,
    ) -> Arc<ReloadEvent> {
        // Then the log has to be read again, and compared with what is served.
        let Some(full) = full.filter(|_| !self.state.from_copy) else {
            return self.everything(trigger, by).await;
        };
        let FullReload { rehearsal, head, seen, ended, machine } = *full;
        if !ended.is_live() {
            let event = self.not_made(machine, &ended);
            if ended.is_refused() && self.state.position < seen {
                self.catch_up(trigger, by, None).await;
            }
            return event;
        }
        let served = match head {
            Some(head) if self.has_followed(head).await => {
                self.serve_from(head, trigger, by, rehearsal).await
            }
            _ => None,
        };
        match served {
            Some(ended) => self.event(ended.event),
            None => self.everything(trigger, by).await,
        }
    }

    /// Answers that everything at once was refused, or could not be read.
    fn not_made(&mut self, machine: PhaseTracker, ended: &ReloadResult) -> Arc<ReloadEvent> {
        let event = Reload::tell(&self.core, machine, &mut self.state, ended);
        match &ended.refusal {
            Some(Refusal::Store(error)) => self.state.looked(LogLook::Unavailable(error.to_string())),
            Some(Refusal::LogDiverged(diverged)) => {
                self.state.looked(LogLook::Diverged((**diverged).clone()));
            }
            _ => {}
        }
        event
    }

    /// Whether this replica has followed the log at least as far as that revision, and the log still has it.
    async fn has_followed(&mut self, head: LogHead) -> bool {
        match divergence::head(&*self.core.store, &self.state).await {
            Ok(now) if now.number > self.state.position => {
                self.catch_up(Trigger::Notify, ENGINE_AUTHOR, None).await;
            }
            Ok(_) => {}
            Err(_) => return false,
        }
        let known = self.state.digest_trail.at(head.number);
        let is_same = known.map_or(head.number < self.state.position, |known| known == head);
        is_same && head.number <= self.state.position && !self.core.stop.is_cancelled()
    }

    /// Brings the rehearsal from a revision up to what is served, and serves it. None when the log could not be read
    /// for that.
    async fn serve_from(
        &mut self,
        head: LogHead,
        trigger: Trigger,
        by: &str,
        rehearsal: Rehearsal,
    ) -> Option<ReloadResult> {
        let before = self.state.clone();
        self.state.position = head.number;
        self.state.digest_trail.learn(head.number, &[head]);
        self.state.quarantine = Quarantine::default();
        self.rehearsal = Some(rehearsal);
        if before.position > head.number {
            self.step_to_head(trigger, by, None).await;
        }
        let rehearsal = self.rehearsal.take()?;
        if !self.is_continued(&before) {
            self.forget_rehearsed(before);
            return None;
        }
        let served = self.serve_rehearsed(trigger, by, &rehearsal, before).await;
        // Edits wait for the turn, so it does not wait until this is freed.
        self.core.retiring.spawn(free(rehearsal));
        Some(served)
    }

    /// Whether the state has come at least as far as an earlier one, on the same log.
    fn is_continued(&self, before: &CoordinatorState) -> bool {
        let at = |state: &CoordinatorState| state.digest_trail.at(before.position);
        let is_same = at(before).is_none_or(|was| at(&self.state) == Some(was));
        is_same && self.state.position >= before.position && self.state.diverged.is_none()
    }
}
