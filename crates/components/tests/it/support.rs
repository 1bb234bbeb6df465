//! A toy kind whose one document is the settings of everything, an engine on a log in memory, and servers that are not
//! there.
#![expect(unreachable_pub, reason = "the support of tests, in a file of its own")]

use std::io::Write;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use midflight_components::{
    CacheSettings, DatabaseSettings, LlmSettings, LogSettings, RedisSettings, SettingsSource,
};
use midflight_core::{
    Change, DocumentId, DocumentName, Edit, JsonPointer, KindName, Problem, Problems, Trigger,
};
use midflight_engine::{Engine, EngineBuilder, Kind, KindChange, KindSlot, Refresh, Work};
use midflight_live::{SnapshotSlot, World, WorldBuilder};
use midflight_store::{MemoryStore, NewRevision, RevisionLog as _};
use serde::Deserialize;
use serde_json::Value;
use tracing_subscriber::fmt::MakeWriter;

/// The settings of everything; what is not there is not configured.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct App {
    pub log: Option<LogSettings>,
    pub cache: Option<CacheSettings>,
    pub llm: Option<LlmSettings>,
    pub redis: Option<RedisSettings>,
    pub database: Option<DatabaseSettings>,
}

pub struct Settings;

impl Kind for Settings {
    type Document = App;
    type Snapshot = App;

    fn name(&self) -> KindName {
        KindName::new("settings").unwrap()
    }

    fn empty(&self) -> App {
        App::default()
    }

    fn validate(&self, _: &DocumentName, body: &Arc<Value>, _: &Work) -> Result<App, Problems> {
        let app = App::deserialize(&**body);
        app.map_err(|error| Problem::new("invalid", JsonPointer::root(), error.to_string()).into())
    }

    fn compile(&self, previous: &App, changes: Vec<KindChange<App>>, work: &Work) -> Result<App, Problems> {
        work.check()?;
        let last = changes.into_iter().next_back();
        Ok(last.map_or_else(|| previous.clone(), |change| change.document.unwrap_or_default()))
    }

    fn answer(&self, _: &App, _: &Value) -> Result<Value, Problem> {
        Ok(Value::Null)
    }
}

pub fn id() -> DocumentId {
    DocumentId::new("settings", "app").unwrap()
}

/// The place of some settings in the document, for the kind in a slot.
pub fn place<S: Clone + 'static>(
    slot: SnapshotSlot,
    key: &str,
    of: fn(&App) -> &Option<S>,
) -> SettingsSource<S> {
    SettingsSource::in_document(id(), JsonPointer::root().key(key), move |world: &World| {
        world.get::<App>(slot).and_then(|app| of(app).clone())
    })
}

/// Puts the settings of everything.
pub fn put(body: Value) -> Edit {
    Edit::new("tester", Trigger::ApiUpdate, [Change::put(id(), body)])
}

/// A started engine with the parts that `more` adds, on a log whose one document configures nothing.
pub async fn engine<T>(more: impl FnOnce(&mut EngineBuilder, SnapshotSlot) -> T) -> (Engine, T) {
    let store = MemoryStore::new();
    let (nothing, expected_head) = (put(Value::Object(Default::default())), store.head().await.unwrap());
    let created_at = Default::default();
    store.append(NewRevision { edit: &nothing, created_at, expected_head, documents_max: 10 }).await.unwrap();
    let mut builder = Engine::builder().store(Arc::new(store));
    let slot: KindSlot<Settings> = builder.kind(Settings);
    builder.refresh(Refresh { enabled: false, ..Refresh::default() });
    let made = more(&mut builder, slot.slot());
    (builder.start().await.unwrap(), made)
}

/// A world of these settings, and of none; the slot is the same in every one.
pub fn worlds(body: Value) -> (World, World, SnapshotSlot) {
    let mut builder = WorldBuilder::new();
    let slot = builder.add(Arc::new(App::default()));
    let empty = builder.build();
    let full = changed(&empty, slot, body);
    (empty, full, slot)
}

/// The same world with other settings.
pub fn changed(world: &World, slot: SnapshotSlot, body: Value) -> World {
    let mut other = world.to_builder();
    other.set(slot, Arc::new(App::deserialize(body).unwrap()));
    other.build()
}

/// A port on which nobody listens.
pub fn closed_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A listener that takes connections and never answers.
pub fn silent() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// Asks until there is an answer.
pub async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "timed out waiting for {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// What a logger wrote, by as many writes as there were.
#[derive(Clone, Default)]
pub struct Lines(pub Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
