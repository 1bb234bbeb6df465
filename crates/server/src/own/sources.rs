//! Where a server's own config comes from: its file or its document, the variables and the flags over it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use midflight_app::{AppError, Bootstrap, Process, References};
use midflight_config::{ConfigSchema, OperatorContents, Origin, Redactor};
use midflight_source::FileOptions;
use serde_json::Value;

use super::id::own_id;
use super::settings::Settings;
use crate::{BusUrl, StoreUrl};

/// What every variable of a server's config begins with.
const PREFIX: &str = "MIDFLIGHT";

/// Where a server's own config comes from. What is laid over it here no edit changes.
#[derive(Debug, Clone, Default)]
pub struct OwnConfig {
    /// The file that it is read from; without, it is the document `config/midflight` of the log.
    pub file: Option<PathBuf>,
    /// How the file is followed.
    pub file_options: FileOptions,
    /// What documents of the log may refer to: by default nothing. The file is the operator's, and refers to anything.
    pub references: References,
    /// What learns every secret of the config, and keeps it out of messages.
    pub redactor: Redactor,
    contents: OperatorContents,
    variables: Vec<(String, String)>,
    covers: Vec<(&'static str, String, Origin)>,
}

impl OwnConfig {
    /// The config of a file, or without one the document of the log.
    #[must_use]
    pub fn new(file: Option<PathBuf>) -> Self {
        Self { file, ..Self::default() }
    }

    /// Lays variables over the config: `MIDFLIGHT_LOG__LEVEL` is `/log/level`.
    pub fn variables(&mut self, variables: impl IntoIterator<Item = (String, String)>) -> &mut Self {
        self.variables.extend(variables);
        self
    }

    /// Lays one value over the config. `path` is a JSON JsonPointer; of several for one key the last counts.
    pub fn cover(&mut self, path: &'static str, text: impl Into<String>, by: Origin) -> &mut Self {
        self.covers.push((path, text.into(), by));
        self
    }

    /// Listens there, overriding the config.
    pub fn listen(&mut self, at: SocketAddr, by: Origin) -> &mut Self {
        self.cover("/server/host", at.ip().to_string(), by.clone());
        self.cover("/server/port", at.port().to_string(), by)
    }

    /// Keeps the log there, overriding the config.
    pub fn store(&mut self, place: &StoreUrl, by: Origin) -> &mut Self {
        match place {
            StoreUrl::Sqlite(path) => {
                self.cover("/storage/backend", "sqlite", by.clone());
                self.cover("/storage/path", path.to_string_lossy(), by)
            }
            StoreUrl::Postgres(url) => {
                self.cover("/storage/backend", "postgres", by.clone());
                self.cover("/database/url", url.expose(), by)
            }
        }
    }

    /// Sends the hints that way, overriding the config.
    pub fn bus(&mut self, place: &BusUrl, by: Origin) -> &mut Self {
        self.cover("/bus/kind", format!("{place:?}"), by.clone());
        match place {
            BusUrl::Redis(url) => self.cover("/redis/url", url, by),
            BusUrl::Nats(url) => self.cover("/bus/nats_url", url, by),
            BusUrl::Memory | BusUrl::Postgres => self,
        }
    }

    /// Which documents are those of the file, and so the operator's.
    pub(crate) fn operator(&self) -> &OperatorContents {
        &self.contents
    }

    /// What is declared of the config, with what is laid over it.
    pub(crate) fn shape(&self) -> ConfigSchema<Settings> {
        let shape = Settings::shape().env(PREFIX, self.variables.iter().cloned());
        let mut shape = shape.redacted_by(self.redactor.clone()).operated_by(self.contents.clone());
        for (path, text, by) in &self.covers {
            shape = shape.cover(path, text, by.clone());
        }
        match self.file {
            Some(_) => shape,
            // A log cannot have its own address.
            None => shape.ignored("/storage").ignored("/bus"),
        }
    }

    /// What references in it are read from.
    pub(crate) fn context(&self) -> Process {
        Process::new(self.references.clone())
    }

    /// Reads the config: of the file, or of the document without one.
    ///
    /// # Errors
    /// [`AppError::Config`] with everything that is wrong with it.
    pub(crate) fn read(&self, document: Option<&Arc<Value>>) -> Result<Bootstrap, AppError> {
        Bootstrap::read(own_id(), &self.shape(), &self.context(), self.file.clone(), document)
    }

    /// The config as it is before anything of the log was read.
    ///
    /// # Errors
    /// [`AppError::Config`] with everything that is wrong with it.
    pub fn settings(&self) -> Result<Settings, AppError> {
        settings(&self.read(None)?)
    }
}

/// The typed config of a start.
pub(crate) fn settings(boot: &Bootstrap) -> Result<Settings, AppError> {
    let settings = boot.entry().typed::<Settings>();
    settings.map(|settings| Settings::clone(&settings)).ok_or(AppError::NotServed)
}
