//! All triggers of one config: one task checks what the config should be, and reports the result.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use midflight_core::Trigger;
use midflight_engine::Engine;
use midflight_source::{FileOptions, FileWatch, SourceError};
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::checker::Checker;
use crate::report::{CheckState, Report};
use crate::watched_config::WatchedConfig;

/// How many may ask at once. They are answered together, so more wait only for room.
const ASKS_MAX: usize = 64;
/// The longest time until a content that was refused is tried again.
const BACKOFF_MAX: Duration = Duration::from_secs(300);

/// A request for a check, with a receiver that may wait for the result.
struct CheckRequest {
    trigger: Trigger,
    by: String,
    reply: Option<oneshot::Sender<()>>,
}

/// Takes every trigger of one config: the file, a signal, a request, a webhook. Those that come while one is under way
/// are answered by one look after it, so however many there are, what was there after the last of them is what is
/// served.
///
/// The caller does not drive it: dropping the call before the answer changes nothing.
#[derive(Debug)]
pub struct ConfigReloader {
    asks: mpsc::Sender<CheckRequest>,
    looked: watch::Receiver<CheckState>,
    subject: WatchedConfig,
    engine: Engine,
    stop: CancellationToken,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl ConfigReloader {
    /// Begins to watch. `first` is the result of the start.
    pub(crate) fn start(
        engine: Engine,
        subject: WatchedConfig,
        options: FileOptions,
        first: CheckState,
    ) -> Result<Self, SourceError> {
        let checker = Checker { engine: engine.clone(), subject: subject.clone(), looked: first.clone() };
        let files = FileWatch::new(checker.files(), options)?;
        let (asks, asked) = mpsc::channel(ASKS_MAX);
        let (shown, looked) = watch::channel(first);
        let stop = CancellationToken::new();
        let reload_task =
            ReloadTask { checker, files, asked, shown, backoff: CheckBackoff::new(options.poll) };
        let task = tokio::spawn(reload_task.run(stop.clone()));
        Ok(Self { asks, looked, subject, engine, stop, task: Mutex::new(Some(task)) })
    }

    /// Checks what the config should be, applies it, and answers its state afterwards.
    pub async fn reload(&self, trigger: Trigger, by: &str) -> Report {
        let (reply, done) = oneshot::channel();
        let ask = CheckRequest { trigger, by: by.to_owned(), reply: Some(reply) };
        // Without the task there is nothing to wait for.
        if self.asks.send(ask).await.is_ok() {
            drop(done.await);
        }
        self.report()
    }

    /// Asks for a look without waiting for it.
    pub fn request(&self, trigger: Trigger, by: &str) {
        let ask = CheckRequest { trigger, by: by.to_owned(), reply: None };
        // Where so many wait already, a look comes after this.
        drop(self.asks.try_send(ask));
    }

    /// The state of the config.
    #[must_use]
    pub fn report(&self) -> Report {
        let looked = self.looked.borrow().clone();
        self.subject.report(looked, &self.engine)
    }

    /// Waits for the end of the next check, counted from this call and not from the first poll, and answers the state
    /// of the config. So a caller that subscribes before it reads [`Self::report`] misses nothing in between.
    pub fn next_report(&self) -> impl Future<Output = Report> + '_ {
        let mut looked = self.looked.clone();
        looked.mark_unchanged();
        async move {
            if looked.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
            self.report()
        }
    }

    /// Stops watching; takes as long as a look that is under way. Stopping twice is stopping once.
    pub async fn stop(&self) {
        self.stop.cancel();
        if let Some(task) = self.task.lock().await.take()
            && task.await.is_err()
        {
            tracing::error!("config reload task failed");
        }
    }
}

impl Drop for ConfigReloader {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// The one who looks.
struct ReloadTask {
    checker: Checker,
    files: FileWatch,
    asked: mpsc::Receiver<CheckRequest>,
    shown: watch::Sender<CheckState>,
    backoff: CheckBackoff,
}

impl ReloadTask {
    async fn run(mut self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                ask = self.asked.recv() => match ask {
                    Some(ask) => self.answer(ask).await,
                    None => return,
                },
                message = self.files.touched() => self.glance(message).await,
            }
            if let Err(error) = self.files.follow(self.checker.files()) {
                tracing::warn!(%error, "cannot watch a file that the config refers to");
            }
        }
    }

    /// Checks if a file may have changed. What was refused is tried again when a change is reported, also of a
    /// referenced file, and otherwise periodically.
    async fn glance(&mut self, message: bool) {
        let by = self.checker.watcher();
        if let Some(looked) = self.checker.look_if_new(&by, message || self.backoff.is_over()).await {
            self.show(looked);
        }
    }

    /// Checks once for all waiting callers.
    async fn answer(&mut self, first: CheckRequest) {
        let (trigger, by) = (first.trigger, first.by.clone());
        let mut waiting = vec![first];
        while let Ok(ask) = self.asked.try_recv() {
            waiting.push(ask);
        }
        self.files.written().await;
        let looked = self.checker.look(trigger, &by).await;
        self.show(looked);
        for ask in waiting {
            if ask.reply.is_some_and(|reply| reply.send(()).is_err()) {
                tracing::debug!("the caller of a reload is gone");
            }
        }
    }

    fn show(&mut self, looked: CheckState) {
        self.backoff.note(looked.is_live());
        self.shown.send_replace(looked);
    }
}

/// When to try a content again that was refused: sooner at first, then ever later.
struct CheckBackoff {
    first: Duration,
    next: Duration,
    later: ExponentialBackoff,
    since: tokio::time::Instant,
}

impl CheckBackoff {
    fn new(first: Duration) -> Self {
        let later = ExponentialBuilder::new().with_min_delay((first * 2).min(BACKOFF_MAX));
        let later = later.with_max_delay(BACKOFF_MAX).without_max_times().build();
        Self { first, next: first, later, since: tokio::time::Instant::now() }
    }

    fn is_over(&self) -> bool {
        self.since.elapsed() >= self.next
    }

    fn note(&mut self, is_live: bool) {
        if is_live {
            *self = Self::new(self.first);
        } else {
            self.since = tokio::time::Instant::now();
            self.next = self.later.next().unwrap_or(BACKOFF_MAX);
        }
    }
}
