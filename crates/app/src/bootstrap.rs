//! The config of a process at its start: read, valid, and the first edit of the engine that runs on it.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use midflight_config::{ConfigEntry, ConfigSchema, Configs};
use midflight_core::{Digest, DocumentId, Outcome, Trigger};
use midflight_engine::{Engine, FirstEdit, FirstEditWhen};
use midflight_live::Live;
use midflight_source::{ConfigText, FileOptions};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::file::{ConfigFile, FileContent, placed};
use crate::followed::FollowedReloads;
use crate::reloader::ConfigReloader;
use crate::report::{CheckAttempt, CheckState, ServedContent};
use crate::watched_config::WatchedConfig;
use crate::{AppError, Process};

/// The config of a process at its start.
#[derive(Debug)]
pub struct Bootstrap {
    id: DocumentId,
    file: Option<ConfigFile>,
    first: Option<(Digest, ConfigText)>,
    running: Arc<ConfigEntry>,
    process: Process,
    at: Timestamp,
    began: std::time::Instant,
}

impl Bootstrap {
    /// Reads the config: of the file, or of the document when there is no file, or of nothing but defaults, variables
    /// and flags. It is validated by the code that validates it at every reload.
    ///
    /// # Errors
    /// [`AppError::Config`] with everything that is wrong and its place.
    pub fn read<T>(
        id: DocumentId,
        shape: &ConfigSchema<T>,
        process: &Process,
        file: Option<PathBuf>,
        document: Option<&Arc<Value>>,
    ) -> Result<Self, AppError>
    where
        T: Default + Serialize + DeserializeOwned + Send + Sync + 'static,
    {
        let (at, began) = (Timestamp::now(), std::time::Instant::now());
        let file = file.map(|path| ConfigFile::new(path, shape.operator().clone()));
        let first = file.as_ref().map(first_content).transpose()?;
        let output = first.as_ref().map(|(_, text)| text.body()).or(document);
        let running = shape.build(output, process).map_err(|problems| {
            AppError::Config(match &file {
                Some(file) => file.placed(&problems, first.as_ref().map(|(_, text)| text)),
                None => placed(&id.to_string().into(), &problems, None),
            })
        })?;
        if let (Some(file), Some((_, text))) = (&file, &first) {
            file.in_effect(Digest::of_body(text.body()));
        }
        Ok(Self { id, file, first, running: Arc::new(running), process: process.clone(), at, began })
    }

    /// What the process starts with.
    #[must_use]
    pub fn entry(&self) -> &Arc<ConfigEntry> {
        &self.running
    }

    /// The edit that starts the engine with the contents of the file, unless the log has it already; none without a
    /// file.
    #[must_use]
    pub fn first_edit(&self) -> Option<FirstEdit> {
        let (file, (_, text)) = (self.file.as_ref()?, self.first.as_ref()?);
        let edit = file.edit(&self.id, text, Trigger::Startup, file.owner().as_str());
        Some(FirstEdit { edit, when: FirstEditWhen::Differs })
    }

    /// Follows the file, and takes every trigger from now on, on an engine that serves the config.
    ///
    /// # Errors
    /// [`AppError::Source`] when the file cannot be watched.
    pub fn follow(
        self,
        engine: &Engine,
        live: Live<Configs>,
        options: FileOptions,
    ) -> Result<ConfigReloader, AppError> {
        let served = live.load().get(&self.id.name).and_then(|entry| entry.digest());
        let mut waits = None;
        if let Some(file) = self.file.as_ref().filter(|_| served != self.running.digest()) {
            waits = Some(file.problem("waiting for the log; it does not respond".to_owned()));
        }
        let attempt = CheckAttempt {
            hash: self.first.as_ref().map(|(digest, _)| *digest).or_else(|| self.running.digest()),
            outcome: if waits.is_some() { Outcome::LoadFailed } else { Outcome::Success },
            trigger: Trigger::Startup,
            by: "startup".to_owned(),
            at: self.at,
            took: self.began.elapsed(),
            components: engine.status().last_reload.map_or_else(Vec::new, |event| event.components.clone()),
            problems: waits.into_iter().collect(),
        };
        let served =
            self.first.map(|(hash, text)| ServedContent { hash, body: Digest::of_body(text.body()) });
        let (id, running, process) = (self.id, self.running, self.process);
        let followed = self.file.is_none().then(|| FollowedReloads::start(engine, id.clone(), live.clone()));
        let subject = WatchedConfig { id, live, running, process, file: self.file, followed };
        Ok(ConfigReloader::start(engine.clone(), subject, options, CheckState { attempt, served })?)
    }
}

/// The contents of the file at the start, which must not be empty.
fn first_content(file: &ConfigFile) -> Result<(Digest, ConfigText), AppError> {
    let FileContent { digest, text } = file.read().map_err(AppError::Config)?;
    Ok((digest, text.map_err(AppError::Config)?))
}
