//! The contents of a manifest, parsed.

use std::sync::Arc;

use midflight_core::{Digest, DocumentName};
use serde_json::Value;

use crate::bounds::ModuleLimits;
use crate::capability::ModuleCapability;
use crate::migration::Migration;

/// Where the code of a module comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CodeSource {
    /// A WASM component, by the SHA-256 of its bytes.
    Component(Digest),
    /// A Rust type that the program has registered under this name.
    Native(Arc<str>),
}

/// Whether a manifest may be followed by one with a lower version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Downgrade {
    /// It may, as long as the state can be loaded.
    #[default]
    Allow,
    /// The reload is refused.
    Refuse,
}

/// What a probe must be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProbeReply {
    /// Any reply, a failure too; only a trap is refused.
    Any,
    /// This result.
    Result(Vec<u8>),
    /// A failure with this code.
    Failure(String),
}

/// A message that a candidate must answer on a scratch instance before it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// The operation.
    pub operation: String,
    /// The payload.
    pub payload: Vec<u8>,
    /// What must come back.
    pub expect: ProbeReply,
}

/// The place of a module in a group, whose members are replaced together or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupPlace {
    /// The name of the group.
    pub name: Arc<str>,
    /// The members that are drained before this one.
    pub after: Vec<DocumentName>,
}

/// The manifest of one module.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// The name of the module.
    pub name: DocumentName,
    /// What runs.
    pub code: CodeSource,
    /// The version, which the code must describe itself with.
    pub version: String,
    /// The schema of the state, a number that grows by one with each change of it; 0 for a module without state.
    pub schema: u32,
    /// What it may import.
    pub capabilities: Vec<ModuleCapability>,
    /// The modules it may call.
    pub calls: Vec<DocumentName>,
    /// What it may use.
    pub limits: ModuleLimits,
    /// Migrations of a state that is JSON, run by the host.
    pub migrations: Vec<Arc<Migration>>,
    /// What a candidate must answer.
    pub probes: Vec<Probe>,
    /// With which others it is replaced.
    pub group: Option<GroupPlace>,
    /// Whether a lower version may follow a higher one.
    pub downgrade: Downgrade,
    /// The config, as canonical JSON; what `init` gets.
    pub config: Arc<str>,
    /// The digest of the whole manifest: two manifests with equal digests are the same module.
    pub digest: Digest,
    /// The body as it was put.
    pub body: Arc<Value>,
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// Every problem, each with its path and its cure.
    pub fn read(name: &DocumentName, body: &Arc<Value>) -> Result<Self, midflight_core::Problems> {
        crate::read::read(name, body)
    }

    /// Whether it has no state, so that instances are exchangeable.
    #[must_use]
    pub fn is_stateless(&self) -> bool {
        self.schema == 0
    }

    /// Whether it may import that.
    #[must_use]
    pub fn grants(&self, capability: ModuleCapability) -> bool {
        self.capabilities.contains(&capability)
    }
}

impl PartialEq for Manifest {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.digest == other.digest
    }
}
