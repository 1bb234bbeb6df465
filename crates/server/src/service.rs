//! The composition: store, bus, engine, rules, watched directories and routes become one service.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use jiff::Timestamp;
use midflight_app::{Boot, Reloader};
use midflight_components::Llm;
use midflight_config::{Config, Configs};
use midflight_core::Trigger;
use midflight_engine::{Engine, EngineBuilder, Identity, Scope};
use midflight_learning::{Classifier, LearningOptions};
use midflight_live::Live;
use midflight_patterns::Patterns;
use midflight_rules::Rules;
use midflight_source::DirectorySource;
use tokio::sync::{Mutex, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use utoipa::openapi::OpenApi;

use crate::ServeOptions;
use crate::app::{App, Redact, Shared};
use crate::backend::Backend;
use crate::body::SMALL_BYTES_MAX;
use crate::byte_budget::ByteBudget;
use crate::compute::ComputePool;
use crate::config::{
    Exchanged, HintsRedis, LogDatabase, Part, left_out, llm_place, log_place, own_id, try_again,
};
use crate::data_dir::DataDir;
use crate::edge::Edge;
use crate::error::ServeError;
use crate::events;
use crate::events::broadcaster::EventBroadcaster;
use crate::keys::Keys;
use crate::kinds::kinds;
use crate::merge_turns::MergeTurns;
use crate::metrics::Metrics;
use crate::recent::Recent;
use crate::routes::router;
use crate::sorts::DocumentSorts;

/// How many exports may parse documents at the same time: a parsed document is many times as large as its text.
const EXPORTS_AT_ONCE: usize = 2;
/// How often recorded times are folded into their summaries.
const UPKEEP: Duration = Duration::from_secs(5);

/// Everything that answers, but for the socket it answers on; [`crate::start`] puts it behind one.
pub struct Service {
    app: App,
    routes: Router,
    openapi: OpenApi,
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
        let keys = Keys::read(options.admin_token_file.as_deref())?;
        let (tokens, first_token) = match is_there {
            true => keys.first(&*backend.store).await?,
            false => (keys.without_store(), None),
        };
        let last_good = backend.last_good();
        let data_dir = Mutex::new(backend.data_dir.take());
        let replica_id = backend.replica_id.clone();
        let mut builder = Engine::builder(Arc::clone(&backend.store), Arc::clone(&backend.buses.bus));
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
        let slot = builder.kind(Rules);
        let patterns = builder.kind(Patterns);
        let own = Config::new(options.config.around()).with(own_id().name, options.config.shape());
        let redactor = options.config.redactor.clone();
        let redact: Redact = Arc::new(move |text: &str| redactor.redact(text).into_owned());
        let redacted = Arc::clone(&redact);
        builder.redact(move |text| redacted(text));
        let part = Part(builder.kind(own));
        add_components(&mut builder, &backend, options, part);
        let place = llm_place(move |world| part.of(world)?.llm.clone());
        let (llm_part, llm) = Llm::new(place);
        // A server is there without its LLM; one that is wrong from now on is refused.
        builder.component(llm_part.may_come_later());
        for first in boot.first_edit().into_iter().chain(options.first_edits.iter().cloned()) {
            builder.first_edit(first);
        }
        let engine = builder.start().await?;
        let rules = engine.live(slot).ok_or(ServeError::Composition)?;
        let patterns = engine.live(patterns).ok_or(ServeError::Composition)?;
        let configs = engine.live(part.0).ok_or(ServeError::Composition)?;
        refuse_bad_config(&engine, &configs, options.config.file.is_some()).await?;
        let reloader = boot.follow(&engine, configs.clone(), options.config.file_options)?;
        let reloader = Arc::new(reloader);
        let directories = crate::directories::start(&engine, &options.watch, options.directory).await?;
        let learning = LearningOptions::new(replica_id.clone());
        let classifier = Classifier::start(engine.clone(), patterns.clone(), llm.clone(), learning);
        let kinds = kinds(rules, patterns, classifier.clone(), Arc::clone(&reloader));
        let limits = options.limits;
        let reports = engine.history().listen();
        let app = App::new(Shared {
            configs,
            llm: llm.clone(),
            classifier,
            tokens,
            metrics: Metrics::new(),
            events: EventBroadcaster::new(limits.websocket_clients_max, limits.websocket_queue_max),
            kinds,
            sorts: DocumentSorts::new(engine.schemas()),
            compute: ComputePool::new(limits.compute_queue_max),
            limits,
            hot_reload: options.hot_reload,
            replica_id,
            backend,
            started_at: Timestamp::now(),
            is_on_loopback: address.ip().is_loopback(),
            requires_token: options.require_token,
            redact,
            watchers: Arc::new(Semaphore::new(limits.watchers_max.min(Semaphore::MAX_PERMITS))),
            recent: Recent::default(),
            merge_turns: MergeTurns::default(),
            bodies: ByteBudget::new(
                limits.bodies_bytes_max,
                limits.body_parsed_bytes_max,
                "bodies_bytes_max",
            ),
            small_bodies: ByteBudget::new(limits.bodies_bytes_max / 4, SMALL_BYTES_MAX, "bodies_bytes_max"),
            imports: ByteBudget::new(limits.bodies_bytes_max, limits.import_bytes_max, "bodies_bytes_max"),
            answers: ByteBudget::new(
                limits.answers_bytes_max,
                limits.answer_bytes_max.saturating_mul(2),
                "answers_bytes_max",
            ),
            exports: Semaphore::new(EXPORTS_AT_ONCE),
            restores: Semaphore::new(1),
            directories: directories.iter().map(DirectorySource::handle).collect(),
            stopping: CancellationToken::new(),
            tasks: TaskTracker::new(),
            engine,
        });
        app.tasks.spawn(events::run::run(app.clone(), reports));
        app.tasks.spawn(upkeep(app.clone()));
        app.tasks.spawn(keys.follow(app.clone(), is_there));
        if options.config.file.is_none() {
            app.tasks.spawn(try_again(app.clone(), options.config.clone()));
        }
        let (routes, openapi) = router(app.clone());
        let directories = Mutex::new(directories);
        Ok(Self { app, routes, openapi, reloader, llm, first_token, directories, data_dir })
    }

    /// What answers requests.
    pub(crate) fn edge(&self) -> Edge {
        Edge::new(self.app.clone(), self.routes.clone())
    }

    /// The engine behind the routes.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.app.engine
    }

    /// The OpenAPI document of this server, with the routes of its kinds.
    #[must_use]
    pub fn openapi(&self) -> &OpenApi {
        &self.openapi
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
        self.app.stopping.cancel();
    }

    /// Stops: directories first, so that nothing new is wanted, then the engine, then the store.
    pub async fn stop(&self) {
        self.begin_stop();
        self.reloader.stop().await;
        for directory in self.directories.lock().await.drain(..) {
            directory.stop().await;
        }
        self.app.tasks.close();
        let drain = Duration::from_millis(self.app.limits.drain_ms_max);
        if tokio::time::timeout(drain, self.app.tasks.wait()).await.is_err() {
            tracing::warn!("some sockets or queued writes did not end in time; they are dropped");
        }
        self.app.kinds.stop().await;
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

async fn upkeep(app: App) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(UPKEEP) => app.metrics.upkeep(),
            () = app.stopping.cancelled() => return,
        }
    }
}
