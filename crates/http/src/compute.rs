//! Runs work that takes too long for the async threads: on a bounded number of threads, with a bounded queue, a time
//! limit, and a cancellation when the caller leaves.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use midflight_engine::{Work, lower_priority};
use tokio::runtime::{self, Runtime};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::byte_budget::SHORT_BYTES_MAX;
use crate::code::Code;
use crate::principal::{Principal, TokenId};
use crate::problem::ApiError;

/// How long a computation may take on an async thread. Longer ones go to the pool.
const BRIEF: Duration = Duration::from_millis(2);
/// How long one step of it that cannot be interrupted may take in the worst case; nearly all take a hundredth of that.
const BRIEF_STEP: Duration = Duration::from_millis(10);
/// How much memory its answer may need, in bytes: no more than an answer that is not counted.
const BRIEF_BYTES: usize = SHORT_BYTES_MAX;
/// How long one such step may take in the worst case in the pool.
const STEP_MAX: Duration = Duration::from_secs(3);
/// How many callers are remembered before those without work are forgotten.
const PRINCIPALS_MAX: usize = 1_024;
/// How long work may take to notice that its time is over before its caller is answered without it.
const NOTICE: Duration = Duration::from_millis(100);

/// A time limit and its name, for the error message.
#[derive(Debug, Clone, Copy)]
pub struct TimeLimit {
    /// The limit, in ms.
    pub ms_max: u64,
    /// The name of the limit, as `execute_ms_max`.
    pub name: &'static str,
}

impl TimeLimit {
    /// The error of a request that needs more time than it may have.
    pub fn exceeded(self) -> ApiError {
        let Self { ms_max, name } = self;
        let detail = format!("the request needs more than {ms_max} ms ({name}); ask for less at once");
        ApiError::new(Code::TOO_EXPENSIVE, detail)
    }
}

/// The budget of a computation on an async thread. Nearly every request is done within it, and without a change of
/// threads; one that is not is computed again in the pool.
pub fn brief() -> Work {
    brief_within(BRIEF_BYTES)
}

/// The same with `bytes_max` of memory, where that is less.
pub fn brief_within(bytes_max: usize) -> Work {
    let deadline = std::time::Instant::now() + BRIEF;
    Work::new(deadline, bytes_max.min(BRIEF_BYTES) as u64).with_steps_of(BRIEF_STEP)
}

/// Whose work it is. Callers without a token have a share of the pool, so that they cannot keep the others from it, and
/// so has each caller with one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolShare {
    /// That of callers without a token.
    Anonymous,
    /// That of the caller with a token.
    Principal(TokenId),
    /// That of the server itself, and of answers to edits.
    Known,
}

impl From<&Principal> for PoolShare {
    fn from(principal: &Principal) -> Self {
        principal.token_id().map_or(Self::Anonymous, Self::Principal)
    }
}

/// A pool for work that occupies a processor: as many threads as there are processors. On Linux they have a lower
/// priority than the threads that answer, follow the log and make edits.
///
/// Callers without a token have at most half of the threads and of the queue. They never have the last of two or more
/// threads. A caller with a token may have all threads while no other waits, and half of the queue, in which it waits by
/// itself: of the queue of all it has as many places as there are threads, so that others come between its requests. A
/// thread that runs work past its time limit stays occupied until the work ends, so work asks [`Work::check`] often.
#[derive(Debug)]
pub struct ComputePool {
    threads: Threads,
    all: Arc<Slots>,
    /// What callers without a token may have of `all`.
    anonymous: Arc<Slots>,
    /// What each caller with a token may have of `all`, while it has any.
    principals: Mutex<HashMap<TokenId, Arc<Slots>>>,
}

/// The threads of the pool: those that a runtime of their own has for blocking work.
#[derive(Debug)]
struct Threads {
    /// None if it could not be made: then the work is done on the threads for blocking work that all have.
    runtime: Option<Runtime>,
}

impl Threads {
    fn new(count: usize) -> Self {
        let runtime = runtime::Builder::new_current_thread()
            .thread_name("midflight-compute")
            .max_blocking_threads(count)
            .on_thread_start(lower_priority)
            .build();
        Self { runtime: runtime.ok() }
    }

    fn spawn<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        match &self.runtime {
            Some(runtime) => runtime.spawn_blocking(job),
            None => tokio::task::spawn_blocking(job),
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        // Its own drop waits for the threads, which async code must not do.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Thread permits, and places to wait for them.
#[derive(Debug)]
struct Slots {
    threads: Arc<Semaphore>,
    /// One for each thread and each place in the queue.
    places: Arc<Semaphore>,
    thread_count: usize,
    queue_max: usize,
    /// Whether they are those of one caller with a token.
    is_of_one_caller: bool,
}

impl Slots {
    fn new(threads: usize, queue_max: usize, is_of_one_caller: bool) -> Self {
        let places = threads.saturating_add(queue_max).min(Semaphore::MAX_PERMITS);
        Self {
            threads: Arc::new(Semaphore::new(threads)),
            places: Arc::new(Semaphore::new(places)),
            thread_count: threads,
            queue_max,
            is_of_one_caller,
        }
    }
}

impl ComputePool {
    /// A pool with a thread for each processor, in which at most `queue_max` requests wait for one.
    pub(crate) fn new(queue_max: usize) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self::with_threads(processors, queue_max)
    }

    fn with_threads(threads: usize, queue_max: usize) -> Self {
        Self {
            threads: Threads::new(threads),
            all: Arc::new(Slots::new(threads, queue_max, false)),
            anonymous: Arc::new(Slots::new((threads / 2).max(1), queue_max / 2, false)),
            principals: Mutex::default(),
        }
    }

    /// What work of a share must have: its own part first, so that nothing of the whole is held while it waits.
    fn slots(&self, share: PoolShare) -> Vec<Arc<Slots>> {
        let own = match share {
            PoolShare::Known => None,
            PoolShare::Anonymous => Some(Arc::clone(&self.anonymous)),
            PoolShare::Principal(id) => Some(self.of_principal(id)),
        };
        own.into_iter().chain([Arc::clone(&self.all)]).collect()
    }

    fn of_principal(&self, id: TokenId) -> Arc<Slots> {
        let mut principals = self.principals.lock().unwrap_or_else(PoisonError::into_inner);
        if principals.len() >= PRINCIPALS_MAX && !principals.contains_key(&id) {
            // Others have work here: as many as there are requests.
            principals.retain(|_, slots| Arc::strong_count(slots) > 1);
        }
        let (threads, queue_max) = (self.all.thread_count, self.all.queue_max / 2);
        let slots = principals.entry(id);
        Arc::clone(slots.or_insert_with(|| Arc::new(Slots::new(threads, queue_max, true))))
    }

    /// Runs `job` and returns what it returns. Dropping the future cancels the job: its [`Work`] reports it. The memory
    /// of its [`Work`] is not bounded.
    ///
    /// # Errors
    /// As [`ComputePool::run_within`].
    pub async fn run<T, F>(&self, share: PoolShare, limit: TimeLimit, job: F) -> Result<T, ApiError>
    where
        T: Send + 'static,
        F: FnOnce(&Work) -> T + Send + 'static,
    {
        self.run_within(share, limit, usize::MAX, job).await
    }

    /// Runs `job`, whose [`Work`] has `bytes_max` of memory, and returns what it returns.
    ///
    /// # Errors
    /// `busy` when the queue is full or no thread was free within the limit, `too_expensive` when the job did not end
    /// within the limit. The job itself returns what its [`Work`] interrupts, so that it can add details.
    pub async fn run_within<T, F>(
        &self,
        share: PoolShare,
        limit: TimeLimit,
        bytes_max: usize,
        job: F,
    ) -> Result<T, ApiError>
    where
        T: Send + 'static,
        F: FnOnce(&Work) -> T + Send + 'static,
    {
        let length = Duration::from_millis(limit.ms_max);
        let mut occupied = Vec::with_capacity(4);
        let shares = self.slots(share);
        for slots in &shares {
            let place = Arc::clone(&slots.places).try_acquire_owned();
            occupied.push(place.map_err(|_| slots.busy())?);
        }
        let until = after(length);
        for slots in &shares {
            let thread = timeout_at(until, Arc::clone(&slots.threads).acquire_owned()).await;
            let Ok(Ok(thread)) = thread else { return Err(slots.busy()) };
            occupied.push(thread);
        }
        let deadline = after(length);
        let work = Arc::new(Work::new(deadline.into_std(), bytes_max as u64).with_steps_of(STEP_MAX));
        let caller = CancelOnDrop(Arc::clone(&work));
        let task = self.threads.spawn(move || {
            // Held by the work, not by the caller: a thread is free when the work ended.
            let _occupied = (occupied, shares);
            job(&work)
        });
        let done = timeout_at(deadline + NOTICE, task).await;
        drop(caller);
        match done {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(error)) => Err(ApiError::internal(&error)),
            Err(_) => Err(limit.exceeded()),
        }
    }
}

impl Slots {
    fn busy(&self) -> ApiError {
        let whose = if self.is_of_one_caller { " of one caller" } else { "" };
        let detail = format!(
            "all threads for long computations are busy and {} requests{whose} may wait (compute_queue_max); try \
             again in a moment",
            self.queue_max
        );
        if !self.is_of_one_caller {
            return ApiError::new(Code::BUSY, detail);
        }
        let mut error = ApiError::new(Code::TOO_MANY_REQUESTS, detail);
        error.body_mut().retry_after_seconds = Some(1);
        error
    }
}

/// Cancels the work when the caller does not wait for it any more.
struct CancelOnDrop(Arc<Work>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// A time from now, or a year from now when it is further than that.
fn after(length: Duration) -> Instant {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
    Instant::now() + length.min(YEAR)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use midflight_engine::Interrupted;

    use super::*;

    fn limit(ms_max: u64) -> TimeLimit {
        TimeLimit { ms_max, name: "test_ms_max" }
    }

    fn code<T>(result: Result<T, ApiError>) -> &'static str {
        result.map(drop).unwrap_err().code()
    }

    fn until_interrupted(work: &Work) -> Interrupted {
        loop {
            if let Err(interrupted) = work.check() {
                return interrupted;
            }
        }
    }

    #[tokio::test]
    async fn work_returns_what_it_computes_and_a_panic_is_an_error() {
        let pool = ComputePool::with_threads(1, 0);
        assert_eq!(pool.run(PoolShare::Known, limit(60_000), |_| 7).await.unwrap(), 7);
        assert_eq!(code(pool.run(PoolShare::Known, limit(60_000), |_| panic!("no")).await), "internal");
        assert_eq!(pool.run(PoolShare::Known, limit(60_000), |_| 7).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn work_that_asks_ends_at_its_time_limit() {
        let pool = ComputePool::with_threads(1, 0);
        assert_eq!(
            pool.run(PoolShare::Known, limit(1), until_interrupted).await.unwrap(),
            Interrupted::Deadline
        );
    }

    #[tokio::test]
    async fn work_that_does_not_ask_is_answered_without_and_occupies_its_thread() {
        let pool = ComputePool::with_threads(1, 0);
        let (release, held) = mpsc::channel::<()>();
        let deaf = pool.run(PoolShare::Known, limit(1), move |_| held.recv().unwrap_err()).await;
        let detail = deaf.unwrap_err().body().detail.clone();
        assert!(detail.contains("more than 1 ms (test_ms_max)"), "{detail}");
        assert_eq!(code(pool.run(PoolShare::Known, limit(60_000), |_| ()).await), "busy");
        drop(release);
        while pool.run(PoolShare::Known, limit(60_000), |_| ()).await.is_err() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_full_queue_is_refused_and_one_that_waits_gets_the_thread() {
        let pool = Arc::new(ComputePool::with_threads(1, 1));
        let (release, held) = mpsc::channel::<()>();
        let first = tokio::spawn({
            let pool = Arc::clone(&pool);
            async move {
                pool.run(PoolShare::Known, limit(60_000), move |_| held.recv().unwrap_err()).await.map(drop)
            }
        });
        while pool.all.threads.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let second = tokio::spawn({
            let pool = Arc::clone(&pool);
            async move { pool.run(PoolShare::Known, limit(60_000), |_| 7).await }
        });
        while pool.all.places.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let refused = pool.run(PoolShare::Known, limit(60_000), |_| ()).await.unwrap_err();
        assert!(refused.body().detail.contains("1 requests may wait (compute_queue_max)"));
        drop(release);
        first.await.unwrap().unwrap();
        assert_eq!(second.await.unwrap().unwrap(), 7);
    }

    #[tokio::test]
    async fn a_dropped_caller_cancels_its_work() {
        let pool = Arc::new(ComputePool::with_threads(1, 0));
        let (ended, end) = mpsc::channel();
        let task = tokio::spawn({
            let pool = Arc::clone(&pool);
            async move {
                pool.run(PoolShare::Known, limit(60_000), move |work| ended.send(until_interrupted(work)))
                    .await
            }
        });
        while pool.all.threads.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        task.abort();
        let why = tokio::task::spawn_blocking(move || end.recv()).await.unwrap().unwrap();
        assert_eq!(why, Interrupted::Cancelled);
    }

    #[tokio::test]
    async fn callers_without_a_token_cannot_have_all_threads_nor_all_places() {
        let pool = Arc::new(ComputePool::with_threads(4, 4));
        let (release, held) = mpsc::channel::<()>();
        let held = Arc::new(std::sync::Mutex::new(held));
        let occupy = || {
            let (pool, held) = (Arc::clone(&pool), Arc::clone(&held));
            let job = move |_: &Work| held.lock().map(|held| held.recv().is_err()).unwrap();
            tokio::spawn(async move { pool.run(PoolShare::Anonymous, limit(60_000), job).await })
        };
        // Two run, and two wait.
        let anonymous: Vec<_> = (0..4).map(|_| occupy()).collect();
        while pool.anonymous.places.available_permits() > 0 || pool.all.threads.available_permits() > 2 {
            tokio::task::yield_now().await;
        }
        let refused = pool.run(PoolShare::Anonymous, limit(60_000), |_| ()).await.unwrap_err();
        assert_eq!(refused.code(), "busy");
        assert!(refused.body().detail.contains("2 requests may wait (compute_queue_max)"));
        assert_eq!(pool.run(PoolShare::Known, limit(60_000), |_| 7).await.unwrap(), 7);
        drop(release);
        for one in anonymous {
            assert!(one.await.unwrap().unwrap());
        }
    }

    #[test]
    fn callers_without_a_token_have_a_thread_and_not_the_last_of_several() {
        for (threads, anonymous) in [(1, 1), (2, 1), (3, 1), (8, 4)] {
            let pool = ComputePool::with_threads(threads, 256);
            assert_eq!(pool.anonymous.threads.available_permits(), anonymous, "{threads}");
            assert_eq!(pool.anonymous.places.available_permits(), anonymous + 128);
        }
    }

    #[tokio::test]
    async fn the_work_of_others_comes_between_that_of_a_caller_who_sends_much() {
        let pool = ComputePool::with_threads(1, 8);
        let of = |name: &str| PoolShare::Principal(TokenId::of(&blake3::hash(name.as_bytes())));
        let done = Mutex::new(Vec::new());
        // No work ends before all callers are there.
        let (open, gate) = std::sync::mpsc::channel::<()>();
        let gate = Arc::new(Mutex::new(gate));
        let run = async |name: &'static str| {
            let gate = Arc::clone(&gate);
            let ran = pool.run(of(name), limit(60_000), move |_| gate.lock().unwrap().recv().is_err()).await;
            done.lock().unwrap().push((name, ran.err().map(|error| error.code())));
        };
        // Of the queue of 8 a caller has 4 places, and the thread.
        let callers = ["greedy", "greedy", "greedy", "greedy", "greedy", "greedy", "greedy", "anna", "otto"];
        let all = futures_util::future::join_all(callers.map(run));
        futures_util::future::join(all, async { drop(open) }).await;
        let done = done.into_inner().unwrap();
        let refused = done.iter().filter(|(_, code)| *code == Some("too_many_requests"));
        assert_eq!(refused.map(|(name, _)| *name).collect::<Vec<_>>(), ["greedy", "greedy"]);
        let ran: Vec<_> = done.iter().filter(|(_, code)| code.is_none()).map(|(name, _)| *name).collect();
        assert_eq!(ran, ["greedy", "anna", "otto", "greedy", "greedy", "greedy", "greedy"]);
    }
}
