//! The components of one reload: prepared together, committed in order, rolled back in reverse order.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use midflight_core::{ComponentState, ComponentTime, JsonPointer, Problem, Problems};
use midflight_live::World;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::component::{Committed, Component, Criticality, Prepared};

/// How long a component may take to check whether what is in use works.
const VERIFY_MAX: Duration = Duration::from_secs(5);

/// Replacements that are ready, in the order of their commits. Dropping them releases them.
#[derive(Default)]
pub(crate) struct PreparedParts {
    ready: Vec<ReadyPart>,
    /// The problems of components that are only tried for.
    pub(crate) left_behind: Problems,
}

/// The replacement of one component.
struct ReadyPart {
    name: String,
    criticality: Criticality,
    prepared: Box<dyn Prepared>,
}

/// The result of preparing: the parts, unless a critical one refused, and the state of each component.
pub(crate) struct PrepareResult {
    pub(crate) parts: Result<PreparedParts, Problems>,
    pub(crate) times: Vec<ComponentTime>,
}

/// Prepares every component that the plan names, in its order: those that share something exclusive one after the
/// other, the rest at the same time. One deadline holds for all.
pub(crate) async fn prepare(
    components: &[Arc<dyn Component>],
    old: &World,
    new: &World,
    deadline: Instant,
    stop: &CancellationToken,
) -> PrepareResult {
    let deadline = tokio::time::Instant::from_std(deadline);
    let lanes = lanes(components).into_iter().map(|lane| async move {
        let mut done = Vec::with_capacity(lane.len());
        for place in lane {
            let component = &components[place];
            let began = Instant::now();
            let prepared = tokio::select! {
                prepared = tokio::time::timeout_at(deadline, component.prepare(old, new)) => {
                    prepared.unwrap_or_else(|_| Err(late(component.name())))
                }
                () = stop.cancelled() => Err(crate::Interrupted::Cancelled.into()),
            };
            done.push((place, prepared, began.elapsed()));
        }
        done
    });
    let mut done: Vec<_> = join_all(lanes).await.into_iter().flatten().collect();
    done.sort_by_key(|(place, ..)| *place);

    let mut parts = PreparedParts::default();
    let mut fatal = Problems::default();
    let mut times = Vec::with_capacity(done.len());
    for (place, prepared, took) in done {
        let component = &components[place];
        let name = component.name().to_owned();
        let state = match prepared {
            Ok(None) => ComponentState::Unchanged,
            Ok(Some(prepared)) => {
                let criticality = component.criticality();
                parts.ready.push(ReadyPart { name: name.clone(), criticality, prepared });
                ComponentState::Replaced
            }
            Err(problems) => {
                let named = problems.iter().map(|problem| named(&name, problem)).collect();
                match component.criticality() {
                    Criticality::Critical => {
                        fatal.append(named);
                        ComponentState::Refused
                    }
                    Criticality::BestEffort => {
                        parts.left_behind.append(named);
                        ComponentState::LeftBehind
                    }
                }
            }
        };
        times.push(ComponentTime { name, state: state.into(), took });
    }
    PrepareResult { parts: fatal.or(parts), times }
}

impl Default for PrepareResult {
    /// Nothing was to be prepared.
    fn default() -> Self {
        Self { parts: Ok(PreparedParts::default()), times: Vec::new() }
    }
}

/// Groups components that share something exclusive, each group in order.
fn lanes(components: &[Arc<dyn Component>]) -> Vec<Vec<usize>> {
    let mut lanes: Vec<Vec<usize>> = Vec::new();
    let mut lane_of: BTreeMap<String, usize> = BTreeMap::new();
    for (place, component) in components.iter().enumerate() {
        let resources = component.exclusive();
        let shared: Vec<usize> = resources.iter().filter_map(|name| lane_of.get(name).copied()).collect();
        let lane = shared.first().copied().unwrap_or_else(|| {
            lanes.push(Vec::new());
            lanes.len() - 1
        });
        // A component that shares with several groups makes one of them.
        for other in shared.into_iter().filter(|other| *other != lane) {
            let moved = std::mem::take(&mut lanes[other]);
            lanes[lane].extend(moved);
            lane_of.values_mut().filter(|of| **of == other).for_each(|of| *of = lane);
        }
        lanes[lane].push(place);
        lanes[lane].sort_unstable();
        lane_of.extend(resources.into_iter().map(|name| (name, lane)));
    }
    lanes
}

fn named(component: &str, problem: &Problem) -> Problem {
    Problem { message: format!("{component}: {}", problem.message), ..problem.clone() }
}

/// Notes the result of a component's pause, and how long that took beside its preparation.
fn mark(times: &mut [ComponentTime], name: &str, state: ComponentState, took: Duration) {
    if let Some(time) = times.iter_mut().find(|time| time.name == name) {
        time.state = state.into();
        time.took += took;
    }
}

fn late(component: &str) -> Problems {
    let message =
        format!("{component} took longer than its deadline; raise reload_ms_max if it needs more time");
    Problem::new("deadline_exceeded", JsonPointer::root(), message).into()
}

impl PreparedParts {
    /// Whether there is nothing to publish.
    pub(crate) fn is_empty(&self) -> bool {
        self.ready.is_empty()
    }

    /// Pauses what they replace, in order, all before the deadline. One that is only tried for and does not pause is
    /// released and left behind; `times` says so then. On an error the caller drops this, and everything that was
    /// paused continues.
    pub(crate) async fn pause(
        &mut self,
        deadline: Instant,
        stop: &CancellationToken,
        times: &mut [ComponentTime],
    ) -> Result<(), Problems> {
        let deadline = tokio::time::Instant::from_std(deadline);
        for ReadyPart { name, criticality, mut prepared } in std::mem::take(&mut self.ready) {
            let began = Instant::now();
            let paused = tokio::select! {
                paused = tokio::time::timeout_at(deadline, prepared.pause()) => {
                    paused.unwrap_or_else(|_| Err(late(&name)))
                }
                () = stop.cancelled() => return Err(crate::Interrupted::Cancelled.into()),
            };
            let state = match paused {
                Ok(()) => {
                    self.ready.push(ReadyPart { name: name.clone(), criticality, prepared });
                    None
                }
                Err(problems) => {
                    let problems = problems.iter().map(|problem| named(&name, problem)).collect();
                    match criticality {
                        Criticality::Critical => {
                            mark(times, &name, ComponentState::Refused, began.elapsed());
                            return Err(problems);
                        }
                        Criticality::BestEffort => {
                            self.left_behind.append(problems);
                            Some(ComponentState::LeftBehind)
                        }
                    }
                }
            };
            mark(times, &name, state.unwrap_or(ComponentState::Replaced), began.elapsed());
        }
        Ok(())
    }

    /// Publishes all of them, in order.
    pub(crate) fn commit(self) -> CommittedParts {
        let commit = |part: ReadyPart| (part.name, part.prepared.commit());
        CommittedParts { in_use: self.ready.into_iter().map(commit).collect() }
    }
}

/// Replacements that are in use, with the old ones retained.
#[derive(Default)]
pub(crate) struct CommittedParts {
    in_use: Vec<(String, Box<dyn Committed>)>,
}

impl CommittedParts {
    /// Lets each check whether it works.
    pub(crate) async fn verify(&self) -> Result<(), Problems> {
        let mut problems = Problems::default();
        for (name, committed) in &self.in_use {
            let verified = tokio::time::timeout(VERIFY_MAX, committed.verify()).await;
            if let Err(found) = verified.unwrap_or_else(|_| Err(late(name))) {
                problems.append(found.iter().map(|problem| named(name, problem)).collect());
            }
        }
        problems.or(())
    }

    /// Swaps the retained old ones back, last first.
    pub(crate) fn rollback(self) {
        self.in_use.into_iter().rev().for_each(|(_, committed)| committed.rollback());
    }

    /// Retires the old ones in the background, each after its grace.
    pub(crate) fn retire(self, tasks: &TaskTracker, stop: &CancellationToken) {
        for (name, committed) in self.in_use {
            let stop = stop.clone();
            tasks.spawn(async move {
                tokio::select! {
                    () = tokio::time::sleep(committed.grace()) => {}
                    () = stop.cancelled() => {}
                }
                tracing::debug!(component = name, "retiring the replaced component");
                committed.retire().await;
            });
        }
    }
}
