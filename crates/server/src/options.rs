//! How a server is to run, with a default and a reason for each bound.

use std::collections::BTreeMap;
use std::path::PathBuf;

use midflight_components::Logger;
use midflight_engine::FirstEdit;
#[cfg(feature = "tools")]
use midflight_mcp::forward::ForwardOptions;
#[cfg(feature = "modules")]
use midflight_module_host::NativeModules;
use midflight_outbound::OutboundPolicy;
use midflight_source::{DirectoryOptions, NamedDirectory};
use midflight_store::Durability;

use crate::jwks::KeySources;
#[cfg(feature = "modules")]
use crate::kinds::modules::limits::ModulesLimits;
use crate::kinds::patterns::limits::PatternsLimits;
use crate::kinds::patterns::table::TableOptions;
use crate::kinds::rules::limits::RulesLimits;
#[cfg(feature = "tools")]
use crate::kinds::tools::limits::ToolsLimits;
use crate::own::OwnConfig;
use crate::tls_files::TlsFiles;
use midflight_http::jwt::JwtOptions;
use midflight_http::limits::HttpLimits;
use midflight_http::metrics::history::HistorySettings;
use midflight_http::monitoring::HotReloadSettings;
use midflight_http::setup::KindSetup;

/// Which JSON Web Tokens a server takes.
#[derive(Debug, Clone)]
pub struct JwtSettings {
    /// How they are verified, and what they give.
    pub verify: JwtOptions,
    /// What they are verified by.
    pub keys: KeySources,
}

/// How a server is to run.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// Where its config comes from: among all else where it listens, where the log is, and what carries the hints.
    pub config: OwnConfig,
    /// The logger of the process, if it is to follow the config; one that is its own program's business is left alone.
    pub logger: Option<Logger>,
    /// The folder that belongs to this server. Made when it is not there.
    pub data_dir: PathBuf,
    /// What an acknowledged edit survives, for a log in SQLite.
    pub durability: Durability,
    /// The largest a SQLite file may grow, in bytes; none for what the disk holds.
    pub store_bytes_max: Option<u64>,
    /// Directories of documents to keep the log in step with.
    pub watch: Vec<NamedDirectory>,
    /// How they are watched.
    pub directory: DirectoryOptions,
    /// A table whose rows are patterns, to keep the log in step with.
    pub follow_table: Option<TableOptions>,
    /// A file to write the server's URL to once it answers.
    pub ready_file: Option<PathBuf>,
    /// A file with the admin token; read when it is there, else made with a fresh token and mode 0600.
    pub admin_token_file: Option<PathBuf>,
    /// Whether the token of that file replaces another admin token that the log has. Without it a server on a log that
    /// others may use refuses to start then; on a log of its own the file always counts.
    pub replace_admin_token: bool,
    /// Which JSON Web Tokens are accepted beside API tokens; none by default.
    pub jwt: Option<JwtSettings>,
    /// The files that connections are encrypted with; none for plain HTTP.
    pub tls: Option<TlsFiles>,
    /// Whether plain HTTP may be served to other machines, as behind a proxy that terminates TLS.
    pub plain_http: bool,
    /// Whether reads need a token on loopback too, as behind a proxy on the same machine. Elsewhere they always do.
    pub require_token: bool,
    /// The name of this replica, which no other of its log has; none for one made from the host's name, and kept in the
    /// data folder.
    pub replica_id: Option<String>,
    /// Labels of this replica.
    pub labels: BTreeMap<String, String>,
    /// The bounds of the HTTP edge.
    pub limits: HttpLimits,
    /// What it refuses to go past when it executes rules.
    pub rules: RulesLimits,
    /// What it refuses to go past when it classifies queries.
    pub patterns: PatternsLimits,
    /// What it refuses to go past when it searches and selects among tools.
    #[cfg(feature = "tools")]
    pub tools: ToolsLimits,
    /// What it refuses to go past when it keeps and runs modules.
    #[cfg(feature = "modules")]
    pub modules: ModulesLimits,
    /// The Rust types that manifests of modules may name as `native`: none unless the program registers some.
    #[cfg(feature = "modules")]
    pub native_modules: NativeModules,
    /// What may be called over HTTP at all: the LLM, the keys of an issuer, forwarded calls, webhooks.
    pub outbound: OutboundPolicy,
    /// Whether webhooks may send entries of the audit: editors write webhooks, and the audit is for admins.
    pub audit_webhooks: bool,
    /// What calls of agents may be forwarded to, within `outbound`: nothing by default.
    #[cfg(feature = "tools")]
    pub forward: ForwardOptions,
    /// Kinds that the program adds to those that every server has.
    pub kinds: Vec<KindSetup>,
    /// How the metrics of the last hour are sampled.
    pub metrics_history: HistorySettings,
    /// The bounds of the engine.
    pub engine_limits: midflight_engine::Limits,
    /// Edits that the start makes when they are due, after that of the config file.
    pub first_edits: Vec<FirstEdit>,
    /// The settings of the compatibility API.
    pub hot_reload: HotReloadSettings,
}

impl ServeOptions {
    /// The defaults, with everything kept in `data_dir`.
    #[must_use]
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            config: OwnConfig::default(),
            logger: None,
            durability: Durability::default(),
            store_bytes_max: None,
            data_dir: data_dir.into(),
            watch: Vec::new(),
            directory: DirectoryOptions::default(),
            follow_table: None,
            ready_file: None,
            admin_token_file: None,
            replace_admin_token: false,
            jwt: None,
            tls: None,
            plain_http: false,
            require_token: false,
            replica_id: None,
            labels: BTreeMap::new(),
            limits: HttpLimits::default(),
            rules: RulesLimits::default(),
            patterns: PatternsLimits::default(),
            #[cfg(feature = "tools")]
            tools: ToolsLimits::default(),
            #[cfg(feature = "modules")]
            modules: ModulesLimits::default(),
            #[cfg(feature = "modules")]
            native_modules: NativeModules::default(),
            outbound: OutboundPolicy::default(),
            audit_webhooks: false,
            #[cfg(feature = "tools")]
            forward: ForwardOptions::default(),
            kinds: Vec::new(),
            metrics_history: HistorySettings::default(),
            engine_limits: midflight_engine::Limits::default(),
            first_edits: Vec::new(),
            hot_reload: HotReloadSettings::default(),
        }
    }
}
