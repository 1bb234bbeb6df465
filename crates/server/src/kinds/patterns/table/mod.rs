//! A followed table: the rows that another program has of its patterns are documents of the log.

mod look;
mod rows;
mod status;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use midflight_bus::RedisBus;
use midflight_core::{DocumentId, Owner, Trigger};
use midflight_engine::Engine;
use midflight_learning::Classifier;
use midflight_source::{LossBounds, OwnedDocuments};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use look::TableLooker;
pub(super) use look::foreign;
pub use rows::{PatternTable, TableError};
pub(super) use status::TableStatus;

/// The pause between the looks that orders on the legacy channel cause: any client of Redis can send them.
const ORDERED_LOOKS: Duration = Duration::from_secs(1);
/// The longest pause before a table that could not be read is read again; a shorter period goes before.
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// The pauses before that, each twice as long as the one before.
const PAUSES: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_secs(1))
    .with_max_delay(PAUSE_MAX)
    .without_max_times();
/// How long a request waits for a look.
const ASKED_MAX: Duration = Duration::from_secs(60);

/// Which table to follow, and how.
#[derive(Debug, Clone)]
pub struct TableOptions {
    /// The table.
    pub table: PatternTable,
    /// The profile of its patterns.
    pub profile: String,
    /// How many patterns may be deleted at once. A table that was emptied by mistake looks the same.
    pub loss: LossBounds,
}

/// Follows a table.
///
/// It is read at the start, when a program on the legacy channel orders a reload (at most once a second), every period,
/// and when a request asks for it. What its rows say that the log does not is one revision with the author and the
/// owner `table:NAME`. Of all replicas of a log that follow it, one does so by itself.
pub(super) struct TableFollower {
    handle: TableHandle,
    /// Taken by the stop.
    task: Mutex<Option<(JoinHandle<()>, DropGuard)>>,
}

/// Reads the status of a followed table, and asks for a look. Cloning it is cheap.
#[derive(Debug, Clone)]
pub(super) struct TableHandle {
    status: watch::Receiver<TableStatus>,
    asked: mpsc::Sender<Ask>,
}

/// A request to look at the table now.
#[derive(Debug)]
struct Ask {
    /// The pattern that it is about; none for all.
    only: Option<DocumentId>,
    done: oneshot::Sender<Result<TableLook, String>>,
}

/// What came of a look that was asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct TableLook {
    /// How many patterns were put.
    pub(super) put: usize,
    /// How many were deleted.
    pub(super) deleted: usize,
}

impl TableFollower {
    /// Begins to follow. `period` is how often it is polled; none to be notified only.
    pub(super) fn start(
        options: TableOptions,
        engine: &Engine,
        classifier: Classifier,
        redis: Option<&RedisBus>,
        period: Option<Duration>,
    ) -> Self {
        let name = options.table.name().to_owned();
        let owner = Owner::new(&format!("table:{name}"));
        let documents = OwnedDocuments::new(engine.clone(), owner, Trigger::TableWatch);
        let (sender, status) = watch::channel(TableStatus { table: name, ..TableStatus::default() });
        let looker = TableLooker::new(options, engine.clone(), classifier, documents, sender);
        let (asked, asks) = mpsc::channel(16);
        let stop = CancellationToken::new();
        let orders = redis.map(RedisBus::orders);
        let task = tokio::spawn(run(looker, orders, period, asks, stop.clone()));
        let task = Mutex::new(Some((task, stop.drop_guard())));
        Self { handle: TableHandle { status, asked }, task }
    }

    pub(super) fn handle(&self) -> TableHandle {
        self.handle.clone()
    }

    /// Stops following. What the table put into the log stays. Takes as long as a look that is under way.
    pub(super) async fn stop(&self) {
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some((task, stop)) = task else { return };
        drop(stop);
        if task.await.is_err() {
            tracing::error!("the task that followed a table failed");
        }
    }
}

impl TableHandle {
    /// How the table stands to the log.
    pub(super) fn status(&self) -> TableStatus {
        self.status.borrow().clone()
    }

    /// Reads the table now, and takes over what it says: of that pattern, or of all.
    ///
    /// # Errors
    /// Why that cannot be done.
    pub(super) async fn look(&self, only: Option<DocumentId>) -> Result<TableLook, String> {
        let (done, reply) = oneshot::channel();
        let removed = "the table is not followed any more, since the server stops";
        self.asked.send(Ask { only, done }).await.map_err(|_| removed)?;
        match tokio::time::timeout(ASKED_MAX, reply).await {
            Ok(Ok(seen)) => seen,
            Ok(Err(_)) => Err(removed.to_owned()),
            Err(_) => Err(format!("the look at the table took more than {} s", ASKED_MAX.as_secs())),
        }
    }
}

async fn run(
    mut looker: TableLooker,
    mut orders: Option<watch::Receiver<u64>>,
    period: Option<Duration>,
    mut asks: mpsc::Receiver<Ask>,
    stop: CancellationToken,
) {
    let mut pauses = PAUSES.build();
    loop {
        let wait = match looker.follow().await {
            Ok(()) => {
                pauses = PAUSES.build();
                period
            }
            Err(()) => {
                let pause = pauses.next().unwrap_or(PAUSE_MAX);
                Some(period.map_or(pause, |period| pause.min(period)))
            }
        };
        let at = tokio::time::Instant::now();
        loop {
            tokio::select! {
                () = stop.cancelled() => return looker.close().await,
                ask = asks.recv() => match ask {
                    // A caller that is gone needs no answer.
                    Some(Ask { only, done }) => drop(done.send(looker.asked(only.as_ref()).await)),
                    None => return looker.close().await,
                },
                () = ordered(&mut orders, at) => break,
                () = elapsed(wait, at) => break,
            }
        }
    }
}

/// Waits for an order that was not heeded yet, and until a second after the last look.
async fn ordered(orders: &mut Option<watch::Receiver<u64>>, last: tokio::time::Instant) {
    let Some(heard) = orders else { return std::future::pending().await };
    // Cancelled between the two, the order is still to be heeded.
    if heard.has_changed().is_err() {
        return std::future::pending().await;
    }
    while !heard.has_changed().unwrap_or(false) {
        let mut next = heard.clone();
        if next.changed().await.is_err() {
            return std::future::pending().await;
        }
    }
    tokio::time::sleep_until(last + ORDERED_LOOKS).await;
    heard.mark_unchanged();
}

async fn elapsed(wait: Option<Duration>, since: tokio::time::Instant) {
    match wait {
        Some(wait) => tokio::time::sleep_until(since + wait).await,
        None => std::future::pending().await,
    }
}
