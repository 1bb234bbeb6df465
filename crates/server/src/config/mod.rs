//! Configs over HTTP, and the server's own.

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

use midflight_config::{Masked, differences};
use midflight_core::Diff;
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::wire::{ConfigEffects, MaskedAnswer};

pub use id::OWN_CONFIG;
pub use own::OwnConfig;
pub use scope::WebhookScope;
pub use settings::{
    BusKind, BusSettings, CacheSettings, DatabaseSettings, LogSettings, MetricsSettings, RedisSettings,
    ServerSettings, Settings, StorageBackend, StorageSettings, WebhookAction, WebhookSettings,
};

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

/// What of an edit of the server's own config is not in effect; none for an edit of anything else.
pub(crate) fn effects(app: &App, diff: &Diff) -> Option<ConfigEffects> {
    let edited = diff.get(&own_id())?;
    let report = app.reloader.report();
    let nothing = Value::Null;
    let said =
        differences(edited.old.as_deref().unwrap_or(&nothing), edited.new.as_deref().unwrap_or(&nothing));
    let is_said = |masked: &&Masked| said.iter().any(|change| change.path == masked.path);
    Some(ConfigEffects {
        masked: report.masked.iter().filter(is_said).map(MaskedAnswer::from).collect(),
        restart_required: report.restart_required.iter().map(|path| path.as_str().to_owned()).collect(),
    })
}
