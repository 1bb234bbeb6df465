//! Reloads of modules on the wire.

use std::time::Duration;

use midflight_http::wire::stamp;
use midflight_module_host::{DryRunReport, ModuleReloadReport, PhaseDuration, ReloadOutcome};
use midflight_wire::log::QuarantinedRevisions;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::kinds::modules::history::PastReload;

/// Whole microseconds.
fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// How to reload a module.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct ModuleReloadBody {
    /// Tries it on a copy of the live state, on a scratch instance, and changes nothing.
    #[serde(default)]
    pub(in super::super) dry_run: bool,
    /// Reloads also what is live already, and what failed a moment ago.
    #[serde(default)]
    pub(in super::super) force: bool,
    /// For a dry run: the manifest to try instead of the one that is served. Its component must be in the store.
    #[schema(value_type = Option<Value>)]
    pub(in super::super) manifest: Option<Value>,
}

/// Where to go back to.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct ModuleRollbackBody {
    /// The generation to restore: its manifest, and its state as it was last recorded. Without it the instance that the
    /// last reload replaced answers again, exactly as it was; refused once a message was acknowledged since, and when
    /// it is not retained any more.
    pub(in super::super) generation: Option<u64>,
    /// Why; required with a generation.
    pub(in super::super) reason: Option<String>,
    /// With a generation: says what it would come to, and changes nothing.
    #[serde(default)]
    pub(in super::super) dry_run: bool,
}

/// A phase of a reload.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct ModulePhaseAnswer {
    /// `prepare`, `drain`, `snapshot`, `migrate`, `swap`, `restore`, `verify` or `commit`.
    phase: &'static str,
    /// How long it took, in microseconds.
    us: u64,
}

impl From<&PhaseDuration> for ModulePhaseAnswer {
    fn from(phase: &PhaseDuration) -> Self {
        Self { phase: phase.phase.word(), us: micros(phase.took) }
    }
}

/// What a reload of a module came to, or would.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct ModuleReloadAnswer {
    /// The module.
    module: String,
    /// `reloaded`; `unchanged`: the manifest is live already; `returned`: the retained instance answers again; `valid`:
    /// a dry run, which changed nothing.
    status: &'static str,
    /// Whether nothing was changed because it was only tried.
    dry_run: bool,
    /// The generation that answers; null for a dry run.
    generation: Option<u64>,
    /// The version that answered before; null for a first start, and for a dry run.
    from_version: Option<String>,
    /// The version that answers; null for a dry run.
    to_version: Option<String>,
    /// The phases, in order; empty for a dry run, and when nothing was reloaded.
    phases: Vec<ModulePhaseAnswer>,
    /// How long messages waited, in microseconds.
    pause_us: u64,
    /// How many messages waited when it committed.
    held: u64,
    /// The schema of the state before, when it was migrated.
    migrated_from: Option<u32>,
    /// The schema of the state after; null when it is not known.
    to_schema: Option<u32>,
    /// How many migration steps the host and the module did.
    steps: u32,
    /// The size of the state that was taken over, in bytes; for a dry run after its migration.
    state_bytes: usize,
    /// SHA-256 of that state with its schema; null without one.
    state_digest: Option<String>,
    /// How many acknowledged messages it undid, or would: a restore and an import do.
    undone: u64,
    /// How many probes of the manifest were answered as they must be; null for what is no dry run.
    probes: Option<usize>,
    /// Whether the module now runs another manifest than the one that is served. A rollback is of this replica: put the
    /// earlier manifest to make it last.
    behind: bool,
    /// The served revision.
    pub(in super::super) revision: u64,
    /// Revisions up to `revision` that are quarantined on this replica.
    pub(in super::super) quarantined: QuarantinedRevisions,
}

/// What an answer says beside the report.
pub(in super::super) struct Served {
    pub(in super::super) behind: bool,
    pub(in super::super) revision: u64,
    pub(in super::super) quarantined: QuarantinedRevisions,
}

impl ModuleReloadAnswer {
    pub(in super::super) fn new(report: &ModuleReloadReport, served: Served) -> Self {
        Self {
            module: report.module.to_string(),
            status: status(report.outcome),
            dry_run: false,
            generation: Some(report.generation),
            from_version: report.from_version.clone(),
            to_version: Some(report.to_version.clone()),
            phases: report.phases.iter().map(ModulePhaseAnswer::from).collect(),
            pause_us: micros(report.pause),
            held: report.held,
            migrated_from: report.migrated_from,
            to_schema: None,
            steps: report.steps,
            state_bytes: report.state_bytes,
            state_digest: report.state_digest.map(|digest| digest.to_string()),
            undone: report.undone,
            probes: None,
            behind: served.behind,
            revision: served.revision,
            quarantined: served.quarantined,
        }
    }

    pub(in super::super) fn of_dry_run(report: &DryRunReport, served: Served) -> Self {
        Self {
            module: report.module.to_string(),
            status: if report.is_unchanged { "unchanged" } else { "valid" },
            dry_run: true,
            generation: None,
            from_version: None,
            to_version: None,
            phases: Vec::new(),
            pause_us: 0,
            held: 0,
            migrated_from: report.from_schema.filter(|from| *from != report.to_schema),
            to_schema: Some(report.to_schema),
            steps: report.steps,
            state_bytes: report.state_bytes,
            state_digest: Some(report.state_digest.to_string()),
            undone: report.undone,
            probes: Some(report.probes),
            behind: served.behind,
            revision: served.revision,
            quarantined: served.quarantined,
        }
    }
}

fn status(outcome: ReloadOutcome) -> &'static str {
    match outcome {
        ReloadOutcome::Committed => "reloaded",
        ReloadOutcome::Unchanged => "unchanged",
        ReloadOutcome::Returned => "returned",
    }
}

/// A reload of a module that ended.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct ModuleReloadItem {
    /// When it ended.
    at: String,
    /// `reloaded`, `returned` or `failed`.
    status: &'static str,
    /// Why it was done, where an operator said so or a trap was the reason.
    reason: Option<String>,
    /// The generation that answered after it; null when it failed.
    generation: Option<u64>,
    /// The version before.
    from_version: Option<String>,
    /// The version after; null when it failed.
    to_version: Option<String>,
    /// The phases, in order.
    phases: Vec<ModulePhaseAnswer>,
    /// How long messages waited, in microseconds.
    pause_us: u64,
    /// How many messages waited when it committed.
    held: u64,
    /// The schema of the state before, when it was migrated.
    migrated_from: Option<u32>,
    /// How many migration steps the host and the module did.
    steps: u32,
    /// The size of the state, in bytes.
    state_bytes: usize,
    /// How many acknowledged messages it undid.
    undone: u64,
    /// The phase that failed; null when none did.
    failed_phase: Option<&'static str>,
    /// A stable word for why it failed.
    code: Option<String>,
    /// Why it failed, and what to do.
    message: Option<String>,
}

impl From<&PastReload> for ModuleReloadItem {
    fn from(past: &PastReload) -> Self {
        let (report, failure) = match &past.record.result {
            Ok(report) => (Some(report), None),
            Err(failure) => (None, Some(failure)),
        };
        let phases = report.map_or(&[][..], |report| &report.phases);
        Self {
            at: stamp(past.at),
            status: report.map_or("failed", |report| status(report.outcome)),
            reason: past.record.reason.clone(),
            generation: report.map(|report| report.generation),
            from_version: report.and_then(|report| report.from_version.clone()),
            to_version: report.map(|report| report.to_version.clone()),
            phases: phases.iter().map(ModulePhaseAnswer::from).collect(),
            pause_us: report.map_or(0, |report| micros(report.pause)),
            held: report.map_or(0, |report| report.held),
            migrated_from: report.and_then(|report| report.migrated_from),
            steps: report.map_or(0, |report| report.steps),
            state_bytes: report.map_or(0, |report| report.state_bytes),
            undone: report.map_or(0, |report| report.undone),
            failed_phase: failure.map(|failure| failure.phase.word()),
            code: failure.map(|failure| failure.code.to_string()),
            message: failure.map(|failure| failure.message.clone()),
        }
    }
}

/// The last reloads of a module on this replica.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct ModuleReloadList {
    /// Newest first; since this replica started, at most 100.
    pub(in super::super) items: Vec<ModuleReloadItem>,
}
