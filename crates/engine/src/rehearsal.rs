//! Goes through the log on a world that no reader sees, and serves the result in one swap.
//!
//! The states in between may never have been served: of a log that was adopted they are earlier than what is served,
//! and of a compacted log only some documents of the past are left.

use std::collections::BTreeMap;
use std::sync::Arc;

use midflight_core::{Document, DocumentId, Outcome, ReloadEvent, RevisionNumber, Trigger};
use midflight_live::World;
use midflight_store::{StoreError, state_at};
use serde_json::Value;

use crate::coordinator::Coordinator;
use crate::last_good_writer::StoredBody;
use crate::load::{BaseDocuments, ReloadTarget};
use crate::phase_tracker::{PhaseTracker, PriorPhases};
use crate::quarantine::RetryAttempt;
use crate::reload::{ReloadResult, is_refusal};
use crate::served_index::ServedIndex;
use crate::status::CoordinatorState;

/// What a rehearsal has come to.
#[derive(Debug)]
pub(crate) struct Rehearsal {
    pub(crate) world: Arc<World>,
    /// The body of each document that is not as it was in the beginning; none when it is deleted.
    pub(crate) documents: BTreeMap<DocumentId, Option<Arc<Value>>>,
    /// What `documents` are laid over.
    pub(crate) base: BaseDocuments,
    /// What was done for it.
    pub(crate) earlier: Option<PriorPhases>,
    /// The state at the first revision that can be read in full, which is read once.
    at_first: Option<(RevisionNumber, Arc<[Document]>)>,
}

impl Rehearsal {
    /// One that begins with a world.
    pub(crate) fn on(world: Arc<World>, base: BaseDocuments) -> Self {
        Self { world, documents: BTreeMap::new(), base, earlier: None, at_first: None }
    }

    /// Continues from a world, in which these documents are not as they were before.
    pub(crate) fn keep(
        &mut self,
        world: Arc<World>,
        stored_bodies: Vec<StoredBody>,
        base: BaseDocuments,
        machine: &PhaseTracker,
    ) {
        match &mut self.earlier {
            Some(earlier) => earlier.add(machine),
            None => self.earlier = Some(PriorPhases::of(machine)),
        }
        if base == BaseDocuments::Empty {
            self.documents.clear();
            self.base = base;
        }
        self.world = world;
        self.documents.extend(stored_bodies);
    }
}

/// The state at the first revision that can be read in full, and what of the world is not in it.
pub(crate) struct AtFirst {
    pub(crate) first: RevisionNumber,
    pub(crate) documents: Arc<[Document]>,
    pub(crate) removed: Vec<DocumentId>,
}

impl Coordinator {
    /// Rehearses from nothing if the position is zero, else from what is served, and serves the result. If the log
    /// cannot be read to its head, or a component refuses, what is served stays, and so does the position. None when
    /// there was nothing to try.
    pub(crate) async fn rehearse(&mut self, trigger: Trigger, by: &str) -> Option<Arc<ReloadEvent>> {
        let before = self.state.clone();
        let base = match before.position {
            RevisionNumber::ZERO => BaseDocuments::Empty,
            _ => BaseDocuments::Served,
        };
        self.rehearsal = Some(Rehearsal::on(self.core.cell.world(), base));
        let replayed = self.go_through(trigger, by, base).await;
        let rehearsal = self.rehearsal.take()?;
        if let Err(error) = &replayed {
            self.state.store_error = Some(error.to_string());
        }
        let is_at_head = replayed.is_ok_and(|head| self.state.position >= head);
        if !is_at_head || self.core.stop.is_cancelled() {
            self.forget_rehearsed(before);
            return None;
        }
        let served = self.serve_rehearsed(trigger, by, &rehearsal, before).await;
        if served.is_live() {
            self.refused_rehearsal = None;
        } else if served.is_refused() {
            self.refused_rehearsal = Some(RetryAttempt::after(self.refused_rehearsal, served.took));
        }
        served.event
    }

    /// Serves the result of a rehearsal. If that is refused everything continues as before it.
    pub(crate) async fn serve_rehearsed(
        &mut self,
        trigger: Trigger,
        by: &str,
        rehearsal: &Rehearsal,
        before: CoordinatorState,
    ) -> ReloadResult {
        let served = self.reload(trigger, by, ReloadTarget::Rehearsed(rehearsal)).await;
        if !served.is_live() {
            self.forget_rehearsed(before);
        }
        served
    }

    /// Goes to the head of the log, and answers which revision that was.
    async fn go_through(
        &mut self,
        trigger: Trigger,
        by: &str,
        base: BaseDocuments,
    ) -> Result<RevisionNumber, StoreError> {
        let lowest = match self.state.position {
            RevisionNumber::ZERO => RevisionNumber::new(1),
            position => position.next().max(self.core.store.first().await?),
        };
        let mut begun = self.newest_base(trigger, by, lowest).await;
        let is_empty = base == BaseDocuments::Empty;
        if is_empty && begun.is_none_or(is_refusal) {
            // What is served may be of another history, of which nothing is to stay.
            begun = self.reload(trigger, by, ReloadTarget::At(RevisionNumber::ZERO)).await.outcome;
        }
        if let Some(outcome) = begun.filter(|it| !it.is_live() && (is_empty || !is_refusal(*it))) {
            let why = self.state.store_error.take();
            return Err(StoreError::Unavailable(
                why.unwrap_or_else(|| format!("the log was not read: {outcome}")),
            ));
        }
        let head = self.state.desired;
        self.step_to_head(trigger, by, None).await;
        Ok(head)
    }

    /// Continues as before a rehearsal that is not served, with what it found out about the log.
    pub(crate) fn forget_rehearsed(&mut self, before: CoordinatorState) {
        let now = &mut self.state;
        *now = CoordinatorState {
            desired: now.desired,
            last_checked_at: now.last_checked_at,
            store_error: now.store_error.take(),
            diverged: now.diverged.take(),
            last_refused: now.last_refused.take(),
            last_reload: now.last_reload.take(),
            ..before
        };
    }

    /// Serves the newest state of the log from `lowest` on that passes as a whole, as far as it is looked for: from the
    /// head 1, 2, 4, .. revisions back. Answers the result of the last attempt; none when there was none.
    async fn newest_base(&mut self, trigger: Trigger, by: &str, lowest: RevisionNumber) -> Option<Outcome> {
        let (head, mut back) = (self.state.desired.get(), 1);
        let mut outcome = None;
        while let Some(at) = head.checked_sub(back).map(RevisionNumber::new).filter(|at| *at >= lowest) {
            if self.core.stop.is_cancelled() {
                break;
            }
            let ended = self.reload(trigger, by, ReloadTarget::At(at)).await;
            outcome = ended.outcome;
            if !ended.is_refused() {
                break;
            }
            back *= 2;
        }
        outcome
    }

    /// The state at the first revision that can be read in full, of which the documents are left that were not replaced
    /// since; none when the next revision can be read.
    pub(crate) async fn at_first(&mut self) -> Result<Option<AtFirst>, StoreError> {
        let first = self.core.store.first().await?;
        let Some(rehearsal) = self.rehearsal.as_mut().filter(|_| self.state.position.next() < first) else {
            return Ok(None);
        };
        let documents = match &rehearsal.at_first {
            Some((at, documents)) if *at == first => Arc::clone(documents),
            _ => {
                let documents = state_at(&*self.core.store, first, |stored| stored.parse()).await?;
                let documents: Arc<[Document]> = documents.into();
                rehearsal.at_first.insert((first, documents)).1.clone()
            }
        };
        let is_there = |id: &DocumentId| documents.binary_search_by(|one| one.id.cmp(id)).is_ok();
        let served_index = rehearsal.world.get::<ServedIndex>(self.core.served_index);
        let served = served_index.into_iter().flat_map(|served_index| served_index.documents.keys());
        let removed = served.filter(|id| !is_there(id)).cloned().collect();
        Ok(Some(AtFirst { first, documents, removed }))
    }
}
