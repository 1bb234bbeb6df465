//! The composition: store, bus, engine, rules, watched directories and routes become one service.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use jiff::SignedDuration;
use midflight_app::{Bootstrap, ConfigReloader};
use midflight_components::Llm;
use midflight_config::Configs;
use midflight_core::Trigger;
use midflight_engine::{Engine, EngineBuilder, Identity, ReloadScope};
use midflight_http::app::{AppState, Parts, RedactText, Scrape, ScrapeSettings};
use midflight_http::code::Code;
use midflight_http::edge::HttpEdge;
use midflight_http::jwt::JwtVerifier;
use midflight_http::kind::Kinds;
use midflight_http::metrics::registry::MetricsRegistry;
use midflight_http::request_tracing::RequestTracing;
use midflight_http::setup::Started;
use midflight_http::start::start;
use midflight_http::tls::TlsEndpoint;
use midflight_live::Live;
use midflight_source::{DirectoryOptions, DirectorySource, distinct_directories};
#[cfg(feature = "modules")]
use midflight_store::Durability;
use tokio::sync::{Mutex, Notify};
use utoipa::openapi::OpenApi;

use crate::backend::Backend;
use crate::data_dir::DataDir;
use crate::error::ServeError;
use crate::file_events::FileEvents;
use crate::host_audit::HostAudit;
use crate::jwks::KeySource;
use crate::kinds::context::KindContext;
use crate::kinds::kinds;
#[cfg(feature = "modules")]
use crate::kinds::modules::ModuleRuntime;
#[cfg(feature = "tools")]
use crate::kinds::tools::{AgentSettings, seal_key};
#[cfg(feature = "otlp")]
use crate::otlp::Otlp;
use crate::own::{
    HintsRedis, LogDatabase, MetricsSettings, OwnConfigView, Settings, boot, left_out, log_place, own_id,
    settings, try_again,
};
use crate::retention;
use crate::start::url;
use crate::token_refresher::{KeyOptions, TokenRefresher};
use crate::{JwtSettings, ServeOptions};

/// Everything that answers, but for the socket it answers on; [`crate::start`] puts it behind one. A program that
/// listens itself opens one, and mounts its [`Self::router`] beside its own routes.
pub struct Service {
    app: AppState,
    edge: HttpEdge,
    reloader: Arc<ConfigReloader>,
    llm: Llm,
    first_token: Option<String>,
    look_at_keys: Arc<Notify>,
    look_at_tls: Arc<Notify>,
    directories: Mutex<Vec<DirectorySource>>,
    data_dir: Mutex<Option<DataDir>>,
}

impl Service {
    /// Opens the log that the options name and starts the engine on it, as [`crate::start`] does, without a socket.
    ///
    /// Of the options, what a listener is for has no effect: `ready_file`, and of the config `metrics.port`.
    /// `server.host` and `server.port` are the address that other replicas see, and nothing else.
    ///
    /// # Errors
    /// [`ServeError`] names the invalid part of the options.
    pub async fn open(options: ServeOptions) -> Result<Self, ServeError> {
        let backend = Backend::open(&options).await?;
        Self::open_on(options, backend).await
    }

    /// Starts the engine on a log that is open, without a socket.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn open_on(options: ServeOptions, backend: Backend) -> Result<Self, ServeError> {
        let is_there = backend.ready().await?;
        let boot = boot(&options.config, &backend, is_there).await?;
        Self::start(&options, backend, boot, is_there, None).await
    }

    /// Starts the engine on a log and puts the routes before it. `listens` is the address that it will listen on, if it
    /// does: reads are open when that is loopback.
    ///
    /// # Errors
    /// [`ServeError`] when the log cannot be served, or the token or a directory cannot be read.
    pub(crate) async fn start(
        options: &ServeOptions,
        mut backend: Backend,
        boot: Bootstrap,
        is_there: bool,
        listens: Option<SocketAddr>,
    ) -> Result<Self, ServeError> {
        let address = listens.map_or_else(|| settings(&boot).map(|own| own.listen()), Ok)?;
        distinct_directories(&options.watch)?;
        // The log of a single server has no other servers whose users would be refused then.
        let replaces = options.replace_admin_token || !backend.is_shared();
        let mut keys = TokenRefresher::read(KeyOptions {
            file: options.admin_token_file.clone(),
            replaces,
            kept: backend.kept_tokens(),
            recovery: backend.recovery(),
            audit: HostAudit { replica: backend.replica_id.clone() },
        })?;
        let (tokens, first_token) = match is_there {
            true => keys.first(&*backend.store).await?,
            false => (keys.without_store(), None),
        };
        let (tokens, jwt) = match &options.jwt {
            None => (tokens, None),
            Some(JwtSettings { verify, keys }) => {
                let verifier = JwtVerifier::new(verify.clone());
                let verifier = Arc::new(verifier.map_err(|error| ServeError::Jwt(error.to_string()))?);
                let source = KeySource::new(keys.clone(), &options.outbound)?;
                (tokens.with_jwt(Arc::clone(&verifier)), Some((source, verifier)))
            }
        };
        let tls = options.tls.as_ref().map(|files| files.open(options.config.file_options)).transpose()?;
        let last_good = backend.last_good();
        let replica_id = backend.replica_id.clone();
        let mut builder =
            Engine::builder().store(Arc::clone(&backend.store)).bus(Arc::clone(&backend.buses.bus));
        builder
            .limits(options.engine_limits)
            .refresh(options.hot_reload.refresh())
            .enforce_checks(options.hot_reload.validation_enabled)
            .identity(Identity {
                id: replica_id.clone(),
                address: url(address, tls.is_some()),
                labels: options.labels.clone(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                has_others: backend.is_shared(),
            });
        if let Some(file) = last_good {
            builder.last_good(file);
        }
        let context = KindContext::new(options, replica_id.clone(), backend.is_shared());
        if let Some(redis) = &backend.buses.redis {
            context.redis.get_or_init(|| redis.clone());
        }
        #[cfg(feature = "tools")]
        {
            let mut forward = options.forward.clone();
            forward.outbound = options.outbound.clone();
            let environment = Arc::new(options.config.context());
            let seal_key = seal_key(&*backend.store).await?;
            context.agents.get_or_init(|| AgentSettings { seal_key, forward, environment });
        }
        #[cfg(feature = "modules")]
        {
            let folder = backend.data_dir.as_ref().map(DataDir::modules);
            let is_synced = options.durability == Durability::Machine;
            let (limits, natives) = (options.modules, options.native_modules.clone());
            let modules = ModuleRuntime::open(&backend.store, folder.as_deref(), is_synced, limits, natives)?;
            context.modules.get_or_init(|| modules);
        }
        let data_dir = Mutex::new(backend.data_dir.take());
        let makers: Vec<_> = kinds(options, &context).iter().map(|kind| kind.add(&mut builder)).collect();
        let own = *context.own.get().ok_or(ServeError::Composition)?;
        add_components(&mut builder, &backend, options, own);
        let redactor = options.config.redactor.clone();
        let redact: RedactText = Arc::new(move |text: &str| redactor.redact(text).into_owned());
        let redacted = Arc::clone(&redact);
        builder.redact(move |text| redacted(text));
        for first in boot.first_edit().into_iter().chain(options.first_edits.iter().cloned()) {
            builder.first_edit(first);
        }
        let engine = builder.start().await?;
        let configs = engine.live(own.0);
        refuse_bad_config(&engine, &configs, options.config.file.is_some()).await?;
        let reloader = Arc::new(boot.follow(&engine, configs.clone(), options.config.file_options)?);
        context.reloader.get_or_init(|| Arc::clone(&reloader));
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
        let llm = context.llm.get().ok_or(ServeError::Composition)?.clone();
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
            address: listens,
            requires_token: options.require_token,
            tls: tls.as_ref().map(|tls| Arc::clone(tls.endpoint())),
            redact,
            scrape: scrape_settings(configs.clone()),
            tracing: request_tracing(options),
            history: options.metrics_history,
        });
        #[cfg(feature = "otlp")]
        if let Some(otlp) = &options.otlp {
            otlp.count_in(&app.metrics);
            otlp.export_metrics(&app);
        }
        let metrics_path = served(&configs).metrics.path.clone();
        let of_audit = configs.clone();
        let kept = move || SignedDuration::from_hours(24 * i64::from(served(&of_audit).audit.keep_days));
        let period = move || Duration::from_millis(served(&configs).tokens.period_ms());
        if let Some((source, verifier)) = jwt {
            app.tasks.spawn(source.follow(verifier, app.stopping.clone()));
        }
        let look_at_tls = Arc::new(Notify::new());
        if let Some(tls) = tls {
            app.tasks.spawn(tls.follow(Arc::clone(&look_at_tls), app.stopping.clone()));
        }
        let look_at_keys = Arc::new(Notify::new());
        let look = Arc::clone(&look_at_keys);
        if let Some(file) = &options.admin_token_file {
            let events = FileEvents::new(file.clone(), options.config.file_options)?;
            app.tasks.spawn(events.wake(Arc::clone(&look), app.stopping.clone()));
        }
        app.tasks.spawn(keys.follow(app.clone(), backend.seal.clone(), is_there, period, look));
        app.tasks.spawn(retention::run(app.clone(), kept));
        if options.config.file.is_none() {
            app.tasks.spawn(try_again(app.clone(), options.config.clone()));
        }
        let edge = HttpEdge::new(&app).with_metrics_at(&metrics_path);
        let directories = Mutex::new(directories);
        Ok(Self { app, edge, reloader, llm, first_token, look_at_keys, look_at_tls, directories, data_dir })
    }

    /// What answers requests.
    pub(crate) fn edge(&self) -> HttpEdge {
        self.edge.clone()
    }

    /// The whole API as a router, for an axum application that mounts it beside its own routes: at the root by
    /// `Router::fallback_service`, under a prefix by `Router::nest`.
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use axum::{Router, routing::get};
    /// use midflight_server::{ServeOptions, Service};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let data_dir = folder.path();
    /// let service = Service::open(ServeOptions::new(data_dir)).await?;
    /// let app: Router = Router::new()
    ///     .route("/hello", get(|| async { "hello" }))
    ///     .nest("/midflight", service.router());
    ///
    /// let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    /// let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    /// let serving = axum::serve(listener, app).with_graceful_shutdown(async { drop(stopped.await) });
    /// let serving = tokio::spawn(serving.into_future());
    ///
    /// // Watchers and sockets end first, then the listener, then the engine.
    /// service.begin_stop();
    /// drop(stop);
    /// serving.await??;
    /// service.stop().await;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// What does not depend on the listener is as in a server: tokens and roles, scopes, the check of the Origin
    /// header, the bounds of bodies, answers and times (`request_ms_max`), the audit, metrics, gzip. Every read needs a
    /// token, unless its route is open to all, since it is not known who can reach the listener. With
    /// `into_make_service_with_connect_info::<SocketAddr>()` the audit has the address of each client.
    ///
    /// What a listener gives is the program's to give: the bound of connections (`connections_max`), of the time for
    /// the headers (`receive_ms_max`), of clients that do not read (`write_idle_ms_max`), the turns of connections with
    /// many requests, a port for the metrics, and waiting for requests that are under way (`drain_ms_max`).
    ///
    /// Paths in answers (`href`), in the OpenAPI document and in the audit are without the prefix. The web UI and the
    /// page `/docs` work where it is mounted at the root.
    pub fn router(&self) -> Router {
        self.edge().into_router()
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
    pub fn reloader(&self) -> &ConfigReloader {
        &self.reloader
    }

    /// The client of the LLM, which follows the config; its calls answer that none is configured when none is.
    #[must_use]
    pub fn llm(&self) -> &Llm {
        &self.llm
    }

    /// The admin's token, if this start made it and no file holds it. Nothing else will ever notify it.
    #[must_use]
    pub fn first_token(&self) -> Option<&str> {
        self.first_token.as_deref()
    }

    /// Looks at once whether tokens were changed, in the file of the admin token or in the store, and whether the files
    /// of TLS were. They are looked at by a period too.
    pub fn look_at_keys(&self) {
        self.look_at_keys.notify_one();
        self.look_at_tls.notify_one();
    }

    /// What connections are encrypted with, if they are.
    pub(crate) fn tls(&self) -> Option<&Arc<TlsEndpoint>> {
        self.app.tls.as_ref()
    }

    /// Notifies watchers and sockets that the service stops. Requests are still answered.
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
fn add_components(
    builder: &mut EngineBuilder,
    backend: &Backend,
    options: &ServeOptions,
    part: OwnConfigView,
) {
    let settings = &backend.settings;
    if let Some(logger) = &options.logger {
        builder.component(logger.part(log_place(move |world| Some(part.of(world)?.log.logged()))));
    }
    if let Some(store) = &backend.postgres {
        let (store, bus) = (Arc::clone(store), backend.buses.postgres.clone());
        let log = LogDatabase { store, bus, replica: backend.replica_id.clone() };
        builder.component(log.component(part, &settings.database));
    }
    if let Some(bus) = &backend.buses.redis {
        builder.component(HintsRedis(bus.clone()).component(part, &settings.redis));
    }
}

/// An invalid file of the operator is not a reason to continue without it: the defaults were not requested. A document
/// of the log may be changed by any editor, and health reports that it is left out.
async fn refuse_bad_config(
    engine: &Engine,
    configs: &Live<Configs>,
    is_of_file: bool,
) -> Result<(), ServeError> {
    if configs.load().get(&own_id().name).is_none() {
        // Where nothing of the log is good here nothing was compiled. A look makes what is there without a document; whether
        // it did is seen below.
        engine.reload(Trigger::Startup, "config", ReloadScope::New).await.ok();
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

/// What makes requests part of traces, where they are exported.
#[cfg(feature = "otlp")]
fn request_tracing(options: &ServeOptions) -> Option<Arc<dyn RequestTracing>> {
    options.otlp.as_ref().and_then(Otlp::requests)
}

#[cfg(not(feature = "otlp"))]
fn request_tracing(_: &ServeOptions) -> Option<Arc<dyn RequestTracing>> {
    None
}

fn scrape_settings(configs: Live<Configs>) -> Scrape {
    Arc::new(move || {
        let MetricsSettings { enabled, labels, .. } = served(&configs).metrics.clone();
        ScrapeSettings { enabled, labels }
    })
}
