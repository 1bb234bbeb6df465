//! How the coordinator brings what is served up to the log, and leaves out what does not compile or verify here.

use std::sync::Arc;

use midflight_core::{Appended, Outcome, ReloadEvent, RevisionNumber, Trigger};
use midflight_store::{LastGood, StoreError};

use crate::coordinator::{Coordinator, ENGINE_AUTHOR};
use crate::load::{Aim, documents_of, left_out, next_before};
use crate::quarantine::{Attempt, Quarantined, left_out_before};
use crate::reload::Ended;

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
        let all: Vec<_> = self.state.quarantine.keys().copied().collect();
        self.retry(trigger, &all).await.unwrap_or(event)
    }

    /// Goes on from the revision that was looked at last. What is refused is left out, revision by revision.
    /// `change` may be the revision that is next, so that the log need not be asked for it.
    pub(crate) async fn catch_up(
        &mut self,
        trigger: Trigger,
        by: &str,
        change: Option<&Appended>,
    ) -> Arc<ReloadEvent> {
        let next = self.state.position.next();
        let change = change.filter(|it| self.state.quarantine.is_empty() && it.revision.number == next);
        let aim = match change {
            Some(change) => Aim::Next(change),
            None => Aim::Log { upto: None, retry: true },
        };
        let ended = self.reload(trigger, by, aim).await;
        if !ended.is_refused() {
            return self.event(ended.event);
        }
        match self.core.store.first().await {
            Ok(first) if self.state.position != RevisionNumber::ZERO && next < first => {
                self.serve_base(trigger, by).await
            }
            Ok(_) => {
                // Of one revision alone this attempt says all there is to know.
                let first_try = (self.state.desired == next).then_some(ended);
                self.step_to_head(trigger, by, first_try).await
            }
            Err(error) => self.store_failed(&error, ended.event),
        }
    }

    /// Goes on revision by revision. `first_try` is what came of the next one already.
    pub(crate) async fn step_to_head(
        &mut self,
        trigger: Trigger,
        by: &str,
        mut first_try: Option<Ended>,
    ) -> Arc<ReloadEvent> {
        let head = self.state.desired;
        let mut event = None;
        while self.state.position < head && !self.core.stop.is_cancelled() {
            let before = self.state.position;
            match self.step(trigger, by, first_try.take()).await {
                Ok(stepped) => event = Some(stepped),
                Err(error) => return self.store_failed(&error, event),
            }
            if self.state.position == before {
                // The log did not answer; the next trigger goes on from here.
                break;
            }
        }
        self.event(event)
    }

    /// Brings what is served up to the next revision, or leaves that one out. What is in quarantine is tried along with
    /// it, then the revision alone, then each of those alone, oldest first.
    async fn step(
        &mut self,
        trigger: Trigger,
        by: &str,
        first_try: Option<Ended>,
    ) -> Result<Arc<ReloadEvent>, StoreError> {
        let (next, aim) = self.next_step().await?;
        let together = match first_try {
            Some(ended) => ended,
            None => self.reload(trigger, by, aim).await,
        };
        if !together.is_refused() {
            return Ok(self.event(together.event));
        }
        let retried = together.retried.clone();
        let alone = match retried.is_empty() {
            true => together,
            false => self.reload(trigger, by, Aim::Log { upto: Some(next), retry: false }).await,
        };
        if alone.is_refused() {
            // What it would replace of earlier ones in quarantine stays with those too: it is not served either.
            let documents = documents_of(&*self.core.store, next).await?;
            if documents.is_empty() {
                // The log went back meanwhile. To leave out nothing would be to say that the revision is served.
                return Err(StoreError::NoSuchRevision { asked: next, head: self.state.position });
            }
            self.quarantine(next, &alone, documents);
        } else if retried.len() > 1 {
            self.retry_each(trigger, &retried).await;
        }
        Ok(self.event(alone.event))
    }

    /// The next revision, and how to load it. Of those before the first that can be read in full only some are left.
    async fn next_step(&self) -> Result<(RevisionNumber, Aim<'static>), StoreError> {
        let (store, position) = (&*self.core.store, self.state.position);
        let (next, first) = (position.next(), store.first().await?);
        if next >= first {
            return Ok((next, Aim::Log { upto: Some(next), retry: true }));
        }
        let upto = match next_before(store, first, position).await? {
            next if next < first => next,
            first => RevisionNumber::new(first.get() - 1),
        };
        Ok((upto, Aim::Before { first, upto }))
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
        let ended = self.reload(trigger, ENGINE_AUTHOR, Aim::Retry(revisions)).await;
        match ended.is_refused() {
            true if revisions.len() > 1 => self.retry_each(trigger, revisions).await,
            true => {
                self.state.explain(revisions, &ended.problems);
                ended.event
            }
            false => ended.event,
        }
    }

    /// Tries each alone, oldest first, and begins again as long as that releases one: it may have been what kept another
    /// out.
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
                if self.core.stop.is_cancelled() || !self.state.quarantine.contains_key(revision) {
                    continue;
                }
                let ended = self.reload(trigger, ENGINE_AUTHOR, Aim::Retry(&[*revision])).await;
                if ended.is_refused() {
                    self.state.explain(&[*revision], &ended.problems);
                }
                event = ended.event.or(event);
            }
            waiting.retain(|revision| self.state.quarantine.contains_key(revision));
            if waiting.len() == count || waiting.is_empty() {
                return event;
            }
        }
    }

    /// Takes over what an earlier process had left out of its copy.
    pub(crate) async fn adopt_left_out(&mut self, kept: &LastGood) -> Result<(), StoreError> {
        for (revision, documents) in left_out(&*self.core.store, kept).await? {
            let attempt = Attempt::first(std::time::Duration::ZERO);
            if documents.is_empty() {
                self.state.quarantine.remove(&revision);
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
