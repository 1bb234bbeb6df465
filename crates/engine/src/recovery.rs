//! Starts and full reloads: everything at once, and what is done when everything at once is refused.
//!
//! The world of a log is defined by going through it revision by revision: each is served, or quarantined if it does
//! not compile or verify on what is served, and tried again when something changes that it may depend on. Whenever the
//! whole state of a revision passes, nothing is left out there. So it is enough to find any such state and to continue
//! from it: step by step and everything at once end in the same world.

use std::sync::Arc;

use midflight_core::{Outcome, ReloadEvent, Trigger};
use midflight_store::LastGood;

use crate::coordinator::{Coordinator, ENGINE_AUTHOR};
use crate::first_edit::{FirstEdits, NotMade};
use crate::load::ReloadTarget;
use crate::quarantine::Quarantine;

/// Whether the log can be followed from the local copy on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LogState {
    Available,
    Unavailable,
}

impl Coordinator {
    /// The first reload: from nothing to everything. While the log is unavailable, or does not pass as a whole, it
    /// begins with what this replica had kept.
    ///
    /// # Errors
    /// The edit of the start that is refused on an empty log.
    pub(crate) async fn start(&mut self, edits: &mut FirstEdits) -> Result<Arc<ReloadEvent>, NotMade> {
        let (trigger, by) = (Trigger::Startup, ENGINE_AUTHOR);
        if let Some(diverged) = self.copy_is_of_another_history().await {
            if let Some(event) = self.start_from_copy(LogState::Unavailable).await {
                tracing::error!(%diverged, "log diverged; serving the local copy");
                self.state.diverged = Some(diverged);
                self.show();
                return Ok(event);
            }
            tracing::error!(%diverged, "log diverged and the local copy cannot be served; following the log as it is now");
            // There is nothing else to serve. It stays visible until an operator has seen it.
            self.state.abandoned_copy = Some(diverged);
        }
        let everything = self.first_reload(edits).await?;
        let is_refused = everything.is_refused();
        let is_rejected = everything.event.as_ref().is_some_and(|it| it.outcome == Outcome::Rejected);
        let mut event = self.event(everything.event);
        if is_refused || event.outcome == Outcome::LoadFailed {
            let log = if is_refused { LogState::Available } else { LogState::Unavailable };
            let from_copy = self.start_from_copy(log).await;
            event = match from_copy {
                Some(event) => event,
                // A component that cannot prepare is no fault of a revision.
                None if is_refused && !is_rejected => self.rehearse(trigger, by).await.unwrap_or(event),
                None => event,
            };
        }
        self.show();
        Ok(event)
    }

    /// Serves what this replica had kept, and continues from there if the log is available.
    async fn start_from_copy(&mut self, log: LogState) -> Option<Arc<ReloadEvent>> {
        let kept = self.kept().await?;
        if log == LogState::Available && kept.at.position > self.state.desired {
            return None;
        }
        let before = std::mem::replace(&mut self.state.quarantine, Quarantine::of_copy(&kept.at.left_out));
        let ended = self.reload(Trigger::Startup, ENGINE_AUTHOR, ReloadTarget::Copy(&kept)).await;
        let event = ended.event.filter(|event| event.outcome.is_live());
        let Some(event) = event else {
            self.state.quarantine = before;
            return None;
        };
        self.state.from_copy = true;
        tracing::warn!(revision = %kept.at.position, "started from the local copy");
        if log == LogState::Unavailable {
            return Some(event);
        }
        self.resume(Trigger::Startup, ENGINE_AUTHOR, &kept).await;
        Some(event)
    }

    /// What this replica had kept of what it served, if it can be read.
    pub(crate) async fn kept(&self) -> Option<LastGood> {
        match self.core.copy_writer.as_ref()?.read().await {
            Ok(kept) => kept,
            Err(error) => {
                tracing::error!(%error, "cannot read the local copy");
                None
            }
        }
    }

    /// Holds what was served from the local copy against the log, once that is available again.
    pub(crate) async fn leave_copy(&mut self, trigger: Trigger, by: &str) -> Arc<ReloadEvent> {
        let ended = self.reload(trigger, by, ReloadTarget::Everything).await;
        if ended.event.as_ref().is_some_and(|event| event.outcome.is_live()) {
            self.state.from_copy = false;
        }
        let is_refused = ended.is_refused();
        let event = self.event(ended.event);
        match self.kept().await.filter(|_| is_refused) {
            Some(kept) => self.resume(trigger, by, &kept).await,
            None => event,
        }
    }

    /// Continues from the local copy, which is served.
    async fn resume(&mut self, trigger: Trigger, by: &str, kept: &LastGood) -> Arc<ReloadEvent> {
        if let Err(error) = self.adopt_left_out(kept).await {
            return self.store_failed(&error, None);
        }
        self.state.from_copy = false;
        self.catch_up(trigger, by, None).await
    }

    /// Compiles everything again, in this turn. If that is refused, what is served stays, and what is new is brought in
    /// step by step.
    pub(crate) async fn everything(&mut self, trigger: Trigger, by: &str) -> Arc<ReloadEvent> {
        if self.state.from_copy {
            return self.leave_copy(trigger, by).await;
        }
        let ended = self.reload(trigger, by, ReloadTarget::Everything).await;
        if ended.is_refused() && self.state.position < self.state.desired {
            self.catch_up(trigger, by, None).await;
        }
        self.event(ended.event)
    }
}
