//! What a server is to do, as its config says: the document `config/midflight`, its file, variables and flags.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use midflight_components::{LlmSettings, LogFormat, LogSettings as Logged, Place};
use midflight_config::{Secret, Shape};
use midflight_core::{Pointer, Problem, Problems};
use midflight_store::{PostgresOptions, PostgresUrl};
use serde::{Deserialize, Serialize};

use super::scope::WebhookScope;
use crate::{BusPlace, StorePlace};

/// What a server is to do. Times are in milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Where it listens. After a restart.
    pub server: ServerSettings,
    /// Where the log is. After a restart.
    pub storage: StorageSettings,
    /// What carries the hints. After a restart.
    pub bus: BusSettings,
    /// The PostgreSQL that the log is in, if it is.
    pub database: DatabaseSettings,
    /// The Redis that carries the hints, if one does.
    pub redis: RedisSettings,
    /// What it logs.
    pub log: LogSettings,
    /// What it measures.
    pub metrics: MetricsSettings,
    /// The LLM that it may ask; it asks none unless there is one.
    pub llm: Option<LlmSettings>,
    /// How it keeps up with its API tokens.
    pub tokens: TokenSettings,
    /// The webhooks that it takes, by name.
    pub webhooks: BTreeMap<String, WebhookSettings>,
}

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServerSettings {
    /// The address; `127.0.0.1` unless said.
    pub host: IpAddr,
    /// The port; 8080 unless said, and 0 takes a free one.
    pub port: u16,
}

/// Where the log is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StorageSettings {
    /// What keeps it.
    pub backend: StorageBackend,
    /// The SQLite file; `midflight.db` in the data folder unless said.
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
    /// What carries them; what the log can do itself unless said.
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
pub struct DatabaseSettings {
    /// `postgres://user:password@host:port/database`, the password by a reference.
    pub url: Secret,
    /// The most connections; 10 unless said, from 1 to 1,000.
    pub max_conns: u32,
    /// The longest wait for a connection; 5,000 unless said, from 1 to 600,000.
    pub connect_timeout_ms: u64,
    /// The longest that a statement takes; 10,000 unless said, from 1 to 600,000.
    pub statement_timeout_ms: u64,
}

/// A Redis server.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RedisSettings {
    /// `redis://user:password@host:port`, the password by a reference.
    pub url: Secret,
    /// A channel on which older programs say `{"action":"reload"}`, if any.
    pub legacy_channel: Option<String>,
}

/// What a server logs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogSettings {
    /// `error`, `warn`, `info`, `debug`, `trace`, or a filter of tracing's; `info` unless said.
    pub level: String,
    /// `text` unless said.
    pub format: LogFormat,
    /// Where to: `stderr` unless said, `stdout`, or the path of a file. After a restart.
    pub output: String,
}

/// What a server measures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MetricsSettings {
    /// Whether there is `/metrics`; without, it answers 404.
    pub enabled: bool,
    /// Labels on every sample.
    pub labels: BTreeMap<String, String>,
}

/// How a server keeps up with its API tokens, which other processes may change in the store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TokenSettings {
    /// How often they are read again, in ms; 10,000 unless said, from 100 to 3,600,000.
    pub refresh_ms: u64,
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

impl Default for DatabaseSettings {
    fn default() -> Self {
        Self {
            url: Secret::default(),
            max_conns: 10,
            connect_timeout_ms: 5_000,
            statement_timeout_ms: 10_000,
        }
    }
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { level: "info".to_owned(), format: LogFormat::Text, output: "stderr".to_owned() }
    }
}

impl Default for MetricsSettings {
    fn default() -> Self {
        Self { enabled: true, labels: BTreeMap::new() }
    }
}

impl Default for TokenSettings {
    fn default() -> Self {
        Self { refresh_ms: 10_000 }
    }
}

impl Settings {
    /// What is declared of the keys. Variables and flags are laid over it by whoever starts the server.
    #[must_use]
    pub fn shape() -> Shape<Self> {
        Shape::new()
            .restart("/server")
            .restart("/storage")
            .restart("/bus")
            .restart("/redis/legacy_channel")
            .restart("/log/output")
            .check(Self::problems)
    }

    /// What is wrong beyond the types.
    fn problems(&self) -> Problems {
        let mut problems = Problems::default();
        let mut add = |path: &str, code: &'static str, message: String| {
            problems.add(Problem::new(code, Pointer::parse(path), message));
        };
        let between = |value: u64, low: u64, high: u64| {
            (!(low..=high).contains(&value)).then(|| format!("takes {low} to {high}"))
        };
        let database = &self.database;
        for (path, wrong) in [
            ("/database/max_conns", between(database.max_conns.into(), 1, 1_000)),
            ("/database/connect_timeout_ms", between(database.connect_timeout_ms, 1, 600_000)),
            ("/database/statement_timeout_ms", between(database.statement_timeout_ms, 1, 600_000)),
            ("/tokens/refresh_ms", between(self.tokens.refresh_ms, 100, 3_600_000)),
        ] {
            if let Some(message) = wrong {
                add(path, "out_of_bounds", message);
            }
        }
        let is_needed = self.storage.backend == StorageBackend::Postgres || !database.url.is_empty();
        if is_needed && let Err(error) = PostgresUrl::from_str(database.url.expose()) {
            add("/database/url", "invalid_value", error.to_string());
        }
        if let Err(found) = self.log.logged().check(&Place::named("/log")) {
            problems.append(found);
        }
        if let Some(Err(found)) = self.llm.as_ref().map(|llm| llm.check(&Place::named("/llm"))) {
            problems.append(found);
        }
        let mut add = |path: &str, code: &'static str, message: String| {
            problems.add(Problem::new(code, Pointer::parse(path), message));
        };
        if let Err(message) = self.bus_place() {
            add("/bus/kind", "invalid_value", message);
        }
        for (name, hook) in &self.webhooks {
            if hook.secret.expose().len() < 24 {
                let path = Pointer::parse("/webhooks").key(name).key("secret");
                let message = "takes at least 24 characters, so that nobody guesses it";
                add(path.as_str(), "out_of_bounds", message.to_owned());
            }
            if let Err(message) = hook.scope.check() {
                let path = Pointer::parse("/webhooks").key(name).key("scope");
                add(path.as_str(), "out_of_bounds", message);
            }
        }
        for name in self.metrics.labels.keys().filter(|name| !is_label(name)) {
            let path = Pointer::parse("/metrics/labels").key(name);
            let message = "a label is letters, digits and _, and begins with no digit and not with __";
            add(path.as_str(), "invalid_value", message.to_owned());
        }
        problems
    }

    /// Where to listen.
    #[must_use]
    pub fn listen(&self) -> SocketAddr {
        SocketAddr::new(self.server.host, self.server.port)
    }

    /// Where the log is; a file is in `data_dir` unless its path is said.
    ///
    /// # Errors
    /// When the URL of the database is none.
    pub fn store_place(&self, data_dir: &Path) -> Result<StorePlace, String> {
        match self.storage.backend {
            StorageBackend::Sqlite => {
                let path = self.storage.path.clone();
                Ok(StorePlace::Sqlite(path.unwrap_or_else(|| data_dir.join("midflight.db"))))
            }
            StorageBackend::Postgres => {
                let url = self.database.url.expose().parse();
                url.map(StorePlace::Postgres)
                    .map_err(|error: midflight_store::PostgresUrlError| error.to_string())
            }
        }
    }

    /// What carries the hints, if it is said.
    ///
    /// # Errors
    /// When the URL that it needs is none.
    pub fn bus_place(&self) -> Result<Option<BusPlace>, String> {
        let place = match self.bus.kind {
            None => return Ok(None),
            Some(BusKind::Memory) => BusPlace::Memory,
            Some(BusKind::Postgres) => BusPlace::Postgres,
            Some(BusKind::Redis) => by_url(&self.redis.url, "redis", "redis.url")?,
            Some(BusKind::Nats) => by_url(&self.bus.nats_url, "nats", "bus.nats_url")?,
        };
        Ok(Some(place))
    }
}

impl LogSettings {
    /// As the logger takes them.
    #[must_use]
    pub fn logged(&self) -> Logged {
        Logged { level: self.level.clone(), format: self.format }
    }
}

impl DatabaseSettings {
    /// As the log takes them.
    pub(crate) fn options(
        &self,
        replica: &str,
    ) -> Result<PostgresOptions, midflight_store::PostgresUrlError> {
        let mut options = PostgresOptions::new(self.url.expose().parse()?, replica);
        options.connections_max = self.max_conns;
        options.connect_ms_max = self.connect_timeout_ms;
        options.statement_ms_max = self.statement_timeout_ms;
        Ok(options)
    }
}

/// The place of a URL that must be of this sort.
fn by_url(url: &Secret, sort: &str, key: &str) -> Result<BusPlace, String> {
    let place = url.expose().parse::<BusPlace>();
    let place = place.ok().filter(|place| format!("{place:?}") == sort);
    place.ok_or_else(|| format!("{sort} needs {key}, as {sort}://host:port"))
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
        let told: Vec<_> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(told, expected);
    }

    #[test]
    fn a_config_says_what_is_wrong_with_it() {
        check(json!({}), &[]);
        check(json!({"database": {"max_conns": 0}}), &["at /database/max_conns: takes 1 to 1000"]);
        check(
            json!({"storage": {"backend": "postgres"}}),
            &[
                "at /database/url: this is no URL of a PostgreSQL database: it does not start with postgres://; write \
               postgres://user@host:port/database",
            ],
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
            &["at /log/levle: there is no key \"levle\" here; did you mean \"level\"?"],
        );
    }

    #[test]
    fn an_llm_is_held_to_its_bounds() {
        check(json!({"llm": {"model": "m", "concurrency_max": 2, "breaker": {"failures": 0}}}), &[]);
        check(
            json!({"llm": {"model": "m", "concurrency_max": 0, "breaker": {"failures": 1001, "open_ms": 0}}}),
            &[
                "at /llm/concurrency_max: concurrency_max is 0; write a number from 1 to 1000",
                "at /llm/breaker/failures: failures is 1001; write a number from 0 to 1000",
                "at /llm/breaker/open_ms: open_ms is 0; write a number from 1 to 86400000",
            ],
        );
        check(
            json!({"llm": {"model": "m", "breaker": {"failure": 3}}}),
            &["at /llm/breaker/failure: there is no key \"failure\" here; did you mean \"failures\"?"],
        );
        let variables = [("MIDFLIGHT_LLM__BREAKER__FAILURES", "3"), ("MIDFLIGHT_LLM__MODEL", "m")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let entry = Settings::shape().env("MIDFLIGHT", variables).build(None, &()).unwrap();
        let llm = entry.typed::<Settings>().unwrap().llm.clone().unwrap();
        assert_eq!((llm.breaker.failures, llm.breaker.open_ms, llm.concurrency_max), (3, 30_000, 8));
    }

    #[test]
    fn places_are_what_the_keys_say() {
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
