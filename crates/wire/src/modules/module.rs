//! Modules as they run on a replica.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::log::QuarantinedRevisions;
use crate::modules::ModuleReloadItem;

/// What was counted of a module since this process started.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ModuleCounters {
    /// Messages accepted.
    pub accepted: u64,
    /// Messages answered, with failures too.
    pub answered: u64,
    /// Messages answered with a failure of the module, or that trapped it twice.
    pub failures: u64,
    /// Messages accepted and lost. It is 0, or this server has a defect.
    pub abandoned: u64,
    /// Messages refused because the mailbox was full.
    pub refused_full: u64,
    /// Instances that trapped.
    pub traps: u64,
    /// Restarts after a trap.
    pub restarts: u64,
    /// Messages that trapped two instances.
    pub poisoned: u64,
    /// Acknowledged messages whose effect a restart lost.
    pub lost_by_restart: u64,
    /// Reloads that went live.
    pub reloads: u64,
    /// Reloads that failed, by phase; phases without one are left out.
    #[cfg_attr(feature = "openapi", schema(value_type = std::collections::HashMap<String, u64>))]
    pub failed_reloads: BTreeMap<String, u64>,
    /// Returns to the retained instance, by an operator or by a trap after a commit.
    pub returns: u64,
    /// Records that the journal did not take.
    pub journal_failures: u64,
    /// The longest pause of a reload that went live, in microseconds.
    pub pause_us_max: u64,
    /// 99 of 100 pauses were at most so long, in microseconds: the upper end of a bucket; null without reloads.
    pub pause_us_p99: Option<u64>,
}

/// A module as it runs on this replica.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ModuleItem {
    /// Its name.
    pub name: String,
    /// `live`: it runs its manifest; `behind`: it runs another one (`why`); `restarting`: its instance trapped,
    /// and the next one is being made; `failed`: it does not run.
    pub state: Cow<'static, str>,
    /// Why it is not `live`; null when it is.
    pub why: Option<String>,
    /// The version that answers; null when none does.
    pub version: Option<String>,
    /// The version of the manifest that is served; null when it has none.
    pub manifest_version: Option<String>,
    /// The code that answers: `sha256:` and the digest of a component, or `native:` and the name of a registered type.
    pub code: Option<String>,
    /// The digest of the manifest that answers.
    pub digest: Option<String>,
    /// The schema of its state; 0 for a module without state.
    pub schema: Option<u32>,
    /// Its generation on this replica.
    pub generation: Option<u64>,
    /// Messages that wait or are worked on.
    pub queue: u64,
    /// What was counted.
    pub counters: ModuleCounters,
}

/// A page of modules.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ModuleList {
    /// The modules, by name.
    pub items: Vec<ModuleItem>,
    /// What to pass as `cursor` for the next page; null on the last.
    pub next_cursor: Option<String>,
    /// The served revision.
    pub revision: u64,
    /// Revisions up to `revision` that are quarantined on this replica.
    pub quarantined: QuarantinedRevisions,
}

/// A message that trapped two instances, and is not tried again.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ParkedAnswer {
    /// Its number.
    pub id: u64,
    /// Its operation.
    pub operation: String,
    /// SHA-256 of its payload.
    pub payload_digest: String,
    /// The generation that it trapped last.
    pub generation: u64,
    /// How it trapped.
    pub trap: String,
}

/// A module as it runs on this replica, with what it is made of.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ModuleAnswer {
    /// How it runs.
    pub module: ModuleItem,
    /// The manifest that answers; null when none does.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Value>))]
    pub manifest: Option<Value>,
    /// The limits in effect, with their defaults: those of the manifest that answers, else of the one that is served.
    #[cfg_attr(feature = "openapi", schema(value_type = std::collections::HashMap<String, u64>))]
    pub limits: BTreeMap<String, u64>,
    /// The generation that a rollback without a generation returns to; null when none is retained.
    pub retained_generation: Option<u64>,
    /// The generations that a rollback may restore, with their versions.
    #[cfg_attr(feature = "openapi", schema(value_type = std::collections::HashMap<String, String>))]
    pub generations: BTreeMap<u64, String>,
    /// The last messages that trapped two instances, newest last.
    pub parked: Vec<ParkedAnswer>,
    /// The last reload on this replica; null when there was none since it started.
    pub last_reload: Option<ModuleReloadItem>,
    /// The served revision.
    pub revision: u64,
    /// Revisions up to `revision` that are quarantined on this replica.
    pub quarantined: QuarantinedRevisions,
}

/// A member of the health of hot reloading.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ModulesMembers {
    /// The modules of this replica.
    pub modules: ModulesHealth,
}

/// How the modules of this replica are. Of each state at most 20 are named.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ModulesHealth {
    /// How many run their manifest.
    pub live: usize,
    /// Modules that run another manifest than the one that is served.
    pub behind: Vec<String>,
    /// Modules whose instance trapped, and which are being restarted.
    pub restarting: Vec<String>,
    /// Modules that do not run.
    pub failed: Vec<String>,
}
