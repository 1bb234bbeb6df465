//! How a server is to run, with a default and a reason for each bound.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use midflight_components::Logger;
use midflight_engine::{FirstEdit, Refresh};
use midflight_source::DirectoryOptions;
use midflight_store::Durability;

use crate::config::own::OwnConfig;

/// The longest name and value of the variables below that an error repeats.
const SHOWN_CHARS: usize = 40;

/// What a server refuses to go past. Every refusal names the bound by these names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerLimits {
    /// The largest body of a request, in bytes. 1 MiB: a request carries what a person edits or an input.
    pub body_bytes_max: usize,
    /// How many bytes of memory the values of a body may need once it is parsed, in bytes, as estimated before. 32 MiB: 32
    /// times the largest body. Usual documents and inputs need 3 to 20 times their text, and `{"":0}` over and over 100 times.
    pub body_parsed_bytes_max: usize,
    /// The largest body of an import, in bytes. 64 MiB: a whole log's worth of documents at once.
    pub import_bytes_max: usize,
    /// The same as `body_parsed_bytes_max` for an import, in bytes. 1 GiB: 16 times the largest import, and what usual documents
    /// need in YAML.
    pub import_parsed_bytes_max: usize,
    /// How many bytes the bodies of all requests may have together, in bytes, as they come and as their values need; callers
    /// without a token may have half of them. Imports have as much again for themselves, and small bodies (up to 64 KiB) a
    /// quarter of it, so that an edit waits for no import. 128 MiB: one full import. An import may always be received.
    pub bodies_bytes_max: usize,
    /// How many bytes of documents one answer may have, in bytes; lists end there and have a cursor. 4 MiB: several of the
    /// largest documents, or thousands of usual ones.
    pub answer_bytes_max: usize,
    /// How many bytes all long answers that are made or sent may have together, in bytes; callers without a token may have
    /// half of them. 128 MiB: 16 full pages with what making them takes.
    pub answers_bytes_max: usize,
    /// How long a client may read nothing of what it is sent, in ms. 30,000: longer, and its connection is closed.
    pub write_idle_ms_max: u64,
    /// How long the headers of a request, and then its body, may take to come, in ms. 30,000.
    pub receive_ms_max: u64,
    /// How many connections may be open. 20,000: the WebSocket clients and as many again.
    pub connections_max: usize,
    /// How many WebSocket clients may be connected. 10,000.
    pub websocket_clients_max: usize,
    /// How many reloads a WebSocket client may be behind before it is dropped. 256.
    pub websocket_queue_max: usize,
    /// How long one message may take to leave for a WebSocket client, in ms. 30,000: longer, and it is not reading.
    pub websocket_send_ms_max: u64,
    /// How many watchers of the log (SSE) may be connected. 1,000: each reads from the store at every revision.
    pub watchers_max: usize,
    /// How many inputs one batch may have. 10,000.
    pub batch_items_max: usize,
    /// How long an execution of rules may compute, in ms. 1,000: it takes some microseconds.
    pub execute_ms_max: u64,
    /// How long the patterns may take for a query, in ms. 1,000: they take some microseconds.
    pub classify_ms_max: u64,
    /// How many bytes the answer of an execution or of a batch may have, in bytes. 16 MiB: a full batch with 1.6 KiB for
    /// each input.
    pub execution_bytes_max: usize,
    /// How long a batch may compute, in ms. 10,000: a full batch on a large ruleset takes a few seconds.
    pub batch_ms_max: u64,
    /// How many requests with a long computation may wait for a thread. 256: they are answered within seconds.
    pub compute_queue_max: usize,
    /// How many documents one restore may compare. 10,000.
    pub diff_documents_max: usize,
    /// How many bytes of memory the bodies may need that one restore compares, in bytes, as estimated. 256 MiB: some ten
    /// thousand usual documents, before and after.
    pub restore_bytes_max: usize,
    /// How many bytes the diffs of one answer may have together, in bytes. 256 KiB: more than a person reads. The others are
    /// marked, and link to the versions.
    pub diff_bytes_max: usize,
    /// How long the diffs of one answer may be computed, in ms. 2,000.
    pub diff_ms_max: u64,
    /// How long a write may wait for its replicas, in ms. 60,000.
    pub wait_ms_max: u64,
    /// How long a stop waits for requests in flight, in ms. 10,000.
    pub drain_ms_max: u64,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            body_bytes_max: 1 << 20,
            body_parsed_bytes_max: 32 << 20,
            import_bytes_max: 64 << 20,
            import_parsed_bytes_max: 1 << 30,
            bodies_bytes_max: 128 << 20,
            answer_bytes_max: 4 << 20,
            answers_bytes_max: 128 << 20,
            write_idle_ms_max: 30_000,
            receive_ms_max: 30_000,
            connections_max: 20_000,
            websocket_clients_max: 10_000,
            websocket_queue_max: 256,
            websocket_send_ms_max: 30_000,
            watchers_max: 1_000,
            batch_items_max: 10_000,
            execute_ms_max: midflight_rules::limits::EXECUTE_MS_MAX,
            classify_ms_max: midflight_patterns::limits::CLASSIFY_MS_MAX,
            execution_bytes_max: 16 << 20,
            batch_ms_max: 10_000,
            compute_queue_max: 256,
            diff_documents_max: 10_000,
            restore_bytes_max: 256 << 20,
            diff_bytes_max: 256 << 10,
            diff_ms_max: 2_000,
            wait_ms_max: 60_000,
            drain_ms_max: 10_000,
        }
    }
}

/// A variable of the environment with a value it cannot have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable} is {value:?}; it takes {wanted}")]
pub struct SettingError {
    /// The variable.
    pub variable: &'static str,
    /// What it says.
    pub value: String,
    /// What it takes.
    pub wanted: &'static str,
}

/// The settings of the seed: `HOT_RELOAD_*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HotReloadSettings {
    /// `HOT_RELOAD_ENABLED`: whether the log is looked at from time to time without being told. True.
    pub enabled: bool,
    /// `HOT_RELOAD_INTERVAL_SECONDS`: how often. 30.
    pub interval_seconds: u64,
    /// `HOT_RELOAD_VALIDATION_ENABLED`: whether stored checks are asked. True. What does not compile is refused
    /// either way.
    pub validation_enabled: bool,
    /// `HOT_RELOAD_MAX_AGE_SECONDS`: how long ago the log may have been looked at for what is served to count as
    /// fresh. 300.
    pub max_age_seconds: u64,
}

impl Default for HotReloadSettings {
    fn default() -> Self {
        Self { enabled: true, interval_seconds: 30, validation_enabled: true, max_age_seconds: 300 }
    }
}

impl HotReloadSettings {
    /// Reads the settings from variables; those that are not set or empty keep their default.
    ///
    /// # Errors
    /// [`SettingError`] names the variable and what it takes.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, SettingError> {
        let default = Self::default();
        let read = |name: &'static str| variable(name).filter(|value| !value.trim().is_empty());
        Ok(Self {
            enabled: flag("HOT_RELOAD_ENABLED", read, default.enabled)?,
            interval_seconds: seconds("HOT_RELOAD_INTERVAL_SECONDS", read, default.interval_seconds)?,
            validation_enabled: flag("HOT_RELOAD_VALIDATION_ENABLED", read, default.validation_enabled)?,
            max_age_seconds: seconds("HOT_RELOAD_MAX_AGE_SECONDS", read, default.max_age_seconds)?,
        })
    }

    /// Reads the settings from the environment of this process.
    ///
    /// # Errors
    /// [`SettingError`] names the variable and what it takes.
    pub fn from_env() -> Result<Self, SettingError> {
        Self::from_variables(|name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()))
    }

    pub(crate) fn refresh(&self) -> Refresh {
        Refresh { enabled: self.enabled, period: Duration::from_secs(self.interval_seconds) }
    }
}

fn flag(
    variable: &'static str,
    read: impl Fn(&'static str) -> Option<String>,
    default: bool,
) -> Result<bool, SettingError> {
    let Some(value) = read(variable) else { return Ok(default) };
    match value.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err(SettingError { variable, value: clip(&value), wanted: "true or false" }),
    }
}

fn seconds(
    variable: &'static str,
    read: impl Fn(&'static str) -> Option<String>,
    default: u64,
) -> Result<u64, SettingError> {
    let Some(value) = read(variable) else { return Ok(default) };
    let parsed = value.trim().parse().ok().filter(|seconds| (1..=86_400).contains(seconds));
    parsed.ok_or(SettingError {
        variable,
        value: clip(&value),
        wanted: "a whole number of seconds, 1 to 86400",
    })
}

fn clip(value: &str) -> String {
    value.chars().take(SHOWN_CHARS).collect()
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
    pub watch: Vec<PathBuf>,
    /// How they are watched.
    pub directory: DirectoryOptions,
    /// A file to write the server's URL to once it answers.
    pub ready_file: Option<PathBuf>,
    /// A file with the admin token; read when it is there, else made with a fresh token and mode 0600.
    pub admin_token_file: Option<PathBuf>,
    /// Whether reads need a token on loopback too, as behind a proxy on the same machine. Elsewhere they always do.
    pub require_token: bool,
    /// The name of this replica, which no other of its log has; none for one made from the host's name, and kept in the
    /// data folder.
    pub replica_id: Option<String>,
    /// Labels of this replica.
    pub labels: BTreeMap<String, String>,
    /// The bounds of the HTTP edge.
    pub limits: ServerLimits,
    /// The bounds of the engine.
    pub engine_limits: midflight_engine::Limits,
    /// Edits that the start makes when they are due, after that of the config file.
    pub first_edits: Vec<FirstEdit>,
    /// The settings of the seed.
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
            ready_file: None,
            admin_token_file: None,
            require_token: false,
            replica_id: None,
            labels: BTreeMap::new(),
            limits: ServerLimits::default(),
            engine_limits: midflight_engine::Limits::default(),
            first_edits: Vec::new(),
            hot_reload: HotReloadSettings::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(variables: &[(&str, &str)], expected: Result<HotReloadSettings, &str>) {
        let find = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        let read = HotReloadSettings::from_variables(find).map_err(|error| error.to_string());
        assert_eq!(read, expected.map_err(str::to_owned));
    }

    #[test]
    fn the_seeds_variables_are_read_or_named_when_wrong() {
        let default = HotReloadSettings::default();
        check(&[], Ok(default));
        check(&[("HOT_RELOAD_ENABLED", "")], Ok(default));
        check(&[("HOT_RELOAD_ENABLED", "False")], Ok(HotReloadSettings { enabled: false, ..default }));
        let five = HotReloadSettings { interval_seconds: 5, max_age_seconds: 60, ..default };
        check(&[("HOT_RELOAD_INTERVAL_SECONDS", "5"), ("HOT_RELOAD_MAX_AGE_SECONDS", " 60 ")], Ok(five));
        check(
            &[("HOT_RELOAD_VALIDATION_ENABLED", "maybe")],
            Err("HOT_RELOAD_VALIDATION_ENABLED is \"maybe\"; it takes true or false"),
        );
        for bad in ["0", "-1", "1.5", "x"] {
            let said = format!(
                "HOT_RELOAD_INTERVAL_SECONDS is {bad:?}; it takes a whole number of seconds, 1 to 86400"
            );
            check(&[("HOT_RELOAD_INTERVAL_SECONDS", bad)], Err(&said));
        }
    }
}
