//! What the parts of one engine share.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use midflight_bus::Bus;
use midflight_core::{Plan, PlanStep, Problem, Problems};
use midflight_live::{SnapshotSlot, World, WorldCell};
use midflight_store::Store;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Limits;
use crate::component::Component;
use crate::environment::Environment;
use crate::faults::Faults;
use crate::fleet::FleetView;
use crate::history::History;
use crate::last_good_writer::LastGoodWriter;
use crate::planner::ComponentSpec;
use crate::registry::Registry;
use crate::retrier::RetryGate;
use crate::workers::Workers;

/// Reads the time. The engine takes it as a part so that a test can set the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Takes what must not be shown out of a text.
pub(crate) type Redact = Arc<dyn Fn(&str) -> String + Send + Sync>;

/// What the parts of one engine share. Only the coordinator publishes to the cell and appends to the log.
pub(crate) struct Core {
    pub(crate) cell: Arc<WorldCell>,
    /// Where the engine's own part of the world is.
    pub(crate) served_index: SnapshotSlot,
    /// Where the schedules are.
    pub(crate) schedules: SnapshotSlot,
    pub(crate) registry: Registry,
    pub(crate) components: Vec<Arc<dyn Component>>,
    pub(crate) component_parts: Vec<ComponentSpec>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) workers: Workers,
    /// Those of dry runs: endless work there takes nothing from reloads.
    pub(crate) background_workers: Workers,
    pub(crate) limits: Limits,
    pub(crate) clock: Clock,
    pub(crate) history: History,
    /// This replica among the others.
    pub(crate) fleet: Arc<FleetView>,
    /// This replica's own copy of what it serves, if it has one.
    pub(crate) copy_writer: Option<Arc<LastGoodWriter>>,
    /// The variables and files of the process.
    pub(crate) environment: Arc<dyn Environment>,
    pub(crate) enforce_checks: bool,
    /// What every message of a reload passes through before it is shown.
    pub(crate) redact: Redact,
    pub(crate) faults: Arc<Faults>,
    pub(crate) retry_gate: RetryGate,
    pub(crate) stop: CancellationToken,
    pub(crate) tasks: TaskTracker,
    /// What was replaced and waits for its grace to end.
    pub(crate) retiring: TaskTracker,
}

/// How long a replaced world is held for readers that are about to be done with it.
const READERS_MAX: Duration = Duration::from_millis(100);
/// How often it is looked at meanwhile.
const READERS_LOOK: Duration = Duration::from_millis(10);

/// Frees a value that has no reader, on a background thread: it may take as long as building it.
pub(crate) async fn free<T: Send + 'static>(made: T) {
    if tokio::task::spawn_blocking(move || drop(made)).await.is_err() {
        tracing::error!("cannot free a replaced value");
    }
}

impl Core {
    /// Drops a world on a background thread: freeing a large one takes as long as building it, so it must neither delay
    /// requests here nor fall to the last reader.
    pub(crate) fn release(&self, world: Arc<World>) {
        let stop = self.stop.clone();
        self.retiring.spawn(async move {
            let unread = async {
                while Arc::strong_count(&world) > 1 {
                    tokio::time::sleep(READERS_LOOK).await;
                }
            };
            tokio::select! {
                _ = tokio::time::timeout(READERS_MAX, unread) => {}
                () = stop.cancelled() => {}
            }
            free(world).await;
        });
    }

    /// The same problems as they may be shown.
    pub(crate) fn redacted(&self, problems: &Problems) -> Problems {
        problems.map_messages(|message| (self.redact)(message))
    }

    /// The same problem as it may be shown.
    pub(crate) fn redacted_one(&self, problem: &Problem) -> Problem {
        Problem { message: (self.redact)(&problem.message), ..problem.clone() }
    }

    /// Whether the kinds that concern a component are the same in both worlds.
    pub(crate) fn is_same_for(&self, component: &str, one: &World, other: &World) -> bool {
        let part = self.component_parts.iter().find(|part| part.name == component);
        part.into_iter().flat_map(|part| &part.sections).all(|section| {
            let slot = self.registry.get(&section.kind).map(|registered| registered.slot);
            let snapshots = slot.map(|slot| (one.get_shared(slot), other.get_shared(slot)));
            match snapshots {
                Some((Some(one), Some(other))) => Arc::ptr_eq(&one, &other),
                _ => true,
            }
        })
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// The components that a plan prepares, in its order.
    pub(crate) fn components_of(&self, plan: &Plan) -> Vec<Arc<dyn Component>> {
        let named = plan.steps.iter().filter_map(|step| match step {
            PlanStep::Prepare { component } => Some(component),
            _ => None,
        });
        let find = |name: &String| self.components.iter().find(|component| component.name() == name).cloned();
        named.filter_map(find).collect()
    }
}
