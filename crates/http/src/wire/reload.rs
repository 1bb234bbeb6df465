//! Reload events and what they add up to.

use midflight_core::{ComponentTime, ReloadEvent};
use midflight_engine::Statistics;
use midflight_wire::reload::{ComponentAnswer, PhaseAnswer, ReloadAnswer, StatisticsAnswer};

use super::problem::problem_items;
use super::time::{ms, stamp};

fn component_answer(time: &ComponentTime) -> ComponentAnswer {
    ComponentAnswer { name: time.name.clone(), state: time.state.to_string(), took_ms: ms(time.took) }
}

/// A reload.
pub fn reload_answer(event: &ReloadEvent) -> ReloadAnswer {
    let phases = event.phases.iter();
    ReloadAnswer {
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
        components: event.components.iter().map(component_answer).collect(),
        phases: phases
            .map(|time| PhaseAnswer { phase: time.phase.to_string(), took_ms: ms(time.took) })
            .collect(),
        problems: problem_items(&event.problems),
    }
}

/// What reloads add up to.
pub fn statistics_answer(statistics: &Statistics) -> StatisticsAnswer {
    let by_outcome = statistics.by_outcome.iter();
    let by_trigger = statistics.by_trigger.iter();
    StatisticsAnswer {
        total: statistics.total,
        by_outcome: by_outcome.map(|(outcome, count)| (outcome.to_string(), *count)).collect(),
        by_trigger: by_trigger.map(|(trigger, count)| (trigger.to_string(), *count)).collect(),
        p50_ms: statistics.p50.map(ms),
        p95_ms: statistics.p95.map(ms),
        p99_ms: statistics.p99.map(ms),
    }
}
