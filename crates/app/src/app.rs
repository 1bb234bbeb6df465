//! A whole program on one config: declared, started, reloaded, stopped.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use midflight_bus::MemoryBus;
use midflight_config::{Config, Configs, Entry, Shape};
use midflight_core::{Change, Digest, DocumentId, DocumentName, Edit, KindName, Outcome, Pointer, Trigger};
use midflight_engine::{Component, Engine, EngineBuilder, KindSlot, Section, StartError};
use midflight_live::{Live, World};
use midflight_source::{FileOptions, FileProblem, SourceError};
use midflight_store::{MemoryStore, NewRevision, Store, StoreError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Process;
use crate::file::{ConfigFile, Content};
use crate::live::LiveConfig;
use crate::look::Looked;
use crate::reloader::{Reloader, Subject};
use crate::report::{Attempt, Report, ServedContent};

/// Why a program did not start. It never starts on defaults instead.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppError {
    /// The name of the config is none.
    #[error("{name:?} is no name of a config: {source}")]
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
    /// The log did not take the file's document.
    #[error("the log does not take the config: {0}")]
    Store(String),
}

fn listed(problems: &[FileProblem]) -> String {
    problems.iter().map(|problem| format!("  {problem}")).collect::<Vec<_>>().join("\n")
}

impl From<StoreError> for AppError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.to_string())
    }
}

/// Puts a program together: its config, where that is read from, and the components that follow it.
///
/// ```
/// use midflight_app::AppBuilder;
/// use midflight_config::Shape;
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
/// let mut builder = AppBuilder::new("shop", Shape::<Settings>::new())?;
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
/// The common mistake is to keep what [`LiveConfig::load`] answered, or a pool that was made of it: load it where it is used,
/// and let a [`Component`] make whatever has connections.
pub struct AppBuilder<T> {
    id: DocumentId,
    shape: Arc<Shape<T>>,
    engine: EngineBuilder,
    store: Arc<dyn Store>,
    slot: KindSlot<Config>,
    file: Option<PathBuf>,
    file_options: FileOptions,
}

impl<T> AppBuilder<T>
where
    T: Default + Serialize + DeserializeOwned + Send + Sync + 'static,
{
    /// A program whose config is `name`, of this shape.
    ///
    /// # Errors
    /// [`AppError::Name`] when the name is none of a document.
    pub fn new(name: &str, shape: Shape<T>) -> Result<Self, AppError> {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let document = DocumentName::new(name);
        let document = document.map_err(|source| AppError::Name { name: name.to_owned(), source })?;
        let shape = Arc::new(shape);
        let kind = Config::new(Process).with(document.clone(), Arc::clone(&shape));
        let mut engine = Engine::builder(Arc::clone(&store), Arc::new(MemoryBus::new()));
        let id = DocumentId { kind: kind_name(), name: document };
        let slot = engine.kind(kind);
        let file_options = FileOptions::default();
        Ok(Self { id, shape, engine, store, slot, file: None, file_options })
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

    /// The engine below, for limits, kinds of one's own and whatever else it takes.
    pub fn engine(&mut self) -> &mut EngineBuilder {
        &mut self.engine
    }

    /// Adds a component.
    pub fn component(&mut self, component: impl Component) -> &mut Self {
        self.engine.component(component);
        self
    }

    /// Which documents concern a component of this program: its config.
    #[must_use]
    pub fn section(&self) -> Section {
        Section { kind: self.id.kind.clone(), name: Some(self.id.name.clone()) }
    }

    /// How a component finds its part of the config in a world.
    pub fn part<S>(
        &self,
        part: impl Fn(&T) -> Option<S> + Send + Sync + 'static,
    ) -> impl Fn(&World) -> Option<S> + Send + Sync + 'static {
        let (slot, name) = (self.slot.slot(), self.id.name.clone());
        move |world| part(&*world.get::<Configs>(slot)?.typed::<T>(&name)?)
    }

    /// Starts: the config is read and valid, every component runs on it, and its file is followed.
    ///
    /// # Errors
    /// [`AppError`]; nothing runs then.
    pub async fn start(self) -> Result<App<T>, AppError> {
        let (at, began) = (Timestamp::now(), std::time::Instant::now());
        let file = self.file.map(ConfigFile::new);
        let first = match &file {
            Some(file) => Some(first_content(file)?),
            None => None,
        };
        let running = first_entry(&self.shape, &self.id, file.as_ref(), first.as_ref())?;
        if let (Some(file), Some((_, text))) = (&file, &first) {
            seed(&*self.store, &self.id, file, text.body()).await?;
        }
        let engine = self.engine.start().await?;
        let live =
            engine.live(self.slot).filter(|live: &Live<Configs>| live.load().get(&self.id.name).is_some());
        let Some(live) = live else {
            engine.stop().await;
            let problem =
                midflight_core::Problem::new("not_served", Pointer::root(), "what was valid is not served");
            return Err(AppError::Config(ConfigFile::new("".into()).placed(&problem.into(), None)));
        };
        let attempt = Attempt {
            hash: first.as_ref().map(|(digest, _)| *digest).or_else(|| running.digest()),
            outcome: Outcome::Success,
            trigger: Trigger::Startup,
            by: "startup".to_owned(),
            at,
            took: began.elapsed(),
            components: engine.status().last_reload.map_or_else(Vec::new, |event| event.components.clone()),
            problems: Vec::new(),
        };
        let served = first.map(|(hash, text)| ServedContent { hash, body: Digest::of_body(text.body()) });
        let subject = Subject { id: self.id, live: live.clone(), running: Arc::new(running), file };
        let name = subject.id.name.clone();
        let reloader =
            Reloader::start(engine.clone(), subject, self.file_options, Looked { attempt, served })?;
        Ok(App { engine, config: LiveConfig::new(live, name), reloader: Arc::new(reloader) })
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
    reloader: Arc<Reloader>,
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

    /// Looks what the config is to be, brings it about, and answers how it stands then. However many ask at once, and
    /// whether or not they wait for it.
    pub async fn reload(&self, trigger: Trigger, by: &str) -> Report {
        self.reloader.reload(trigger, by).await
    }

    /// How the config stands.
    #[must_use]
    pub fn report(&self) -> Report {
        self.reloader.report()
    }

    /// Waits for the next look to end, and answers how the config stands then.
    pub async fn next_report(&self) -> Report {
        self.reloader.next_report().await
    }

    /// Reloads whenever the process gets SIGHUP, until the app stops.
    ///
    /// # Errors
    /// When the system does not let signals be heard.
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

    /// Stops following; what is in effect stays readable, and components are let go of with their handles.
    pub async fn stop(&self) {
        self.reloader.stop().await;
        self.engine.stop().await;
    }
}

/// What the file says at the start, which has to be something.
fn first_content(file: &ConfigFile) -> Result<(Digest, midflight_source::ConfigText), AppError> {
    let Content { digest, text } = file.read().map_err(AppError::Config)?;
    Ok((digest, text.map_err(AppError::Config)?))
}

/// The config at the start, by the code that validates at every reload.
fn first_entry<T>(
    shape: &Shape<T>,
    id: &DocumentId,
    file: Option<&ConfigFile>,
    first: Option<&(Digest, midflight_source::ConfigText)>,
) -> Result<Entry, AppError>
where
    T: Default + Serialize + DeserializeOwned + Send + Sync + 'static,
{
    let built = shape.build(first.map(|(_, text)| text.body()), &Process);
    built.map_err(|problems| {
        let placed = match file {
            Some(file) => file.placed(&problems, first.map(|(_, text)| text)),
            None => ConfigFile::new(id.to_string().into()).placed(&problems, None),
        };
        AppError::Config(placed)
    })
}

/// Puts what the file says into a log before it is served, so that nothing runs on anything else first.
async fn seed(
    store: &dyn Store,
    id: &DocumentId,
    file: &ConfigFile,
    body: &Arc<serde_json::Value>,
) -> Result<(), AppError> {
    let mut change = Change::put(id.clone(), serde_json::Value::Null);
    change.body = Some(Arc::clone(body));
    let edit = Edit {
        author: file.owner().as_str().to_owned(),
        reason: format!("as {} says", file.path().display()),
        trigger: Trigger::Startup,
        owner: Some(file.owner()),
        take_over: true,
        changes: vec![change],
    };
    let expected_head = store.head().await?;
    let new =
        NewRevision { edit: &edit, created_at: Timestamp::now(), expected_head, documents_max: u64::MAX };
    store.append(new).await.map(drop).map_err(|error| AppError::Store(error.to_string()))
}

fn kind_name() -> KindName {
    #[expect(clippy::expect_used, reason = "the name is written here, and a test makes one")]
    KindName::new("config").expect("is the name of a kind")
}
