//! What the service may be told: plain serde types, whose defaults are the lowest layer.

use midflight::Problems;
use midflight::app::Process;
use midflight::components::{DatabaseSettings, LogSettings, RedisSettings, SettingsSource};
use midflight::config::{ConfigSchema, Origin};
use serde::{Deserialize, Serialize};

use crate::Flags;

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Settings {
    pub(crate) app: AppSettings,
    pub(crate) server: ServerSettings,
    pub(crate) log: LogSettings,
    pub(crate) database: Option<DatabaseSettings>,
    pub(crate) redis: Option<RedisSettings>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct AppSettings {
    pub(crate) name: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct ServerSettings {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Default for AppSettings {
    fn default() -> Self {
        Self { name: "hot-service".to_owned() }
    }
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self { host: "127.0.0.1".to_owned(), port: 8080 }
    }
}

impl Settings {
    /// What is wrong beyond the types. A level that cannot be is refused before anything is prepared.
    fn problems(&self) -> Problems {
        self.log.check(&SettingsSource::named("/log")).err().unwrap_or_default()
    }
}

/// Every key is live but those of the listener. Over the file lie variables, as `HOT_LOG__LEVEL`, and over those the
/// flags.
pub(crate) fn shape(flags: &Flags) -> ConfigSchema<Settings> {
    let mut shape =
        ConfigSchema::new().restart("/server").env("HOT", Process::variables()).check(Settings::problems);
    if let Some(listen) = flags.listen {
        let by = || Origin::Flag("--listen".to_owned());
        shape = shape.cover("/server/host", listen.ip().to_string(), by());
        shape = shape.cover("/server/port", listen.port().to_string(), by());
    }
    shape
}
