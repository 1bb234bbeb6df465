//! What the host knows of code: one trait for components and for registered Rust types.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use midflight_core::Digest;

use crate::imports::ImportContext;

/// The description in the code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleInfo {
    /// The name of the module.
    pub name: String,
    /// The version.
    pub version: String,
    /// The schema of its state; 0 for none.
    pub schema: u32,
    /// The schemas that `load` accepts beside its own.
    pub accepts: Vec<u32>,
}

/// A message to a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleMessage {
    /// A number that grows with each accepted message of the module.
    pub id: u64,
    /// The operation.
    pub operation: String,
    /// The payload.
    pub payload: Vec<u8>,
    /// 1, and 2 when an instance trapped on it before.
    pub attempt: u32,
}

/// A failure that a module answers with. The instance works on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ModuleFailure {
    /// A stable word for the class of the failure.
    pub code: String,
    /// What went wrong, for a person.
    pub message: String,
}

impl ModuleFailure {
    /// A failure with that code.
    #[must_use]
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into() }
    }
}

/// The state of a module at one moment.
#[derive(Clone, PartialEq, Eq)]
pub struct StateSnapshot {
    /// Its schema.
    pub schema: u32,
    /// The state as the module wrote it.
    pub bytes: Vec<u8>,
}

impl StateSnapshot {
    /// The digest of schema and bytes.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut all = Vec::with_capacity(self.bytes.len() + 4);
        all.extend_from_slice(&self.schema.to_be_bytes());
        all.extend_from_slice(&self.bytes);
        Digest::of_bytes(&all)
    }
}

impl fmt::Debug for StateSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StateSnapshot {{ schema: {}, {} bytes }}", self.schema, self.bytes.len())
    }
}

/// The end of an instance: it may never be entered again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Trap {
    /// It ran longer than its budget of time.
    #[error("ran longer than {ms} ms; raise the limit in the manifest, or do less in one call")]
    Deadline {
        /// The budget.
        ms: u64,
    },
    /// It used its budget of fuel.
    #[error(
        "used more than {fuel} units of fuel; raise verify_fuel_max in the manifest, or do less in one call"
    )]
    Fuel {
        /// The budget.
        fuel: u64,
    },
    /// It trapped.
    #[error("trapped: {0}")]
    Code(String),
    /// An export has another type than in the world.
    #[error(
        "failed: an export does not fit the world midflight:module/hosted@1.0.0, or hosted-incremental: {0}"
    )]
    WrongWorld(String),
}

/// Answers that are either a value or a failure of the module, unless the instance ended.
pub type CallResult<T> = Result<Result<T, ModuleFailure>, Trap>;

/// One instance of a module. After a [`Trap`] it may not be used again.
#[async_trait]
pub trait ModuleInstance: Send {
    /// The description in the code.
    async fn describe(&mut self) -> Result<ModuleInfo, Trap>;
    /// Prepares it, with the manifest's config as JSON.
    async fn init(&mut self, config: &str) -> CallResult<()>;
    /// Works on a message. It must not be dropped before it is done.
    async fn handle(&mut self, message: &ModuleMessage) -> CallResult<Vec<u8>>;
    /// The state. It does not change it.
    async fn save(&mut self) -> Result<StateSnapshot, Trap>;
    /// Takes over a state; answers how many migration steps it applied.
    async fn load(&mut self, snapshot: &StateSnapshot) -> CallResult<u32>;
    /// Verifies the invariants of the state. It does not change it.
    async fn check(&mut self) -> CallResult<()>;
    /// From now on the imports `emit` and `call` work.
    fn go_live(&mut self);
    /// This instance as one that gives and takes changes; none when its code does not. Default: none.
    fn incremental(&mut self) -> Option<&mut dyn IncrementalInstance> {
        None
    }
}

/// What an instance can do beside [`ModuleInstance`] when its code has the interface `incremental`.
#[async_trait]
pub trait IncrementalInstance: Send {
    /// Remembers from now on what changes, in place of what it remembered before; answers a mark. It does not change the
    /// state.
    async fn mark(&mut self) -> Result<u64, Trap>;
    /// Everything that changed since that mark; none when it does not remember all of it. It does not change the state.
    async fn changes_since(&mut self, mark: u64) -> Result<Option<StateSnapshot>, Trap>;
    /// Brings a state that was loaded up to date; answers how many migration steps it applied.
    async fn apply(&mut self, changes: &StateSnapshot) -> CallResult<u32>;
}

/// What an instance is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstancePurpose {
    /// It answers messages; its calls have budgets of time.
    Serve,
    /// It is tried and dropped; its calls have budgets of fuel, so that it passes or fails in the same way everywhere.
    Scratch,
}

/// Code that can be instantiated.
#[async_trait]
pub trait ModuleCode: Send + Sync {
    /// A new instance, not initialised.
    async fn instantiate(
        &self,
        purpose: InstancePurpose,
        context: ImportContext,
    ) -> Result<Box<dyn ModuleInstance>, Trap>;
}

/// Code that is shared.
pub type SharedCode = Arc<dyn ModuleCode>;
