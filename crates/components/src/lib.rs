//! What a service is made of beside its rules and its config, and what swaps while it is used: a PostgreSQL pool, Redis
//! connections, an LLM client, the logger, a cache.
//!
//! A component here has two ends. The engine has the [`ManagedComponent`]: at a reload it reads its settings from the
//! candidate world, builds what they ask for *beside* what is in use, proves that it works, and only then is it swapped
//! in. The program has the *handle* ([`Database`], [`Redis`], [`Llm`], [`Logger`], [`Cache`]), which follows the swap:
//! keep it and clone it, and never keep what it gives out for longer than one piece of work.
//!
//! ```
//! # #[cfg(feature = "cache")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use std::sync::Arc;
//! # use midflight_core::{KindName, JsonPointer};
//! # use midflight_engine::{Component as _, Section};
//! # use midflight_live::WorldBuilder;
//! use midflight_components::{Cache, CacheSettings, SettingsSource};
//!
//! // Any kind will do whose snapshot has the settings in it. Here the snapshot is the settings.
//! let mut world = WorldBuilder::new();
//! let slot = world.add(Arc::new(CacheSettings { ttl_ms: 60_000, entries_max: 1000 }));
//! let (empty, world) = (WorldBuilder::new().build(), world.build());
//!
//! // Which documents concern the component, where in them its settings are, and how to get at those.
//! let sections = vec![Section { kind: KindName::new("config")?, name: None }];
//! let settings = move |world: &midflight_live::World| world.get::<CacheSettings>(slot).cloned();
//! let place = SettingsSource::new(sections, JsonPointer::root().key("cache"), settings);
//!
//! // The part is for the engine (`EngineBuilder::component(part)`), the handle for the program.
//! let (part, cache) = Cache::<String, u64>::new(place);
//! cache.insert("lost".to_owned(), 1);
//! assert_eq!(cache.get("lost"), None, "nothing is kept before it is configured");
//!
//! // What the engine does at a reload: prepare beside, then swap.
//! let prepared = part.prepare(&empty, &world).await?.ok_or("there is something to prepare")?;
//! let committed = prepared.commit();
//! cache.insert("kept".to_owned(), 2);
//! assert_eq!(cache.get("kept"), Some(2));
//!
//! // If verification fails: back, without building anything again.
//! committed.rollback();
//! assert_eq!(cache.get("kept"), None);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "cache"))]
//! # fn main() {}
//! ```
//!
//! # What holds for all of them
//!
//! - The settings that are wanted are compared with those **in use**, so a reload that changes nothing of a component
//!   does not touch it, and one that stayed behind catches up.
//! - Settings that are not there leave the handle empty: its calls answer that it is not configured.
//! - What is refused leaves what was in use as it was: the same connections, the same work in flight.
//! - A rollback puts the retained old one back: nothing is dialled, read or built again.
//! - At most two of a component exist: the one in use, and one beside it that is being prepared or released. A reload
//!   that comes while the last one's old pool drains waits for it, within the engine's deadline. Of an [`Exchange`], a
//!   part inside of something that stays, there may be more on their way out.
//! - No secret is in a problem, an error, a log line or what `Debug` prints.
//!
//! Each is a feature of its own name (`postgres`, `redis`, `llm`, `log`, `cache`) and draws in only its own library.

#[cfg(any(feature = "postgres", feature = "redis", feature = "llm", feature = "cache"))]
mod bounds;
mod exchange;
mod managed;
mod settings_source;

#[cfg(feature = "cache")]
mod cache;
#[cfg(feature = "postgres")]
mod database;
#[cfg(feature = "llm")]
mod llm;
#[cfg(feature = "log")]
mod logger;
#[cfg(feature = "redis")]
mod redis;

#[cfg(feature = "redis")]
pub use self::redis::{Redis, RedisError, RedisFactory, RedisSettings, RedisStatus};
#[cfg(feature = "cache")]
pub use cache::{Cache, CacheFactory, CacheSettings};
#[cfg(feature = "postgres")]
pub use database::{
    Database, DatabaseConnection, DatabaseError, DatabaseFactory, DatabaseSettings, DatabaseStatus,
    DatabaseTransaction,
};
pub use exchange::{Exchange, ExchangeFactory, ExchangePart};
#[cfg(feature = "llm")]
pub use llm::{
    BreakerSettings, BreakerState, ChatAnswer, ChatMessage, ChatRequest, ChatSchema, Llm, LlmCounts,
    LlmError, LlmFactory, LlmSettings, LlmStatus,
};
#[cfg(feature = "log")]
pub use logger::{LogFormat, LogOutput, LogSettings, Logger, LoggerError, LoggerFactory};
pub use managed::{ComponentFactory, ComponentRole, CurrentComponent, ManagedComponent};
pub use settings_source::SettingsSource;

/// The libraries whose types the handles take and give, in the versions that they are made with.
#[cfg(any(feature = "postgres", feature = "redis"))]
pub mod drivers {
    #[cfg(feature = "redis")]
    pub use ::redis;
    #[cfg(feature = "postgres")]
    pub use ::sqlx;
}
