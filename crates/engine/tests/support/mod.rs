//! A toy kind, a toy component and an engine on a log in memory, for the tests beside.
#![expect(clippy::unwrap_used, unreachable_pub, reason = "the support of tests, in a file of its own")]

mod words;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use midflight_bus::MemoryBus;
use midflight_core::{Change, DocumentName, KindName, Pointer, Problem, Problems};
use midflight_engine::{
    Committed, Component, Engine, EngineBuilder, KindSlot, Limits, Prepared, Refresh, Section,
};
use midflight_live::{Live, Slot, World};
use midflight_store::{MemoryStore, Store};
pub use words::{WordMap, Words, edit, id, put};

/// A started engine and what is needed to look at it.
pub struct Bench {
    pub engine: Engine,
    pub words: Live<WordMap>,
    pub store: MemoryStore,
    pub bus: MemoryBus,
}

impl Bench {
    pub async fn new() -> Self {
        Self::with(MemoryStore::new(), |_, _| {}).await
    }

    /// Another replica on the same log and bus.
    pub async fn beside(&self) -> Self {
        Self::on(self.store.clone(), self.bus.clone(), |_, _| {}).await
    }

    pub async fn with(store: MemoryStore, more: impl FnOnce(&mut EngineBuilder, KindSlot<Words>)) -> Self {
        Self::on(store, MemoryBus::new(), more).await
    }

    async fn on(
        store: MemoryStore,
        bus: MemoryBus,
        more: impl FnOnce(&mut EngineBuilder, KindSlot<Words>),
    ) -> Self {
        let mut builder = Engine::builder(Arc::new(store.clone()), Arc::new(bus.clone()));
        let slot = builder.kind(Words);
        builder.refresh(Refresh { enabled: false, ..Refresh::default() });
        more(&mut builder, slot);
        let engine = builder.start().await.unwrap();
        let words = engine.live(slot).unwrap();
        Self { engine, words, store, bus }
    }

    pub fn text(&self, name: &str) -> Option<String> {
        self.words.load().get(&DocumentName::new(name).unwrap()).map(|word| word.text.clone())
    }

    pub async fn head(&self) -> u64 {
        self.store.head().await.unwrap().get()
    }

    /// Puts a revision into the log past every check, as somebody with access to the database could.
    pub async fn by_hand(&self, changes: impl IntoIterator<Item = Change>) {
        let edit = edit(changes);
        let new = midflight_store::NewRevision {
            edit: &edit,
            created_at: midflight_engine_now(),
            expected_head: self.store.head().await.unwrap(),
            documents_max: u64::MAX,
        };
        self.store.append(new).await.unwrap();
    }
}

pub fn midflight_engine_now() -> jiff::Timestamp {
    jiff::Timestamp::UNIX_EPOCH
}

pub fn small_limits() -> Limits {
    Limits { reload_ms_max: 200, runaways_max: 2, ..Limits::default() }
}

/// A "pool" of which exactly one is open at a time, but for the time of a swap.
#[derive(Debug, Default)]
pub struct PoolState {
    pub in_use: AtomicU64,
    pub open: AtomicU64,
    pub refuse: AtomicBool,
    pub unwell: AtomicBool,
    pub log: Mutex<Vec<String>>,
}

pub struct Pool {
    pub name: &'static str,
    pub order: u32,
    pub exclusive: Vec<String>,
    pub criticality: midflight_engine::Criticality,
    pub slot: Slot,
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
        let opened = Opened::new(Arc::clone(&self.state), size);
        tokio::task::yield_now().await;
        if self.state.refuse.load(Ordering::Relaxed) {
            return Err(Problem::new("no_answer", Pointer::root(), "the server does not answer").into());
        }
        self.state.log.lock().unwrap().push(format!("prepared {}", self.name));
        Ok(Some(Box::new(opened)))
    }
}

struct Opened {
    state: Arc<PoolState>,
    size: u64,
    name_of_old: u64,
}

impl Opened {
    fn new(state: Arc<PoolState>, size: u64) -> Self {
        state.open.fetch_add(1, Ordering::Relaxed);
        Self { state, size, name_of_old: 0 }
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.state.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Prepared for Opened {
    fn commit(mut self: Box<Self>) -> Box<dyn Committed> {
        self.name_of_old = self.state.in_use.swap(self.size, Ordering::Relaxed);
        Box::new(InUse(*self))
    }
}

struct InUse(Opened);

#[async_trait]
impl Committed for InUse {
    async fn verify(&self) -> Result<(), Problems> {
        match self.0.state.unwell.load(Ordering::Relaxed) {
            true => Err(Problem::new("unwell", Pointer::root(), "it answers nonsense").into()),
            false => Ok(()),
        }
    }

    fn rollback(self: Box<Self>) {
        self.0.state.in_use.store(self.0.name_of_old, Ordering::Relaxed);
    }

    async fn retire(self: Box<Self>) {}
}
