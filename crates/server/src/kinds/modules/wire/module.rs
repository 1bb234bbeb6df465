//! Modules as they run on this replica.

use midflight_module_host::{MetricsSnapshot, ModulePhase, ParkedMessage};
use midflight_wire::modules::{ModuleCounters, ParkedAnswer};

/// What was counted of a module.
pub(in super::super) fn module_counters(metrics: &MetricsSnapshot) -> ModuleCounters {
    let failed = ModulePhase::ALL.iter().zip(metrics.failed).filter(|(_, count)| *count > 0);
    ModuleCounters {
        accepted: metrics.accepted,
        answered: metrics.answered,
        failures: metrics.failures,
        abandoned: metrics.abandoned,
        refused_full: metrics.refused_full,
        traps: metrics.traps,
        restarts: metrics.restarts,
        poisoned: metrics.poisoned,
        lost_by_restart: metrics.lost_by_restart,
        reloads: metrics.committed,
        failed_reloads: failed.map(|(phase, count)| (phase.word().to_owned(), count)).collect(),
        returns: metrics.returns,
        pre_copied_reloads: metrics.pre_copied,
        pre_copy_fallbacks: metrics.pre_copy_fallbacks,
        journal_failures: metrics.journal_failures,
        pause_us_max: metrics.pauses.max_us,
        pause_us_p99: metrics.pauses.quantile_us(0.99),
    }
}

/// A message that trapped two instances.
pub(in super::super) fn parked_answer(parked: &ParkedMessage) -> ParkedAnswer {
    ParkedAnswer {
        id: parked.id,
        operation: parked.operation.clone(),
        payload_digest: parked.payload.to_string(),
        generation: parked.generation,
        trap: parked.trap.clone(),
    }
}
