//! Reloads of modules.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::log::QuarantinedRevisions;

/// How to reload a module.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ModuleReloadBody {
    /// Tries it on a copy of the live state, on a scratch instance, and changes nothing.
    #[serde(default)]
    pub dry_run: bool,
    /// Reloads also what is live already, and what failed a moment ago.
    #[serde(default)]
    pub force: bool,
    /// For a dry run: the manifest to try instead of the one that is served. Its component must be in the store.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Value>))]
    pub manifest: Option<Value>,
}

/// Where to go back to.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ModuleRollbackBody {
    /// The generation to restore: its manifest, and its state as it was last recorded. Without it the instance that the
    /// last reload replaced answers again, exactly as it was; refused once a message was acknowledged since, and when
    /// it is not retained any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// Why; required with a generation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// With a generation: reports the result, and changes nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// A phase of a reload.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ModulePhaseAnswer {
    /// `prepare`, `drain`, `snapshot`, `migrate`, `swap`, `restore`, `verify` or `commit`.
    pub phase: Cow<'static, str>,
    /// How long it took, in microseconds.
    pub us: u64,
}

/// What a reload of a module came to, or would.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ModuleReloadAnswer {
    /// The module.
    pub module: String,
    /// `reloaded`; `unchanged`: the manifest is live already; `returned`: the retained instance answers again; `valid`:
    /// a dry run, which changed nothing.
    pub status: Cow<'static, str>,
    /// Whether nothing was changed because it was only tried.
    pub dry_run: bool,
    /// The generation that answers; null for a dry run.
    pub generation: Option<u64>,
    /// The version that answered before; null for a first start, and for a dry run.
    pub from_version: Option<String>,
    /// The version that answers; null for a dry run.
    pub to_version: Option<String>,
    /// The phases, in order; empty for a dry run, and when nothing was reloaded.
    pub phases: Vec<ModulePhaseAnswer>,
    /// How long messages waited, in microseconds.
    pub pause_us: u64,
    /// How many messages waited when it committed.
    pub held: u64,
    /// The schema of the state before, when it was migrated.
    pub migrated_from: Option<u32>,
    /// The schema of the state after; null when it is not known.
    pub to_schema: Option<u32>,
    /// How many migration steps the host and the module did.
    pub steps: u32,
    /// The size of the state that was taken over, in bytes; for a dry run after its migration.
    pub state_bytes: usize,
    /// SHA-256 of that state with its schema; null without one.
    pub state_digest: Option<String>,
    /// How many acknowledged messages it undid, or would: a restore and an import do.
    pub undone: u64,
    /// How many probes of the manifest were answered as they must be; null for what is no dry run.
    pub probes: Option<usize>,
    /// Whether the module now runs another manifest than the one that is served. A rollback is of this replica: put the
    /// earlier manifest to make it last.
    pub behind: bool,
    /// The served revision.
    pub revision: u64,
    /// Revisions up to `revision` that are quarantined on this replica.
    pub quarantined: QuarantinedRevisions,
}

/// A reload of a module that ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ModuleReloadItem {
    /// When it ended.
    pub at: String,
    /// `reloaded`, `returned` or `failed`.
    pub status: Cow<'static, str>,
    /// The reason, where an operator gave one or a trap caused it.
    pub reason: Option<String>,
    /// The generation that answered after it; null when it failed.
    pub generation: Option<u64>,
    /// The version before.
    pub from_version: Option<String>,
    /// The version after; null when it failed.
    pub to_version: Option<String>,
    /// The phases, in order.
    pub phases: Vec<ModulePhaseAnswer>,
    /// How long messages waited, in microseconds.
    pub pause_us: u64,
    /// How many messages waited when it committed.
    pub held: u64,
    /// The schema of the state before, when it was migrated.
    pub migrated_from: Option<u32>,
    /// How many migration steps the host and the module did.
    pub steps: u32,
    /// The size of the state, in bytes.
    pub state_bytes: usize,
    /// How many acknowledged messages it undid.
    pub undone: u64,
    /// The phase that failed; null when none did.
    pub failed_phase: Option<Cow<'static, str>>,
    /// A stable word for why it failed.
    pub code: Option<String>,
    /// Why it failed, and what to do.
    pub message: Option<String>,
}

/// The last reloads of a module on this replica.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ModuleReloadList {
    /// Newest first; since this replica started, at most 100.
    pub items: Vec<ModuleReloadItem>,
}
