//! A toy kind and an engine on a log in memory, for the tests beside.
#![expect(clippy::unwrap_used, unreachable_pub, reason = "the support of tests, in a file of its own")]

mod words;

use std::sync::Arc;

use midflight_bus::MemoryBus;
use midflight_core::{Change, DocumentName};
use midflight_engine::{Engine, EngineBuilder, KindSlot, Limits, Refresh};
use midflight_live::Live;
use midflight_store::{MemoryStore, RevisionLog as _};
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
        let mut builder = Engine::builder().store(Arc::new(store.clone())).bus(Arc::new(bus.clone()));
        let slot = builder.kind(Words);
        builder.refresh(Refresh { enabled: false, ..Refresh::default() });
        more(&mut builder, slot);
        let engine = builder.start().await.unwrap();
        let words = engine.live(slot);
        Self { engine, words, store, bus }
    }

    pub fn text(&self, name: &str) -> Option<String> {
        self.words.load().get(&DocumentName::new(name).unwrap()).map(|word| word.text.clone())
    }

    pub async fn head(&self) -> u64 {
        self.store.head().await.unwrap().number.get()
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
