//! Modules on the wire, as they run on this replica.

use std::collections::BTreeMap;

use midflight_module_host::{MetricsSnapshot, ModulePhase, ParkedMessage};
use midflight_wire::log::QuarantinedRevisions;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::ModuleReloadItem;

/// What was counted of a module since this process started.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct ModuleCounters {
    /// Messages accepted.
    accepted: u64,
    /// Messages answered, with failures too.
    answered: u64,
    /// Messages answered with a failure of the module, or that trapped it twice.
    failures: u64,
    /// Messages accepted and lost. It is 0, or this server has a defect.
    abandoned: u64,
    /// Messages refused because the mailbox was full.
    refused_full: u64,
    /// Instances that trapped.
    traps: u64,
    /// Restarts after a trap.
    restarts: u64,
    /// Messages that trapped two instances.
    poisoned: u64,
    /// Acknowledged messages whose effect a restart lost.
    lost_by_restart: u64,
    /// Reloads that went live.
    reloads: u64,
    /// Reloads that failed, by phase; phases without one are left out.
    #[schema(value_type = std::collections::HashMap<String, u64>)]
    failed_reloads: BTreeMap<&'static str, u64>,
    /// Returns to the retained instance, by an operator or by a trap after a commit.
    returns: u64,
    /// Records that the journal did not take.
    journal_failures: u64,
    /// The longest pause of a reload that went live, in microseconds.
    pause_us_max: u64,
    /// 99 of 100 pauses were at most so long, in microseconds: the upper end of a bucket; null without reloads.
    pause_us_p99: Option<u64>,
}

impl From<&MetricsSnapshot> for ModuleCounters {
    fn from(metrics: &MetricsSnapshot) -> Self {
        let failed = ModulePhase::ALL.iter().zip(metrics.failed);
        Self {
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
            failed_reloads: failed
                .filter(|(_, count)| *count > 0)
                .map(|(phase, count)| (phase.word(), count))
                .collect(),
            returns: metrics.returns,
            journal_failures: metrics.journal_failures,
            pause_us_max: metrics.pauses.max_us,
            pause_us_p99: metrics.pauses.quantile_us(0.99),
        }
    }
}

/// A module as it runs on this replica.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct ModuleItem {
    /// Its name.
    pub(in super::super) name: String,
    /// `live`: it runs its manifest; `behind`: it runs another one, as `why` says; `restarting`: its instance trapped,
    /// and the next one is being made; `failed`: it does not run.
    pub(in super::super) state: &'static str,
    /// Why it is not `live`; null when it is.
    pub(in super::super) why: Option<String>,
    /// The version that answers; null when none does.
    pub(in super::super) version: Option<String>,
    /// The version of the manifest that is served; null when it has none.
    pub(in super::super) manifest_version: Option<String>,
    /// The code that answers: `sha256:` and the digest of a component, or `native:` and the name of a registered type.
    pub(in super::super) code: Option<String>,
    /// The digest of the manifest that answers.
    pub(in super::super) digest: Option<String>,
    /// The schema of its state; 0 for a module without state.
    pub(in super::super) schema: Option<u32>,
    /// Its generation on this replica.
    pub(in super::super) generation: Option<u64>,
    /// Messages that wait or are worked on.
    pub(in super::super) queue: u64,
    /// What was counted.
    pub(in super::super) counters: ModuleCounters,
}

/// A page of modules.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct ModuleList {
    /// The modules, by name.
    pub(in super::super) items: Vec<ModuleItem>,
    /// What to pass as `cursor` for the next page; null on the last.
    pub(in super::super) next_cursor: Option<String>,
    /// The served revision.
    pub(in super::super) revision: u64,
    /// Revisions up to `revision` that are quarantined on this replica.
    pub(in super::super) quarantined: QuarantinedRevisions,
}

/// A message that trapped two instances, and is not tried again.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct ParkedAnswer {
    /// Its number.
    id: u64,
    /// Its operation.
    operation: String,
    /// SHA-256 of its payload.
    payload_digest: String,
    /// The generation that it trapped last.
    generation: u64,
    /// How it trapped.
    trap: String,
}

impl From<&ParkedMessage> for ParkedAnswer {
    fn from(parked: &ParkedMessage) -> Self {
        Self {
            id: parked.id,
            operation: parked.operation.clone(),
            payload_digest: parked.payload.to_string(),
            generation: parked.generation,
            trap: parked.trap.clone(),
        }
    }
}

/// A module as it runs on this replica, with what it is made of.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct ModuleAnswer {
    /// How it runs.
    pub(in super::super) module: ModuleItem,
    /// The manifest that answers; null when none does.
    #[schema(value_type = Option<Value>)]
    pub(in super::super) manifest: Option<Value>,
    /// The limits in effect, with their defaults: those of the manifest that answers, else of the one that is served.
    #[schema(value_type = std::collections::HashMap<String, u64>)]
    pub(in super::super) limits: BTreeMap<&'static str, u64>,
    /// The generation that a rollback without a generation returns to; null when none is retained.
    pub(in super::super) retained_generation: Option<u64>,
    /// The generations that a rollback may restore, with their versions.
    #[schema(value_type = std::collections::HashMap<String, String>)]
    pub(in super::super) generations: BTreeMap<u64, String>,
    /// The last messages that trapped two instances, newest last.
    pub(in super::super) parked: Vec<ParkedAnswer>,
    /// The last reload on this replica; null when there was none since it started.
    pub(in super::super) last_reload: Option<ModuleReloadItem>,
    /// The served revision.
    pub(in super::super) revision: u64,
    /// Revisions up to `revision` that are quarantined on this replica.
    pub(in super::super) quarantined: QuarantinedRevisions,
}
