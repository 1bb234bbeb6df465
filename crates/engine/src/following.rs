//! How the coordinator brings what is served up to the log, and leaves out what does not compile or verify here.

use std::sync::Arc;
use std::time::Duration;

use midflight_core::{Appended, Outcome, ReloadEvent, RevisionNumber, Trigger};
use midflight_store::{LastGood, StoreError};
use tokio::time::Instant;

use crate::coordinator::{Coordinator, ENGINE_AUTHOR};
use crate::load::{BaseDocuments, ReloadTarget, Retries, left_out};
use crate::quarantine::{CHEAP, Quarantined, RetryAttempt, left_out_before};
use crate::reload::ReloadResult;

/// The result of continuing in the log.
enum FollowResult {
    /// As far as was wanted, or the log did not answer.
    Forward(Option<Arc<ReloadEvent>>),
    /// It was refused, after so long.
    Refused(Duration),
}

impl Coordinator {
    /// Brings what is served up to the log. What was kept is first held against all of it.
    pub(crate) async fn follow(
        &mut self,
        trigger: Trigger,
        by: &str,
        change: Option<&Appended>,
    ) -> Arc<ReloadEvent> {
        if self.state.from_copy {
            return self.leave_copy(trigger, by).await;
        }
        let event = self.catch_up(trigger, by, change).await;
        let is_by_itself = matches!(trigger, Trigger::Notify | Trigger::Periodic);
        if is_by_itself || event.outcome != Outcome::Unchanged {
            return event;
        }
        // A caller asked, and the log has nothing new: then it is asked for what is in quarantine.
        let all = self.state.quarantine.revisions();
        self.retry(trigger, &all).await.unwrap_or(event)
    }

    /// Continues from the revision that was looked at last. What is refused is left out, revision by revision. `change`
    /// may be the revision that is next, so that the log need not be asked for it.
    pub(crate) async fn catch_up(
        &mut self,
        trigger: Trigger,
        by: &str,
        change: Option<&Appended>,
    ) -> Arc<ReloadEvent> {
        let is_by_itself = matches!(trigger, Trigger::Notify | Trigger::Periodic);
        if is_by_itself && self.refused_rehearsal.is_some_and(|refused| refused.rests()) {
            return self.event(None);
        }
        let next = self.state.position.next();
        let change = change.filter(|it| self.state.quarantine.is_empty() && it.revision.number == next);
        let target = match change {
            Some(change) => ReloadTarget::Next(change),
            None => ReloadTarget::Log { upto: None, retries: Retries::Concerned },
        };
        let ended = self.reload(trigger, by, target).await;
        if !ended.is_refused() {
            return self.event(ended.event);
        }
        match self.core.store.first().await {
            Ok(first) if self.state.position == RevisionNumber::ZERO || next < first => {
                let is_early =
                    self.refused_rehearsal.is_some_and(|refused| refused.next_at() > Instant::now());
                let rehearsed = match is_by_itself && is_early {
                    true => None,
                    false => self.rehearse(trigger, by).await,
                };
                self.event(rehearsed.or(ended.event))
            }
            Ok(_) => self.step_to_head(trigger, by, Some(ended)).await,
            Err(error) => self.store_failed(&error, ended.event),
        }
    }

    /// Continues to the head in steps: half as long after each that is refused, down to a single revision, and twice as
    /// long after each that passes. `refused` is the attempt to bring in everything at once.
    pub(crate) async fn step_to_head(
        &mut self,
        trigger: Trigger,
        by: &str,
        refused: Option<ReloadResult>,
    ) -> Arc<ReloadEvent> {
        let head = self.state.desired;
        let mut stride = head.get().saturating_sub(self.state.position.get());
        let mut is_cheap = true;
        // For a single revision that attempt is conclusive.
        let mut first_try = None;
        if let Some(refused) = refused {
            (stride, is_cheap) = (stride / 2, refused.took <= CHEAP);
            first_try = (stride == 0 && !refused.trace.with_extra_work).then_some(refused);
        }
        let mut event = None;
        while self.state.position < head && !self.core.stop.is_cancelled() {
            let before = self.state.position;
            // What is slow to fail is tried again, alone.
            let length = if is_cheap { stride.max(1) } else { 1 };
            let upto = RevisionNumber::new(before.get().saturating_add(length)).min(head);
            let removed = match upto == before.next() {
                true => self.step(trigger, by, first_try.take()).await,
                false => self.stride(trigger, by, upto).await,
            };
            match removed {
                Ok(FollowResult::Forward(latest)) => {
                    (event, stride) = (latest.or(event), length.saturating_mul(2))
                }
                Ok(FollowResult::Refused(took)) => {
                    stride = length / 2;
                    is_cheap = is_cheap && took <= CHEAP;
                    continue;
                }
                Err(error) => return self.store_failed(&error, event),
            }
            if self.state.position == before {
                // The log did not respond; the next trigger continues from here.
                break;
            }
        }
        self.event(event)
    }

    /// Brings what is served up to a later revision at once, with what is in quarantine and may be concerned.
    async fn stride(
        &mut self,
        trigger: Trigger,
        by: &str,
        upto: RevisionNumber,
    ) -> Result<FollowResult, StoreError> {
        let ended = self.forward(trigger, by, upto, Retries::Concerned).await?;
        Ok(if ended.is_refused() {
            FollowResult::Refused(ended.took)
        } else {
            FollowResult::Forward(ended.event)
        })
    }

    /// Brings what is served up to the next revision, or leaves that one out. What is in quarantine is tried along with
    /// it, then the revision alone, then each of those alone, oldest first.
    async fn step(
        &mut self,
        trigger: Trigger,
        by: &str,
        first_try: Option<ReloadResult>,
    ) -> Result<FollowResult, StoreError> {
        let next = self.state.position.next();
        let together = match first_try {
            Some(ended) => ended,
            None => self.forward(trigger, by, next, Retries::Concerned).await?,
        };
        if !together.is_refused() {
            return Ok(FollowResult::Forward(together.event));
        }
        let retried = together.trace.retried.clone();
        let alone = match retried.is_empty() {
            true => together,
            false => self.forward(trigger, by, next, Retries::Nothing).await?,
        };
        if alone.is_refused() {
            // What it would replace of earlier ones in quarantine stays with those too: it is not served either.
            let documents = alone.trace.origins.iter().map(|(id, _)| id.clone()).collect();
            self.quarantine(next, &alone, documents);
        } else if retried.len() > 1 {
            self.retry_each(trigger, &retried).await;
        }
        Ok(FollowResult::Forward(alone.event))
    }

    /// One reload from the position to a later revision.
    async fn forward(
        &mut self,
        trigger: Trigger,
        by: &str,
        upto: RevisionNumber,
        retries: Retries,
    ) -> Result<ReloadResult, StoreError> {
        let Some(at_first) = self.at_first().await? else {
            let ended = self.reload(trigger, by, ReloadTarget::Log { upto: Some(upto), retries }).await;
            return match ended.is_refused() && ended.trace.base == BaseDocuments::Empty {
                true => Err(StoreError::Unavailable("log compacted meanwhile; reading it again".to_owned())),
                false => Ok(ended),
            };
        };
        let upto = upto.min(RevisionNumber::new(at_first.first.get() - 1));
        Ok(self.reload(trigger, by, ReloadTarget::Before { at_first: &at_first, upto, retries }).await)
    }

    /// Tries revisions in quarantine again: together, and if that is refused each alone. Answers the last event; none
    /// when there was nothing to try.
    pub(crate) async fn retry(
        &mut self,
        trigger: Trigger,
        revisions: &[RevisionNumber],
    ) -> Option<Arc<ReloadEvent>> {
        if revisions.is_empty() {
            return None;
        }
        let ended = self.reload(trigger, ENGINE_AUTHOR, ReloadTarget::Retry(revisions)).await;
        match ended.is_refused() {
            true if revisions.len() > 1 => self.retry_each(trigger, revisions).await,
            true => {
                self.state.quarantine.explain(revisions, &ended.problems);
                ended.event
            }
            false => ended.event,
        }
    }

    /// Tries each alone, oldest first, and begins again as long as that releases one: it may have been what kept
    /// another out.
    async fn retry_each(
        &mut self,
        trigger: Trigger,
        revisions: &[RevisionNumber],
    ) -> Option<Arc<ReloadEvent>> {
        let mut event = None;
        let mut waiting = revisions.to_vec();
        loop {
            let count = waiting.len();
            for revision in &waiting {
                if self.core.stop.is_cancelled() || !self.state.quarantine.contains(*revision) {
                    continue;
                }
                let ended = self.reload(trigger, ENGINE_AUTHOR, ReloadTarget::Retry(&[*revision])).await;
                if ended.is_refused() {
                    self.state.quarantine.explain(&[*revision], &ended.problems);
                }
                event = ended.event.or(event);
            }
            waiting.retain(|revision| self.state.quarantine.contains(*revision));
            if waiting.len() == count || waiting.is_empty() {
                return event;
            }
        }
    }

    /// Takes over what an earlier process had left out of its copy.
    pub(crate) async fn adopt_left_out(&mut self, kept: &LastGood) -> Result<(), StoreError> {
        for (revision, documents) in left_out(&*self.core.store, kept).await? {
            let attempt = RetryAttempt::first(Duration::ZERO);
            if documents.is_empty() {
                self.state.quarantine.remove(revision);
            } else {
                let one = Quarantined { problems: left_out_before(), documents, attempt };
                self.state.quarantine.insert(revision, one);
            }
        }
        Ok(())
    }

    pub(crate) fn store_failed(
        &mut self,
        error: &StoreError,
        event: Option<Arc<ReloadEvent>>,
    ) -> Arc<ReloadEvent> {
        self.state.store_error = Some(error.to_string());
        self.event(event)
    }
}
