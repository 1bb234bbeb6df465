//! The first stage: what is wanted, read from the log within the deadline, and what else a look brings in.

use midflight_core::{KindName, Phase, Problems};

use super::{Reload, ReloadTrace, StageResult, StopReason, StoppedStage};
use crate::Work;
use crate::bodies::ServedBodies;
use crate::load::{LoadError, LoadedDocuments, ReloadTarget, load};
use crate::outcome::{InvalidPolicy, Refusal};
use crate::status::{CoordinatorState, LogLook};

/// What was read.
pub(super) struct ReadResult {
    pub(super) loaded: LoadedDocuments,
    /// The kinds whose snapshot is of something that is different now.
    pub(super) stale: Vec<KindName>,
    pub(super) asked: EditScope,
}

/// What an edit asks for.
pub(super) struct EditScope {
    /// How many documents it has, also those that it leaves as they are.
    pub(super) count: usize,
    pub(super) invalid: InvalidPolicy,
}

impl EditScope {
    fn by(target: &ReloadTarget<'_>) -> Self {
        match target {
            ReloadTarget::Edit { edit, invalid, .. } => Self { count: edit.changes.len(), invalid: *invalid },
            ReloadTarget::First(first) => {
                Self { count: first.edit.changes.len(), invalid: InvalidPolicy::Refuse }
            }
            _ => Self { count: 0, invalid: InvalidPolicy::Refuse },
        }
    }
}

impl Reload<'_> {
    /// Reads what is wanted.
    pub(super) async fn read(
        &mut self,
        state: &mut CoordinatorState,
        target: ReloadTarget<'_>,
    ) -> Result<StageResult<ReadResult>, StoppedStage> {
        let mut trace = ReloadTrace::default();
        let read = self.read_into(state, target, &mut trace).await;
        trace.end(read)
    }

    async fn read_into(
        &self,
        state: &mut CoordinatorState,
        target: ReloadTarget<'_>,
        trace: &mut ReloadTrace,
    ) -> Result<ReadResult, StopReason> {
        self.core.faults.at(Phase::Load)?;
        let stale = match target {
            // It was compiled of the inputs of a moment ago; the next look compares them again.
            ReloadTarget::Rehearsed(_) => Vec::new(),
            _ if self.looks => self.stale().await?,
            _ => Vec::new(),
        };
        trace.with_extra_work = !stale.is_empty() || (self.tries_behind() && !state.behind.is_empty());
        let loaded = self.load(state, target, trace).await?;
        trace.origins.clone_from(&loaded.origins);
        trace.diff = loaded.edit.as_ref().map(|(_, diff)| diff.clone());
        trace.base = loaded.base;
        trace.retried.clone_from(&loaded.retried);
        Ok(ReadResult { loaded, stale, asked: EditScope::by(&target) })
    }

    async fn stale(&self) -> Result<Vec<KindName>, Problems> {
        let (world, registry) = (self.served(), self.core.registry.clone());
        let blocked = self.workers.runaways().blocked();
        let look = move |work: &Work| {
            let mut stale = Vec::new();
            for registered in registry.iter().filter(|registered| !blocked.contains_key(&registered.name)) {
                work.check()?;
                work.enter(&registered.name);
                let snapshot = world.get_any(registered.slot);
                if snapshot.is_some_and(|snapshot| registered.kind.is_stale(snapshot, work.inputs())) {
                    stale.push(registered.name.clone());
                }
            }
            Ok(stale)
        };
        self.workers.run(&self.allowance(), look).await
    }

    async fn load(
        &self,
        state: &mut CoordinatorState,
        target: ReloadTarget<'_>,
        trace: &mut ReloadTrace,
    ) -> Result<LoadedDocuments, StopReason> {
        let (core, deadline) = (self.core, tokio::time::Instant::from_std(self.deadline()));
        let served = ServedBodies {
            world: core.cell.world(),
            registry: core.registry.clone(),
            served_index: core.served_index,
        };
        let load = load(&*core.store, state, target, &served, || core.now());
        let loaded = tokio::select! {
            loaded = tokio::time::timeout_at(deadline, load) => loaded,
            () = self.stop.cancelled() => return Err(Problems::from(crate::Interrupted::Cancelled).into()),
        };
        let Ok(loaded) = loaded else {
            state.looked(LogLook::Unavailable("it did not answer before the deadline".to_owned()));
            return Err(Problems::from(crate::Interrupted::Deadline).into());
        };
        match &loaded {
            Ok(LoadedDocuments { head, known, .. }) => {
                state.looked(LogLook::Read { head: *head, at: core.now(), known });
            }
            Err(LoadError::NothingToDo(head, _) | LoadError::Repeated(head, _)) => {
                state.looked(LogLook::Read { head: Some(*head), at: core.now(), known: &[*head] });
            }
            Err(_) => {}
        }
        match loaded {
            Ok(loaded) => Ok(loaded),
            Err(LoadError::NothingToDo(head, _)) if trace.with_extra_work => {
                Ok(LoadedDocuments::nothing(state.newest_served(), head))
            }
            Err(LoadError::NothingToDo(_, diff)) => {
                trace.diff = Some(diff);
                Err(StopReason::NothingToDo)
            }
            Err(LoadError::Repeated(_, revision)) => {
                trace.repeats = Some(revision);
                Err(StopReason::NothingToDo)
            }
            Err(LoadError::Behind) => Err(StopReason::Moved),
            Err(LoadError::Diverged(diverged)) => {
                if state.diverged.is_none() {
                    tracing::error!(%diverged, "log diverged; keeping current revision");
                }
                state.looked(LogLook::Diverged((*diverged).clone()));
                Err(StopReason::Refused(Refusal::LogDiverged(diverged)))
            }
            Err(LoadError::Refused(refusal)) => Err(StopReason::Refused(refusal)),
            Err(LoadError::Store(error)) => {
                state.looked(LogLook::Unavailable(error.to_string()));
                Err(StopReason::Refused(Refusal::Store(error)))
            }
        }
    }
}
