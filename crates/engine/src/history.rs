//! The reloads of this replica: a bounded list in memory, kept in the store on the side, told to those who listen.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use midflight_core::{DocumentId, Effect, Outcome, ReloadEvent, ReloadId, Trigger};
use midflight_store::{EventQuery, Store};
use tokio::sync::{broadcast, mpsc};
use tokio_util::sync::CancellationToken;

/// How many reports a slow listener may be behind before it is told that it missed some.
const LISTENER_LAG_MAX: usize = 256;
/// How many events may wait to be written before the newest are only kept in memory.
const UNWRITTEN_MAX: usize = 4096;
/// How many events are written at once.
const BATCH_MAX: usize = 256;

/// A reload and what it changed, as told to those who listen.
#[derive(Debug, Clone)]
pub struct ReloadReport {
    /// The event that history keeps.
    pub event: Arc<ReloadEvent>,
    /// What became of which document; cut at `changes_told_max`, the event has the true count.
    pub changes: Arc<[(DocumentId, Effect)]>,
}

/// Counts and times of the reloads that history holds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Statistics {
    /// How many there are.
    pub total: usize,
    /// How many ended so.
    pub by_outcome: BTreeMap<Outcome, usize>,
    /// How many ran for that reason.
    pub by_trigger: BTreeMap<Trigger, usize>,
    /// Half of those that changed something took at most this long; none when there are none.
    pub p50: Option<Duration>,
    /// 95 % did.
    pub p95: Option<Duration>,
    /// 99 % did.
    pub p99: Option<Duration>,
}

/// The reloads of this replica, newest last.
pub struct History {
    kept: Mutex<VecDeque<Arc<ReloadEvent>>>,
    max: usize,
    listeners: broadcast::Sender<ReloadReport>,
    unwritten: mpsc::Sender<Arc<ReloadEvent>>,
}

impl History {
    /// Reads what the store kept. Answers the history and the part of it that writes, to be run as a task.
    pub(crate) async fn open(store: Arc<dyn Store>, max: usize) -> (Self, Writer) {
        let limit = u32::try_from(max).unwrap_or(u32::MAX);
        let kept = match store.events(EventQuery { limit, ..EventQuery::default() }).await {
            Ok(page) => page.items.into_iter().rev().map(Arc::new).collect(),
            Err(error) => {
                tracing::warn!(%error, "the history of earlier reloads cannot be read; it starts anew");
                VecDeque::new()
            }
        };
        let (unwritten, events) = mpsc::channel(UNWRITTEN_MAX);
        let listeners = broadcast::Sender::new(LISTENER_LAG_MAX);
        let keep = u64::try_from(max).unwrap_or(u64::MAX);
        (Self { kept: Mutex::new(kept), max, listeners, unwritten }, Writer { store, events, keep })
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<Arc<ReloadEvent>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
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
        // Nobody listening is no fault.
        drop(self.listeners.send(report));
    }

    /// Hears every reload from now on.
    #[must_use]
    pub fn listen(&self) -> broadcast::Receiver<ReloadReport> {
        self.listeners.subscribe()
    }

    /// The newest reload.
    #[must_use]
    pub fn last(&self) -> Option<Arc<ReloadEvent>> {
        self.kept().back().cloned()
    }

    /// The reloads that `wanted` says yes to, newest first, at most `limit` of them. Cost: looks through all.
    #[must_use]
    pub fn select(&self, limit: usize, wanted: impl Fn(&ReloadEvent) -> bool) -> Vec<Arc<ReloadEvent>> {
        self.kept().iter().rev().filter(|event| wanted(event)).take(limit).cloned().collect()
    }

    /// Counts and times of all that is kept. Cost: looks through all.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        let kept = self.kept();
        let mut statistics = Statistics { total: kept.len(), ..Statistics::default() };
        let mut times = Vec::new();
        for event in kept.iter() {
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

/// Writes events to the store, off the road of the reloads.
pub(crate) struct Writer {
    store: Arc<dyn Store>,
    events: mpsc::Receiver<Arc<ReloadEvent>>,
    keep: u64,
}

impl Writer {
    /// Writes until stopped, then writes what is left.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        loop {
            let received = tokio::select! {
                received = self.events.recv_many(&mut batch, BATCH_MAX) => received,
                () = stop.cancelled() => {
                    self.events.close();
                    self.events.recv_many(&mut batch, UNWRITTEN_MAX).await
                }
            };
            if received == 0 {
                return;
            }
            let events: Vec<_> = batch.drain(..).map(|event| (*event).clone()).collect();
            if let Err(error) = self.store.record_events(&events, self.keep).await {
                tracing::warn!(%error, count = events.len(), "reload events are in memory only");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_rank() {
        let times: Vec<_> = (1..=200).map(Duration::from_millis).collect();
        let millis = |percent| percentile(&times, percent).map(|time| time.as_millis());
        assert_eq!((millis(50), millis(95), millis(99)), (Some(100), Some(190), Some(198)));
        assert_eq!(percentile(&times[..1], 50), Some(Duration::from_millis(1)));
        assert_eq!(percentile(&[], 50), None);
    }
}
