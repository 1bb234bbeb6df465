//! The config of a process at its start: read, valid, and the first edit of the engine that runs on it.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use midflight_config::{Configs, Entry, Shape};
use midflight_core::{Digest, DocumentId, Outcome, Trigger};
use midflight_engine::{Engine, FirstEdit, FirstEditWhen};
use midflight_live::Live;
use midflight_source::{ConfigText, FileOptions};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::file::{ConfigFile, Content, placed};
use crate::followed::Followed;
use crate::reloader::Reloader;
use crate::report::{Attempt, Looked, ServedContent};
use crate::subject::Subject;
use crate::{AppError, Process};

/// The config of a process at its start.
#[derive(Debug)]
pub struct Boot {
    id: DocumentId,
    file: Option<ConfigFile>,
    first: Option<(Digest, ConfigText)>,
    running: Arc<Entry>,
    around: Process,
    at: Timestamp,
    began: std::time::Instant,
}

impl Boot {
    /// Reads the config: of the file, or of the document when there is no file, or of nothing but defaults, variables and
    /// flags. It is validated by the code that validates it at every reload.
    ///
    /// # Errors
    /// [`AppError::Config`] with everything that is wrong and its place.
    pub fn read<T>(
        id: DocumentId,
        shape: &Shape<T>,
        around: &Process,
        file: Option<PathBuf>,
        document: Option<&Arc<Value>>,
    ) -> Result<Self, AppError>
    where
        T: Default + Serialize + DeserializeOwned + Send + Sync + 'static,
    {
        let (at, began) = (Timestamp::now(), std::time::Instant::now());
        let file = file.map(|path| ConfigFile::new(path, shape.operator().clone()));
        let first = file.as_ref().map(first_content).transpose()?;
        let said = first.as_ref().map(|(_, text)| text.body()).or(document);
        let running = shape.build(said, around).map_err(|problems| {
            AppError::Config(match &file {
                Some(file) => file.placed(&problems, first.as_ref().map(|(_, text)| text)),
                None => placed(&id.to_string().into(), &problems, None),
            })
        })?;
        if let (Some(file), Some((_, text))) = (&file, &first) {
            file.in_effect(Digest::of_body(text.body()));
        }
        Ok(Self { id, file, first, running: Arc::new(running), around: around.clone(), at, began })
    }

    /// What the process starts with.
    #[must_use]
    pub fn entry(&self) -> &Arc<Entry> {
        &self.running
    }

    /// The edit by which the engine starts on what the file says, unless the log has it already; none without a file.
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
    ) -> Result<Reloader, AppError> {
        let served = live.load().get(&self.id.name).and_then(|entry| entry.digest());
        let mut waits = None;
        if let Some(file) = self.file.as_ref().filter(|_| served != self.running.digest()) {
            waits = Some(file.problem("waits for the log, which does not answer".to_owned()));
        }
        let attempt = Attempt {
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
        let (id, running, around) = (self.id, self.running, self.around);
        let followed = self.file.is_none().then(|| Followed::start(engine, id.clone(), live.clone()));
        let subject = Subject { id, live, running, around, file: self.file, followed };
        Ok(Reloader::start(engine.clone(), subject, options, Looked { attempt, served })?)
    }
}

/// What the file says at the start, which has to be something.
fn first_content(file: &ConfigFile) -> Result<(Digest, ConfigText), AppError> {
    let Content { digest, text } = file.read().map_err(AppError::Config)?;
    Ok((digest, text.map_err(AppError::Config)?))
}
