//! The server's own config: where it comes from, what is declared of it, and the components that follow it.

mod exchange;
mod hints_redis;
pub(crate) mod id;
mod log_database;
mod part;
mod scope;
pub(crate) mod settings;
pub(crate) mod sources;
mod starting;

pub use id::OWN_CONFIG;
pub use scope::WebhookScope;
pub use settings::{
    AuditSettings, BusKind, BusSettings, DatabaseSettings, LogSettings, MetricsSettings, RedisSettings,
    ServerSettings, Settings, StorageBackend, StorageSettings, TokenSettings, WebhookAction, WebhookSettings,
};
pub use sources::OwnConfig;

pub(crate) use exchange::Exchanged;
pub(crate) use hints_redis::HintsRedis;
pub(crate) use id::own_id;
pub(crate) use log_database::LogDatabase;
pub(crate) use part::{Part, llm_place, log_place};
pub(crate) use sources::settings;
pub(crate) use starting::{boot, left_out, try_again};
