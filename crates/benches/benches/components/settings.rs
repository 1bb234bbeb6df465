//! An engine with every component, and a kind whose one document is the settings of them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use midflight_components::{
    Cache, CacheSettings, Database, DatabaseSettings, Llm, LlmSettings, LogSettings, Logger, Redis,
    RedisSettings, SettingsSource,
};
use midflight_core::{
    Change, DocumentId, DocumentName, Edit, JsonPointer, KindName, Open, Outcome, Phase, Problem, Problems,
    Trigger,
};
use midflight_engine::{Engine, Kind, KindChange, Refresh, Work};
use midflight_live::{SnapshotSlot, World};
use midflight_store::{MemoryStore, NewRevision, RevisionLog as _};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{DATABASE_CONNECTIONS, REDIS_CONNECTIONS};

/// Which components get other settings.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Changes {
    pub(crate) log: bool,
    pub(crate) database: bool,
    pub(crate) redis: bool,
    pub(crate) llm: bool,
    pub(crate) cache: bool,
}

/// How long a reload took.
pub(crate) struct Took {
    /// All that has to do with components.
    pub(crate) prepared_and_swapped: Duration,
    /// All of it, until its caller heard that it is served.
    pub(crate) edit: Duration,
}

pub(crate) struct Bench {
    engine: Engine,
    body: Value,
    round: u64,
    /// Its handles, which hold on to nothing that is replaced.
    _handles: (Database, Redis, Llm, Cache<u64, u64>),
}

impl Bench {
    pub(crate) async fn start(database: &str, redis: u16, llm: u16) -> Self {
        let body = json!({
            "log": { "level": "info" },
            "cache": { "ttl_ms": 60_000 },
            "llm": { "base_url": format!("http://127.0.0.1:{llm}/v1"), "api_key": "key", "model": "model" },
            "redis": { "addr": format!("127.0.0.1:{redis}"), "pool_size": REDIS_CONNECTIONS },
            "database": { "url": database, "min_conns": DATABASE_CONNECTIONS },
        });
        let store = MemoryStore::new();
        let expected_head = store.head().await.unwrap();
        let created_at = Default::default();
        let first = NewRevision { edit: &put(&body), created_at, expected_head, documents_max: 10 };
        store.append(first).await.unwrap();
        let mut builder = Engine::builder().store(Arc::new(store));
        let slot = builder.kind(Settings).slot();
        builder.refresh(Refresh { enabled: false, ..Refresh::default() });
        let logger = Logger::install(LogSettings::default(), std::io::sink).unwrap();
        let (database, database_handle) = Database::new(place(slot, "database", |app| &app.database));
        let (redis, redis_handle) = Redis::new(place(slot, "redis", |app| &app.redis));
        let (llm, llm_handle) = Llm::new(place(slot, "llm", |app| &app.llm));
        let (cache, cache_handle) = Cache::new(place(slot, "cache", |app| &app.cache));
        builder.component(logger.part(place(slot, "log", |app| &app.log)));
        builder.component(database).component(redis).component(llm).component(cache);
        let engine = builder.start().await.unwrap();
        let handles = (database_handle, redis_handle, llm_handle, cache_handle);
        Self { engine, body, round: 0, _handles: handles }
    }

    pub(crate) fn settings(&self) -> Value {
        self.body.clone()
    }

    /// How long an edit takes until what it changes is served. What it replaces is gone before the next one.
    pub(crate) async fn reload(&mut self, changes: Changes) -> Took {
        self.round += 1;
        let Self { round, body, .. } = self;
        if changes.log {
            body["log"]["level"] = json!(["debug", "info"][usize::from(*round % 2 == 0)]);
        }
        if changes.database {
            body["database"]["grace_ms"] = json!(1000 + *round);
        }
        if changes.redis {
            body["redis"]["grace_ms"] = json!(1000 + *round);
        }
        if changes.llm {
            body["llm"]["timeout_ms"] = json!(10_000 + *round);
        }
        if changes.cache {
            body["cache"]["ttl_ms"] = json!(60_000 + *round);
        }
        let edit = put(body);
        let began = Instant::now();
        let accepted = self.engine.apply(edit).await.unwrap();
        let edit = began.elapsed();
        let event = accepted.event.unwrap();
        assert_eq!(event.outcome, Outcome::Success);
        self.engine.retired().await;
        let of_components = event
            .phases
            .iter()
            .filter(|time| matches!(time.phase, Open::Known(Phase::Prepare | Phase::Swap)));
        Took { prepared_and_swapped: of_components.map(|time| time.took).sum(), edit }
    }

    pub(crate) async fn stop(self) {
        self.engine.stop().await;
    }
}

/// The settings of everything.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct App {
    log: Option<LogSettings>,
    cache: Option<CacheSettings>,
    llm: Option<LlmSettings>,
    redis: Option<RedisSettings>,
    database: Option<DatabaseSettings>,
}

struct Settings;

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

fn place<S: Clone + 'static>(slot: SnapshotSlot, key: &str, of: fn(&App) -> &Option<S>) -> SettingsSource<S> {
    SettingsSource::in_document(id(), JsonPointer::root().key(key), move |world: &World| {
        world.get::<App>(slot).and_then(|app| of(app).clone())
    })
}

fn id() -> DocumentId {
    DocumentId::new("settings", "app").unwrap()
}

fn put(body: &Value) -> Edit {
    Edit::new("bench", Trigger::ApiUpdate, [Change::put(id(), body.clone())])
}
