//! A whole program on one config: declared, started, reloaded, stopped.

use std::path::PathBuf;
use std::sync::Arc;

use midflight_components::SettingsSource;
use midflight_config::{Config, ConfigSchema, Configs};
use midflight_core::{DocumentId, DocumentName, JsonPointer, KindName, Trigger};
use midflight_engine::{Component, Engine, EngineBuilder, KindSlot, StartError};
use midflight_live::World;
use midflight_source::{FileOptions, FileProblem, SourceError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::live::LiveConfig;
use crate::reloader::ConfigReloader;
use crate::report::Report;
use crate::{Bootstrap, Process, References};

/// Why a program did not start. It never starts on defaults instead.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppError {
    /// The name of the config is none.
    #[error("invalid config name {name:?}: {source}")]
    Name {
        /// What was given.
        name: String,
        /// Why it is none.
        source: midflight_core::NameError,
    },
    /// The config is not valid: everything that is wrong with it, with the places.
    #[error("the config is not valid:\n{}", listed(.0))]
    Config(Vec<FileProblem>),
    /// A component could not start on it.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The file cannot be watched.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// It is valid and yet is not served: a defect, or a variable or a file that changed during the start.
    #[error("the config is valid but not served; try again, and report this if it persists")]
    NotServed,
}

fn listed(problems: &[FileProblem]) -> String {
    problems.iter().map(|problem| format!("  {problem}")).collect::<Vec<_>>().join("\n")
}

/// Puts a program together: its config, where that is read from, and the components that follow it.
///
/// ```
/// use midflight_app::AppBuilder;
/// use midflight_config::ConfigSchema;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// #[serde(default)]
/// struct Settings {
///     greeting: String,
/// }
///
/// impl Default for Settings {
///     fn default() -> Self {
///         Self { greeting: "hello".to_owned() }
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("shop.yaml");
/// std::fs::write(&path, "greeting: good day\n")?;
/// let mut builder = AppBuilder::new("shop", ConfigSchema::<Settings>::new())?;
/// builder.file(&path);
/// let app = builder.start().await?;
/// assert_eq!(app.config().load().greeting, "good day");
///
/// std::fs::write(&path, "greeting: good evening\n")?;
/// let report = app.reload(midflight_core::Trigger::Manual, "anna").await;
/// assert!(report.is_live());
/// assert_eq!(app.config().load().greeting, "good evening");
/// # app.stop().await;
/// # Ok(())
/// # }
/// ```
///
/// The common mistake is to keep what [`LiveConfig::load`] answered, or a pool that was made of it: load it where it is
/// used, and let a [`Component`] make whatever has connections.
pub struct AppBuilder<T> {
    id: DocumentId,
    shape: Arc<ConfigSchema<T>>,
    engine: EngineBuilder,
    slot: KindSlot<Config>,
    file: Option<PathBuf>,
    file_options: FileOptions,
    process: Process,
}

impl<T> AppBuilder<T>
where
    T: Default + Serialize + DeserializeOwned + Send + Sync + 'static,
{
    /// A program whose config is `name`, of this shape.
    ///
    /// # Errors
    /// [`AppError::Name`] when the name is none of a document.
    pub fn new(name: &str, shape: ConfigSchema<T>) -> Result<Self, AppError> {
        Self::referring(name, shape, References::none())
    }

    /// The same, with what documents may refer to that are put past the file, by an edit of the engine. The file is the
    /// operator's, and refers to anything.
    ///
    /// # Errors
    /// [`AppError::Name`] when the name is none of a document.
    pub fn referring(name: &str, shape: ConfigSchema<T>, references: References) -> Result<Self, AppError> {
        let process = Process::new(references);
        let document = DocumentName::new(name);
        let document = document.map_err(|source| AppError::Name { name: name.to_owned(), source })?;
        let shape = Arc::new(shape);
        let kind = Config::new().with(document.clone(), Arc::clone(&shape));
        let mut engine = Engine::builder().memory();
        let id = DocumentId { kind: kind_name(), name: document };
        let slot = engine.kind(kind);
        let redactor = shape.redactor().clone();
        engine.environment(process.clone());
        engine.redact(move |text| redactor.redact(text).into_owned());
        let file_options = FileOptions::default();
        Ok(Self { id, shape, engine, slot, file: None, file_options, process })
    }

    /// Reads the config from a file, and follows it.
    pub fn file(&mut self, path: impl Into<PathBuf>) -> &mut Self {
        self.file = Some(path.into());
        self
    }

    /// Sets how the file is followed.
    pub fn file_options(&mut self, options: FileOptions) -> &mut Self {
        self.file_options = options;
        self
    }

    /// The engine below, for limits, own kinds and other options.
    pub fn engine(&mut self) -> &mut EngineBuilder {
        &mut self.engine
    }

    /// Adds a component.
    pub fn component(&mut self, component: impl Component) -> &mut Self {
        self.engine.component(component);
        self
    }

    /// Where a component finds its part of the config: at `path`, a JSON Pointer by which problems call it, and by
    /// `part`, which answers none when it is not to be there.
    pub fn place<S>(
        &self,
        path: &str,
        part: impl Fn(&T) -> Option<S> + Send + Sync + 'static,
    ) -> SettingsSource<S> {
        let (slot, name) = (self.slot.slot(), self.id.name.clone());
        let read = move |world: &World| part(&*world.get::<Configs>(slot)?.typed::<T>(&name)?);
        SettingsSource::in_document(self.id.clone(), JsonPointer::parse(path), read)
    }

    /// Starts: the config is read and valid, every component runs on it, and its file is followed.
    ///
    /// # Errors
    /// [`AppError`]; nothing runs then.
    pub async fn start(mut self) -> Result<App<T>, AppError> {
        let boot = Bootstrap::read(self.id.clone(), &self.shape, &self.process, self.file, None)?;
        if let Some(first) = boot.first_edit() {
            self.engine.first_edit(first);
        }
        let engine = self.engine.start().await?;
        let live = engine.live(self.slot);
        if live.load().get(&self.id.name).is_none() {
            engine.stop().await;
            return Err(AppError::NotServed);
        }
        let reloader = boot.follow(&engine, live.clone(), self.file_options)?;
        Ok(App { engine, config: LiveConfig::new(live, self.id.name), reloader: Arc::new(reloader) })
    }
}

impl<T> std::fmt::Debug for AppBuilder<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AppBuilder").field("id", &self.id).field("file", &self.file).finish_non_exhaustive()
    }
}

/// A program that runs. Cloning it gives another handle on the same.
#[derive(Debug)]
pub struct App<T> {
    engine: Engine,
    config: LiveConfig<T>,
    reloader: Arc<ConfigReloader>,
}

impl<T> Clone for App<T> {
    fn clone(&self) -> Self {
        Self {
            engine: self.engine.clone(),
            config: self.config.clone(),
            reloader: Arc::clone(&self.reloader),
        }
    }
}

impl<T: Send + Sync + 'static> App<T> {
    /// The handle on the config.
    #[must_use]
    pub fn config(&self) -> &LiveConfig<T> {
        &self.config
    }

    /// Checks what the config should be, applies it, and answers its state afterwards. However many ask at once, and
    /// whether or not they wait for it.
    pub async fn reload(&self, trigger: Trigger, by: &str) -> Report {
        self.reloader.reload(trigger, by).await
    }

    /// The state of the config.
    #[must_use]
    pub fn report(&self) -> Report {
        self.reloader.report()
    }

    /// Waits for the end of the next check, counted from this call, and answers the state of the config.
    pub fn next_report(&self) -> impl Future<Output = Report> + '_ {
        self.reloader.next_report()
    }

    /// Reloads whenever the process gets SIGHUP, until the app stops.
    ///
    /// # Errors
    /// When the system does not allow signal handlers.
    #[cfg(unix)]
    pub fn reload_on_sighup(&self) -> std::io::Result<()> {
        let mut hangups = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup())?;
        let reloader = Arc::downgrade(&self.reloader);
        tokio::spawn(async move {
            while hangups.recv().await.is_some() {
                let Some(reloader) = reloader.upgrade() else { return };
                reloader.request(Trigger::Signal, "SIGHUP");
            }
        });
        Ok(())
    }

    /// The engine below: history, edits, schedules.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Stops following; what is in effect stays readable, and components are released with their handles.
    pub async fn stop(&self) {
        self.reloader.stop().await;
        self.engine.stop().await;
    }
}

fn kind_name() -> KindName {
    #[expect(clippy::expect_used, reason = "the name is written here, and a test makes one")]
    KindName::new("config").expect("is the name of a kind")
}
