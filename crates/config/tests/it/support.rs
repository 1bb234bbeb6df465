//! A program's settings, and an environment that can change.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use midflight_config::{ConfigEntry, ConfigSchema, Secret};
use midflight_core::{JsonPointer, Problem, Problems};
use midflight_engine::{DocumentWriter, Environment, EnvironmentInputs, Work};
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Debug, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Settings {
    pub(crate) name: String,
    pub(crate) tags: Vec<String>,
    pub(crate) server: Server,
    pub(crate) log: Log,
    pub(crate) database: Option<Database>,
    pub(crate) api_key: Secret,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Server {
    pub(crate) host: String,
    pub(crate) port: u16,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Log {
    pub(crate) level: Level,
    pub(crate) json: bool,
}

#[derive(Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    Info,
    Debug,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Database {
    pub(crate) url: String,
    pub(crate) password: Option<String>,
    #[serde(default)]
    pub(crate) salt: Secret,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            name: "shop".into(),
            tags: vec!["a".into()],
            server: Server::default(),
            log: Log::default(),
            database: None,
            api_key: Secret::default(),
        }
    }
}

impl Default for Server {
    fn default() -> Self {
        Self { host: "localhost".into(), port: 8080 }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { level: Level::Info, json: false }
    }
}

pub(crate) fn shape() -> ConfigSchema<Settings> {
    ConfigSchema::new().restart("/server").ignored("/name").secret("/database/password").check(
        |settings: &Settings| {
            let place = JsonPointer::root().key("server").key("port");
            let privileged = (settings.server.port < 1024)
                .then(|| Problem::new("privileged", place, "take a port from 1024 on"));
            privileged.into_iter().collect::<Problems>()
        },
    )
}

/// Variables and files that a test changes as it goes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Around(Arc<Mutex<BTreeMap<String, String>>>);

impl Around {
    pub(crate) fn set(&self, name: &str, text: &str) {
        self.0.lock().unwrap().insert(name.into(), text.into());
    }

    /// The work of a reload that begins now.
    pub(crate) fn work(&self) -> Work {
        Work::unbounded().with_inputs(Arc::new(EnvironmentInputs::new(Arc::new(self.clone()))))
    }
}

impl Environment for Around {
    fn variable(&self, name: &str, _: DocumentWriter) -> Result<Option<String>, String> {
        Ok(self.0.lock().unwrap().get(name).cloned())
    }

    fn file(&self, path: &str, by: DocumentWriter) -> Result<String, String> {
        self.variable(path, by)?.ok_or_else(|| "no such file".to_owned())
    }
}

pub(crate) fn build(
    shape: &ConfigSchema<Settings>,
    document: Value,
    environment: &Around,
) -> Result<ConfigEntry, Vec<String>> {
    let built = shape.build(Some(&Arc::new(document)), environment);
    built.map_err(|problems| lines(&problems))
}

pub(crate) fn lines(problems: &Problems) -> Vec<String> {
    problems.iter().map(|problem| format!("{} {problem}", problem.code)).collect()
}
