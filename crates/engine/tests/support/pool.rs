//! A toy component.
#![expect(clippy::unwrap_used, unreachable_pub, reason = "the support of tests, in a file of its own")]

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use midflight_core::{DocumentName, JsonPointer, KindName, Problem, Problems};
use midflight_engine::{Committed, Component, KindSlot, Prepared, Section};
use midflight_live::{SnapshotSlot, World};

use crate::support::{WordMap, Words};

/// A "pool" of which exactly one is open at a time, but for the time of a swap.
#[derive(Debug, Default)]
pub struct PoolState {
    pub in_use: AtomicU64,
    pub open: AtomicU64,
    pub refuse: AtomicBool,
    /// Set while preparing is not to end.
    pub hang: AtomicBool,
    /// Notified when preparing hangs.
    pub hangs: tokio::sync::Notify,
    pub unwell: AtomicBool,
    /// How many pools are stopped for a swap.
    pub paused: AtomicU64,
    /// Set while a pause is to fail, or not to end.
    pub refuse_pause: AtomicBool,
    pub hang_in_pause: AtomicBool,
    pub log: Mutex<Vec<String>>,
}

pub struct Pool {
    pub name: &'static str,
    pub order: u32,
    pub exclusive: Vec<String>,
    pub criticality: midflight_engine::Criticality,
    pub slot: SnapshotSlot,
    pub state: Arc<PoolState>,
}

impl Pool {
    pub fn new(slot: KindSlot<Words>, state: &Arc<PoolState>) -> Self {
        Self {
            name: "pool",
            order: 100,
            exclusive: Vec::new(),
            criticality: midflight_engine::Criticality::Critical,
            slot: slot.slot(),
            state: Arc::clone(state),
        }
    }
}

#[async_trait]
impl Component for Pool {
    fn name(&self) -> &str {
        self.name
    }

    fn sections(&self) -> Vec<Section> {
        vec![Section { kind: KindName::new("words").unwrap(), name: DocumentName::new("pool").ok() }]
    }

    fn order(&self) -> u32 {
        self.order
    }

    fn exclusive(&self) -> Vec<String> {
        self.exclusive.clone()
    }

    fn criticality(&self) -> midflight_engine::Criticality {
        self.criticality
    }

    async fn prepare(&self, _: &World, new: &World) -> Result<Option<Box<dyn Prepared>>, Problems> {
        self.state.log.lock().unwrap().push(format!("prepare {}", self.name));
        let size = new.get::<WordMap>(self.slot).map_or(0, |words| words.len() as u64);
        let opened = Opened::new(self.name, Arc::clone(&self.state), size);
        tokio::task::yield_now().await;
        if self.state.hang.load(Ordering::Relaxed) {
            self.state.hangs.notify_one();
            std::future::pending::<()>().await;
        }
        if self.state.refuse.load(Ordering::Relaxed) {
            return Err(Problem::new("no_answer", JsonPointer::root(), "the server does not answer").into());
        }
        self.state.log.lock().unwrap().push(format!("prepared {}", self.name));
        Ok(Some(Box::new(opened)))
    }
}

struct Opened {
    name: &'static str,
    state: Arc<PoolState>,
    size: u64,
    name_of_old: u64,
    is_paused: bool,
}

impl Opened {
    fn new(name: &'static str, state: Arc<PoolState>, size: u64) -> Self {
        state.open.fetch_add(1, Ordering::Relaxed);
        Self { name, state, size, name_of_old: 0, is_paused: false }
    }

    fn go_on(&mut self) {
        if std::mem::take(&mut self.is_paused) {
            self.state.paused.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.go_on();
        self.state.open.fetch_sub(1, Ordering::Relaxed);
    }
}

#[async_trait]
impl Prepared for Opened {
    async fn pause(&mut self) -> Result<(), Problems> {
        self.state.log.lock().unwrap().push(format!("pause {}", self.name));
        self.is_paused = true;
        self.state.paused.fetch_add(1, Ordering::Relaxed);
        if self.state.hang_in_pause.load(Ordering::Relaxed) {
            self.state.hangs.notify_one();
            std::future::pending::<()>().await;
        }
        match self.state.refuse_pause.load(Ordering::Relaxed) {
            true => Err(Problem::new("busy", JsonPointer::root(), "the old does not stop").into()),
            false => Ok(()),
        }
    }

    fn commit(mut self: Box<Self>) -> Box<dyn Committed> {
        self.go_on();
        self.name_of_old = self.state.in_use.swap(self.size, Ordering::Relaxed);
        Box::new(InUse(*self))
    }
}

struct InUse(Opened);

#[async_trait]
impl Committed for InUse {
    async fn verify(&self) -> Result<(), Problems> {
        match self.0.state.unwell.load(Ordering::Relaxed) {
            true => Err(Problem::new("unwell", JsonPointer::root(), "it answers nonsense").into()),
            false => Ok(()),
        }
    }

    fn rollback(self: Box<Self>) {
        self.0.state.in_use.store(self.0.name_of_old, Ordering::Relaxed);
    }

    async fn retire(self: Box<Self>) {}
}
