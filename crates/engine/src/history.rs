//! The reloads of this replica: a bounded list in memory, kept in the store in the background, sent to observers.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use midflight_core::{DocumentId, Effect, KindName, Open, Outcome, ReloadEvent, ReloadId, Trigger};
use midflight_store::{EventQuery, EventStore, Store, StoreError};
use tokio::sync::{broadcast, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How many reports a slow observer may be behind before it is notified that it missed some.
const LISTENER_LAG_MAX: usize = 256;
/// How many events may wait to be written before some are only kept in memory.
const UNWRITTEN_MAX: usize = 4096;
/// How many events are written at once.
const BATCH_MAX: usize = 256;
/// How often events are written: what a fleet writes of its reloads does not grow with its edits.
const WRITE_EVERY: Duration = Duration::from_secs(1);
/// How soon events that could not be written are tried again.
const WRITE_AGAIN: Duration = Duration::from_secs(5);
/// How long a stop waits for the last events to be written.
const LAST_WRITE_MAX: Duration = Duration::from_millis(50);

/// A reload and what it changed, as sent to observers.
#[derive(Debug, Clone)]
pub struct ReloadReport {
    /// The event that history keeps.
    pub event: Arc<ReloadEvent>,
    /// The result for each document; cut at `changes_reported_max`, the event has the true count.
    pub changes: Arc<[(DocumentId, Effect)]>,
    /// How many documents of each kind it changed: all of them, where `changes` is cut.
    pub changed: BTreeMap<KindName, usize>,
}

/// Called with every report.
type Observer = Box<dyn Fn(&ReloadReport) + Send + Sync>;

/// Counts and times of the reloads that history holds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Statistics {
    /// How many there are.
    pub total: usize,
    /// How many ended so.
    pub by_outcome: BTreeMap<Open<Outcome>, usize>,
    /// How many ran for that reason.
    pub by_trigger: BTreeMap<Open<Trigger>, usize>,
    /// Half of those that changed something took at most this long; none when there are none.
    pub p50: Option<Duration>,
    /// 95 % did.
    pub p95: Option<Duration>,
    /// 99 % did.
    pub p99: Option<Duration>,
}

/// Oldest first.
type SharedEvents = Arc<Mutex<VecDeque<Arc<ReloadEvent>>>>;

/// What the store kept of earlier reloads, oldest first.
async fn earlier(store: &dyn EventStore, max: usize) -> Result<Vec<Arc<ReloadEvent>>, StoreError> {
    let limit = u32::try_from(max).unwrap_or(u32::MAX);
    let page = store.events(EventQuery { limit, ..EventQuery::default() }).await?;
    Ok(page.items.into_iter().rev().map(Arc::new).collect())
}

fn locked(kept: &SharedEvents) -> MutexGuard<'_, VecDeque<Arc<ReloadEvent>>> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The reloads of this replica, newest last.
pub struct History {
    kept: SharedEvents,
    max: usize,
    observers: RwLock<Vec<Observer>>,
    listeners: broadcast::Sender<ReloadReport>,
    unwritten: mpsc::Sender<Arc<ReloadEvent>>,
}

impl History {
    /// Reads what the store kept. Answers the history and the part of it that writes, to be run as a task.
    pub(crate) async fn open(store: Arc<dyn Store>, max: usize) -> (Self, EventWriter) {
        let (kept, numbering) = match earlier(&*store, max).await {
            Ok(kept) => (kept.into(), Numbering::Settled { until: 0, by: 0 }),
            Err(error) => {
                tracing::warn!(%error, "cannot read earlier reloads; the numbers of new ones may change");
                (VecDeque::new(), Numbering::Provisional)
            }
        };
        let kept = Arc::new(Mutex::new(kept));
        let (unwritten, events) = mpsc::channel(UNWRITTEN_MAX);
        let listeners = broadcast::Sender::new(LISTENER_LAG_MAX);
        let writer = EventWriter { store, events, kept: Arc::clone(&kept), max, numbering };
        (Self { kept, max, observers: RwLock::default(), listeners, unwritten }, writer)
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<Arc<ReloadEvent>>> {
        locked(&self.kept)
    }

    /// The number for the next reload.
    pub(crate) fn next_id(&self) -> ReloadId {
        ReloadId(self.kept().back().map_or(1, |event| event.id.0 + 1))
    }

    pub(crate) fn add(&self, report: ReloadReport) {
        {
            let mut kept = self.kept();
            kept.push_back(Arc::clone(&report.event));
            while kept.len() > self.max {
                kept.pop_front();
            }
        }
        if self.unwritten.try_send(Arc::clone(&report.event)).is_err() {
            tracing::warn!(reload = %report.event.id, "the store is too slow for reload events; kept in memory only");
        }
        let observers = self.observers.read().unwrap_or_else(PoisonError::into_inner);
        observers.iter().for_each(|observer| observer(&report));
        drop(observers);
        // It is not an error that no observer listens.
        drop(self.listeners.send(report));
    }

    /// Calls `observer` with every reload from now on, before the next one begins: none is missed, as a slow listener
    /// may. It is called by what reloads, so it must be quick, and it must not own the engine.
    pub fn observe(&self, observer: impl Fn(&ReloadReport) + Send + Sync + 'static) {
        self.observers.write().unwrap_or_else(PoisonError::into_inner).push(Box::new(observer));
    }

    /// Receives every reload from now on.
    #[must_use]
    pub fn listen(&self) -> broadcast::Receiver<ReloadReport> {
        self.listeners.subscribe()
    }

    /// The newest reload.
    #[must_use]
    pub fn last(&self) -> Option<Arc<ReloadEvent>> {
        self.kept().back().cloned()
    }

    /// The reloads that match `wanted`, newest first, at most `limit` of them. Cost: looks through all.
    #[must_use]
    pub fn select(&self, limit: usize, wanted: impl Fn(&ReloadEvent) -> bool) -> Vec<Arc<ReloadEvent>> {
        self.kept().iter().rev().filter(|event| wanted(event)).take(limit).cloned().collect()
    }

    /// Counts and times of those that match `wanted`, of all that is kept. Cost: looks through all.
    #[must_use]
    pub fn statistics(&self, wanted: impl Fn(&ReloadEvent) -> bool) -> Statistics {
        let kept = self.kept();
        let mut statistics = Statistics::default();
        let mut times = Vec::new();
        for event in kept.iter().filter(|event| wanted(event)) {
            statistics.total += 1;
            *statistics.by_outcome.entry(event.outcome).or_default() += 1;
            *statistics.by_trigger.entry(event.trigger).or_default() += 1;
            if event.outcome != Outcome::Unchanged {
                times.push(event.took);
            }
        }
        drop(kept);
        times.sort_unstable();
        statistics.p50 = percentile(&times, 50);
        statistics.p95 = percentile(&times, 95);
        statistics.p99 = percentile(&times, 99);
        statistics
    }
}

/// The nearest-rank percentile: the smallest value that at least `percent` of them do not exceed.
fn percentile(sorted: &[Duration], percent: usize) -> Option<Duration> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

impl std::fmt::Debug for History {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("History").field("kept", &self.kept().len()).finish_non_exhaustive()
    }
}

/// Writes events to the store in the background.
pub(crate) struct EventWriter {
    store: Arc<dyn Store>,
    events: mpsc::Receiver<Arc<ReloadEvent>>,
    kept: SharedEvents,
    max: usize,
    numbering: Numbering,
}

/// Where the numbers of events begin. A store that was unavailable at the start does not know which were given before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Numbering {
    /// At one for now, until the store answers.
    Provisional,
    /// After what the store kept. Those up to `until` were given before the answer, and are `by` too low.
    Settled { until: u64, by: u64 },
}

impl EventWriter {
    /// Writes until stopped, then writes what is left, if the store takes it without delay.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let stopped = async {
            stop.cancelled().await;
            tokio::time::sleep(LAST_WRITE_MAX).await;
        };
        tokio::select! {
            () = self.write_all(&stop) => {}
            () = stopped => tracing::warn!("the store is too slow for the last reload events; they are lost"),
        }
    }

    async fn write_all(&mut self, stop: &CancellationToken) {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        let (mut not_before, mut failed) = (Instant::now(), false);
        loop {
            tokio::select! {
                received = self.events.recv_many(&mut batch, BATCH_MAX) => {
                    if received == 0 {
                        return;
                    }
                    batch.drain(..batch.len().saturating_sub(UNWRITTEN_MAX));
                    continue;
                }
                () = tokio::time::sleep_until(not_before), if !batch.is_empty() => {}
                () = stop.cancelled() => {
                    self.events.close();
                    self.events.recv_many(&mut batch, UNWRITTEN_MAX).await;
                    if let Err(error) = self.write(&batch).await {
                        tracing::warn!(%error, count = batch.len(), "last reload events not stored");
                    }
                    return;
                }
            }
            match self.write(&batch).await {
                Ok(()) => batch.clear(),
                Err(error) if !failed => tracing::warn!(%error, "waiting to store reload events"),
                Err(_) => {}
            }
            failed = !batch.is_empty();
            not_before = Instant::now() + if failed { WRITE_AGAIN } else { WRITE_EVERY };
        }
    }

    async fn write(&mut self, batch: &[Arc<ReloadEvent>]) -> Result<(), StoreError> {
        let (until, by) = match self.numbering {
            Numbering::Settled { until, by } => (until, by),
            Numbering::Provisional => {
                let earlier = earlier(&*self.store, self.max).await?;
                let settled = settle(&mut locked(&self.kept), earlier, self.max);
                self.numbering = Numbering::Settled { until: settled.0, by: settled.1 };
                settled
            }
        };
        let numbered = |event: &Arc<ReloadEvent>| match event.id.0 <= until {
            true => shifted(event, by),
            false => (**event).clone(),
        };
        let keep = u64::try_from(self.max).unwrap_or(u64::MAX);
        for events in batch.chunks(BATCH_MAX) {
            let events: Vec<_> = events.iter().map(numbered).collect();
            self.store.record_events(&events, keep).await?;
        }
        Ok(())
    }
}

/// Puts earlier events before those that are kept, whose numbers continue from there. Answers the last number that was
/// given before, and what it was short of.
fn settle(kept: &mut VecDeque<Arc<ReloadEvent>>, earlier: Vec<Arc<ReloadEvent>>, max: usize) -> (u64, u64) {
    let until = kept.back().map_or(0, |event| event.id.0);
    let by = earlier.last().map_or(0, |event| event.id.0);
    let later: Vec<_> = kept.drain(..).map(|event| Arc::new(shifted(&event, by))).collect();
    kept.extend(earlier.into_iter().chain(later));
    while kept.len() > max {
        kept.pop_front();
    }
    (until, by)
}

fn shifted(event: &ReloadEvent, by: u64) -> ReloadEvent {
    ReloadEvent { id: ReloadId(event.id.0 + by), ..event.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use midflight_core::{Problems, RevisionNumber};

    #[test]
    fn numbers_continue_from_those_in_the_store() {
        let event = |id: u64, by: &str| {
            Arc::new(ReloadEvent {
                id: ReloadId(id),
                trigger: Trigger::Manual.into(),
                triggered_by: by.to_owned(),
                started_at: jiff::Timestamp::UNIX_EPOCH,
                took: Duration::ZERO,
                phases: Vec::new(),
                outcome: Outcome::Success.into(),
                from: RevisionNumber::ZERO,
                to: RevisionNumber::ZERO,
                kinds: Vec::new(),
                documents_changed: 0,
                components: Vec::new(),
                problems: Problems::default(),
            })
        };
        let mut kept = VecDeque::from([event(1, "new"), event(2, "new")]);
        assert_eq!(settle(&mut kept, vec![event(6, "old"), event(7, "old")], 3), (2, 7));
        let ids: Vec<_> = kept.iter().map(|event| (event.id.0, event.triggered_by.as_str())).collect();
        assert_eq!(ids, [(7, "old"), (8, "new"), (9, "new")]);
        assert_eq!(settle(&mut VecDeque::new(), Vec::new(), 3), (0, 0));
    }

    #[test]
    fn percentiles_are_nearest_rank() {
        let times: Vec<_> = (1..=200).map(Duration::from_millis).collect();
        let millis = |percent| percentile(&times, percent).map(|time| time.as_millis());
        assert_eq!((millis(50), millis(95), millis(99)), (Some(100), Some(190), Some(198)));
        assert_eq!(percentile(&times[..1], 50), Some(Duration::from_millis(1)));
        assert_eq!(percentile(&[], 50), None);
    }
}
