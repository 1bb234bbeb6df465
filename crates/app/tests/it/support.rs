//! The program of the tests, and the ways in which its file changes.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use midflight_app::{App, AppBuilder, AppError, Report};
use midflight_config::{ConfigSchema, Secret};
use midflight_source::FileOptions;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

/// As long as a test waits for what must come.
pub(crate) const SOON: Duration = Duration::from_secs(60);

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Settings {
    pub(crate) app: Named,
    pub(crate) server: Server,
    pub(crate) log: Log,
    /// Something that a test counts with.
    pub(crate) n: u64,
    pub(crate) token: Secret,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Named {
    name: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Server {
    host: String,
    port: u16,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Log {
    pub(crate) level: String,
    pub(crate) format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    Text,
    Json,
}

impl Default for Server {
    fn default() -> Self {
        Self { host: "localhost".into(), port: 8080 }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".into(), format: Format::Text }
    }
}

/// A folder with a config file.
pub(crate) struct Place {
    pub(crate) dir: TempDir,
}

impl Place {
    pub(crate) fn new(text: &str) -> Self {
        let place = Self { dir: tempfile::tempdir().unwrap() };
        fs::write(place.file(), text).unwrap();
        place
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.dir.path().join("app.yaml")
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Saves as an editor does that keeps the old file until the new one is whole.
    pub(crate) fn rename_over(&self, text: &str) {
        fs::write(self.at(".app.yaml.swp"), text).unwrap();
        fs::rename(self.at(".app.yaml.swp"), self.file()).unwrap();
    }

    pub(crate) async fn start(&self) -> App<Settings> {
        started(&self.file()).await.unwrap()
    }
}

pub(crate) fn shape() -> ConfigSchema<Settings> {
    ConfigSchema::new().restart("/server").ignored("/app")
}

pub(crate) async fn started(file: &Path) -> Result<App<Settings>, AppError> {
    let mut builder = AppBuilder::new("app", shape()).unwrap();
    // Whatever is noticed is noticed because the system told of it.
    let poll = Duration::from_secs(3600);
    builder.file(file).file_options(FileOptions { poll, ..FileOptions::default() });
    builder.start().await
}

/// Waits until the config stands as it should.
pub(crate) async fn until(app: &App<Settings>, stands: impl Fn(&Report) -> bool) -> Report {
    let waited = tokio::time::timeout(SOON, async {
        loop {
            // Heard from before the look, so that nothing is missed between the two.
            let next = app.next_report();
            let report = app.report();
            if stands(&report) {
                return report;
            }
            next.await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("does not come about; it stands so: {}", app.report().to_json()))
}
