//! The settings of a server, from its config: the document `config/midflight`, its file, variables and flags.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use midflight_components::{LlmSettings, LogFormat, LogSettings as Logged, SettingsSource};
use midflight_config::{ConfigSchema, DurationText, Secret};
use midflight_core::{JsonPointer, Problem, Problems};
use midflight_store::{PostgresOptions, PostgresUrl};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::scope::WebhookScope;
use crate::{BusUrl, StoreUrl};

/// What a server is to do. Times are in milliseconds (`_ms`), or texts with their unit, as `30s`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// What kind of installation this is, as `lite` or `standard`; for people, nothing depends on it. After a restart.
    pub profile: Option<String>,
    /// Where it listens. After a restart.
    pub server: ServerSettings,
    /// Where the log is. After a restart.
    pub storage: StorageSettings,
    /// What carries the hints. After a restart.
    pub bus: BusSettings,
    /// The PostgreSQL that the log is in, if it is.
    pub database: ServerDatabaseSettings,
    /// The Redis that carries the hints, if one does.
    pub redis: ServerRedisSettings,
    /// What it logs.
    pub log: ServerLogSettings,
    /// What it measures.
    pub metrics: MetricsSettings,
    /// The LLM that it may ask; it asks none unless there is one.
    pub llm: Option<LlmSettings>,
    /// How it keeps up with its API tokens.
    pub tokens: TokenSettings,
    /// How long it keeps the audit.
    pub audit: AuditSettings,
    /// The webhooks that it takes, by name.
    pub webhooks: BTreeMap<String, WebhookSettings>,
}

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServerSettings {
    /// The address, or `localhost`; `127.0.0.1` by default.
    #[serde(deserialize_with = "host")]
    pub host: IpAddr,
    /// The port; 8080 by default, and 0 takes a free one.
    pub port: u16,
}

/// Where the log is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StorageSettings {
    /// What keeps it.
    pub backend: StorageBackend,
    /// The SQLite file; `midflight.db` in the data folder by default.
    pub path: Option<PathBuf>,
}

/// What keeps the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StorageBackend {
    /// A file of this server alone.
    Sqlite,
    /// The database of [`Settings::database`].
    Postgres,
}

/// What carries the hints.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BusSettings {
    /// What carries them; by default what the log can do itself.
    pub kind: Option<BusKind>,
    /// The URL of a NATS server, for `nats`.
    pub nats_url: Secret,
}

/// What may carry hints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BusKind {
    /// This process alone.
    Memory,
    /// The database of the log.
    Postgres,
    /// The Redis of [`Settings::redis`].
    Redis,
    /// A NATS server.
    Nats,
}

/// A PostgreSQL database and within what bounds it is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServerDatabaseSettings {
    /// `postgres://user:password@host:port/database`, the password by a reference.
    pub url: Secret,
    /// The most connections; 10 by default, from 1 to 1,000.
    pub max_conns: u32,
    /// Read and ignored: connections to the log are opened when they are needed, and kept. At most `max_conns`.
    pub min_conns: u32,
    /// The longest wait for a connection; 5,000 by default, from 1 to 600,000.
    pub connect_timeout_ms: u64,
    /// The same as a text, as `5s`; instead of the number.
    pub connect_timeout: Option<DurationText>,
    /// The longest that a statement takes; 10,000 by default, from 1 to 600,000.
    pub statement_timeout_ms: u64,
    /// The same as a text, as `10s`; instead of the number.
    pub statement_timeout: Option<DurationText>,
}

/// A Redis server.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServerRedisSettings {
    /// `redis://user:password@host:port`, the password by a reference.
    pub url: Secret,
    /// `host:port` of a server without a password; where there is no `url`.
    pub addr: Option<String>,
    /// Read and ignored: hints need one connection.
    pub pool_size: Option<u32>,
    /// A channel on which legacy programs publish `{"action":"reload"}`, if any, and on which edits of patterns are
    /// announced.
    pub legacy_channel: Option<String>,
}

/// What a server logs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServerLogSettings {
    /// `error`, `warn`, `info`, `debug`, `trace`, or a filter of tracing's; `info` by default.
    pub level: String,
    /// `text` by default.
    pub format: LogFormat,
    /// Where to: `stderr` by default, `stdout`, or the path of a file. After a restart.
    pub output: String,
}

/// What a server measures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MetricsSettings {
    /// Whether there is `/metrics`; without, it answers 404.
    pub enabled: bool,
    /// Where else they are, beside `/metrics`. After a restart.
    pub path: String,
    /// A port of their own, on the same address, on which nothing else is answered; 0 takes a free one. After a
    /// restart.
    pub port: Option<u16>,
    /// Labels on every sample.
    pub labels: BTreeMap<String, String>,
}

/// How a server keeps up with its API tokens, which other processes may change in the store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TokenSettings {
    /// How often they are polled for changes, in ms; 500 by default, from 100 to 1,000. A token that was revoked is valid
    /// on other replicas for so long.
    pub refresh_ms: u64,
    /// The same as a text, as `10s`; instead of the number.
    pub refresh: Option<DurationText>,
}

/// How long the audit is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AuditSettings {
    /// In days; 365 by default, from 1 to 36,500.
    pub keep_days: u32,
}

/// A webhook: who may call it, and what it does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WebhookSettings {
    /// What its requests are signed with, at least 24 characters, by a reference: `whsec_` and base64, or any text.
    pub secret: Secret,
    /// What it does.
    #[serde(default)]
    pub action: WebhookAction,
    /// Which documents it may change, with the action `apply`.
    #[serde(default)]
    pub scope: WebhookScope,
}

/// What a webhook does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WebhookAction {
    /// It has the config and the log looked at.
    #[default]
    Reload,
    /// It makes the edit in its body, which is that of `/api/v1/apply`.
    Apply,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self { host: IpAddr::from([127, 0, 0, 1]), port: 8080 }
    }
}

impl Default for StorageSettings {
    fn default() -> Self {
        Self { backend: StorageBackend::Sqlite, path: None }
    }
}

impl Default for ServerDatabaseSettings {
    fn default() -> Self {
        Self {
            url: Secret::default(),
            max_conns: 10,
            min_conns: 0,
            connect_timeout_ms: 5_000,
            connect_timeout: None,
            statement_timeout_ms: 10_000,
            statement_timeout: None,
        }
    }
}

impl Default for ServerLogSettings {
    fn default() -> Self {
        Self { level: "info".to_owned(), format: LogFormat::Text, output: "stderr".to_owned() }
    }
}

impl Default for MetricsSettings {
    fn default() -> Self {
        Self { enabled: true, path: METRICS_PATH.to_owned(), port: None, labels: BTreeMap::new() }
    }
}

impl Default for AuditSettings {
    fn default() -> Self {
        Self { keep_days: 365 }
    }
}

impl Default for TokenSettings {
    fn default() -> Self {
        Self { refresh_ms: 500, refresh: None }
    }
}

impl Settings {
    /// What is declared of the keys. Variables and flags of the process override it.
    #[must_use]
    pub fn shape() -> ConfigSchema<Self> {
        ConfigSchema::new()
            .restart("/profile")
            .restart("/server")
            .restart("/storage")
            .restart("/bus")
            .restart("/redis/legacy_channel")
            .restart("/log/output")
            .restart("/metrics/path")
            .restart("/metrics/port")
            .ignored("/database/min_conns")
            .ignored("/redis/pool_size")
            .check(Self::problems)
    }

    /// What is wrong beyond the types.
    fn problems(&self) -> Problems {
        let mut problems = Problems::default();
        let mut add = |path: &str, code: &'static str, message: String| {
            problems.add(Problem::new(code, JsonPointer::parse(path), message));
        };
        let between = |value: u64, low: u64, high: u64| {
            (!(low..=high).contains(&value)).then(|| format!("takes {low} to {high}"))
        };
        let database = &self.database;
        for (path, wrong) in [
            ("/database/max_conns", between(database.max_conns.into(), 1, 1_000)),
            ("/audit/keep_days", between(self.audit.keep_days.into(), 1, 36_500)),
            ("/database/min_conns", between(database.min_conns.into(), 0, database.max_conns.into())),
        ] {
            if let Some(message) = wrong {
                add(path, "out_of_bounds", message);
            }
        }
        for Time { path, text, ms, default_ms, low, high } in self.times() {
            if text.is_some() && ms != default_ms {
                let message = format!("{path} and {path}_ms are both set; set one of them");
                add(path, "conflict", message);
            }
            if let Some(message) = between(text.map_or(ms, DurationText::ms), low, high) {
                match text {
                    Some(_) => add(path, "out_of_bounds", format!("{message} ms")),
                    None => add(&format!("{path}_ms"), "out_of_bounds", message),
                }
            }
        }
        if self.profile.as_deref().is_some_and(|profile| !is_profile(profile)) {
            let message = "takes 1 to 64 letters, digits, - and _";
            add("/profile", "invalid_value", message.to_owned());
        }
        if let Some(addr) = self.redis.addr.as_deref().filter(|addr| !is_host_and_port(addr)) {
            let message = format!(
                "invalid address {addr:?}: expected host:port; with a password use \
                                   redis.url"
            );
            add("/redis/addr", "invalid_value", message);
        }
        if let Err(message) = check_metrics_path(&self.metrics.path) {
            add("/metrics/path", "invalid_value", message);
        }
        if self.metrics.port.is_some_and(|port| port != 0 && port == self.server.port) {
            let message =
                "is server.port; use another port, or leave it out: that port serves the metrics too";
            add("/metrics/port", "invalid_value", message.to_owned());
        }
        let is_needed = self.storage.backend == StorageBackend::Postgres || !database.url.is_empty();
        if is_needed && let Err(error) = PostgresUrl::from_str(database.url.expose()) {
            add("/database/url", "invalid_value", error.to_string());
        }
        if let Err(found) = self.log.logged().check(&SettingsSource::named("/log")) {
            problems.append(found);
        }
        if let Some(Err(found)) = self.llm.as_ref().map(|llm| llm.check(&SettingsSource::named("/llm"))) {
            problems.append(found);
        }
        let mut add = |path: &str, code: &'static str, message: String| {
            problems.add(Problem::new(code, JsonPointer::parse(path), message));
        };
        if let Err(message) = self.bus_place() {
            add("/bus/kind", "invalid_value", message);
        }
        for (name, hook) in &self.webhooks {
            if hook.secret.expose().len() < 24 {
                let path = JsonPointer::parse("/webhooks").key(name).key("secret");
                let message = "takes at least 24 characters, so that it cannot be guessed";
                add(path.as_str(), "out_of_bounds", message.to_owned());
            }
            if let Err(message) = hook.scope.check() {
                let path = JsonPointer::parse("/webhooks").key(name).key("scope");
                add(path.as_str(), "out_of_bounds", message);
            }
        }
        for name in self.metrics.labels.keys().filter(|name| !is_label(name)) {
            let path = JsonPointer::parse("/metrics/labels").key(name);
            let message = "a label is letters, digits and _, and begins with no digit and not with __";
            add(path.as_str(), "invalid_value", message.to_owned());
        }
        problems
    }

    /// The times that have two forms.
    fn times(&self) -> [Time; 3] {
        let (database, defaults) = (&self.database, ServerDatabaseSettings::default());
        let time = |path, text, ms, default_ms, low, high| Time { path, text, ms, default_ms, low, high };
        [
            time(
                "/database/connect_timeout",
                database.connect_timeout,
                database.connect_timeout_ms,
                defaults.connect_timeout_ms,
                1,
                600_000,
            ),
            time(
                "/database/statement_timeout",
                database.statement_timeout,
                database.statement_timeout_ms,
                defaults.statement_timeout_ms,
                1,
                600_000,
            ),
            time(
                "/tokens/refresh",
                self.tokens.refresh,
                self.tokens.refresh_ms,
                TokenSettings::default().refresh_ms,
                100,
                1_000,
            ),
        ]
    }

    /// Where to listen.
    #[must_use]
    pub fn listen(&self) -> SocketAddr {
        SocketAddr::new(self.server.host, self.server.port)
    }

    /// Where the log is; by default a file in `data_dir`.
    ///
    /// # Errors
    /// When the URL of the database is none.
    pub fn store_place(&self, data_dir: &Path) -> Result<StoreUrl, String> {
        match self.storage.backend {
            StorageBackend::Sqlite => {
                let path = self.storage.path.clone();
                Ok(StoreUrl::Sqlite(path.unwrap_or_else(|| data_dir.join("midflight.db"))))
            }
            StorageBackend::Postgres => {
                let url = self.database.url.expose().parse();
                url.map(StoreUrl::Postgres)
                    .map_err(|error: midflight_store::PostgresUrlError| error.to_string())
            }
        }
    }

    /// What carries the hints, if it is set.
    ///
    /// # Errors
    /// When the URL that it needs is none.
    pub fn bus_place(&self) -> Result<Option<BusUrl>, String> {
        let place = match self.bus.kind {
            None => return Ok(None),
            Some(BusKind::Memory) => BusUrl::Memory,
            Some(BusKind::Postgres) => BusUrl::Postgres,
            Some(BusKind::Redis) => by_url(&self.redis.server(), "redis", "redis.url")?,
            Some(BusKind::Nats) => by_url(&self.bus.nats_url, "nats", "bus.nats_url")?,
        };
        Ok(Some(place))
    }
}

impl ServerLogSettings {
    /// As the logger takes them.
    #[must_use]
    pub fn logged(&self) -> Logged {
        Logged { level: self.level.clone(), format: self.format }
    }
}

impl ServerRedisSettings {
    /// The URL of the server: `url`, or else the value of `addr`.
    pub(crate) fn server(&self) -> Secret {
        match &self.addr {
            Some(addr) if self.url.is_empty() => Secret::new(format!("redis://{addr}")),
            _ => self.url.clone(),
        }
    }
}

impl TokenSettings {
    /// How often they are read again, in milliseconds.
    pub(crate) fn period_ms(&self) -> u64 {
        self.refresh.map_or(self.refresh_ms, DurationText::ms)
    }
}

impl ServerDatabaseSettings {
    /// The longest wait for a connection, in milliseconds.
    pub(crate) fn connect_ms(&self) -> u64 {
        self.connect_timeout.map_or(self.connect_timeout_ms, DurationText::ms)
    }

    /// The longest that a statement takes, in milliseconds.
    pub(crate) fn statement_ms(&self) -> u64 {
        self.statement_timeout.map_or(self.statement_timeout_ms, DurationText::ms)
    }

    /// As the log takes them.
    pub(crate) fn options(
        &self,
        replica: &str,
    ) -> Result<PostgresOptions, midflight_store::PostgresUrlError> {
        let mut options = PostgresOptions::new(self.url.expose().parse()?, replica);
        options.connections_max = self.max_conns;
        options.connect_ms_max = self.connect_ms();
        options.statement_ms_max = self.statement_ms();
        Ok(options)
    }
}

/// The place of a URL that must be of this sort.
fn by_url(url: &Secret, sort: &str, key: &str) -> Result<BusUrl, String> {
    let place = url.expose().parse::<BusUrl>();
    let place = place.ok().filter(|place| format!("{place:?}") == sort);
    place.ok_or_else(|| format!("{sort} needs {key}, as {sort}://host:port"))
}

/// A time in milliseconds or as a text.
struct Time {
    /// The key of the text; that of the number ends with `_ms`.
    path: &'static str,
    text: Option<DurationText>,
    ms: u64,
    default_ms: u64,
    low: u64,
    high: u64,
}

/// Where metrics always are.
const METRICS_PATH: &str = "/metrics";
/// What begins the paths of everything else.
const OTHER_PATHS: [&str; 11] = [
    "/.well-known",
    "/api",
    "/health",
    "/ws",
    "/-",
    "/docs",
    "/openapi.json",
    "/mcp",
    "/tools",
    "/ui",
    "/assets",
];

/// Reads an address to listen on.
fn host<'de, D: Deserializer<'de>>(deserializer: D) -> Result<IpAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text == "localhost" {
        return Ok(IpAddr::from([127, 0, 0, 1]));
    }
    text.parse().map_err(|_| {
        let cure = "write an IP address, as 127.0.0.1 or 0.0.0.0, or localhost";
        D::Error::custom(format_args!("{text:?} is not a listen address; {cure}"))
    })
}

fn is_profile(profile: &str) -> bool {
    let is_letter = |it: char| it.is_ascii_alphanumeric() || it == '-' || it == '_';
    (1..=64).contains(&profile.len()) && profile.chars().all(is_letter)
}

fn is_host_and_port(addr: &str) -> bool {
    let is_other = |it: char| it.is_whitespace() || it.is_control() || "/@?#".contains(it);
    let parts = addr.rsplit_once(':').filter(|_| !addr.contains(is_other));
    parts.is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}

fn check_metrics_path(path: &str) -> Result<(), String> {
    let is_letter = |it: char| it.is_ascii_alphanumeric() || "/._-".contains(it);
    let is_path = path.starts_with('/') && !path.ends_with('/') && path.chars().all(is_letter);
    if !is_path || path.len() > 128 {
        return Err(format!(
            "invalid path {path:?}: expected one as /metrics, of letters, digits and . _ - /"
        ));
    }
    let is_below = |other: &&&str| {
        path.strip_prefix(**other).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    match OTHER_PATHS.iter().find(is_below) {
        Some(other) => {
            Err(format!("{path} is below {other}, which answers something else; use another path"))
        }
        None => Ok(()),
    }
}

/// Whether a text can be the name of a label, as Prometheus has them.
fn is_label(name: &str) -> bool {
    let mut characters = name.chars();
    let begins = characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_');
    begins && !name.starts_with("__") && characters.all(|it| it.is_ascii_alphanumeric() || it == '_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::sync::Arc;

    #[track_caller]
    fn check(document: serde_json::Value, expected: &[&str]) {
        let built = Settings::shape().build(Some(&Arc::new(document)), &());
        let problems = built.err().unwrap_or_default();
        let messages: Vec<_> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(messages, expected);
    }

    #[test]
    fn a_config_reports_its_problems() {
        check(json!({}), &[]);
        check(json!({"database": {"max_conns": 0}}), &["at /database/max_conns: takes 1 to 1000"]);
        check(
            json!({"storage": {"backend": "postgres"}}),
            &["at /database/url: invalid URL of a PostgreSQL database: it does not start with \
                 postgres://; write postgres://[USER[:PASSWORD]@]HOST[:PORT]/DATABASE"],
        );
        check(
            json!({"bus": {"kind": "redis"}}),
            &["at /bus/kind: redis needs redis.url, as redis://host:port"],
        );
        check(
            json!({"metrics": {"labels": {"a-b": "x", "ok": "y"}}}),
            &[
                "at /metrics/labels/a-b: a label is letters, digits and _, and begins with no digit and not with __",
            ],
        );
        check(
            json!({"log": {"levle": "info"}}),
            &["at /log/levle: unknown key \"levle\"; did you mean \"level\"?"],
        );
    }

    #[test]
    fn keys_of_other_programs_are_taken() {
        let document = json!({
            "profile": "lite", "server": {"host": "localhost", "port": 0},
            "database": {"url": "postgres://db/log", "min_conns": 2, "connect_timeout": "30s", "statement_timeout": "1m"},
            "redis": {"addr": "r:6380", "pool_size": 20}, "bus": {"kind": "redis"},
            "metrics": {"port": 9090, "path": "/internal/metrics"}, "tokens": {"refresh": "1s"}
        });
        let entry = Settings::shape().build(Some(&Arc::new(document)), &()).unwrap();
        let settings = entry.typed::<Settings>().unwrap();
        assert_eq!(settings.listen().to_string(), "127.0.0.1:0");
        assert_eq!(settings.redis.server().expose(), "redis://r:6380");
        assert_eq!(format!("{:?}", settings.bus_place().unwrap()), "Some(redis)");
        let options = settings.database.options("r").unwrap();
        assert_eq!((options.connect_ms_max, options.statement_ms_max), (30_000, 60_000));
        assert_eq!(settings.tokens.period_ms(), 1_000);
        let both = ServerRedisSettings { url: Secret::new("redis://u"), ..settings.redis.clone() };
        assert_eq!(both.server().expose(), "redis://u");
        let variables = [("MIDFLIGHT_TOKENS__REFRESH".to_owned(), "500ms".to_owned())];
        let entry = Settings::shape().env("MIDFLIGHT", variables).build(None, &()).unwrap();
        assert_eq!(entry.typed::<Settings>().unwrap().tokens.period_ms(), 500);
    }

    #[test]
    fn keys_of_other_programs_are_held_to_what_they_mean() {
        check(
            json!({"server": {"host": "db"}}),
            &["at /server/host: \"db\" is not a listen address; write an IP address, as 127.0.0.1 or \
                 0.0.0.0, or localhost"],
        );
        check(json!({"database": {"min_conns": 11}}), &["at /database/min_conns: takes 0 to 10"]);
        check(json!({"tokens": {"refresh": "1ms"}}), &["at /tokens/refresh: takes 100 to 1000 ms"]);
        check(json!({"tokens": {"refresh_ms": 1001}}), &["at /tokens/refresh_ms: takes 100 to 1000"]);
        check(
            json!({"tokens": {"refresh": "1s", "refresh_ms": 600}}),
            &["at /tokens/refresh: /tokens/refresh and /tokens/refresh_ms are both set; set one of them"],
        );
        check(
            json!({"tokens": {"refresh": "10"}}),
            &["at /tokens/refresh: invalid duration \"10\": expected a whole number with its unit: \
                 200ms, 30s, 5m or 1h"],
        );
        check(json!({"profile": "a b"}), &["at /profile: takes 1 to 64 letters, digits, - and _"]);
        check(
            json!({"redis": {"addr": "redis://r:1"}}),
            &["at /redis/addr: invalid address \"redis://r:1\": expected host:port; with a password use \
               redis.url"],
        );
        check(
            json!({"metrics": {"path": "metrics"}}),
            &["at /metrics/path: invalid path \"metrics\": expected one as /metrics, of letters, digits \
                 and . _ - /"],
        );
        check(
            json!({"metrics": {"path": "/api/v1/metrics"}}),
            &["at /metrics/path: /api/v1/metrics is below /api, which answers something else; use another \
               path"],
        );
        check(
            json!({"metrics": {"port": 8080}}),
            &["at /metrics/port: is server.port; use another port, or leave it out: that port serves the \
                 metrics too"],
        );
    }

    #[test]
    fn an_llm_is_held_to_its_bounds() {
        check(json!({"llm": {"model": "m", "concurrency_max": 2, "breaker": {"failures": 0}}}), &[]);
        check(
            json!({"llm": {"model": "m", "concurrency_max": 0, "breaker": {"failures": 1001, "open_ms": 0}}}),
            &[
                "at /llm/concurrency_max: invalid concurrency_max 0: expected 1 to 1000",
                "at /llm/breaker/failures: invalid failures 1001: expected 0 to 1000",
                "at /llm/breaker/open_ms: invalid open_ms 0: expected 1 to 86400000",
            ],
        );
        check(
            json!({"llm": {"model": "m", "timeout": "0s"}}),
            &["at /llm/timeout: invalid timeout 0: expected 1 to 86400000"],
        );
        check(
            json!({"llm": {"model": "m", "timeout": "5s", "timeout_ms": 1}}),
            &["at /llm/timeout: timeout and timeout_ms are both set; set one of them"],
        );
        check(
            json!({"llm": {"model": "m", "breaker": {"failure": 3}}}),
            &["at /llm/breaker/failure: unknown key \"failure\"; did you mean \"failures\"?"],
        );
        let variables = [("MIDFLIGHT_LLM__BREAKER__FAILURES", "3"), ("MIDFLIGHT_LLM__MODEL", "m")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let entry = Settings::shape().env("MIDFLIGHT", variables).build(None, &()).unwrap();
        let llm = entry.typed::<Settings>().unwrap().llm.clone().unwrap();
        assert_eq!((llm.breaker.failures, llm.breaker.open_ms, llm.concurrency_max), (3, 30_000, 8));
    }

    #[test]
    fn places_follow_the_keys() {
        let document = json!({
            "server": {"port": 9000}, "storage": {"backend": "postgres"}, "bus": {"kind": "redis"},
            "database": {"url": "postgres://db/log", "max_conns": 3}, "redis": {"url": "redis://r:1"}
        });
        let entry = Settings::shape().build(Some(&Arc::new(document)), &()).unwrap();
        let settings = entry.typed::<Settings>().unwrap();
        let place = settings.store_place(Path::new("data")).unwrap();
        let bus = settings.bus_place().unwrap();
        assert_eq!(
            (settings.listen().to_string(), place.to_string(), format!("{bus:?}")),
            ("127.0.0.1:9000".into(), "postgres://db:5432/log".into(), "Some(redis)".into())
        );
        assert_eq!(settings.database.options("r").unwrap().connections_max, 3);
    }
}
