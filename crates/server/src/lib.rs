//! The HTTP, WebSocket and SSE edge of Midflight: every endpoint of the log and the rules, who may call it, health,
//! metrics, and the documentation it carries.
//!
//! [`start`] runs a whole server; [`Service`] is the same without a socket.
//!
//! ```no_run
//! # async fn run() -> Result<(), midflight_server::ServeError> {
//! let options = midflight_server::ServeOptions::new("./data");
//! let server = midflight_server::start(options).await?;
//! println!("midflight is listening on {}", server.url());
//! if let Some(token) = server.first_token() {
//!     println!("admin token, told this once: {token}");
//! }
//! server.wait().await;
//! server.stop().await;
//! # Ok(())
//! # }
//! ```

mod accept;
mod app;
mod backend;
mod body;
mod byte_budget;
mod code;
mod compute;
mod data_dir;
mod descriptors;
mod diff_maker;
mod diffs;
mod directories;
mod docs;
mod edge;
mod error;
mod events;
mod first_key;
mod health;
mod href;
mod keys;
mod kind;
mod kinds;
mod later;
mod log;
mod long_answer;
mod merge;
mod merge_turns;
mod metrics;
mod monitoring_status;
mod options;
mod origin;
mod own;
mod params;
mod parsed_size;
mod place;
mod principal;
mod problem;
mod recent;
mod refusal;
mod router;
mod routes;
mod service;
mod setup;
mod sorts;
mod start;
mod tokens;
pub mod wire;
mod write;
mod write_idle;

pub use backend::Backend;
pub use code::Code;
pub use error::ServeError;
pub use kinds::config::wire as config_wire;
pub use kinds::patterns::limits::PatternsLimits;
pub use kinds::rules::limits::RulesLimits;
pub use options::{HotReloadSettings, ServeOptions, ServerLimits, SettingError};
pub use own::{
    BusKind, BusSettings, CacheSettings, DatabaseSettings, LogSettings, MetricsSettings, OWN_CONFIG,
    OwnConfig, RedisSettings, ServerSettings, Settings, StorageBackend, StorageSettings, WebhookAction,
    WebhookScope, WebhookSettings,
};
pub use place::{BusPlace, BusPlaceError, StorePlace, StorePlaceError};
pub use principal::{Permission, Principal, Role, TokenId};
pub use problem::{ApiError, ProblemBody};
pub use service::Service;
pub use setup::{KindSetup, MakeApi, Started};
pub use start::{Running, start, start_on};
pub use wire::ProblemItem;
