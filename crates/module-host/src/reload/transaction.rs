//! The phases from drain to commit as types: each takes the one before it. Dropping any of them rolls back.

use std::sync::Arc;
use std::time::Instant;

use midflight_core::{Digest, DocumentName};

use super::migrate::migrate_state;
use super::pre_copy::{PreCopied, apply_changes};
use super::slot::{ModuleSlot, Retained, RunningInstance};
use super::trial::{check_size, probe, restore, save_and_check, start, verify};
use crate::code::{InstancePurpose, StateSnapshot};
use crate::error::{ModuleRefusal, ReloadFailure};
use crate::journal::{Journal, JournalRecord};
use crate::options::PhaseHook;
use crate::phase::ModulePhase;
use crate::report::{PhaseDuration, PreCopyReport};

/// Where the state of the candidate comes from.
#[derive(Debug, Clone)]
pub(crate) enum StateSource {
    /// The instance that answers; the recorded state when it has trapped, or at the start.
    Live,
    /// A state that an operator gives, in spite of the live one.
    Given(Arc<StateSnapshot>),
}

/// What a transaction needs to know.
pub(crate) struct TransactionSetup {
    pub(crate) module: DocumentName,
    pub(crate) hook: Option<PhaseHook>,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) source: StateSource,
    /// The schemas that the candidate's `load` accepts beside its own.
    pub(crate) accepts: Vec<u32>,
    /// The manifest that this goes back from, when it goes back.
    pub(crate) withdraws: Option<Digest>,
    /// Why it is done, for the journal; empty without a reason.
    pub(crate) reason: String,
    /// Whether the candidate was tried on a copy of the state, so that the pause verifies only what depends on the
    /// state.
    pub(crate) is_tried: bool,
    /// What the candidate has loaded already, when it has.
    pub(crate) pre_copied: Option<PreCopied>,
}

/// The messages are held; nothing else has happened.
pub(crate) struct Drained {
    candidate: RunningInstance,
}

/// The state is saved.
pub(crate) struct Snapshotted {
    candidate: RunningInstance,
    state: Option<Arc<StateSnapshot>>,
}

/// The state has the schema that the candidate loads.
pub(crate) struct Migrated {
    candidate: RunningInstance,
    state: Option<Arc<StateSnapshot>>,
}

/// The candidate is beside the old instance.
pub(crate) struct Swapped {
    state: Option<Arc<StateSnapshot>>,
}

/// The candidate has the state.
pub(crate) struct Restored {
    state: Option<Arc<StateSnapshot>>,
}

/// The candidate may be used.
pub(crate) struct Verified {
    state: Arc<StateSnapshot>,
}

/// A reload under way, in the phase `P`.
pub(crate) struct Transaction<'s, P> {
    run: Run<'s>,
    phase: P,
}

/// What goes from phase to phase. It borrows the slot, so that nothing else touches it.
struct Run<'s> {
    slot: &'s mut ModuleSlot,
    setup: TransactionSetup,
    trace: TransactionTrace,
    is_committed: bool,
}

/// What is known of the reload by now.
#[derive(Debug)]
struct TransactionTrace {
    phase: ModulePhase,
    phase_began: Instant,
    phases: Vec<PhaseDuration>,
    pause_began: Instant,
    from_schema: Option<u32>,
    steps: u32,
    /// The state that is taken over.
    state: Option<Arc<StateSnapshot>>,
    /// The state that the old instance saved and the journal took.
    saved: Option<Arc<StateSnapshot>>,
    undone: u64,
    pre_copy: Option<PreCopyReport>,
}

/// A transaction that committed.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) phases: Vec<PhaseDuration>,
    pub(crate) pause: std::time::Duration,
    pub(crate) migrated_from: Option<u32>,
    pub(crate) steps: u32,
    pub(crate) state_bytes: usize,
    /// The state that was taken over. Its digest is computed when the module answers again.
    pub(crate) state: Option<Arc<StateSnapshot>>,
    pub(crate) from_version: Option<String>,
    pub(crate) undone: u64,
    pub(crate) pre_copy: Option<PreCopyReport>,
}

/// The rollback: the candidate is dropped, the old instance was not touched, and the mailbox is opened by the task that
/// continues when the borrow of the slot ends.
impl Drop for Run<'_> {
    fn drop(&mut self) {
        if !self.is_committed {
            self.slot.candidate = None;
        }
    }
}

impl Run<'_> {
    /// Ends the running phase and begins the next.
    fn enter(&mut self, phase: ModulePhase) -> Result<(), ReloadFailure> {
        self.trace.end_phase();
        self.trace.phase = phase;
        match &self.setup.hook {
            None => Ok(()),
            Some(hook) => {
                hook(&self.setup.module, phase).map_err(|why| self.failure(ModuleRefusal::new("fault", why)))
            }
        }
    }

    fn failure(&self, refusal: ModuleRefusal) -> ReloadFailure {
        refusal.in_phase(&self.setup.module, self.trace.phase)
    }

    /// Lets the candidate load the whole state.
    async fn load(&mut self, state: &StateSnapshot) -> Result<u32, ReloadFailure> {
        let restored = restore(&mut *candidate(self)?.instance, state).await;
        restored.map_err(|refusal| self.failure(refusal))
    }

    /// Brings the candidate, which has loaded the state of a while ago, up to what the old instance has now.
    async fn catch_up(&mut self, copied: &PreCopied, state: &StateSnapshot) -> Result<u32, ReloadFailure> {
        let manifest = Arc::clone(&candidate(self)?.live.manifest);
        let applied = apply_changes(&mut *self.slot, copied, &manifest).await;
        if let (None, Some(saved)) = (&self.slot.live, &self.trace.saved) {
            // It trapped when it gave its changes. What it saved before that is recorded: a restart begins from there.
            self.slot.base = Some(Arc::clone(saved));
            self.slot.since_base = 0;
        }
        let before_bytes = copied.bytes;
        match applied {
            Ok(pause_bytes) => {
                self.trace.pre_copy = Some(PreCopyReport { before_bytes, pause_bytes, fallback: None });
                Ok(copied.steps)
            }
            Err(refusal) => self.load_again(before_bytes, refusal.message, state).await,
        }
    }

    /// Replaces the instance of a candidate whose state is not what it must be by a new one, which loads the whole state.
    async fn load_again(
        &mut self,
        before_bytes: usize,
        why: String,
        state: &StateSnapshot,
    ) -> Result<u32, ReloadFailure> {
        tracing::warn!(module = %self.setup.module, why, "changes not used; the whole state is loaded in the pause");
        let running = candidate(self)?;
        let (code, context) = (Arc::clone(&running.code), running.context.clone());
        let started = start(&code, InstancePurpose::Serve, &context).await;
        let fresh = started.map_err(|refusal| self.failure(refusal))?;
        candidate(self)?.instance = fresh;
        let pause_bytes = state.bytes.len();
        self.trace.pre_copy = Some(PreCopyReport { before_bytes, pause_bytes, fallback: Some(why) });
        self.load(state).await
    }

    /// Checks the candidate; gives its state.
    async fn verified(&mut self) -> Result<StateSnapshot, ReloadFailure> {
        let is_tried = self.setup.is_tried;
        let running = candidate(self)?;
        let manifest = Arc::clone(&running.live.manifest);
        let verified = if is_tried {
            save_and_check(&mut *running.instance, &manifest).await
        } else {
            verify(&mut *running.instance, &manifest).await
        };
        verified.map_err(|refusal| self.failure(refusal))
    }

    /// As [`Self::verified`], of a candidate that took over changes. Where they cannot be what they must, the whole state
    /// is loaded and checked instead.
    async fn verified_after_changes(
        &mut self,
        before_bytes: usize,
        state: &StateSnapshot,
    ) -> Result<StateSnapshot, ReloadFailure> {
        let verified = self.verified().await;
        let why = match &verified {
            Err(failure) => failure.message.clone(),
            Ok(made) if made.schema == state.schema && made != state => {
                "the candidate saves another state than the old version".to_owned()
            }
            Ok(_) => return verified,
        };
        // The host itself had no hop to do, else nothing would have been copied before.
        self.trace.steps = self.load_again(before_bytes, why, state).await?;
        self.verified().await
    }
}

impl TransactionTrace {
    fn end_phase(&mut self) {
        let now = Instant::now();
        self.phases.push(PhaseDuration { phase: self.phase, took: now.duration_since(self.phase_began) });
        self.phase_began = now;
    }
}

impl<'s> Transaction<'s, Drained> {
    /// Begins, between two messages. `drain_began` is when the reload was asked for.
    pub(crate) fn begin(
        slot: &'s mut ModuleSlot,
        setup: TransactionSetup,
        candidate: RunningInstance,
        drain_began: Instant,
    ) -> Result<Self, ReloadFailure> {
        let now = Instant::now();
        let trace = TransactionTrace {
            phase: ModulePhase::Drain,
            phase_began: drain_began,
            phases: Vec::with_capacity(ModulePhase::ALL.len()),
            pause_began: now,
            from_schema: None,
            steps: 0,
            state: None,
            saved: None,
            undone: 0,
            pre_copy: None,
        };
        let run = Run { slot, setup, trace, is_committed: false };
        if let Some(hook) = &run.setup.hook {
            hook(&run.setup.module, ModulePhase::Drain)
                .map_err(|why| run.failure(ModuleRefusal::new("fault", why)))?;
        }
        Ok(Self { run, phase: Drained { candidate } })
    }

    /// Saves the state of the old instance.
    pub(crate) async fn snapshot(mut self) -> Result<Transaction<'s, Snapshotted>, ReloadFailure> {
        let run = &mut self.run;
        run.enter(ModulePhase::Snapshot)?;
        let saved = match &mut run.slot.live {
            None => None,
            Some(live) => match live.instance.save().await {
                Ok(state) => Some((live.live.generation, Arc::new(state))),
                Err(trap) => {
                    // It may never be entered again: unless it is replaced, the task restarts it from the recorded state.
                    run.slot.end_live();
                    if matches!(run.setup.source, StateSource::Live) {
                        return Err(run.failure(ModuleRefusal::trap("save of the old version", &trap)));
                    }
                    None
                }
            },
        };
        let state = match &run.setup.source {
            StateSource::Given(state) => {
                run.trace.undone = run.slot.acknowledged;
                Some(Arc::clone(state))
            }
            StateSource::Live => {
                saved.as_ref().map(|(_, state)| Arc::clone(state)).or_else(|| run.slot.base.clone())
            }
        };
        if let Some(state) = &state {
            check_size(state, &self.phase.candidate.live.manifest).map_err(|refusal| run.failure(refusal))?;
            run.trace.from_schema = Some(state.schema);
            run.trace.state = Some(Arc::clone(state));
        }
        if let Some((generation, state)) = saved {
            let acknowledged = run.slot.acknowledged;
            let record = JournalRecord::Snapshotted { generation, state: Arc::clone(&state), acknowledged };
            let written = run.setup.journal.append(&run.setup.module, record).await;
            written.map_err(|error| run.failure(ModuleRefusal::new("journal_failed", error.to_string())))?;
            run.trace.saved = Some(state);
        }
        let Self { run, phase: Drained { candidate } } = self;
        Ok(Transaction { run, phase: Snapshotted { candidate, state } })
    }
}

impl<'s> Transaction<'s, Snapshotted> {
    /// Brings the state to the schema that the candidate loads.
    pub(crate) async fn migrate(mut self) -> Result<Transaction<'s, Migrated>, ReloadFailure> {
        self.run.enter(ModulePhase::Migrate)?;
        let Self { mut run, phase: Snapshotted { candidate, state } } = self;
        let state = match state {
            None => None,
            Some(state) => {
                let migrated = migrate_state(&candidate.live.manifest, &run.setup.accepts, state).await;
                let migrated = migrated.map_err(|refusal| run.failure(refusal))?;
                run.trace.steps = migrated.hops;
                Some(migrated.state)
            }
        };
        Ok(Transaction { run, phase: Migrated { candidate, state } })
    }
}

impl<'s> Transaction<'s, Migrated> {
    /// Puts the candidate beside the old instance.
    pub(crate) fn swap(mut self) -> Result<Transaction<'s, Swapped>, ReloadFailure> {
        self.run.enter(ModulePhase::Swap)?;
        let Self { run, phase: Migrated { candidate, state } } = self;
        run.slot.candidate = Some(candidate);
        Ok(Transaction { run, phase: Swapped { state } })
    }
}

/// The candidate in the slot. It is there from the swap on.
fn candidate<'a>(run: &'a mut Run<'_>) -> Result<&'a mut RunningInstance, ReloadFailure> {
    let failure = run.failure(ModuleRefusal::new("no_candidate", "the candidate has gone"));
    run.slot.candidate.as_mut().ok_or(failure)
}

impl<'s> Transaction<'s, Swapped> {
    /// Lets the candidate load the state.
    pub(crate) async fn restore(mut self) -> Result<Transaction<'s, Restored>, ReloadFailure> {
        self.run.enter(ModulePhase::Restore)?;
        let Self { mut run, phase: Swapped { state } } = self;
        if let Some(state) = &state {
            run.trace.steps += match run.setup.pre_copied.take() {
                Some(copied) => run.catch_up(&copied, state).await?,
                None => run.load(state).await?,
            };
        }
        Ok(Transaction { run, phase: Restored { state } })
    }
}

impl<'s> Transaction<'s, Restored> {
    /// Checks the candidate, and probes a scratch clone of it.
    pub(crate) async fn verify(mut self) -> Result<Transaction<'s, Verified>, ReloadFailure> {
        self.run.enter(ModulePhase::Verify)?;
        let Self { mut run, phase: Restored { state } } = self;
        let changes = run.trace.pre_copy.as_ref().filter(|report| report.fallback.is_none());
        let start_state = match (changes.map(|report| report.before_bytes), &state) {
            (Some(before_bytes), Some(state)) => run.verified_after_changes(before_bytes, state).await?,
            _ => run.verified().await?,
        };
        let running = candidate(&mut run)?;
        let manifest = Arc::clone(&running.live.manifest);
        let (code, context) = (Arc::clone(&running.code), running.context.clone());
        if !manifest.probes.is_empty() {
            let probed = async {
                let mut scratch = start(&code, InstancePurpose::Scratch, &context).await?;
                if let Some(state) = &state {
                    restore(&mut *scratch, state).await?;
                }
                probe(&mut *scratch, &manifest).await
            };
            probed.await.map_err(|refusal| run.failure(refusal))?;
        }
        Ok(Transaction { run, phase: Verified { state: Arc::new(start_state) } })
    }
}

impl Transaction<'_, Verified> {
    /// Records the commit; from then on the candidate is the one that answers, and the old instance is retained.
    pub(crate) async fn commit(mut self) -> Result<Finished, ReloadFailure> {
        self.run.enter(ModulePhase::Commit)?;
        let Self { mut run, phase: Verified { state } } = self;
        let live = Arc::clone(&candidate(&mut run)?.live);
        let record = JournalRecord::Committed {
            generation: live.generation,
            manifest: live.manifest.digest,
            body: Arc::clone(&live.manifest.body),
            state: Arc::clone(&state),
            reason: std::mem::take(&mut run.setup.reason),
        };
        let written = run.setup.journal.append(&run.setup.module, record).await;
        written.map_err(|error| run.failure(ModuleRefusal::new("journal_failed", error.to_string())))?;

        run.is_committed = true;
        let slot = &mut *run.slot;
        if let Some(candidate) = &mut slot.candidate {
            candidate.instance.go_live();
        }
        let from_version = slot.current().map(|live| live.manifest.version.clone());
        let old = std::mem::replace(&mut slot.live, slot.candidate.take());
        let until = tokio::time::Instant::now() + live.manifest.limits.grace();
        slot.retained = old.filter(|_| live.manifest.limits.grace_ms > 0).map(|running| Retained {
            running,
            until,
            acknowledged: 0,
            since_base: if run.trace.saved.is_some() { 0 } else { slot.since_base },
            base: run.trace.saved.take().or_else(|| slot.base.take()),
            acknowledged_before: slot.acknowledged,
        });
        slot.ended = None;
        slot.marked = None;
        let state_bytes = state.bytes.len();
        slot.base = Some(state);
        (slot.acknowledged, slot.since_base) = (0, 0);
        let trace = &mut run.trace;
        trace.end_phase();
        Ok(Finished {
            phases: std::mem::take(&mut trace.phases),
            pause: trace.pause_began.elapsed(),
            migrated_from: trace.from_schema.filter(|schema| *schema != live.manifest.schema),
            steps: trace.steps,
            state_bytes,
            state: trace.state.take(),
            from_version,
            undone: trace.undone,
            pre_copy: trace.pre_copy.take(),
        })
    }
}
