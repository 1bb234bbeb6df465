//! The server's own config: where it comes from, what is declared of it, and the components that follow it.

mod hints_redis;
pub(crate) mod id;
mod log_database;
mod scope;
pub(crate) mod settings;
pub(crate) mod sources;
mod starting;
mod view;

pub use id::OWN_CONFIG;
pub use scope::WebhookScope;
pub use settings::{
    AuditSettings, BusKind, BusSettings, MetricsSettings, ServerDatabaseSettings, ServerLogSettings,
    ServerRedisSettings, ServerSettings, Settings, StorageBackend, StorageSettings, TokenSettings,
    WebhookAction, WebhookSettings,
};
pub use sources::OwnConfig;

pub(crate) use hints_redis::HintsRedis;
pub(crate) use id::own_id;
pub(crate) use log_database::LogDatabase;
pub(crate) use sources::settings;
pub(crate) use starting::{boot, left_out, try_again};
pub(crate) use view::{OwnConfigView, llm_place, log_place};
