//! The HTTP, WebSocket and SSE edge of Midflight: every endpoint of the log and the rules, who may call it, health,
//! metrics, and the documentation it carries.
//!
//! [`start`] runs a whole server; [`Service`] is the same without a socket, for an axum application that mounts the API
//! beside its own routes: [`Service::router`].
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

mod admin_token;
mod authorities;
mod backend;
mod bounded_file;
mod data_dir;
mod error;
mod file_events;
mod host_audit;
mod jwks;
mod jwt_key_files;
mod kept_tokens;
mod kinds;
mod options;
#[cfg(feature = "otlp")]
mod otlp;
mod own;
mod recovery;
mod retention;
mod service;
mod start;
mod tls_files;
mod token_refresher;
mod urls;

pub use backend::Backend;
pub use error::ServeError;
pub use jwks::KeySources;
#[cfg(feature = "modules")]
pub use kinds::modules::limits::ModulesLimits;
pub use kinds::patterns::limits::PatternsLimits;
pub use kinds::patterns::table::{PatternTable, TableError, TableOptions};
pub use kinds::rules::limits::RulesLimits;
#[cfg(feature = "tools")]
pub use kinds::tools::{HOT_RELOAD_ALIASES, limits::ToolsLimits};
pub use midflight_http::code::Code;
pub use midflight_http::jwt::{JwtAlgorithm, JwtOptions, RoleRule};
pub use midflight_http::limits::HttpLimits;
pub use midflight_http::metrics::history::HistorySettings;
pub use midflight_http::monitoring::{HotReloadSettings, SettingError};
pub use midflight_http::setup::KindSetup;
pub use midflight_outbound::{HostPattern, InvalidHostPattern, OutboundPolicy};
pub use options::{JwtSettings, ServeOptions};
#[cfg(feature = "otlp")]
pub use otlp::{Otlp, OtlpError};
pub use own::{
    AuditSettings, BusKind, BusSettings, MetricsSettings, OWN_CONFIG, OwnConfig, ServerDatabaseSettings,
    ServerLogSettings, ServerRedisSettings, ServerSettings, Settings, StorageBackend, StorageSettings,
    TokenSettings, WebhookAction, WebhookScope, WebhookSettings,
};
pub use recovery::{RecoveredToken, recover_admin_token};
pub use service::Service;
pub use start::{RunningServer, start, start_on};
pub use tls_files::TlsFiles;
pub use urls::{BusUrl, BusUrlError, StoreUrl, StoreUrlError};
