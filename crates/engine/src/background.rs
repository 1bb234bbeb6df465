//! Dry runs, validations and what forced reloads compile: the pipeline of a reload up to the point of no return, on a
//! task of its own, so that none of them holds up an edit or a revision.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use midflight_core::{Edit, Trigger};
use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::coordinator::{EDIT_TRIES_MAX, ENGINE_AUTHOR, ReloadCaller};
use crate::core::Core;
use crate::full_reload::FullReload;
use crate::load::ReloadTarget;
use crate::outcome::{AcceptedEdit, AppliedExtent, InvalidPolicy, Refusal, Refused, ReloadScope, Validated};
use crate::phase_tracker::PhaseTracker;
use crate::reload::{Reload, ReloadResult};
use crate::requests::{BackgroundReceivers, QueueTurn, WeakRequests};
use crate::status::CoordinatorState;

/// A dry run that waits its turn.
pub(crate) struct DryRun {
    pub(crate) edit: Box<Edit>,
    pub(crate) invalid: InvalidPolicy,
    pub(crate) reply: oneshot::Sender<Result<AcceptedEdit, Refused>>,
    pub(crate) turn: QueueTurn,
}

type ValidateReply = oneshot::Sender<Result<Validated, Refusal>>;

/// Those who wait for a validation. All who wait when one begins get its answer.
#[derive(Debug)]
pub(crate) struct Validations {
    /// None once the engine has stopped.
    waiting: Mutex<Option<Vec<ValidateReply>>>,
    asked: Notify,
    waiting_max: usize,
}

impl Validations {
    /// None yet, and at most `waiting_max` at a time.
    pub(crate) fn new(waiting_max: usize) -> Self {
        Self { waiting: Mutex::new(Some(Vec::new())), asked: Notify::new(), waiting_max }
    }

    /// Adds a caller, unless as many wait as may; those that left do not count.
    pub(crate) fn ask(&self, reply: ValidateReply) -> Result<(), Refusal> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = waiting.as_mut().ok_or(Refusal::Stopping)?;
        waiting.retain(|reply| !reply.is_closed());
        if waiting.len() >= self.waiting_max {
            return Err(Refusal::Busy { queue_max: self.waiting_max, bound: "validations_max" });
        }
        waiting.push(reply);
        self.asked.notify_one();
        Ok(())
    }

    /// Those who wait and are still there.
    fn take(&self) -> Vec<ValidateReply> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = waiting.as_mut().map(std::mem::take).unwrap_or_default();
        waiting.into_iter().filter(|reply| !reply.is_closed()).collect()
    }

    /// Dismisses the waiting callers and takes no more.
    fn close(&self) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// Does one of them at a time, so that beside what is served there is at most one world more. A dry run or a validation
/// for which its caller does not wait any more is cancelled.
pub(crate) struct Background {
    core: Arc<Core>,
    shown: Arc<RwLock<CoordinatorState>>,
    requests: WeakRequests,
    waiting: BackgroundReceivers,
}

impl Background {
    pub(crate) fn new(
        core: Arc<Core>,
        shown: Arc<RwLock<CoordinatorState>>,
        requests: WeakRequests,
        waiting: BackgroundReceivers,
    ) -> Self {
        Self { core, shown, requests, waiting }
    }

    /// Runs until the engine stops. What still waits then learns of it by its closed channel.
    pub(crate) async fn run(mut self) {
        let stop = self.core.stop.clone();
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                dry_run = self.waiting.dry_runs.recv() => match dry_run {
                    Some(dry_run) => self.try_edit(dry_run).await,
                    None => break,
                },
                caller = self.waiting.forced.recv() => match caller {
                    Some(caller) => self.force(caller).await,
                    None => break,
                },
                () = self.waiting.validations.asked.notified() => self.validate().await,
            }
        }
        self.waiting.validations.close();
    }

    async fn try_edit(&self, dry_run: DryRun) {
        let DryRun { edit, invalid, mut reply, turn } = dry_run;
        if reply.is_closed() {
            return;
        }
        let stop = self.core.stop.child_token();
        let answer = self.edit(&edit, invalid, &stop).instrument(turn.span.clone());
        tokio::pin!(answer);
        let answer = tokio::select! {
            answer = &mut answer => answer,
            () = reply.closed() => {
                stop.cancel();
                answer.await
            }
        };
        drop(reply.send(answer));
    }

    async fn edit(
        &self,
        edit: &Edit,
        invalid: InvalidPolicy,
        stop: &CancellationToken,
    ) -> Result<AcceptedEdit, Refused> {
        for _ in 0..EDIT_TRIES_MAX {
            let state = self.state();
            if state.from_copy || state.diverged.is_some() {
                self.follow().await?;
            }
            let target = ReloadTarget::Edit { edit, invalid, extent: AppliedExtent::Edit };
            let ended = self.go(edit.trigger, &edit.author, target, stop).await.1;
            if !ended.moved {
                return ended.into_answer();
            }
            self.follow().await?;
        }
        Err(Refusal::Contended { tries: EDIT_TRIES_MAX }.into())
    }

    /// Makes a candidate of everything the log holds, what is in quarantine too, and drops it.
    async fn validate(&self) {
        let mut replies = self.waiting.validations.take();
        if replies.is_empty() {
            return;
        }
        let stop = self.core.stop.child_token();
        let done = self.go(Trigger::Manual, ENGINE_AUTHOR, ReloadTarget::Everything, &stop);
        tokio::pin!(done);
        let none_left = async {
            for reply in &mut replies {
                reply.closed().await;
            }
        };
        let (state, ended) = tokio::select! {
            done = &mut done => done,
            () = none_left => {
                stop.cancel();
                done.await
            }
        };
        for reply in replies {
            drop(reply.send(validated(&state, &ended)));
        }
    }

    /// Compiles everything again, once for all waiting callers, and hands it over to be served.
    async fn force(&mut self, caller: ReloadCaller) {
        let mut callers = vec![caller];
        while let Ok(caller) = self.waiting.forced.try_recv() {
            callers.push(caller);
        }
        let mut state = self.state();
        let is_in_turn = state.from_copy || state.diverged.is_some();
        let full = match is_in_turn {
            true => None,
            false => {
                let caller = &callers[0];
                let made = FullReload::make(&self.core, &mut state, caller.trigger, &caller.by);
                Some(made.instrument(caller.turn.span.clone()).await)
            }
        };
        if let Some(requests) = self.requests.upgrade() {
            requests.serve_full_reload(callers, full.map(Box::new)).await;
        }
    }

    /// Goes through the pipeline up to the point of no return, on a copy of the state.
    async fn go(
        &self,
        trigger: Trigger,
        by: &str,
        target: ReloadTarget<'_>,
        stop: &CancellationToken,
    ) -> (CoordinatorState, ReloadResult) {
        let mut state = self.state();
        let machine = PhaseTracker::new(trigger, by.to_owned(), self.core.now());
        let ended = Reload::dry_run(&self.core, machine, &target, stop).run(&mut state, target).await;
        (state, ended)
    }

    fn state(&self) -> CoordinatorState {
        self.shown.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The log is ahead: the coordinator follows it, as it would by itself.
    async fn follow(&self) -> Result<(), Refusal> {
        let requests = self.requests.upgrade().ok_or(Refusal::Stopping)?;
        requests.reload(Trigger::Notify, ENGINE_AUTHOR, ReloadScope::New).await.map(drop)
    }
}

fn validated(state: &CoordinatorState, ended: &ReloadResult) -> Result<Validated, Refusal> {
    match &ended.refusal {
        Some(Refusal::Stopping) => return Err(Refusal::Stopping),
        Some(Refusal::Store(error)) => return Err(Refusal::Store(error.clone())),
        Some(Refusal::LogDiverged(diverged)) => return Err(Refusal::LogDiverged(diverged.clone())),
        _ => {}
    }
    let documents = ended.trace.origins.iter().map(|(id, _)| id.clone()).collect();
    Ok(Validated { revision: state.desired, documents, problems: ended.problems.clone() })
}
