//! Reload events and what they add up to.

use std::collections::BTreeMap;

use midflight_core::{ComponentTime, ReloadEvent};
use midflight_engine::Statistics;
use serde::Serialize;
use utoipa::ToSchema;

use super::problem::{ProblemItem, items};
use super::time::{ms, stamp};

/// How long one phase took.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PhaseAnswer {
    /// The phase.
    pub phase: String,
    /// How long.
    pub took_ms: f64,
}

/// What a reload did to one component.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ComponentAnswer {
    /// The component.
    pub name: String,
    /// `replaced`, `unchanged`, `left_behind`, `refused` or `released`.
    pub state: String,
    /// How long building its replacement took.
    pub took_ms: f64,
}

impl From<&ComponentTime> for ComponentAnswer {
    fn from(time: &ComponentTime) -> Self {
        Self { name: time.name.clone(), state: time.state.to_string(), took_ms: ms(time.took) }
    }
}

/// One reload.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ReloadAnswer {
    /// Its number on this replica.
    pub id: u64,
    /// What asked for it.
    pub trigger: String,
    /// Who asked for it.
    pub triggered_by: String,
    /// When it began.
    pub started_at: String,
    /// How long it took.
    pub took_ms: f64,
    /// How it ended.
    pub outcome: String,
    /// The revision that was served before.
    pub from: u64,
    /// The revision it was to lead to.
    pub to: u64,
    /// The kinds it was about.
    pub kinds: Vec<String>,
    /// How many documents changed.
    pub documents_changed: usize,
    /// The components that took part.
    pub components: Vec<ComponentAnswer>,
    /// The phases it went through.
    pub phases: Vec<PhaseAnswer>,
    /// What was wrong.
    pub problems: Vec<ProblemItem>,
}

impl From<&ReloadEvent> for ReloadAnswer {
    fn from(event: &ReloadEvent) -> Self {
        let phases = event.phases.iter();
        Self {
            id: event.id.0,
            trigger: event.trigger.to_string(),
            triggered_by: event.triggered_by.clone(),
            started_at: stamp(event.started_at),
            took_ms: ms(event.took),
            outcome: event.outcome.to_string(),
            from: event.from.get(),
            to: event.to.get(),
            kinds: event.kinds.iter().map(ToString::to_string).collect(),
            documents_changed: event.documents_changed,
            components: event.components.iter().map(ComponentAnswer::from).collect(),
            phases: phases
                .map(|time| PhaseAnswer { phase: time.phase.to_string(), took_ms: ms(time.took) })
                .collect(),
            problems: items(&event.problems),
        }
    }
}

/// A page of reloads, newest first.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ReloadList {
    /// The reloads.
    pub items: Vec<ReloadAnswer>,
    /// What to pass as `cursor` for the next page; null on the last.
    pub next_cursor: Option<String>,
}

/// Counts and times of the reloads that are kept.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct StatisticsAnswer {
    /// How many are kept.
    pub total: usize,
    /// How many ended how.
    pub by_outcome: BTreeMap<String, usize>,
    /// How many ran for which reason.
    pub by_trigger: BTreeMap<String, usize>,
    /// The median time of those that changed something; null when there are none.
    pub p50_ms: Option<f64>,
    /// 95 % took at most this long.
    pub p95_ms: Option<f64>,
    /// 99 % took at most this long.
    pub p99_ms: Option<f64>,
}

impl From<Statistics> for StatisticsAnswer {
    fn from(statistics: Statistics) -> Self {
        Self {
            total: statistics.total,
            by_outcome: statistics
                .by_outcome
                .iter()
                .map(|(outcome, count)| (outcome.to_string(), *count))
                .collect(),
            by_trigger: statistics
                .by_trigger
                .iter()
                .map(|(trigger, count)| (trigger.to_string(), *count))
                .collect(),
            p50_ms: statistics.p50.map(ms),
            p95_ms: statistics.p95.map(ms),
            p99_ms: statistics.p99.map(ms),
        }
    }
}
