//! The composition: store, bus, engine, rules, watched directories and routes become one service.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use midflight_app::{Boot, Reloader};
use midflight_components::Llm;
use midflight_config::Configs;
use midflight_core::Trigger;
use midflight_engine::{Engine, EngineBuilder, Identity, Scope};
use midflight_http::app::{App, Parts, Redact, Scrape, ScrapeSettings};
use midflight_http::code::Code;
use midflight_http::edge::Edge;
use midflight_http::kind::Kinds;
use midflight_http::metrics::registry::MetricsRegistry;
use midflight_http::setup::Started;
use midflight_http::start::start;
use midflight_live::Live;
use midflight_source::{DirectoryOptions, DirectorySource, distinct_directories};
use tokio::sync::Mutex;
use utoipa::openapi::OpenApi;

use crate::ServeOptions;
use crate::backend::Backend;
use crate::data_dir::DataDir;
use crate::error::ServeError;
use crate::keys::Keys;
use crate::kinds::around::Around;
use crate::kinds::kinds;
#[cfg(feature = "tools")]
use crate::kinds::tools::{AgentSettings, seal_key};
use crate::own::{
    Exchanged, HintsRedis, LogDatabase, MetricsSettings, Part, Settings, left_out, log_place, own_id,
    try_again,
};

/// Everything that answers, but for the socket it answers on; [`crate::start`] puts it behind one.
pub struct Service {
    app: App,
    edge: Edge,
    reloader: Arc<Reloader>,
    llm: Llm,
    first_token: Option<String>,
    directories: Mutex<Vec<DirectorySource>>,
    data_dir: Mutex<Option<DataDir>>,
}

impl Service {
    /// Starts the engine on a log and puts the routes before it. `address` is where it will listen: reads are open
    /// when that is loopback.
    ///
    /// # Errors
    /// [`ServeError`] when the log cannot be served, or the token or a directory cannot be read.
    pub(crate) async fn start(
        options: &ServeOptions,
        mut backend: Backend,
        boot: Boot,
        is_there: bool,
        address: SocketAddr,
    ) -> Result<Self, ServeError> {
        distinct_directories(&options.watch)?;
        // The log of a single server has no other servers whose users would be refused then.
        let replaces = options.replace_admin_token || !backend.is_shared();
        let mut keys = Keys::read(options.admin_token_file.as_deref(), replaces, backend.kept_tokens())?;
        let (tokens, first_token) = match is_there {
            true => keys.first(&*backend.store).await?,
            false => (keys.without_store(), None),
        };
        let last_good = backend.last_good();
        let data_dir = Mutex::new(backend.data_dir.take());
        let replica_id = backend.replica_id.clone();
        let mut builder =
            Engine::builder().store(Arc::clone(&backend.store)).bus(Arc::clone(&backend.buses.bus));
        builder
            .limits(options.engine_limits)
            .refresh(options.hot_reload.refresh())
            .enforce_checks(options.hot_reload.validation_enabled)
            .identity(Identity {
                id: replica_id.clone(),
                address: format!("http://{address}"),
                labels: options.labels.clone(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                has_others: backend.is_shared(),
            });
        if let Some(file) = last_good {
            builder.last_good(file);
        }
        let around = Around::new(options, replica_id.clone());
        if let Some(redis) = &backend.buses.redis {
            around.redis.get_or_init(|| redis.clone());
        }
        #[cfg(feature = "tools")]
        {
            let (forward, environment) = (options.forward.clone(), Arc::new(options.config.around()));
            let seal_key = seal_key(&*backend.store).await?;
            around.agents.get_or_init(|| AgentSettings { seal_key, forward, environment });
        }
        let makers: Vec<_> = kinds(options, &around).iter().map(|kind| kind.add(&mut builder)).collect();
        let own = *around.own.get().ok_or(ServeError::Composition)?;
        add_components(&mut builder, &backend, options, own);
        let redactor = options.config.redactor.clone();
        let redact: Redact = Arc::new(move |text: &str| redactor.redact(text).into_owned());
        let redacted = Arc::clone(&redact);
        builder.redact(move |text| redacted(text));
        for first in boot.first_edit().into_iter().chain(options.first_edits.iter().cloned()) {
            builder.first_edit(first);
        }
        let engine = builder.start().await?;
        let configs = engine.live(own.0);
        refuse_bad_config(&engine, &configs, options.config.file.is_some()).await?;
        let reloader = Arc::new(boot.follow(&engine, configs.clone(), options.config.file_options)?);
        around.reloader.get_or_init(|| Arc::clone(&reloader));
        let mut directories = Vec::with_capacity(options.watch.len());
        let how = DirectoryOptions { shared: backend.is_shared(), ..options.directory };
        for directory in &options.watch {
            // Each is in step with the log when this returns.
            directories.push(DirectorySource::start(engine.clone(), directory.clone(), how).await?);
        }
        let metrics = MetricsRegistry::new();
        let started = Started { engine: &engine, metrics: &metrics };
        let kinds: Option<Vec<_>> = makers.into_iter().map(|make| make(&started)).collect();
        let kinds = Kinds::new(kinds.ok_or(ServeError::Composition)?);
        let llm = around.llm.get().ok_or(ServeError::Composition)?.clone();
        let app = start(Parts {
            engine,
            kinds,
            metrics,
            tokens,
            bus: Arc::clone(&backend.buses.bus),
            is_shared: backend.is_shared(),
            directories: directories.iter().map(DirectorySource::handle).collect(),
            limits: options.limits,
            hot_reload: options.hot_reload,
            replica_id,
            address,
            requires_token: options.require_token,
            redact,
            scrape: scrape_settings(configs.clone()),
        });
        let metrics_path = served(&configs).metrics.path.clone();
        let period = move || Duration::from_millis(served(&configs).tokens.period_ms());
        app.tasks.spawn(keys.follow(app.clone(), backend.seal.clone(), is_there, period));
        if options.config.file.is_none() {
            app.tasks.spawn(try_again(app.clone(), options.config.clone()));
        }
        let edge = Edge::new(&app).with_metrics_at(&metrics_path);
        Ok(Self { app, edge, reloader, llm, first_token, directories: Mutex::new(directories), data_dir })
    }

    /// What answers requests.
    pub(crate) fn edge(&self) -> Edge {
        self.edge.clone()
    }

    /// The codes that errors of this server can carry, those of its kinds among them.
    pub fn codes(&self) -> impl Iterator<Item = Code> {
        self.app.kinds.codes()
    }

    /// The engine behind the routes.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.app.engine
    }

    /// The OpenAPI document of this server, with the routes of its kinds.
    #[must_use]
    pub fn openapi(&self) -> &OpenApi {
        self.edge.openapi()
    }

    /// Takes every trigger of the server's own config.
    #[must_use]
    pub fn reloader(&self) -> &Reloader {
        &self.reloader
    }

    /// The client of the LLM, which follows the config; its calls answer that none is configured when none is.
    #[must_use]
    pub fn llm(&self) -> &Llm {
        &self.llm
    }

    /// The admin's token, if this start made it and no file holds it. Nothing else will ever tell it.
    #[must_use]
    pub fn first_token(&self) -> Option<&str> {
        self.first_token.as_deref()
    }

    /// Tells watchers and sockets that the service stops. Requests are still answered.
    pub fn begin_stop(&self) {
        self.app.begin_stop();
    }

    /// Stops: directories first, so that nothing new is wanted, then the engine, then the store.
    pub async fn stop(&self) {
        self.begin_stop();
        self.reloader.stop().await;
        for directory in self.directories.lock().await.drain(..) {
            directory.stop().await;
        }
        self.app.stop().await;
        self.app.engine.stop().await;
        self.app.engine.store().close().await;
        // Now another server may have the folder.
        drop(self.data_dir.lock().await.take());
    }
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").field("replica_id", &self.app.replica_id).finish_non_exhaustive()
    }
}

/// The components of the server itself.
fn add_components(builder: &mut EngineBuilder, backend: &Backend, options: &ServeOptions, part: Part) {
    let settings = &backend.settings;
    if let Some(logger) = &options.logger {
        builder.component(logger.part(log_place(move |world| Some(part.of(world)?.log.logged()))));
    }
    if let Some(store) = &backend.postgres {
        let (store, bus) = (Arc::clone(store), backend.buses.postgres.clone());
        let log = LogDatabase { store, bus, replica: backend.replica_id.clone() };
        builder.component(Exchanged::new(log, part, settings.database.clone()));
    }
    if let Some(bus) = &backend.buses.redis {
        builder.component(Exchanged::new(HintsRedis(bus.clone()), part, settings.redis.clone()));
    }
}

/// The operator's file that is left out, since it does not hold, is no reason to go on without it: nobody asked for the
/// defaults. A document of the log is anybody's who may edit it, and health says that it is left out.
async fn refuse_bad_config(
    engine: &Engine,
    configs: &Live<Configs>,
    is_of_file: bool,
) -> Result<(), ServeError> {
    if configs.load().get(&own_id().name).is_none() {
        // Where nothing of the log is good here nothing was compiled. A look makes what is there without a document; whether
        // it did is seen below.
        engine.reload(Trigger::Startup, "config", Scope::New).await.ok();
    }
    let status = engine.status();
    let left_out = left_out(&status).filter(|_| is_of_file);
    if left_out.is_none() && configs.load().get(&own_id().name).is_some() {
        return Ok(());
    }
    engine.stop().await;
    Err(left_out.map_or(ServeError::Composition, |(_, it)| ServeError::OwnConfig(it.problems.clone())))
}

/// The server's own config, as it is served.
fn served(configs: &Live<Configs>) -> Arc<Settings> {
    // It was there at the start, and a revision without it does not go live.
    configs.load().typed(&own_id().name).unwrap_or_default()
}

fn scrape_settings(configs: Live<Configs>) -> Scrape {
    Arc::new(move || {
        let MetricsSettings { enabled, labels, .. } = served(&configs).metrics.clone();
        ScrapeSettings { enabled, labels }
    })
}
