//! What is reported of modules and of reloads.

use std::sync::Arc;
use std::time::Duration;

use midflight_core::{Digest, DocumentName};
use midflight_modules::Manifest;

use crate::code::ModuleInfo;
use crate::error::ReloadFailure;
use crate::phase::ModulePhase;

/// What answers now.
#[derive(Debug, Clone)]
pub struct LiveModule {
    /// Its manifest.
    pub manifest: Arc<Manifest>,
    /// Its generation: grows by one with each commit.
    pub generation: u64,
    /// The description in the code.
    pub info: ModuleInfo,
}

/// How long a phase took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PhaseDuration {
    /// The phase.
    pub phase: ModulePhase,
    /// How long it took.
    pub took: Duration,
}

/// The result of a reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReloadOutcome {
    /// The candidate answers.
    Committed,
    /// The manifest is the one that is live.
    Unchanged,
    /// The retained instance answers again.
    Returned,
}

/// A reload that did what was asked.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ModuleReloadReport {
    /// The module.
    pub module: DocumentName,
    /// Its result.
    pub outcome: ReloadOutcome,
    /// The generation that answers.
    pub generation: u64,
    /// The version that answered before.
    pub from_version: Option<String>,
    /// The version that answers.
    pub to_version: String,
    /// The phases with their times, in order.
    pub phases: Vec<PhaseDuration>,
    /// From drain to commit.
    pub pause: Duration,
    /// How many messages waited when it committed.
    pub held: u64,
    /// The schema of the state before, when it was migrated.
    pub migrated_from: Option<u32>,
    /// How many hops the host and the code did.
    pub steps: u32,
    /// The size of the state, in bytes.
    pub state_bytes: usize,
    /// The digest of the state that was taken over, if there was one.
    pub state_digest: Option<Digest>,
    /// How many acknowledged messages this undid: only a restore or an import does.
    pub undone: u64,
    /// What was copied before the pause and in it, when a part was copied before.
    pub pre_copy: Option<PreCopyReport>,
}

/// How the state of a module with changes was copied: the whole before the pause, and in the pause what changed since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreCopyReport {
    /// The size of the state that the candidate loaded before the pause, in bytes.
    pub before_bytes: usize,
    /// The size of what it took over in the pause, in bytes: the changes, or the whole state with a `fallback`.
    pub pause_bytes: usize,
    /// Why the whole state was loaded in the pause all the same, if it was.
    pub fallback: Option<String>,
}

impl ModuleReloadReport {
    /// A report without phases, pause and state.
    pub(crate) fn new(
        module: &DocumentName,
        outcome: ReloadOutcome,
        generation: u64,
        from_version: Option<String>,
        to_version: String,
    ) -> Self {
        Self {
            module: module.clone(),
            outcome,
            generation,
            from_version,
            to_version,
            phases: Vec::new(),
            pause: Duration::ZERO,
            held: 0,
            migrated_from: None,
            steps: 0,
            state_bytes: 0,
            state_digest: None,
            undone: 0,
            pre_copy: None,
        }
    }
}

/// What a reload would do, tried on a copy of the live state.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DryRunReport {
    /// The module.
    pub module: DocumentName,
    /// Whether the manifest is the one that is live, so that nothing was tried.
    pub is_unchanged: bool,
    /// The schema of the live state, if there is one.
    pub from_schema: Option<u32>,
    /// The schema it would have.
    pub to_schema: u32,
    /// How many hops the host and the code did.
    pub steps: u32,
    /// The size of the migrated state, in bytes.
    pub state_bytes: usize,
    /// The digest of the migrated state.
    pub state_digest: Digest,
    /// How many probes were answered as they must be.
    pub probes: usize,
    /// How many acknowledged messages it would undo: only a restore does.
    pub undone: u64,
}

/// A reload that ended, as it is reported to a [`crate::ReloadObserver`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ReloadRecord {
    /// The module.
    pub module: DocumentName,
    /// Its result.
    pub result: Result<ModuleReloadReport, ReloadFailure>,
    /// Why it was done, when an operator said so or a trap was the reason.
    pub reason: Option<String>,
}

/// A message that trapped two instances.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedMessage {
    /// The id of the message.
    pub id: u64,
    /// The operation.
    pub operation: String,
    /// The digest of the payload.
    pub payload: Digest,
    /// The generation that it trapped last.
    pub generation: u64,
    /// How it trapped.
    pub trap: String,
}

/// What is known of a module at one moment.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ModuleStatus {
    /// What answers; none before the first commit.
    pub live: Option<Arc<LiveModule>>,
    /// The generation to which the module can return.
    pub retained: Option<u64>,
    /// Why it is being restarted, when it is.
    pub restarting: Option<String>,
    /// The last messages that trapped two instances, newest last.
    pub parked: Vec<ParkedMessage>,
    /// The manifest that a return or a restore went back from. It is not to be chosen again unless it is requested.
    pub withdrawn: Option<Digest>,
    /// Messages acknowledged since the state was last recorded.
    pub acknowledged_since_record: u64,
}
