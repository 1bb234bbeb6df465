//! Rust types that a program registers: the same trait, phases and limits as components, without a sandbox.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use async_trait::async_trait;

use crate::code::{
    CallResult, IncrementalInstance, InstancePurpose, ModuleCode, ModuleFailure, ModuleInfo, ModuleInstance,
    ModuleMessage, StateSnapshot, Trap,
};
use crate::imports::ImportContext;

/// A module that is compiled into the program. That `save` and `check` do not change the state is their type.
///
/// A panic is what a trap is for a component: the instance is dropped. There is no budget of time or memory.
pub trait NativeModule: Send + 'static {
    /// The description in the code.
    fn describe(&self) -> ModuleInfo;
    /// Prepares it, with the manifest's config as JSON.
    ///
    /// # Errors
    /// Why the config cannot be used.
    fn init(&mut self, config: &str) -> Result<(), ModuleFailure>;
    /// Works on a message.
    ///
    /// # Errors
    /// What the caller is answered instead of a result.
    fn handle(&mut self, message: &ModuleMessage) -> Result<Vec<u8>, ModuleFailure>;
    /// The state.
    fn save(&self) -> StateSnapshot;
    /// Takes over a state; answers how many migration steps it applied.
    ///
    /// # Errors
    /// Why it cannot be loaded.
    fn load(&mut self, snapshot: &StateSnapshot) -> Result<u32, ModuleFailure>;
    /// Verifies the invariants of the state.
    ///
    /// # Errors
    /// The violated invariant.
    fn check(&self) -> Result<(), ModuleFailure>;
    /// The part of it that gives and takes changes, for a module with a large state; none when it has none. Default:
    /// none.
    fn incremental(&mut self) -> Option<&mut dyn IncrementalState> {
        None
    }
}

/// A state that remembers what changes, so that a reload moves only that while messages wait: the new version has loaded
/// the whole state before, while the old one answered.
///
/// The common mistake is to forget one way in which an entry changes: removal, expiry, a change in `init`. Where the
/// schema stays the same, the host compares what both versions save, and loads the whole state when it differs.
pub trait IncrementalState {
    /// Remembers from now on what changes, in place of what it remembered before; answers a mark, each time another one.
    fn mark(&mut self) -> u64;
    /// Everything that was set or removed since that mark; none when it does not remember all of it.
    fn changes_since(&self, mark: u64) -> Option<StateSnapshot>;
    /// Brings a state that was loaded up to date with changes of any schema that `load` takes. What comes out is what
    /// `load` makes of the whole state. Answers how many migration steps it applied.
    ///
    /// # Errors
    /// Why the changes cannot be applied. The whole state is then loaded instead, by a new instance.
    fn apply(&mut self, changes: &StateSnapshot) -> Result<u32, ModuleFailure>;
}

type Factory = Arc<dyn Fn() -> Box<dyn NativeModule> + Send + Sync>;

/// The registered types, by the name that a manifest's `native` has.
#[derive(Clone, Default)]
pub struct NativeModules {
    factories: BTreeMap<String, Factory>,
}

impl NativeModules {
    /// The same with one more.
    #[must_use]
    pub fn with<M: NativeModule>(mut self, name: &str, make: impl Fn() -> M + Send + Sync + 'static) -> Self {
        self.factories.insert(name.to_owned(), Arc::new(move || Box::new(make())));
        self
    }

    pub(crate) fn get(&self, name: &str) -> Option<Arc<dyn ModuleCode>> {
        let make = Arc::clone(self.factories.get(name)?);
        Some(Arc::new(NativeCode(make)))
    }

    /// The names that are registered.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.factories.keys().map(String::as_str)
    }
}

impl fmt::Debug for NativeModules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

struct NativeCode(Factory);

#[async_trait]
impl ModuleCode for NativeCode {
    async fn instantiate(
        &self,
        _: InstancePurpose,
        _: ImportContext,
    ) -> Result<Box<dyn ModuleInstance>, Trap> {
        let module = guarded(|| (self.0)())?;
        Ok(Box::new(NativeInstance(module)))
    }
}

struct NativeInstance(Box<dyn NativeModule>);

/// Runs code of a module; a panic in it ends the instance alone.
fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, Trap> {
    // After a panic the instance is not used again, so what it left half done is seen by no one.
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        Trap::Code(format!("panicked: {}", text.unwrap_or_default()))
    })
}

#[async_trait]
impl ModuleInstance for NativeInstance {
    async fn describe(&mut self) -> Result<ModuleInfo, Trap> {
        guarded(|| self.0.describe())
    }

    async fn init(&mut self, config: &str) -> CallResult<()> {
        guarded(|| self.0.init(config))
    }

    async fn handle(&mut self, message: &ModuleMessage) -> CallResult<Vec<u8>> {
        guarded(|| self.0.handle(message))
    }

    async fn save(&mut self) -> Result<StateSnapshot, Trap> {
        guarded(|| self.0.save())
    }

    async fn load(&mut self, snapshot: &StateSnapshot) -> CallResult<u32> {
        guarded(|| self.0.load(snapshot))
    }

    async fn check(&mut self) -> CallResult<()> {
        guarded(|| self.0.check())
    }

    fn go_live(&mut self) {}

    fn incremental(&mut self) -> Option<&mut dyn IncrementalInstance> {
        // One that panics here does so again where its trap is handled.
        let is_incremental = guarded(|| self.0.incremental().is_some()).unwrap_or(true);
        is_incremental.then_some(self as &mut dyn IncrementalInstance)
    }
}

impl NativeInstance {
    /// Works with the part that is incremental.
    fn with_incremental<T>(&mut self, work: impl FnOnce(&mut dyn IncrementalState) -> T) -> Result<T, Trap> {
        let done = guarded(|| self.0.incremental().map(work))?;
        done.ok_or_else(|| Trap::Code("is not incremental any more".to_owned()))
    }
}

#[async_trait]
impl IncrementalInstance for NativeInstance {
    async fn mark(&mut self) -> Result<u64, Trap> {
        self.with_incremental(|state| state.mark())
    }

    async fn changes_since(&mut self, mark: u64) -> Result<Option<StateSnapshot>, Trap> {
        self.with_incremental(|state| state.changes_since(mark))
    }

    async fn apply(&mut self, changes: &StateSnapshot) -> CallResult<u32> {
        self.with_incremental(|state| state.apply(changes))
    }
}
