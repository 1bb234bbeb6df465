//! The task of a module: it owns the mailbox and the instance, and does one thing after another.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use midflight_core::Digest;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::code::{InstancePurpose, ModuleFailure, StateSnapshot, Trap};
use crate::entry::ModuleShared;
use crate::error::{CallError, ModuleRefusal, ReloadFailure};
use crate::journal::{Journal, JournalRecord};
use crate::mailbox::{MessageEnvelope, ModuleReply};
use crate::metrics::count;
use crate::phase::ModulePhase;
use crate::reload::{
    EndedInstance, Finished, MarkedState, ModuleSlot, Retained, RunningInstance, Transaction,
    TransactionSetup, Verified, restore, start,
};
use crate::report::{LiveModule, ModuleReloadReport, ParkedMessage, PreCopyReport, ReloadOutcome};

/// After so many restarts in a row that failed, messages are answered that the module is unavailable.
const RESTARTS_FAILED_MAX: u32 = 3;
/// How many messages are worked on before timers are looked at again.
const BATCH_MAX: u32 = 64;
/// How many parked messages are kept.
const PARKED_MAX: usize = 32;

/// What the task is asked for beside messages.
pub(crate) enum Control {
    /// Pause, and bring the candidate up to the decision.
    Pause(Box<PauseRequest>),
    /// Go back to the retained instance.
    Return(oneshot::Sender<Result<ModuleReloadReport, ModuleRefusal>>),
    /// Give the state; with `true`, record it too.
    Save(bool, oneshot::Sender<Result<Option<Arc<StateSnapshot>>, ModuleRefusal>>),
    /// Give the state, and remember what changes in it from then on.
    Copy(oneshot::Sender<Result<MarkedState, ModuleRefusal>>),
    /// Give how many messages the live generation has acknowledged.
    Count(oneshot::Sender<u64>),
    /// Answer what waits, and end.
    Stop(oneshot::Sender<()>),
}

/// A reload, from the pause to its end.
pub(crate) struct PauseRequest {
    pub(crate) setup: TransactionSetup,
    pub(crate) candidate: RunningInstance,
    /// When it was asked for.
    pub(crate) asked_at: std::time::Instant,
    /// Sent when the current message is done. When no caller waits for it, the reload is abandoned.
    pub(crate) started: oneshot::Sender<()>,
    pub(crate) verified: oneshot::Sender<Result<(), ReloadFailure>>,
    /// Commits when it is sent, rolls back when it is dropped.
    pub(crate) decision: oneshot::Receiver<()>,
    /// The end, with the state that was taken over, whose digest the report does not have yet.
    pub(crate) done: oneshot::Sender<Result<Done, ReloadFailure>>,
}

/// A reload that committed, and the state that was taken over.
pub(crate) type Done = (ModuleReloadReport, Option<Arc<StateSnapshot>>);

/// How restarts are spaced.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RestartPolicy {
    pub(crate) delay: Duration,
    pub(crate) delay_max: Duration,
    pub(crate) decision_max: Duration,
}

pub(crate) struct Actor {
    pub(crate) module: Arc<ModuleShared>,
    pub(crate) control: mpsc::Receiver<Control>,
    pub(crate) mailbox: mpsc::UnboundedReceiver<MessageEnvelope>,
    pub(crate) slot: ModuleSlot,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) policy: RestartPolicy,
    pub(crate) restart: Restart,
    /// The message that trapped the last instance, to be tried again.
    pub(crate) pending: Option<MessageEnvelope>,
    pub(crate) last_id: u64,
    /// The manifest that a return or a restore went back from.
    pub(crate) withdrawn: Option<Digest>,
}

/// The restart that is due, if one is.
#[derive(Debug, Default)]
pub(crate) struct Restart {
    at: Option<Instant>,
    /// Restarts since a message was last answered.
    in_a_row: u32,
    /// How many of them failed, and how the last did.
    failed: u32,
    why: String,
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

impl Actor {
    pub(crate) async fn run(mut self) {
        loop {
            self.work_off().await;
            if self.pending.is_some() && self.slot.live.is_some() && self.control.is_empty() {
                // It goes before what waits in the mailbox.
                continue;
            }
            let retained_until = self.slot.retained.as_ref().map(|retained| retained.until);
            let can_answer = self.slot.live.is_some() || self.is_unavailable();
            tokio::select! {
                biased;
                control = self.control.recv() => match control {
                    Some(Control::Stop(stopped)) => {
                        self.finish().await;
                        self.checkpoint().await;
                        let _nobody_waits = stopped.send(());
                        return;
                    }
                    Some(control) => self.control(control).await,
                    None => return self.finish().await,
                },
                () = until(retained_until) => {
                    self.slot.retained = None;
                    self.publish();
                }
                () = until(self.restart.at) => self.restart().await,
                envelope = self.mailbox.recv(), if can_answer => match envelope {
                    Some(envelope) => self.serve(envelope).await,
                    None => return,
                },
            }
        }
    }

    /// Works on messages that wait without looking at timers, for a while, as long as nothing else is asked for.
    async fn work_off(&mut self) {
        for _ in 0..BATCH_MAX {
            if self.slot.live.is_none() || !self.control.is_empty() {
                return;
            }
            let Some(envelope) = self.pending.take().or_else(|| self.mailbox.try_recv().ok()) else { return };
            self.serve(envelope).await;
            tokio::task::consume_budget().await;
        }
    }

    /// Answers what was accepted, and takes nothing more.
    async fn finish(&mut self) {
        self.mailbox.close();
        while let Some(envelope) = self.next_envelope().await {
            if self.slot.live.is_none() && self.restart.at.is_some() {
                self.restart().await;
            }
            self.serve(envelope).await;
        }
    }

    async fn next_envelope(&mut self) -> Option<MessageEnvelope> {
        match self.pending.take() {
            Some(envelope) => Some(envelope),
            None => self.mailbox.recv().await,
        }
    }

    fn is_unavailable(&self) -> bool {
        self.restart.failed >= RESTARTS_FAILED_MAX
    }

    async fn serve(&mut self, mut envelope: MessageEnvelope) {
        let Some(running) = self.slot.live.as_mut() else {
            let module = self.module.name.clone();
            let why = self.restart.why.clone();
            envelope.reply.answer(Err(CallError::Unavailable { module, why }));
            return;
        };
        if envelope.message.id == 0 {
            self.last_id += 1;
            envelope.message.id = self.last_id;
        }
        match running.instance.handle(&envelope.message).await {
            Ok(answer) => {
                let live = Arc::clone(&running.live);
                let max = live.manifest.limits.message_bytes_max;
                let checkpoint = live.manifest.limits.checkpoint_messages;
                let answer = match answer {
                    Ok(result) if result.len() as u64 > max => {
                        let message = format!("the reply has {} bytes and may have {max}", result.len());
                        Err(CallError::Failed(ModuleFailure::new("reply_too_large", message)))
                    }
                    Ok(result) => Ok(ModuleReply { result, live }),
                    Err(failure) => Err(CallError::Failed(failure)),
                };
                self.acknowledged();
                envelope.reply.answer(answer);
                if checkpoint > 0 && self.slot.since_base >= checkpoint {
                    self.checkpoint().await;
                }
            }
            Err(trap) => self.trapped(Some(envelope), &trap).await,
        }
    }

    fn acknowledged(&mut self) {
        self.slot.acknowledged += 1;
        self.slot.since_base += 1;
        if let Some(retained) = &mut self.slot.retained {
            retained.acknowledged += 1;
        }
        self.restart.in_a_row = 0;
    }

    /// The instance has ended: back to the retained one when that is exact, else a restart.
    async fn trapped(&mut self, envelope: Option<MessageEnvelope>, trap: &Trap) {
        count(&self.module.metrics.traps);
        self.slot.end_live();
        let generation = self.slot.current().map_or(0, |live| live.generation);
        tracing::error!(module = %self.module.name, generation, %trap, "module trapped");
        if self.slot.retained.as_ref().is_some_and(|retained| retained.acknowledged == 0) {
            self.return_from_trap(trap).await;
        } else {
            self.schedule_restart(trap.to_string());
        }
        let Some(mut envelope) = envelope else { return self.publish() };
        if envelope.message.attempt < 2 {
            envelope.message.attempt = 2;
            self.pending = Some(envelope);
        } else {
            count(&self.module.metrics.poisoned);
            self.module.park(
                ParkedMessage {
                    id: envelope.message.id,
                    operation: envelope.message.operation.clone(),
                    payload: Digest::of_bytes(&envelope.message.payload),
                    generation,
                    trap: trap.to_string(),
                },
                PARKED_MAX,
            );
            let module = self.module.name.clone();
            envelope.reply.answer(Err(CallError::Poisoned { module, trap: trap.clone() }));
        }
        self.publish();
    }

    /// The first restart is at once, each further one later.
    fn schedule_restart(&mut self, why: String) {
        let doubled = self
            .restart
            .in_a_row
            .checked_sub(1)
            .map(|exponent| 1_u32.checked_shl(exponent).unwrap_or(u32::MAX));
        let delay = doubled.map_or(Duration::ZERO, |factor| self.policy.delay.saturating_mul(factor));
        self.restart.in_a_row = self.restart.in_a_row.saturating_add(1);
        self.restart.at = Some(Instant::now() + delay.min(self.policy.delay_max));
        self.restart.why = why;
    }

    async fn restart(&mut self) {
        self.restart.at = None;
        let Some(ended) = self.slot.ended.take() else { return };
        let base = self.slot.base.clone();
        let made = async {
            let mut instance = start(&ended.code, InstancePurpose::Serve, &ended.context).await?;
            if let Some(base) = &base {
                restore(&mut *instance, base).await?;
            }
            Ok::<_, ModuleRefusal>(instance)
        };
        match made.await {
            Ok(mut instance) => {
                instance.go_live();
                count(&self.module.metrics.restarts);
                let lost = std::mem::take(&mut self.slot.since_base);
                self.module.metrics.lost_by_restart.fetch_add(lost, Ordering::Relaxed);
                self.slot.acknowledged = self.slot.acknowledged.saturating_sub(lost);
                let generation = ended.live.generation;
                tracing::warn!(module = %self.module.name, generation, lost, "module restarted from its recorded state");
                let EndedInstance { live, code, context, memory } = ended;
                self.slot.live = Some(RunningInstance { instance, live, code, context, memory });
                self.restart.failed = 0;
            }
            Err(refusal) => {
                tracing::error!(module = %self.module.name, why = refusal.message, "module cannot be restarted");
                self.slot.ended = Some(ended);
                self.restart.failed = self.restart.failed.saturating_add(1);
                self.schedule_restart(refusal.message);
                if self.is_unavailable()
                    && let Some(envelope) = self.pending.take()
                {
                    self.serve(envelope).await;
                }
            }
        }
        self.publish();
    }

    /// Goes back to the retained instance without being asked, and tells it.
    async fn return_from_trap(&mut self, trap: &Trap) {
        let began = std::time::Instant::now();
        let from = self.slot.current().map(Arc::clone);
        let failed = from.as_ref().map(|live| (live.manifest.digest, trap.to_string()));
        self.take_retained(failed).await;
        let from_version = from.map(|live| live.manifest.version.clone());
        if let Some(report) = self.returned(from_version, began) {
            self.module.observe(Ok(&report), Some(&format!("the new version trapped: {trap}")));
        }
    }

    /// Lets the retained instance answer again, exactly as it was; with a manifest that failed, remembers it.
    async fn take_retained(&mut self, failed: Option<(Digest, String)>) {
        let Some(retained) = self.slot.retained.take() else { return };
        let Retained { running, base, acknowledged_before, since_base, .. } = retained;
        let generation = running.live.generation;
        self.withdrawn = self.slot.current().map(|live| live.manifest.digest);
        if let Some((manifest, why)) = failed {
            self.record(JournalRecord::Failed { manifest, phase: "serve".to_owned(), why }).await;
        }
        self.record(JournalRecord::Returned { generation }).await;
        self.slot.live = Some(running);
        self.slot.marked = None;
        self.slot.ended = None;
        self.slot.base = base;
        (self.slot.acknowledged, self.slot.since_base) = (acknowledged_before, since_base);
        self.restart = Restart::default();
        count(&self.module.metrics.returns);
        tracing::warn!(module = %self.module.name, generation, "module returned to the retained generation");
    }

    /// Writes a record that nothing waits for; without it a crash recovers less.
    async fn record(&mut self, record: JournalRecord) {
        if let Err(error) = self.journal.append(&self.module.name, record).await {
            count(&self.module.metrics.journal_failures);
            tracing::error!(module = %self.module.name, %error, "journal not written");
        }
    }

    async fn control(&mut self, control: Control) {
        match control {
            Control::Pause(request) => self.reload(*request).await,
            Control::Return(reply) => {
                let answer = self.return_to_retained().await;
                drop(reply.send(answer));
            }
            Control::Save(is_recorded, reply) => {
                if is_recorded {
                    self.checkpoint().await;
                    drop(reply.send(Ok(self.slot.base.clone())));
                } else {
                    let saved = self.save().await;
                    drop(reply.send(saved));
                }
            }
            Control::Copy(reply) => {
                let copied = self.copy().await;
                drop(reply.send(copied));
            }
            Control::Count(reply) => drop(reply.send(self.slot.acknowledged)),
            Control::Stop(_) => {}
        }
    }

    async fn save(&mut self) -> Result<Option<Arc<StateSnapshot>>, ModuleRefusal> {
        let Some(running) = self.slot.live.as_mut() else { return Ok(self.slot.base.clone()) };
        match running.instance.save().await {
            Ok(state) => Ok(Some(Arc::new(state))),
            Err(trap) => {
                self.trapped(None, &trap).await;
                Err(ModuleRefusal::trap("save", &trap))
            }
        }
    }

    /// The state, and the mark from which the instance remembers what changes, if it does.
    async fn copy(&mut self) -> Result<MarkedState, ModuleRefusal> {
        let state = self.save().await?;
        match self.slot.mark().await {
            Ok(mark) => Ok(MarkedState { state, mark }),
            Err(trap) => {
                self.trapped(None, &trap).await;
                Err(ModuleRefusal::trap("mark", &trap))
            }
        }
    }

    /// Records the state, so that a restart or a crash begins from here.
    async fn checkpoint(&mut self) {
        let Some(generation) = self.slot.live.as_ref().map(|running| running.live.generation) else { return };
        if let Ok(Some(state)) = self.save().await
            && self.slot.live.is_some()
        {
            let acknowledged = self.slot.acknowledged;
            self.record(JournalRecord::Checkpoint { generation, state: Arc::clone(&state), acknowledged })
                .await;
            self.slot.base = Some(state);
            self.slot.since_base = 0;
            self.publish();
        }
    }

    async fn return_to_retained(&mut self) -> Result<ModuleReloadReport, ModuleRefusal> {
        let Some(retained) = &self.slot.retained else {
            let message = "no replaced instance is retained; its grace is over: restore a generation instead";
            return Err(ModuleRefusal::new("nothing_retained", message));
        };
        if retained.acknowledged > 0 {
            let message = format!(
                "{} messages were acknowledged since the commit and would be undone; restore a generation instead",
                retained.acknowledged
            );
            return Err(ModuleRefusal::new("not_exact", message));
        }
        let began = std::time::Instant::now();
        let from_version = self.slot.current().map(|live| live.manifest.version.clone());
        self.take_retained(None).await;
        self.publish();
        self.returned(from_version, began)
            .ok_or_else(|| ModuleRefusal::new("nothing_retained", "the retained instance has gone"))
    }

    /// The report of a return that was done.
    fn returned(
        &self,
        from_version: Option<String>,
        began: std::time::Instant,
    ) -> Option<ModuleReloadReport> {
        let live = self.slot.current()?;
        let (generation, to) = (live.generation, live.manifest.version.clone());
        let name = &self.module.name;
        let report = ModuleReloadReport::new(name, ReloadOutcome::Returned, generation, from_version, to);
        Some(ModuleReloadReport { pause: began.elapsed(), held: self.mailbox.len() as u64, ..report })
    }

    async fn reload(&mut self, request: PauseRequest) {
        let PauseRequest { setup, candidate, asked_at, started, verified, decision, done } = request;
        if started.send(()).is_err() {
            return;
        }
        let digest = candidate.live.manifest.digest;
        let live = Arc::clone(&candidate.live);
        let withdraws = setup.withdraws;
        let decision_max = self.policy.decision_max;
        // A failure goes to the one who waits: for the verification first, then for the end.
        let mut verified = Some(verified);
        let ended = match run_to_verified(&mut self.slot, setup, candidate, asked_at).await {
            Err(failure) => Err(failure),
            Ok(transaction) => {
                let is_awaited = verified.take().is_some_and(|verified| verified.send(Ok(())).is_ok());
                let decided = if is_awaited {
                    matches!(tokio::time::timeout(decision_max, decision).await, Ok(Ok(())))
                } else {
                    false
                };
                // Dropping the transaction is the rollback.
                if decided { transaction.commit().await.map(Some) } else { Ok(None) }
            }
        };
        match ended {
            Ok(None) => self.restart_when_ended("the reload in which it trapped was rolled back"),
            Ok(Some(finished)) => {
                self.withdrawn = withdraws;
                let done_with = self.committed(&live, finished);
                drop(done.send(Ok(done_with)));
            }
            Err(failure) => {
                self.failed(&failure, digest).await;
                match verified {
                    Some(verified) => drop(verified.send(Err(failure))),
                    None => drop(done.send(Err(failure))),
                }
            }
        }
    }

    fn committed(&mut self, live: &Arc<LiveModule>, finished: Finished) -> Done {
        self.restart = Restart::default();
        let metrics = &self.module.metrics;
        metrics.paused(finished.pause);
        count(&metrics.committed);
        match &finished.pre_copy {
            Some(PreCopyReport { fallback: None, .. }) => count(&metrics.pre_copied),
            Some(_) => count(&metrics.pre_copy_fallbacks),
            None => {}
        }
        self.module.resize(&live.manifest.limits);
        self.publish();
        let module = self.module.name.clone();
        tracing::info!(%module, generation = live.generation, version = live.manifest.version, "module reloaded");
        let report = ModuleReloadReport {
            module,
            outcome: ReloadOutcome::Committed,
            generation: live.generation,
            from_version: finished.from_version,
            to_version: live.manifest.version.clone(),
            phases: finished.phases,
            pause: finished.pause,
            held: self.mailbox.len() as u64,
            migrated_from: finished.migrated_from,
            steps: finished.steps,
            state_bytes: finished.state_bytes,
            state_digest: None,
            undone: finished.undone,
            pre_copy: finished.pre_copy,
        };
        (report, finished.state)
    }

    /// What follows a rollback: it is counted, and a candidate that failed on the state is remembered.
    async fn failed(&mut self, failure: &ReloadFailure, manifest: Digest) {
        self.module.metrics.failed_in(failure.phase);
        tracing::warn!(module = %self.module.name, %failure, "reload rejected; keeping the current version");
        if matches!(failure.phase, ModulePhase::Restore | ModulePhase::Verify) {
            let (phase, why) = (failure.phase.word().to_owned(), failure.message.clone());
            self.record(JournalRecord::Failed { manifest, phase, why }).await;
        }
        self.restart_when_ended(&failure.message);
    }

    /// Restarts an old instance that trapped in a reload that was rolled back, when it saved or gave its changes.
    fn restart_when_ended(&mut self, why: &str) {
        if self.slot.live.is_none() && self.slot.ended.is_some() && self.restart.at.is_none() {
            count(&self.module.metrics.traps);
            self.schedule_restart(why.to_owned());
            self.publish();
        }
    }

    /// Shows what is so now.
    fn publish(&self) {
        let restarting = self.slot.ended.as_ref().map(|_| self.restart.why.clone());
        self.module.publish(|status| {
            status.live = self.slot.current().map(Arc::clone);
            status.retained = self.slot.retained.as_ref().map(|retained| retained.running.live.generation);
            status.restarting = restarting;
            status.withdrawn = self.withdrawn;
            status.acknowledged_since_record = self.slot.since_base;
        });
    }
}

/// Everything between the pause and the decision.
async fn run_to_verified(
    slot: &mut ModuleSlot,
    setup: TransactionSetup,
    candidate: RunningInstance,
    asked_at: std::time::Instant,
) -> Result<Transaction<'_, Verified>, ReloadFailure> {
    let drained = Transaction::begin(slot, setup, candidate, asked_at)?;
    drained.snapshot().await?.migrate().await?.swap()?.restore().await?.verify().await
}
