//! The engine: built from kinds and components, started on a log, asked for edits and reloads.

use std::collections::BTreeSet;
#[cfg(feature = "sqlite")]
use std::path::PathBuf;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use midflight_bus::{Bus, MemoryBus};
use midflight_core::{Edit, EditKey, IntoEdit, Open, Outcome, ReloadEvent, RevisionNumber, Trigger};
use midflight_live::{Changes, Live, World, WorldBuilder, WorldCell};
use midflight_store::{LastGoodFile, LastGoodView, MemoryStore, SeenReplica, Store, StoreError};
#[cfg(feature = "sqlite")]
use midflight_store::{SqliteOptions, SqliteStore};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::background::Background;
use crate::beforehand::validate_large;
use crate::check;
use crate::component::{Component, Criticality};
use crate::coordinator::Coordinator;
use crate::core::{Clock, Core, Redact};
use crate::environment::Environment;
use crate::faults::Faults;
use crate::first_edit::{FirstEdit, FirstEdits};
use crate::fleet::{Acks, FleetView, Identity};
use crate::follower::{Refresh, WakeSignal, follow, follow_availability};
use crate::history::History;
use crate::lanes::Lanes;
use crate::last_good_writer::LastGoodWriter;
use crate::load;
use crate::outcome::{AcceptedEdit, EditMode, InvalidPolicy, Refusal, Refused, ReloadScope, Validated};
use crate::planner::ComponentSpec;
use crate::registry::{AnyKind, KindSlot, RegisteredKind, Registry};
use crate::requests::Requests;
use crate::retrier::RetryGate;
use crate::schedule::{Agenda, Scheduled, Scheduler, Schedules};
use crate::served_index::ServedIndex;
use crate::status::{CoordinatorState, EngineStatus, KindStatus, StoreStatus};
use crate::workers::Workers;
use crate::{DocumentSchema, Kind, Limits};

/// How long a stop waits for tasks that were asked to stop.
const STOP_MAX: Duration = Duration::from_secs(5);

/// Why an engine did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The place of the log is not set.
    #[error("no store was given; say where the log is, as by EngineBuilder::sqlite or EngineBuilder::store")]
    NoStore,
    /// The store could not be opened.
    #[error(transparent)]
    Store(StoreError),
    /// Two kinds or two components have one name.
    #[error("duplicate name {0:?}; names are unique within an engine")]
    TwoOfOneName(String),
    /// The log could not be read, or nothing of it could be served.
    #[error("cannot serve anything from the log ({}): {}", .0.outcome, .0.problems)]
    FirstReload(Box<ReloadEvent>),
    /// An edit of the start cannot be made.
    #[error("cannot make the edit of the start ({reason}): {refused}")]
    FirstEdit {
        /// The reason of that edit.
        reason: String,
        /// Why it is refused.
        refused: Box<Refused>,
    },
}

impl StartError {
    fn first_edit(reason: impl Into<String>, refused: Refused) -> Self {
        Self::FirstEdit { reason: reason.into(), refused: Box::new(refused) }
    }
}

/// Puts an engine together. Every engine has the kind `schedules`, of edits and reloads that wait for their time
/// ([`crate::Schedule`]), beside those that are added.
pub struct EngineBuilder {
    log: Log,
    bus: Arc<dyn Bus>,
    world: WorldBuilder,
    registry: Registry,
    components: Vec<Arc<dyn Component>>,
    limits: Limits,
    refresh: Refresh,
    clock: Clock,
    environment: Arc<dyn Environment>,
    enforce_checks: bool,
    redact: Redact,
    faults: Arc<Faults>,
    last_good: Option<LastGoodFile>,
    inline_work: bool,
    identity: Identity,
    first_edits: Vec<FirstEdit>,
}

/// Where the log of an engine is.
enum Log {
    Unsaid,
    Given(Arc<dyn Store>),
    #[cfg(feature = "sqlite")]
    Sqlite(PathBuf),
}

impl EngineBuilder {
    /// Keeps the log in a SQLite file, which is made, with its folder, when it is not there. One process at a time has
    /// it. For other options open a `SqliteStore` and give it to [`Self::store`].
    #[cfg(feature = "sqlite")]
    #[must_use]
    pub fn sqlite(mut self, path: impl Into<PathBuf>) -> Self {
        self.log = Log::Sqlite(path.into());
        self
    }

    /// Keeps the log in memory: it is gone with the engine. For tests, and for what is filled again at each start.
    #[must_use]
    pub fn memory(self) -> Self {
        self.store(Arc::new(MemoryStore::new()))
    }

    /// Keeps the log in a store.
    #[must_use]
    pub fn store(mut self, store: Arc<dyn Store>) -> Self {
        self.log = Log::Given(store);
        self
    }

    /// Sends and receives hints by a bus, for several processes on one log. By default within this process alone.
    #[must_use]
    pub fn bus(mut self, bus: Arc<dyn Bus>) -> Self {
        self.bus = bus;
        self
    }

    /// Adds a kind and answers its place in the world.
    pub fn kind<K: Kind>(&mut self, kind: K) -> KindSlot<K> {
        let name = Kind::name(&kind);
        let slot = self.world.add(AnyKind::empty(&kind));
        self.registry.add(RegisteredKind { name, slot, kind: Arc::new(kind) });
        KindSlot::new(slot)
    }

    /// Adds a component.
    pub fn component(&mut self, component: impl Component) -> &mut Self {
        self.components.push(Arc::new(component));
        self
    }

    /// Sets the bounds.
    pub fn limits(&mut self, limits: Limits) -> &mut Self {
        self.limits = limits;
        self
    }

    /// Sets whether and how often the log is polled.
    pub fn refresh(&mut self, refresh: Refresh) -> &mut Self {
        self.refresh = refresh;
        self
    }

    /// Sets the clock, for tests.
    pub fn clock(&mut self, clock: Clock) -> &mut Self {
        self.clock = clock;
        self
    }

    /// Sets the variables and files that documents may refer to. Each reload reads them once. By default there are
    /// none.
    pub fn environment(&mut self, environment: impl Environment) -> &mut Self {
        self.environment = Arc::new(environment);
        self
    }

    /// Sets whether stored checks are asked. What is not valid or does not compile is refused either way.
    pub fn enforce_checks(&mut self, enforce: bool) -> &mut Self {
        self.enforce_checks = enforce;
        self
    }

    /// Sets what takes secrets out of texts. Every message of a reload goes through it before it is logged, kept, sent
    /// to other replicas or answered (HR-10). By default they are as kinds, components and the log report them.
    pub fn redact(&mut self, redact: impl Fn(&str) -> String + Send + Sync + 'static) -> &mut Self {
        self.redact = Arc::new(redact);
        self
    }

    /// Keeps a copy of what is served in a file of this replica's own, and starts from it when the log is unavailable
    /// (HR-9).
    pub fn last_good(&mut self, file: LastGoodFile) -> &mut Self {
        self.last_good = Some(file);
        self
    }

    /// Sets who this replica is among those that follow the log.
    pub fn identity(&mut self, identity: Identity) -> &mut Self {
        self.identity = identity;
        self
    }

    /// Adds an edit that the start makes if it is due. The first one that is due goes live with everything that the log
    /// holds, in the first reload: no component runs on anything else before. The others follow before [`Self::start`]
    /// returns. While the log is unavailable none is made; what is served then comes from the local copy.
    pub fn first_edit(&mut self, first: FirstEdit) -> &mut Self {
        self.first_edits.push(first);
        self
    }

    /// Sets whether the work of kinds is done where it is asked for, for tests with a clock of their own: nothing
    /// happens on other threads then, and a kind whose work does not end holds up everything.
    pub fn inline_work(&mut self, inline: bool) -> &mut Self {
        self.inline_work = inline;
        self
    }

    /// Sets the place where reloads are made to fail, for tests.
    pub fn faults(&mut self, faults: Arc<Faults>) -> &mut Self {
        self.faults = faults;
        self
    }

    /// Starts on the log: everything in it is served when this returns, except what is invalid, which is quarantined
    /// and reported.
    ///
    /// # Errors
    /// [`StartError`] when names collide, the log cannot be read, nothing of it can be served, or an edit of the start
    /// is refused.
    pub async fn start(mut self) -> Result<Engine, StartError> {
        let schedules = self.kind(Schedules).slot();
        self.check_names()?;
        let store = match self.log {
            Log::Unsaid => return Err(StartError::NoStore),
            Log::Given(store) => store,
            #[cfg(feature = "sqlite")]
            Log::Sqlite(path) => {
                Arc::new(SqliteStore::open(SqliteOptions::new(path)).await.map_err(StartError::Store)?)
            }
        };
        for FirstEdit { edit, .. } in &self.first_edits {
            let checked = edit.check_texts().map_err(Refusal::Invalid);
            checked.map_err(|refusal| StartError::first_edit(&edit.reason, refusal.into()))?;
        }
        let mut first_edits = FirstEdits::new(self.first_edits);
        let served_index = self.world.add(Arc::new(ServedIndex::default()));
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        let (history, writer) = History::open(Arc::clone(&store), self.limits.history_max).await;
        // The writer stops last, when every other task has sent its events.
        let stop_writer = CancellationToken::new();
        let writer = tokio::spawn(writer.run(stop_writer.clone()));
        let part = |component: &Arc<dyn Component>| ComponentSpec {
            name: component.name().to_owned(),
            order: component.order(),
            sections: component.sections(),
        };
        let started_at = (self.clock)();
        let all = self.components.iter().map(|component| component.name().to_owned());
        let state = CoordinatorState { behind: all.collect(), ..CoordinatorState::new(started_at) };
        let shown = Arc::new(RwLock::new(state));
        let core = Arc::new(Core {
            fleet: Arc::new(FleetView::new(
                self.identity,
                started_at,
                Arc::clone(&shown),
                Arc::clone(&store),
            )),
            cell: WorldCell::new(self.world.build()),
            served_index,
            schedules,
            registry: self.registry,
            component_parts: self.components.iter().map(part).collect(),
            components: self.components,
            store,
            bus: self.bus,
            workers: Workers::new(self.limits.runaways_max, self.inline_work),
            background_workers: Workers::in_background(self.limits.runaways_max, self.inline_work),
            limits: self.limits,
            clock: self.clock,
            environment: self.environment,
            history,
            copy_writer: self.last_good.map(|file| Arc::new(LastGoodWriter::new(file))),
            enforce_checks: self.enforce_checks,
            redact: self.redact,
            faults: self.faults,
            retry_gate: RetryGate::default(),
            stop: stop.clone(),
            tasks: tasks.clone(),
            retiring: TaskTracker::new(),
        });
        let (requests, ends) = Requests::new(&core.limits);
        let signal = Arc::new(WakeSignal::default());
        let refresh = watch::Sender::new(self.refresh);
        // One that is validated, beside the one that is being validated.
        let (validated, large) = mpsc::channel(1);
        let requests_in_turn = Lanes::new(ends.small, large);
        let mut coordinator =
            Coordinator::new(Arc::clone(&core), Arc::clone(&shown), requests_in_turn, Arc::clone(&signal));
        let background =
            Background::new(Arc::clone(&core), Arc::clone(&shown), requests.downgrade(), ends.background);
        if let Err(error) = start(&mut coordinator, &mut first_edits).await {
            stop.cancel();
            stop_writer.cancel();
            return Err(error);
        }
        if let Some(copy_writer) = &core.copy_writer {
            tasks.spawn(Arc::clone(copy_writer).run(stop.clone()));
        }
        tasks.spawn(Arc::clone(&core.fleet).run(Arc::clone(&signal), stop.clone()));
        tasks.spawn(follow_availability(Arc::clone(&core.store), Arc::clone(&signal), stop.clone()));
        tasks.spawn(coordinator.run());
        tasks.spawn(validate_large(Arc::clone(&core), ends.large, validated));
        tasks.spawn(background.run());
        tasks.spawn(Scheduler::new(Arc::clone(&core), requests.downgrade()).run(stop.clone()));
        let reports = core.fleet.reports();
        tasks.spawn(follow(Arc::clone(&core.bus), signal, reports, refresh.subscribe(), stop));
        let writer = Some(HistoryWriter { stop: stop_writer, task: writer });
        let writer = Arc::new(tokio::sync::Mutex::new(writer));
        Ok(Engine { core, shown, requests, refresh, writer, first_edits: first_edits.made().into() })
    }

    fn check_names(&self) -> Result<(), StartError> {
        let kinds = self.registry.iter().map(|kind| format!("kind {}", kind.name));
        let components = self.components.iter().map(|component| format!("component {}", component.name()));
        let mut seen = std::collections::BTreeSet::new();
        for name in kinds.chain(components) {
            if !seen.insert(name.clone()) {
                return Err(StartError::TwoOfOneName(name));
            }
        }
        Ok(())
    }
}

impl std::fmt::Debug for EngineBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EngineBuilder").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// The first reload, and the edits of the start.
async fn start(coordinator: &mut Coordinator, edits: &mut FirstEdits) -> Result<(), StartError> {
    let refused = |(reason, refused): (String, Refused)| StartError::first_edit(reason, refused);
    let first = coordinator.start(edits).await.map_err(refused)?;
    if serves_nothing(&first, &coordinator.state, &coordinator.core) {
        return Err(StartError::FirstReload(Box::new((*first).clone())));
    }
    coordinator.make_first_edits(edits).await.map_err(refused)
}

/// Whether the first reload left nothing to serve. It may have failed as a whole, while revision by revision the log
/// could be followed to its end. A critical component without a value is nothing to serve with.
fn serves_nothing(first: &ReloadEvent, state: &CoordinatorState, core: &Core) -> bool {
    let is_missing = |component: &Arc<dyn Component>| {
        component.criticality() == Criticality::Critical && state.behind.contains(component.name())
    };
    if core.components.iter().any(is_missing) {
        return true;
    }
    let did_not_begin = matches!(first.outcome, Open::Known(Outcome::LoadFailed | Outcome::Cancelled));
    let is_short = state.store_error.is_some() || state.position < state.desired;
    !first.outcome.is_live() && (did_not_begin || is_short)
}

/// What changes a running service. Cloning it gives another handle on the same engine.
///
/// Readers need not know it: they hold a [`Live`] and never wait for it.
#[derive(Clone)]
pub struct Engine {
    core: Arc<Core>,
    shown: Arc<RwLock<CoordinatorState>>,
    requests: Requests,
    refresh: watch::Sender<Refresh>,
    writer: Arc<tokio::sync::Mutex<Option<HistoryWriter>>>,
    first_edits: Arc<[Option<RevisionNumber>]>,
}

/// The task that writes reload events, and the signal that no more will come.
struct HistoryWriter {
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Engine {
    /// Begins to put an engine together. Say where its log is, by [`EngineBuilder::store`] or its shorter forms.
    #[must_use]
    pub fn builder() -> EngineBuilder {
        EngineBuilder {
            log: Log::Unsaid,
            bus: Arc::new(MemoryBus::new()),
            world: WorldBuilder::new(),
            registry: Registry::default(),
            components: Vec::new(),
            limits: Limits::default(),
            refresh: Refresh::default(),
            clock: Arc::new(Timestamp::now),
            environment: Arc::new(()),
            enforce_checks: true,
            redact: Arc::new(str::to_owned),
            faults: Arc::default(),
            last_good: None,
            inline_work: false,
            identity: Identity::default(),
            first_edits: Vec::new(),
        }
    }

    /// The handle on a kind's snapshot.
    ///
    /// # Panics
    /// When the slot is another engine's, which has something else in that place.
    #[must_use]
    pub fn live<K: Kind>(&self, slot: KindSlot<K>) -> Live<K::Snapshot> {
        match Live::of(&self.core.cell, slot.slot) {
            Some(live) => live,
            None => panic!("the slot of {} is of another engine", std::any::type_name::<K>()),
        }
    }

    /// The revisions that the edits of the start became, in the order in which they were given to
    /// [`EngineBuilder::first_edit`]; none for one that was not due.
    #[must_use]
    pub fn first_edits(&self) -> &[Option<RevisionNumber>] {
        &self.first_edits
    }

    /// Makes an edit. It is live here when this returns `Ok`; when it returns an error, nothing of it is in the log
    /// and what was served is served. Dropping the future before its turn came cancels it; after, it is finished.
    ///
    /// Edits of one document that wait at the same time are made in the order in which they came. Of those that come
    /// after a large edit (about 64 KiB of bodies, or 256 changes), 16 small ones may go before it, and one more before
    /// each time that it is tried again because other writers were faster.
    ///
    /// # Errors
    /// [`Refused`], with what is known of it.
    pub async fn apply(&self, edit: impl IntoEdit) -> Result<AcceptedEdit, Refused> {
        let edit = edit.into_edit().map_err(Refusal::Invalid)?;
        self.apply_with(edit, EditMode::default()).await
    }

    /// Makes an edit as [`Engine::apply`] does, without those of its documents that are invalid, break a check or do
    /// not compile without the others that are; [`AcceptedEdit::left_out`] has what is wrong with them. It is one
    /// revision and one reload. Cost: a dry run, which compiles what is left after each round of problems, at most 50
    /// times; other edits do not wait for it. Then the edit.
    ///
    /// # Errors
    /// [`Refused`] as for [`Engine::apply`], also when all of its documents would be left out, or when what is wrong is
    /// not in them.
    pub async fn apply_valid(&self, edit: Edit) -> Result<AcceptedEdit, Refused> {
        self.apply_with(edit, EditMode { invalid: InvalidPolicy::LeaveOut, ..EditMode::default() }).await
    }

    /// Makes an edit as [`Engine::apply`] does, in a mode.
    ///
    /// # Errors
    /// [`Refused`], with what is known of it.
    pub async fn apply_with(&self, edit: Edit, mode: EditMode) -> Result<AcceptedEdit, Refused> {
        match mode.invalid {
            InvalidPolicy::Refuse => self.requests.edit(edit, mode).await,
            InvalidPolicy::LeaveOut => self.apply_without_invalid(edit, mode).await,
        }
    }

    /// Finds the invalid documents in a dry run first: that may take seconds, and edits wait for each other.
    async fn apply_without_invalid(&self, mut edit: Edit, mode: EditMode) -> Result<AcceptedEdit, Refused> {
        let tried = match self.requests.dry_run(edit.clone(), InvalidPolicy::LeaveOut).await {
            Ok(tried) => tried,
            Err(Refused { refusal: Refusal::Invalid(problems), diff, .. }) => {
                // Like any other refused edit it leaves an event, or it is valid by now.
                let strict = EditMode { invalid: InvalidPolicy::Refuse, ..mode };
                return match self.requests.edit(edit, strict).await {
                    Err(Refused { refusal: Refusal::Invalid(_), event, .. }) => {
                        Err(Refused { refusal: Refusal::Invalid(problems), event, diff })
                    }
                    made => made,
                };
            }
            Err(refused) => return Err(refused),
        };
        let left_out: BTreeSet<_> =
            tried.left_out.iter().filter_map(|problem| problem.document.as_ref()).collect();
        edit.changes.retain(|change| !left_out.contains(&change.id));
        let mut accepted = self.requests.edit(edit, mode).await?;
        accepted.left_out.splice(0..0, tried.left_out);
        Ok(accepted)
    }

    /// The revision that an edit under this key became in the last 24 hours; none when there is none. For a caller who
    /// has more to do with an edit than to make it, and must not do that twice: [`Engine::apply`] looks by itself.
    ///
    /// # Errors
    /// [`Refusal::KeyReused`] when the key was used for another request, or [`Refusal::Store`].
    pub async fn made_under(&self, key: &EditKey) -> Result<Option<RevisionNumber>, Refusal> {
        load::made_under(&*self.core.store, key, self.core.now()).await
    }

    /// The state of every replica for a revision: once all that are alive have reported, or after `within`.
    ///
    /// # Errors
    /// [`StoreError`] when the reports of the others cannot be read.
    pub async fn acks(&self, revision: RevisionNumber, within: Duration) -> Result<Acks, StoreError> {
        let deadline = tokio::time::Instant::now() + within;
        self.core.fleet.acks(&*self.core.store, revision, deadline).await
    }

    /// Every replica that reported in the last five minutes, ordered by id, this one among them.
    ///
    /// # Errors
    /// [`StoreError`] when the reports of the others cannot be read.
    pub async fn replicas(&self) -> Result<Vec<SeenReplica>, StoreError> {
        self.core.fleet.replicas(&*self.core.store).await
    }

    /// This replica, as the others see it. Cost: none of the store.
    #[must_use]
    pub fn this_replica(&self) -> SeenReplica {
        self.core.fleet.this()
    }

    /// Does all of an edit up to the point of no return, and then nothing: the same code, one flag.
    ///
    /// # Errors
    /// What [`Engine::apply`] would have answered.
    pub async fn dry_run(&self, edit: Edit) -> Result<AcceptedEdit, Refused> {
        self.dry_run_with(edit, InvalidPolicy::Refuse).await
    }

    /// Does the same for an edit of which invalid documents may be left out.
    ///
    /// # Errors
    /// What [`Engine::apply_with`] would have answered.
    pub async fn dry_run_with(&self, edit: Edit, invalid: InvalidPolicy) -> Result<AcceptedEdit, Refused> {
        self.requests.dry_run(edit, invalid).await
    }

    /// Looks at the log and serves what it holds: what is new, or everything, compiled from the beginning.
    ///
    /// # Errors
    /// [`Refusal::Busy`] or [`Refusal::Stopping`]; how the reload itself ended is in its event.
    pub async fn reload(
        &self,
        trigger: Trigger,
        by: &str,
        scope: ReloadScope,
    ) -> Result<Arc<ReloadEvent>, Refusal> {
        self.requests.reload(trigger, by, scope).await
    }

    /// Follows the log as it is now, whatever log was followed before: everything is read from it. The served revision
    /// may go back by that. The reload event names who asked and why; if nothing of the log can be served, all stays as
    /// it was.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] for a reason that is too long, [`Refusal::Busy`] or [`Refusal::Stopping`]; how it ended is
    /// in its event.
    pub async fn adopt_log(&self, by: &str, reason: &str) -> Result<Arc<ReloadEvent>, Refusal> {
        midflight_core::check_texts(by, reason).map_err(Refusal::Invalid)?;
        self.requests.adopt(&format!("{by}: {reason}")).await
    }

    /// Makes a candidate of everything the log holds, checks and what is in quarantine included, as a reload of
    /// everything does, and drops it: nothing that is served changes. All callers that ask while one waits its turn get
    /// its answer, and it ends when all of them left. `by` is the caller, who may wait for a few at a time. Cost:
    /// compiles everything, beside reloads and edits.
    ///
    /// # Errors
    /// [`Refusal::Busy`], [`Refusal::CallerBusy`], [`Refusal::Stopping`], or [`Refusal::Store`]. Invalid documents are
    /// the answer, not an error.
    pub async fn validate(&self, by: &str) -> Result<Validated, Refusal> {
        self.requests.validate(by).await
    }

    /// What is served, to keep.
    #[must_use]
    pub fn world(&self) -> Arc<World> {
        self.core.cell.world()
    }

    /// Receives every change of what is served from now on.
    #[must_use]
    pub fn changes(&self) -> Changes {
        self.core.cell.changes()
    }

    /// What waits for its time, or was refused at it, ordered by name.
    #[must_use]
    pub fn schedules(&self) -> Vec<Scheduled> {
        let world = self.core.cell.world();
        let now = self.core.now();
        let agenda = world.get::<Agenda>(self.core.schedules);
        agenda.into_iter().flatten().map(|(name, schedule)| Scheduled::new(name, schedule, now)).collect()
    }

    /// The log.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.core.store
    }

    /// The reloads of this replica.
    #[must_use]
    pub fn history(&self) -> &History {
        &self.core.history
    }

    /// The bounds it holds to.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.core.limits
    }

    /// Whether stored checks are asked.
    #[must_use]
    pub fn enforces_checks(&self) -> bool {
        self.core.enforce_checks
    }

    /// Changes whether and how often the log is polled.
    pub fn set_refresh(&self, refresh: Refresh) {
        self.refresh.send_replace(refresh);
    }

    /// The copy that this replica keeps of what it serves, to read documents from while the log is unavailable; none
    /// without one. It may be one write behind what is served; [`LastGoodView::at`] is its revision. Cost: reads the
    /// whole file the first time after it has changed.
    ///
    /// # Errors
    /// When its file cannot be read.
    pub async fn local_copy(&self) -> std::io::Result<Option<Arc<LastGoodView>>> {
        match &self.core.copy_writer {
            Some(copy_writer) => copy_writer.view().await,
            None => Ok(None),
        }
    }

    /// The schemas of every kind's documents, the checks among them.
    #[must_use]
    pub fn schemas(&self) -> Vec<(String, DocumentSchema)> {
        let of_kind = |kind: &RegisteredKind| {
            let schemas = kind.kind.schemas().into_iter().chain([check::schema()]);
            schemas.map(|schema| (kind.name.to_string(), schema)).collect::<Vec<_>>()
        };
        self.core.registry.iter().flat_map(of_kind).collect()
    }

    /// The names of its kinds.
    #[must_use]
    pub fn kinds(&self) -> Vec<&str> {
        self.core.registry.names()
    }

    /// The state of this replica against the log. Cost: small, however many documents there are.
    #[must_use]
    pub fn status(&self) -> EngineStatus {
        let state = self.shown.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        let world = self.core.cell.world();
        let served_index = world.get::<ServedIndex>(self.core.served_index);
        let kind = |registered: &RegisteredKind| KindStatus {
            kind: registered.name.clone(),
            documents: served_index.map_or(0, |served_index| served_index.count(&registered.name)),
            figures: world.get_any(registered.slot).map_or_else(Vec::new, |it| registered.kind.figures(it)),
        };
        let store = StoreStatus::new(self.core.store.availability(), &state, self.core.now());
        let stale_since = state.stale_since(&store);
        EngineStatus {
            stale_since,
            desired: state.desired.max(world.revision()),
            served: world.revision(),
            served_since: state.served_since,
            last_checked_at: state.last_checked_at,
            last_refused: state.last_refused,
            position: state.digest_trail.at(state.position),
            quarantined: state.quarantine.into_revisions(),
            store,
            diverged: state.diverged,
            abandoned_copy: state.abandoned_copy,
            from_copy: state.from_copy,
            behind: state.behind,
            failed_checks: state.failed_checks,
            copy_error: self.core.copy_writer.as_ref().and_then(|copy_writer| copy_writer.error()),
            last_reload: state.last_reload,
            runaways: self.core.workers.runaways().total() + self.core.background_workers.runaways().total(),
            blocked_kinds: self.core.workers.runaways().blocked(),
            refresh: *self.refresh.borrow(),
            kinds: self.core.registry.iter().map(kind).collect(),
        }
    }

    /// Waits until everything that was replaced so far is released.
    pub async fn retired(&self) {
        self.core.retiring.close();
        self.core.retiring.wait().await;
        self.core.retiring.reopen();
    }

    pub(crate) fn served_index(&self) -> midflight_live::SnapshotSlot {
        self.core.served_index
    }

    /// The revision that is served.
    #[must_use]
    pub fn served(&self) -> RevisionNumber {
        self.core.cell.world().revision()
    }

    /// Stops: what runs is cancelled if it is short of the point of no return and finished if it is past it, what
    /// waits is refused, and history is written. What is served stays readable. Takes milliseconds.
    pub async fn stop(&self) {
        self.core.stop.cancel();
        self.core.tasks.close();
        let all = async {
            self.core.tasks.wait().await;
            self.retired().await;
        };
        if tokio::time::timeout(STOP_MAX, all).await.is_err() {
            tracing::error!("task did not stop within {} ms; abandoned", STOP_MAX.as_millis());
        }
        if let Some(writer) = self.writer.lock().await.take() {
            writer.stop.cancel();
            if writer.task.await.is_err() {
                tracing::error!("writer of reload events failed");
            }
        }
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("served", &self.served()).finish_non_exhaustive()
    }
}
