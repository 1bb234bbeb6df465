//! Every trigger of one config on one road: whatever asks, one task looks at what the config is to be, and says what came
//! of it.

use std::time::Duration;

use midflight_core::Trigger;
use midflight_engine::Engine;
use midflight_source::{FileOptions, FileWatch, SourceError};
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::look::Looker;
use crate::report::{Looked, Report};
use crate::subject::Subject;

/// How many may ask at once. They are answered together, so more wait only for room.
const ASKS_MAX: usize = 64;
/// The longest time until a content that was refused is tried again.
const BACKOFF_MAX: Duration = Duration::from_secs(300);

/// Somebody who wants to have looked, and perhaps waits to hear what came of it.
struct Ask {
    trigger: Trigger,
    by: String,
    reply: Option<oneshot::Sender<()>>,
}

/// Takes every trigger of one config: the file, a signal, a request, a webhook. Those that come while one is under way are
/// answered by one look after it, so however many there are, what was there after the last of them is what is served.
///
/// Whoever asks does not carry it: who goes away before the answer changes nothing.
#[derive(Debug)]
pub struct Reloader {
    asks: mpsc::Sender<Ask>,
    looked: watch::Receiver<Looked>,
    subject: Subject,
    engine: Engine,
    stop: CancellationToken,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Reloader {
    /// Begins to watch. `first` is what came of the start.
    pub(crate) fn start(
        engine: Engine,
        subject: Subject,
        options: FileOptions,
        first: Looked,
    ) -> Result<Self, SourceError> {
        let looker = Looker { engine: engine.clone(), subject: subject.clone(), looked: first.clone() };
        let files = FileWatch::new(looker.files(), options)?;
        let (asks, asked) = mpsc::channel(ASKS_MAX);
        let (shown, looked) = watch::channel(first);
        let stop = CancellationToken::new();
        let desk = Desk { looker, files, asked, shown, backoff: Backoff::new(options.poll) };
        let task = tokio::spawn(desk.run(stop.clone()));
        Ok(Self { asks, looked, subject, engine, stop, task: Mutex::new(Some(task)) })
    }

    /// Looks what the config is to be, brings it about, and answers how it stands then.
    pub async fn reload(&self, trigger: Trigger, by: &str) -> Report {
        let (reply, done) = oneshot::channel();
        let ask = Ask { trigger, by: by.to_owned(), reply: Some(reply) };
        // When the task is gone there is nothing to wait for.
        if self.asks.send(ask).await.is_ok() {
            drop(done.await);
        }
        self.report()
    }

    /// Asks for a look without waiting for it.
    pub fn request(&self, trigger: Trigger, by: &str) {
        let ask = Ask { trigger, by: by.to_owned(), reply: None };
        // Where so many wait already, a look comes after this.
        drop(self.asks.try_send(ask));
    }

    /// How the config stands.
    #[must_use]
    pub fn report(&self) -> Report {
        let looked = self.looked.borrow().clone();
        self.subject.report(looked, &self.engine)
    }

    /// Waits for the next look to end, counted from this call and not from the first poll, and answers how the config stands
    /// then. So whoever calls it before they look at [`Self::report`] misses nothing between the two.
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
            tracing::error!("the task that reloads a config failed");
        }
    }
}

impl Drop for Reloader {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// The one who looks.
struct Desk {
    looker: Looker,
    files: FileWatch,
    asked: mpsc::Receiver<Ask>,
    shown: watch::Sender<Looked>,
    backoff: Backoff,
}

impl Desk {
    async fn run(mut self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                ask = self.asked.recv() => match ask {
                    Some(ask) => self.answer(ask).await,
                    None => return,
                },
                told = self.files.touched() => self.glance(told).await,
            }
            if let Err(error) = self.files.follow(self.looker.files()) {
                tracing::warn!(%error, "a file that the config refers to cannot be watched");
            }
        }
    }

    /// Looks if a file may say something new. What was refused is tried again when the system told of a change, of a file
    /// that is referred to perhaps, and otherwise from time to time.
    async fn glance(&mut self, told: bool) {
        let by = self.looker.watcher();
        if let Some(looked) = self.looker.look_if_new(&by, told || self.backoff.is_over()).await {
            self.show(looked);
        }
    }

    /// Looks once for everybody who waits.
    async fn answer(&mut self, first: Ask) {
        let (trigger, by) = (first.trigger, first.by.clone());
        let mut waiting = vec![first];
        while let Ok(ask) = self.asked.try_recv() {
            waiting.push(ask);
        }
        self.files.written().await;
        let looked = self.looker.look(trigger, &by).await;
        self.show(looked);
        for ask in waiting {
            if ask.reply.is_some_and(|reply| reply.send(()).is_err()) {
                tracing::debug!("the caller of a reload is gone");
            }
        }
    }

    fn show(&mut self, looked: Looked) {
        self.backoff.note(looked.is_live());
        self.shown.send_replace(looked);
    }
}

/// When to try a content again that was refused: sooner at first, then ever later.
struct Backoff {
    first: Duration,
    next: Duration,
    since: tokio::time::Instant,
}

impl Backoff {
    fn new(first: Duration) -> Self {
        Self { first, next: first, since: tokio::time::Instant::now() }
    }

    fn is_over(&self) -> bool {
        self.since.elapsed() >= self.next
    }

    fn note(&mut self, is_live: bool) {
        self.since = tokio::time::Instant::now();
        self.next = if is_live { self.first } else { (self.next * 2).min(BACKOFF_MAX) };
    }
}
