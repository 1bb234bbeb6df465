//! Midflight changes what a running service does, in milliseconds, on every replica, with no request lost.
//!
//! This is the facade: one dependency for a program that embeds the engine. Documents of a [`Kind`] are kept in a log,
//! compiled into a snapshot, and served through a [`Live`] handle that readers load without a lock. An edit is
//! validated, compiled and checked before the log takes it, and live when [`Engine::apply`] returns.
//!
//! ```
//! use std::collections::BTreeMap;
//! use std::sync::Arc;
//!
//! use midflight::store::{SqliteOptions, SqliteStore};
//! use midflight::{
//!     Change, DocumentId, DocumentName, Edit, Engine, Kind, KindChange, KindName, MemoryBus, Pointer, Problem,
//!     Problems, Trigger, Work,
//! };
//! use serde_json::{Value, json};
//!
//! /// Limits by name: documents `{"max": 10}`.
//! struct Limits;
//!
//! impl Kind for Limits {
//!     type Document = u64;
//!     type Snapshot = BTreeMap<String, u64>;
//!
//!     fn name(&self) -> KindName {
//!         KindName::new("limits").expect("a valid name")
//!     }
//!
//!     fn empty(&self) -> Self::Snapshot {
//!         BTreeMap::new()
//!     }
//!
//!     fn validate(&self, _: &DocumentName, body: &Arc<Value>, _: &Work) -> Result<u64, Problems> {
//!         let max = body.get("max").and_then(Value::as_u64);
//!         let place = Pointer::root().key("max");
//!         max.ok_or_else(|| Problem::new("wrong_type", place, "write a number from 0 up").into())
//!     }
//!
//!     fn compile(
//!         &self,
//!         previous: &Self::Snapshot,
//!         changes: Vec<KindChange<u64>>,
//!         _: &Work,
//!     ) -> Result<Self::Snapshot, Problems> {
//!         let mut next = previous.clone();
//!         for change in changes {
//!             match change.document {
//!                 Some(max) => next.insert(change.name.to_string(), max),
//!                 None => next.remove(change.name.as_str()),
//!             };
//!         }
//!         Ok(next)
//!     }
//!
//!     fn answer(&self, snapshot: &Self::Snapshot, input: &Value) -> Result<Value, Problem> {
//!         Ok(json!(input.as_str().and_then(|name| snapshot.get(name))))
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! let store = SqliteStore::open(SqliteOptions::new(folder.path().join("limits.db"))).await?;
//! let mut builder = Engine::builder(Arc::new(store), Arc::new(MemoryBus::new()));
//! let slot = builder.kind(Limits);
//! let engine = builder.start().await?;
//! let limits = engine.live(slot).ok_or("the kind is this engine's")?;
//! assert_eq!(limits.load().get("uploads"), None);
//!
//! // Whoever handles requests holds `limits`, and loads it once per request.
//! let id = DocumentId::new("limits", "uploads")?;
//! let put = |max: Value| Edit::new("ann", Trigger::Manual, [Change::put(id.clone(), json!({ "max": max }))]);
//! engine.apply(put(json!(10))).await?;
//! assert_eq!(limits.load().get("uploads"), Some(&10));
//!
//! // What does not hold is refused with its reasons, and changes nothing.
//! let refused = engine.apply(put(json!(-1))).await.unwrap_err();
//! assert!(refused.to_string().contains("write a number from 0 up"));
//! assert_eq!(limits.load().get("uploads"), Some(&10));
//! engine.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//! - `sqlite` (default): the log in a SQLite file, [`store::SqliteStore`].
//! - `postgres`: the log in PostgreSQL, [`store`]`::PostgresStore`, for several processes, and hints through it.
//! - `redis`, `nats`: hints by those, in [`bus`]. Tell [`EngineBuilder::identity`] who each process is, and
//!   [`EngineBuilder::last_good`] where it keeps its copy.
//! - `rules`: the kind `rules` that the server has, in `midflight::rules`.
//! - `patterns`: the kind `patterns` that the server has, in `midflight::patterns`; with `learning`, what asks an LLM of
//!   what nothing matches and learns of its answers, in `midflight::learning`.
//! - `tools`: the kind `tools` that the server has, in `midflight::tools`.
//! - `source`: documents from YAML and JSON files and watched directories, in `midflight::source`.
//! - `app`: a program whose config changes while it runs, in `midflight::app`, declared by `midflight::config`. With it,
//!   each for itself, what follows that config, in `midflight::components`: `pool-postgres`, `pool-redis`, `llm`, `log`
//!   and `cache`. `examples/hot-service` is a whole one.
//! - `cli`: the binary `midflight`, server and command line, and with it all of the above.

pub use midflight_bus::{Bus, MemoryBus};
pub use midflight_core::{
    Change, Diff, Digest, Document, DocumentId, DocumentName, Edit, EditKey, KindName, Open, Outcome, Owner,
    Pointer, Precondition, PrincipalId, Problem, Problems, ReloadEvent, Revision, RevisionNumber, Trigger,
};
pub use midflight_engine::{
    Accepted, Committed, Component, Criticality, DocumentSchema, Engine, EngineBuilder, Kind, KindChange,
    KindSlot, Limits, Prepared, Refresh, Refusal, Refused, Schedule, Section, StartError, What, WindowText,
    Work, schedule_id,
};
pub use midflight_live::{Live, Loaded, Pinned, Publisher, Reader, World};
pub use midflight_store::{
    AuditStore, BlobStore, EventStore, FleetStore, MemoryStore, RevisionLog, Store, StoreError, TallyStore,
    TokenStore,
};

/// What carries hints that the log moved.
pub mod bus {
    pub use midflight_bus::*;
}

/// The inert data and the pure functions that everything else is made of.
pub mod core {
    pub use midflight_core::*;
}

/// What runs a plan, and harnesses for those who write kinds and components.
pub mod engine {
    pub use midflight_engine::*;
}

/// The handles through which readers take the current snapshot.
pub mod live {
    pub use midflight_live::*;
}

/// The log.
pub mod store {
    pub use midflight_store::*;
}

/// A program on one config that changes while it runs.
#[cfg(feature = "app")]
pub mod app {
    pub use midflight_app::*;
}

/// Components that follow a config.
#[cfg(feature = "app")]
pub mod components {
    pub use midflight_components::*;
}

/// The kind `config`.
#[cfg(feature = "app")]
pub mod config {
    pub use midflight_config::*;
}

/// The kind `rules`.
#[cfg(feature = "rules")]
pub mod rules {
    pub use midflight_rules::*;
}

/// The kind `patterns`.
#[cfg(feature = "patterns")]
pub mod patterns {
    pub use midflight_patterns::*;
}

/// The kind `tools`.
#[cfg(feature = "tools")]
pub mod tools {
    pub use midflight_tools::*;
}

/// Queries classified by live patterns, and by an LLM whose answers become patterns.
#[cfg(feature = "learning")]
pub mod learning {
    pub use midflight_learning::*;
}

/// Documents from files, and watched directories.
#[cfg(feature = "source")]
pub mod source {
    pub use midflight_source::*;
}
