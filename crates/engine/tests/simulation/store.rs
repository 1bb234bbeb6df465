//! A replica's way to the log: slow, sometimes gone, and sometimes silent about what it did. Every other replica is of
//! the next version of the program, and writes words that the others do not know.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use fastrand::Rng;
use midflight_core::{Appended, Open, ReloadEvent, Trigger};
use midflight_store::conformance::StoreRoute;
use midflight_store::{AppendError, EventStore as _, MemoryStore, NewRevision, StoreError};

/// The log that there is now: a failover or a restore puts another one in its place.
#[derive(Clone)]
pub(crate) struct Primary(Arc<Mutex<MemoryStore>>);

impl Primary {
    pub(crate) fn new(log: MemoryStore) -> Self {
        Self(Arc::new(Mutex::new(log)))
    }

    pub(crate) fn now(&self) -> MemoryStore {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn becomes(&self, log: MemoryStore) {
        *self.0.lock().unwrap() = log;
    }
}

/// One replica's way to the log.
#[derive(Clone)]
pub(crate) struct SimStore {
    log: Primary,
    line: Arc<Line>,
}

struct Line {
    rng: Mutex<Rng>,
    unavailable: AtomicBool,
    ended: AtomicBool,
    /// Whether the replica is of the next version.
    is_next: bool,
}

impl SimStore {
    pub(crate) fn new(log: Primary, seed: u64) -> Self {
        let (rng, is_next) = (Mutex::new(Rng::with_seed(seed)), seed % 2 == 1);
        let (unavailable, ended) = (AtomicBool::default(), AtomicBool::default());
        Self { log, line: Arc::new(Line { rng, unavailable, ended, is_next }) }
    }

    pub(crate) fn unavailable(&self, unavailable: bool) {
        self.line.unavailable.store(unavailable, Ordering::Relaxed);
    }

    /// Nothing that this replica still does reaches the log: it is dead.
    pub(crate) fn end(&self) {
        self.line.ended.store(true, Ordering::Relaxed);
    }

    /// The trigger as the replica's version writes it.
    fn written(&self, trigger: Open<Trigger>) -> Open<Trigger> {
        if self.line.is_next && trigger == Trigger::ApiUpdate { "canary".parse().unwrap() } else { trigger }
    }
}

#[async_trait]
impl StoreRoute for SimStore {
    /// Takes its time, and then says whether the log can be reached.
    async fn reach(&self) -> Result<MemoryStore, StoreError> {
        let wait = self.line.rng.lock().unwrap().u64(0..20);
        tokio::time::sleep(Duration::from_millis(wait)).await;
        match self.line.unavailable.load(Ordering::Relaxed) || self.line.ended.load(Ordering::Relaxed) {
            true => Err(StoreError::Unavailable("cut off".to_owned())),
            false => Ok(self.log.now()),
        }
    }

    async fn send_append(&self, new: NewRevision<'_>) -> Result<Appended, AppendError> {
        let appended = self.reach().await?.append_as(new, self.written(new.edit.trigger.into()))?;
        // The answer may be lost on its way back.
        let lost = self.line.rng.lock().unwrap().u8(0..20) == 0;
        self.reach().await?;
        match lost {
            true => Err(StoreError::Unavailable("the answer was lost".to_owned()).into()),
            false => Ok(appended),
        }
    }

    async fn send_events(&self, events: &[ReloadEvent], keep: u64) -> Result<(), StoreError> {
        let mut events = events.to_vec();
        for event in &mut events {
            event.trigger = self.written(event.trigger);
        }
        self.reach().await?.record_events(&events, keep).await
    }
}
