//! How a kind comes into a server: it is added to the engine that is being built, and has its server side once that
//! runs.

use std::sync::Arc;

use midflight_engine::{Engine, EngineBuilder, Kind};

use crate::kind::{KindApi, PlainKind};
use crate::metrics::registry::MetricsRegistry;

/// What the server side of a kind is made of, once the engine runs.
pub struct Started<'a> {
    /// The engine.
    pub engine: &'a Engine,
    /// Where its metrics are registered.
    pub metrics: &'a MetricsRegistry,
}

/// Makes the server side of a kind; none when the engine does not have what was added to it.
pub type MakeApi = Box<dyn FnOnce(&Started<'_>) -> Option<Arc<dyn KindApi>> + Send>;

/// A kind of a server, as `options.kinds.push(KindSetup::plain(|| Greetings))` adds it. Cheap to clone.
#[derive(Clone)]
pub struct KindSetup(Arc<dyn Fn(&mut EngineBuilder) -> MakeApi + Send + Sync>);

impl KindSetup {
    /// A kind that `add` adds to the engine, with a server side of its own.
    pub fn new(add: impl Fn(&mut EngineBuilder) -> MakeApi + Send + Sync + 'static) -> Self {
        Self(Arc::new(add))
    }

    /// A kind with nothing beside what every kind has: documents, schemas, events, metrics, health, export, import,
    /// history.
    pub fn plain<K: Kind>(make: impl Fn() -> K + Send + Sync + 'static) -> Self {
        Self::new(move |builder| {
            let kind = make();
            let name = kind.name();
            builder.kind(kind);
            Box::new(move |_| Some(Arc::new(PlainKind(name))))
        })
    }

    /// Adds it to an engine.
    #[must_use]
    pub fn add(&self, builder: &mut EngineBuilder) -> MakeApi {
        (self.0)(builder)
    }
}

impl std::fmt::Debug for KindSetup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KindSetup").finish_non_exhaustive()
    }
}
