//! Threads for the work of kinds, so that a panic or an endless loop in one is a refused revision and nothing more
//! (HR-12).

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use midflight_core::{JsonPointer, KindName, Problem, Problems};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::environment::EnvironmentInputs;
use crate::leaked_threads::LeakedThreads;
use crate::priority::lower_priority;
use crate::{Interrupted, Work};

/// How long work that was asked to stop may take to notice before its thread is abandoned.
const NOTICE: Duration = Duration::from_millis(100);
/// Room for recursion over bodies of the deepest allowed nesting.
const STACK_BYTES: usize = 8 << 20;

type WorkerJob = Box<dyn FnOnce() + Send>;

/// A pool of threads that are abandoned, not waited for, when their work does not end.
///
/// Not the runtime's blocking threads: those are waited for when the runtime stops, and one endless loop there would
/// make a process that never exits.
pub(crate) struct Workers {
    idle: Mutex<Vec<mpsc::Sender<WorkerJob>>>,
    runaways: Arc<LeakedThreads>,
    /// Whether there are no threads, and work is done where it is asked for.
    inline: bool,
    /// Whether the threads have a lower priority than those of edits and of what is followed.
    gives_way: bool,
}

/// What one piece of work may use.
#[derive(Debug, Clone)]
pub(crate) struct Allowance {
    pub(crate) deadline: Instant,
    pub(crate) bytes_max: u64,
    pub(crate) inputs: Arc<EnvironmentInputs>,
    pub(crate) stop: CancellationToken,
}

impl Workers {
    pub(crate) fn new(runaways_max: usize, inline: bool) -> Self {
        let runaways = Arc::new(LeakedThreads::new(runaways_max));
        Self { idle: Mutex::default(), runaways, inline, gives_way: false }
    }

    /// For work that no edit waits for, such as that of dry runs: the threads have a lower priority.
    pub(crate) fn in_background(runaways_max: usize, inline: bool) -> Self {
        Self { gives_way: true, ..Self::new(runaways_max, inline) }
    }

    /// The abandoned threads that still run.
    pub(crate) fn runaways(&self) -> &Arc<LeakedThreads> {
        &self.runaways
    }

    /// Why no more work of a kind is taken; none while it is.
    pub(crate) fn refusal(&self, kind: &KindName) -> Option<Problem> {
        self.runaways.refusal(kind)
    }

    /// Does `job` on a thread of its own and waits for it, but never past its deadline or the stop. The job notes in
    /// its [`Work`] whose code it runs, so that an abandoned thread counts against that kind.
    pub(crate) async fn run<T, F>(&self, allowance: &Allowance, job: F) -> Result<T, Problems>
    where
        T: Send + 'static,
        F: FnOnce(&Work) -> Result<T, Problems> + Send + 'static,
    {
        let work = Work::new(allowance.deadline, allowance.bytes_max);
        let work = Arc::new(work.with_inputs(Arc::clone(&allowance.inputs)));
        if self.inline {
            return caught(job, &work);
        }
        let (reply, result) = oneshot::channel();
        let worker = self.take_idle()?;
        let sent = {
            let work = Arc::clone(&work);
            worker.send(Box::new(move || {
                // The receiver is dropped when this thread was abandoned; then the result is not wanted.
                drop(reply.send(caught(job, &work)));
            }))
        };
        if sent.is_err() {
            return Err(lost_thread());
        }
        let deadline = tokio::time::Instant::from_std(allowance.deadline);
        tokio::pin!(result);
        let ended_by = tokio::select! {
            done = &mut result => return self.finished(worker, done),
            () = tokio::time::sleep_until(deadline) => Interrupted::Deadline,
            () = allowance.stop.cancelled() => Interrupted::Cancelled,
        };
        work.cancel();
        if let Ok(done) = tokio::time::timeout(NOTICE, &mut result).await {
            // Its report of the interruption has less than we know.
            drop(self.finished::<T>(worker, done));
        } else {
            self.give_up(worker, work.kind());
        }
        Err(ended_by.into())
    }

    fn finished<T>(
        &self,
        worker: mpsc::Sender<WorkerJob>,
        done: Result<Result<T, Problems>, oneshot::error::RecvError>,
    ) -> Result<T, Problems> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(worker);
        done.unwrap_or_else(|_| Err(lost_thread()))
    }

    /// Abandons a thread that does not end. It is counted until it does.
    fn give_up(&self, worker: mpsc::Sender<WorkerJob>, kind: Option<KindName>) {
        let name = kind.as_ref().map_or("", KindName::as_str).to_owned();
        let counted = LeakedThreads::add(&self.runaways, kind);
        tracing::error!(
            kind = name,
            runaways = self.runaways.total(),
            "abandoned a thread whose work does not end"
        );
        // Queued behind the endless work, so it runs if that ever ends; then the thread ends too. What cannot be queued
        // is dropped, and not counted, for there is no such thread.
        drop(worker.send(Box::new(move || drop(counted))));
    }

    fn take_idle(&self) -> Result<mpsc::Sender<WorkerJob>, Problems> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(worker) = idle {
            return Ok(worker);
        }
        let (sender, jobs) = mpsc::channel::<WorkerJob>();
        let builder = std::thread::Builder::new().name("midflight-work".into()).stack_size(STACK_BYTES);
        let gives_way = self.gives_way;
        let work = move || {
            if gives_way {
                lower_priority();
            }
            jobs.into_iter().for_each(|job| job());
        };
        match builder.spawn(work) {
            Ok(_detached) => Ok(sender),
            Err(error) => {
                let message = format!("cannot start a thread: {error}");
                Err(Problem::new("no_thread", JsonPointer::root(), message).into())
            }
        }
    }
}

fn caught<T>(job: impl FnOnce(&Work) -> Result<T, Problems>, work: &Work) -> Result<T, Problems> {
    let done = catch_unwind(AssertUnwindSafe(|| job(work)));
    done.unwrap_or_else(|panic| Err(panicked(&*panic)))
}

fn panicked(panic: &(dyn Any + Send)) -> Problems {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
    let message = format!("the kind's code panicked: {text}; this is a defect in the kind, please report it");
    Problem::new("panicked", JsonPointer::root(), message).into()
}

fn lost_thread() -> Problems {
    Problem::new("lost_thread", JsonPointer::root(), "the worker thread ended").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowance(millis: u64) -> Allowance {
        Allowance {
            deadline: Instant::now() + Duration::from_millis(millis),
            bytes_max: u64::MAX,
            inputs: Arc::new(EnvironmentInputs::new(Arc::new(()))),
            stop: CancellationToken::new(),
        }
    }

    fn code(result: Result<(), Problems>) -> String {
        result.unwrap_err().iter().next().unwrap().code.to_string()
    }

    #[tokio::test]
    async fn work_is_done_and_its_thread_used_again() {
        let workers = Workers::new(1, false);
        for _ in 0..3 {
            assert_eq!(workers.run(&allowance(60_000), |_| Ok(7)).await, Ok(7));
        }
        assert_eq!(workers.idle.lock().unwrap().len(), 1);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn work_in_the_background_has_a_lower_priority() {
        let own = rustix::process::getpriority_process(None).unwrap();
        let of = async |workers: Workers| {
            workers.run(&allowance(60_000), |_| Ok(rustix::process::getpriority_process(None).unwrap())).await
        };
        assert_eq!(of(Workers::new(1, false)).await, Ok(own));
        assert_eq!(of(Workers::in_background(1, false)).await, Ok((own + 10).min(19)));
    }

    #[tokio::test]
    async fn a_panic_is_a_problem_and_the_thread_continues() {
        let workers = Workers::new(1, false);
        let result = workers.run(&allowance(60_000), |_| -> Result<(), _> { panic!("boom {}", 1) }).await;
        assert!(result.unwrap_err().to_string().contains("boom 1"));
        assert_eq!(workers.run(&allowance(60_000), |_| Ok(7)).await, Ok(7));
    }

    #[tokio::test]
    async fn endless_work_is_abandoned_and_past_a_bound_no_more_of_its_kind_is_taken() {
        let workers = Workers::new(1, false);
        let [one, other] = ["config", "rules"].map(|name| KindName::new(name).unwrap());
        let (release, held) = mpsc::channel::<()>();
        let at_work = one.clone();
        let endless = move |work: &Work| {
            work.enter(&at_work);
            held.recv().unwrap_err();
            Ok(())
        };
        assert!(workers.refusal(&one).is_none());
        assert_eq!(code(workers.run(&allowance(1), endless).await), "deadline_exceeded");
        assert_eq!(workers.runaways().total(), 1);
        let refusal = workers.refusal(&one).unwrap();
        assert_eq!(refusal.code, "runaway_limit");
        assert!(refusal.message.contains("config") && refusal.message.contains("runaways_max"), "{refusal}");
        assert!(workers.refusal(&other).is_none(), "another kind goes on");
        assert_eq!(workers.run(&allowance(60_000), |_| Ok(())).await, Ok(()));
        let ended = Arc::clone(workers.runaways());
        let ended = ended.ended();
        drop(release);
        tokio::time::timeout(Duration::from_secs(60), ended).await.unwrap();
        assert_eq!((workers.runaways().total(), workers.refusal(&one)), (0, None));
    }

    #[tokio::test]
    async fn work_that_asks_ends_when_it_is_not_wanted() {
        let workers = Workers::new(1, false);
        let allowance = allowance(60_000);
        allowance.stop.cancel();
        let asks = |work: &Work| loop {
            work.check()?;
        };
        assert_eq!(code(workers.run(&allowance, asks).await), "cancelled");
        assert_eq!(workers.runaways().total(), 0);
    }
}
