//! Configs over HTTP, and the server's own.

mod api;
mod documents;
mod exchange;
mod hints_redis;
mod id;
mod log_database;
mod own;
mod part;
mod reload;
mod scope;
mod settings;
mod starting;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

pub use id::OWN_CONFIG;
pub use own::OwnConfig;
pub use scope::WebhookScope;
pub use settings::{
    BusKind, BusSettings, CacheSettings, DatabaseSettings, LogSettings, MetricsSettings, RedisSettings,
    ServerSettings, Settings, StorageBackend, StorageSettings, WebhookAction, WebhookSettings,
};

pub(crate) use api::ConfigApi;
pub(crate) use exchange::Exchanged;
pub(crate) use hints_redis::HintsRedis;
pub(crate) use id::own_id;
pub(crate) use log_database::LogDatabase;
pub(crate) use own::settings;
pub(crate) use part::{Part, llm_place, log_place};
pub(crate) use starting::{boot, left_out, try_again};

/// The routes of configs.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(documents::list_configs))
        .routes(routes!(documents::get_config, documents::put_config, documents::patch_config))
        .routes(routes!(documents::get_effective))
        .routes(routes!(documents::diff_config))
        .routes(routes!(documents::rollback_config))
        .routes(routes!(reload::reload))
        .routes(routes!(reload::health))
}
