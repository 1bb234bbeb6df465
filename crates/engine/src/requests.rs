//! The way to the coordinator and to dry runs: what is asked of them waits in bounded queues, and no caller may fill
//! one alone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use midflight_core::{Edit, ReloadEvent, Trigger};
use tokio::sync::{mpsc, oneshot};
use tracing::Span;

use crate::Limits;
use crate::background::{DryRun, Validations};
use crate::coordinator::{EditRequest, ReloadCaller, Request};
use crate::full_reload::FullReload;
use crate::lanes::{LargeEdits, Numbered, Numbers};
use crate::outcome::{AcceptedEdit, EditMode, InvalidPolicy, Refusal, Refused, ReloadScope, Validated};

/// How many requests of one queue each caller has waiting.
#[derive(Debug)]
struct Callers {
    waiting: Mutex<HashMap<String, usize>>,
    per_caller_max: usize,
    /// The name of that bound.
    bound: &'static str,
}

/// One caller's place in a queue, until it is dropped.
pub(crate) struct QueueTurn {
    callers: Arc<Callers>,
    caller: String,
    /// The span in which it was asked for: what is done for it is in that span too.
    pub(crate) span: Span,
}

impl Callers {
    fn new(per_caller_max: usize, bound: &'static str) -> Arc<Self> {
        Arc::new(Self { waiting: Mutex::default(), per_caller_max, bound })
    }

    fn take_turn(self: &Arc<Self>, caller: &str) -> Result<QueueTurn, Refusal> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let count = waiting.entry(caller.to_owned()).or_default();
        if *count >= self.per_caller_max {
            let (per_caller_max, bound) = (self.per_caller_max, self.bound);
            return Err(Refusal::CallerBusy { per_caller_max, bound });
        }
        *count += 1;
        Ok(QueueTurn { callers: Arc::clone(self), caller: caller.to_owned(), span: Span::current() })
    }
}

impl Drop for QueueTurn {
    fn drop(&mut self) {
        let mut waiting = self.callers.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = waiting.get_mut(&self.caller) {
            *count -= 1;
            if *count == 0 {
                waiting.remove(&self.caller);
            }
        }
    }
}

/// One bounded queue, from the side of those who ask.
struct Queue<T> {
    queue: mpsc::Sender<T>,
    queue_max: usize,
    /// The name of that bound.
    bound: &'static str,
    callers: Arc<Callers>,
}

/// The same without keeping the other end running.
struct WeakQueue<T> {
    queue: mpsc::WeakSender<T>,
    queue_max: usize,
    bound: &'static str,
    callers: Arc<Callers>,
}

impl<T> Clone for Queue<T> {
    fn clone(&self) -> Self {
        let Self { queue, queue_max, bound, callers } = self;
        Self { queue: queue.clone(), queue_max: *queue_max, bound, callers: Arc::clone(callers) }
    }
}

impl<T> Queue<T> {
    fn new(queue_max: usize, bound: &'static str, callers: Arc<Callers>) -> (Self, mpsc::Receiver<T>) {
        let (queue, waiting) = mpsc::channel(queue_max);
        (Self { queue, queue_max, bound, callers }, waiting)
    }

    fn send(&self, request: T) -> Result<(), Refusal> {
        let (queue_max, bound) = (self.queue_max, self.bound);
        self.queue.try_send(request).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Refusal::Busy { queue_max, bound },
            mpsc::error::TrySendError::Closed(_) => Refusal::Stopping,
        })
    }

    fn downgrade(&self) -> WeakQueue<T> {
        WeakQueue {
            queue: self.queue.downgrade(),
            queue_max: self.queue_max,
            bound: self.bound,
            callers: Arc::clone(&self.callers),
        }
    }
}

impl<T> WeakQueue<T> {
    fn upgrade(&self) -> Option<Queue<T>> {
        let queue = self.queue.upgrade()?;
        let callers = Arc::clone(&self.callers);
        Some(Queue { queue, queue_max: self.queue_max, bound: self.bound, callers })
    }
}

/// The queues. The coordinator runs as long as there is a handle to them.
#[derive(Clone)]
pub(crate) struct Requests {
    changes: Queue<Numbered<Request>>,
    /// Edits that take long.
    large: Queue<Numbered<Request>>,
    numbers: Arc<Numbers>,
    large_edits: Arc<LargeEdits>,
    forced: Queue<ReloadCaller>,
    dry_runs: Queue<DryRun>,
    validations: Arc<Validations>,
    /// Those who wait for a validation.
    validators: Arc<Callers>,
}

/// The same for a part of the engine itself, which does not keep the coordinator running.
pub(crate) struct WeakRequests {
    changes: WeakQueue<Numbered<Request>>,
    large: WeakQueue<Numbered<Request>>,
    numbers: Arc<Numbers>,
    large_edits: Arc<LargeEdits>,
    forced: WeakQueue<ReloadCaller>,
    dry_runs: WeakQueue<DryRun>,
    validations: Arc<Validations>,
    validators: Arc<Callers>,
}

/// The other ends of the queues.
pub(crate) struct RequestReceivers {
    pub(crate) small: mpsc::Receiver<Numbered<Request>>,
    pub(crate) large: mpsc::Receiver<Numbered<Request>>,
    pub(crate) background: BackgroundReceivers,
}

/// The other ends of the queues of what is done in the background.
pub(crate) struct BackgroundReceivers {
    pub(crate) forced: mpsc::Receiver<ReloadCaller>,
    pub(crate) dry_runs: mpsc::Receiver<DryRun>,
    pub(crate) validations: Arc<Validations>,
}

impl Requests {
    /// Empty queues and their other ends.
    pub(crate) fn new(limits: &Limits) -> (Self, RequestReceivers) {
        let callers = Callers::new(limits.queue_per_caller_max, "queue_per_caller_max");
        let (forced, waiting_forced) = Queue::new(limits.queue_max, "queue_max", Arc::clone(&callers));
        let (large, waiting_large) = Queue::new(limits.queue_max, "queue_max", Arc::clone(&callers));
        let (changes, waiting) = Queue::new(limits.queue_max, "queue_max", callers);
        let callers = Callers::new(limits.dry_runs_per_caller_max, "dry_runs_per_caller_max");
        let (dry_runs, waiting_dry_runs) = Queue::new(limits.dry_runs_max, "dry_runs_max", callers);
        let validations = Arc::new(Validations::new(limits.validations_max));
        let validators = Callers::new(limits.validations_per_caller_max, "validations_per_caller_max");
        let background = BackgroundReceivers {
            forced: waiting_forced,
            dry_runs: waiting_dry_runs,
            validations: Arc::clone(&validations),
        };
        let requests = Self {
            changes,
            large,
            numbers: Arc::default(),
            large_edits: Arc::default(),
            forced,
            dry_runs,
            validations,
            validators,
        };
        (requests, RequestReceivers { small: waiting, large: waiting_large, background })
    }

    pub(crate) fn downgrade(&self) -> WeakRequests {
        WeakRequests {
            changes: self.changes.downgrade(),
            large: self.large.downgrade(),
            numbers: Arc::clone(&self.numbers),
            large_edits: Arc::clone(&self.large_edits),
            forced: self.forced.downgrade(),
            dry_runs: self.dry_runs.downgrade(),
            validations: Arc::clone(&self.validations),
            validators: Arc::clone(&self.validators),
        }
    }

    pub(crate) async fn edit(&self, edit: Edit, mode: EditMode) -> Result<AcceptedEdit, Refused> {
        edit.check_texts().map_err(Refusal::Invalid)?;
        let turn = self.changes.callers.take_turn(&edit.author)?;
        let lane = self.large_edits.enter(&edit);
        let is_large = lane.is_some();
        let (reply, done) = oneshot::channel();
        let request = EditRequest { edit: Box::new(edit), mode, tries: 0, reply, turn, lane, valid: None };
        let request = Request::Edit(request);
        match is_large {
            true => self.large.send(self.numbers.of_large(request))?,
            false => self.changes.send(self.numbers.of_small(request))?,
        }
        done.await.unwrap_or_else(|_| Err(Refusal::Stopping.into()))
    }

    pub(crate) async fn dry_run(&self, edit: Edit, invalid: InvalidPolicy) -> Result<AcceptedEdit, Refused> {
        edit.check_texts().map_err(Refusal::Invalid)?;
        let turn = self.dry_runs.callers.take_turn(&edit.author)?;
        let (reply, done) = oneshot::channel();
        self.dry_runs.send(DryRun { edit: Box::new(edit), invalid, reply, turn })?;
        done.await.unwrap_or_else(|_| Err(Refusal::Stopping.into()))
    }

    pub(crate) async fn reload(
        &self,
        trigger: Trigger,
        by: &str,
        scope: ReloadScope,
    ) -> Result<Arc<ReloadEvent>, Refusal> {
        let turn = self.changes.callers.take_turn(by)?;
        let (reply, done) = oneshot::channel();
        let caller = ReloadCaller { trigger, by: by.to_owned(), reply, turn };
        match scope {
            ReloadScope::New => self.changes.send(self.numbers.of_small(Request::Follow(caller)))?,
            ReloadScope::Everything => self.forced.send(caller)?,
        }
        done.await.map_err(|_| Refusal::Stopping)
    }

    /// Hands over what was compiled. It waits for a place in the queue.
    pub(crate) async fn serve_full_reload(&self, callers: Vec<ReloadCaller>, full: Option<Box<FullReload>>) {
        // The coordinator ends when the engine has stopped; then the callers learn of it by their closed channels.
        drop(self.changes.queue.send(self.numbers.of_small(Request::FullReload { callers, full })).await);
    }

    pub(crate) async fn adopt(&self, by: &str) -> Result<Arc<ReloadEvent>, Refusal> {
        let turn = self.changes.callers.take_turn(by)?;
        let (reply, done) = oneshot::channel();
        let request = Request::Adopt { by: by.to_owned(), reply, turn };
        self.changes.send(self.numbers.of_small(request))?;
        done.await.map_err(|_| Refusal::Stopping)
    }

    pub(crate) async fn validate(&self, by: &str) -> Result<Validated, Refusal> {
        let _turn = self.validators.take_turn(by)?;
        let (reply, done) = oneshot::channel();
        self.validations.ask(reply)?;
        done.await.map_err(|_| Refusal::Stopping)?
    }
}

impl WeakRequests {
    /// The queues, while there is another handle to them.
    pub(crate) fn upgrade(&self) -> Option<Requests> {
        Some(Requests {
            changes: self.changes.upgrade()?,
            large: self.large.upgrade()?,
            numbers: Arc::clone(&self.numbers),
            large_edits: Arc::clone(&self.large_edits),
            forced: self.forced.upgrade()?,
            dry_runs: self.dry_runs.upgrade()?,
            validations: Arc::clone(&self.validations),
            validators: Arc::clone(&self.validators),
        })
    }
}
