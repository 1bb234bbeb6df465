//! One instance of a component, with the budget of each call.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use wasmtime::component::InstancePre;
use wasmtime::{Store, StoreLimitsBuilder, UpdateDeadline};

use super::bindings::incremental::{IncrementalPart, IncrementalPartIndices};
use super::bindings::midflight::module::types;
use super::bindings::{Hosted, HostedIndices};
use super::engines::{CORE_INSTANCES_MAX, SharedEngines};
use super::state::GuestState;
use crate::code::{
    CallResult, IncrementalInstance, InstancePurpose, ModuleInfo, ModuleInstance, ModuleMessage,
    StateSnapshot, Trap,
};
use crate::imports::ImportContext;

/// After so many units of fuel a scratch instance lets others run.
const FUEL_SLICE: u64 = 1_000_000;

/// A component that is linked with what the host offers, and where its exports are.
pub(crate) struct LinkedComponent {
    pre: InstancePre<GuestState>,
    hosted: HostedIndices,
    incremental: Option<IncrementalPartIndices>,
}

impl LinkedComponent {
    /// Finds the exports; those of `incremental` if the component has that interface.
    pub(crate) fn new(pre: InstancePre<GuestState>, is_incremental: bool) -> wasmtime::Result<Self> {
        let hosted = HostedIndices::new(&pre)?;
        let incremental = if is_incremental { Some(IncrementalPartIndices::new(&pre)?) } else { None };
        Ok(Self { pre, hosted, incremental })
    }
}

pub(crate) struct WasmInstance {
    engines: SharedEngines,
    store: Store<GuestState>,
    hosted: Hosted,
    incremental: Option<IncrementalPart>,
    purpose: InstancePurpose,
    /// Whether it trapped, or a call was dropped: then it may not be entered again.
    is_dead: bool,
}

/// What a call may use.
#[derive(Clone, Copy)]
enum Budget {
    Call,
    Restore,
}

impl WasmInstance {
    pub(crate) async fn new(
        engines: &SharedEngines,
        linked: &LinkedComponent,
        purpose: InstancePurpose,
        context: ImportContext,
    ) -> Result<Self, Trap> {
        let limits = context.manifest.limits;
        let memory = usize::try_from(limits.memory_bytes_max).unwrap_or(usize::MAX);
        let store_limits = StoreLimitsBuilder::new()
            .memory_size(memory)
            .instances(CORE_INSTANCES_MAX as usize)
            .memories(1)
            .tables(32)
            .build();
        let state = GuestState {
            context,
            limits: store_limits,
            slices_left: 0,
            slice: engines.slice,
            is_live: false,
        };
        let engine = match purpose {
            InstancePurpose::Serve => &engines.serving,
            InstancePurpose::Scratch => &engines.scratch,
        };
        let mut store = Store::new(engine, state);
        store.limiter(|state| &mut state.limits);
        // What a guest gives is never more than its memory, so the bound on what is lifted must not end an instance earlier.
        store.set_hostcall_fuel(memory.saturating_add(1 << 20));
        match purpose {
            InstancePurpose::Serve => {
                store.set_epoch_deadline(1);
                store.epoch_deadline_callback(|mut context| {
                    let left = &mut context.data_mut().slices_left;
                    if *left == 0 {
                        return Ok(UpdateDeadline::Interrupt);
                    }
                    *left -= 1;
                    Ok(UpdateDeadline::Yield(1))
                });
                store.data_mut().slices_left = engines.slices(limits.restore_max());
            }
            InstancePurpose::Scratch => {
                let failed = |error: wasmtime::Error| Trap::Code(format!("{error:#}"));
                store.set_fuel(limits.verify_fuel_max).map_err(failed)?;
                store.fuel_async_yield_interval(Some(FUEL_SLICE)).map_err(failed)?;
            }
        }
        let trap =
            |error: wasmtime::Error| trap_of(&error, purpose, limits.restore_max(), limits.verify_fuel_max);
        let instance = linked.pre.instantiate_async(&mut store).await.map_err(trap)?;
        let unfit =
            |error: wasmtime::Error| Trap::WrongWorld(format!("{error:#}").chars().take(500).collect());
        let hosted = linked.hosted.load(&mut store, &instance).map_err(unfit)?;
        let incremental = linked.incremental.as_ref().map(|indices| indices.load(&mut store, &instance));
        let incremental = incremental.transpose().map_err(unfit)?;
        Ok(Self { engines: Arc::clone(engines), store, hosted, incremental, purpose, is_dead: false })
    }

    /// Sets the budget of the next call. Until [`Self::end`] the instance counts as ended: when the call is dropped,
    /// the guest's stack is lost.
    fn begin(&mut self, budget: Budget) -> Result<Duration, Trap> {
        if self.is_dead {
            return Err(Trap::Code("the instance has ended already".to_owned()));
        }
        self.is_dead = true;
        let limits = &self.store.data().context.manifest.limits;
        let time = match budget {
            Budget::Call => limits.call_max(),
            Budget::Restore => limits.restore_max(),
        };
        match self.purpose {
            InstancePurpose::Serve => self.store.data_mut().slices_left = self.engines.slices(time),
            InstancePurpose::Scratch => {
                let fuel = limits.verify_fuel_max;
                self.store.set_fuel(fuel).map_err(|error| Trap::Code(format!("{error:#}")))?;
            }
        }
        Ok(time)
    }

    fn end<T>(&mut self, time: Duration, done: wasmtime::Result<T>) -> Result<T, Trap> {
        let fuel = self.store.data().context.manifest.limits.verify_fuel_max;
        let value = done.map_err(|error| trap_of(&error, self.purpose, time, fuel))?;
        self.is_dead = false;
        Ok(value)
    }
}

fn trap_of(error: &wasmtime::Error, purpose: InstancePurpose, time: Duration, fuel: u64) -> Trap {
    match error.downcast_ref::<wasmtime::Trap>() {
        Some(wasmtime::Trap::Interrupt) if purpose == InstancePurpose::Serve => {
            Trap::Deadline { ms: u64::try_from(time.as_millis()).unwrap_or(u64::MAX) }
        }
        Some(wasmtime::Trap::OutOfFuel) => Trap::Fuel { fuel },
        Some(trap) => Trap::Code(trap.to_string()),
        None => Trap::Code(format!("{error:#}").chars().take(500).collect()),
    }
}

#[async_trait]
impl ModuleInstance for WasmInstance {
    async fn describe(&mut self) -> Result<ModuleInfo, Trap> {
        let time = self.begin(Budget::Restore)?;
        let done = self.hosted.midflight_module_guest().call_describe(&mut self.store).await;
        let types::Info { name, version, schema, accepts } = self.end(time, done)?;
        Ok(ModuleInfo { name, version, schema, accepts })
    }

    async fn init(&mut self, config: &str) -> CallResult<()> {
        let time = self.begin(Budget::Restore)?;
        let done = self.hosted.midflight_module_guest().call_init(&mut self.store, config).await;
        Ok(self.end(time, done)?.map_err(Into::into))
    }

    async fn handle(&mut self, message: &ModuleMessage) -> CallResult<Vec<u8>> {
        let ModuleMessage { id, operation, payload, attempt } = message.clone();
        let message = types::Message { id, operation, payload, attempt };
        let time = self.begin(Budget::Call)?;
        let done = self.hosted.midflight_module_guest().call_handle(&mut self.store, &message).await;
        Ok(self.end(time, done)?.map_err(Into::into))
    }

    async fn save(&mut self) -> Result<StateSnapshot, Trap> {
        let time = self.begin(Budget::Restore)?;
        let done = self.hosted.midflight_module_guest().call_save(&mut self.store).await;
        let types::Snapshot { schema, bytes } = self.end(time, done)?;
        Ok(StateSnapshot { schema, bytes })
    }

    async fn load(&mut self, snapshot: &StateSnapshot) -> CallResult<u32> {
        let snapshot = types::Snapshot { schema: snapshot.schema, bytes: snapshot.bytes.clone() };
        let time = self.begin(Budget::Restore)?;
        let done = self.hosted.midflight_module_guest().call_load(&mut self.store, &snapshot).await;
        Ok(self.end(time, done)?.map_err(Into::into))
    }

    async fn check(&mut self) -> CallResult<()> {
        let time = self.begin(Budget::Restore)?;
        let done = self.hosted.midflight_module_guest().call_check(&mut self.store).await;
        Ok(self.end(time, done)?.map_err(Into::into))
    }

    fn go_live(&mut self) {
        self.store.data_mut().is_live = true;
    }

    fn incremental(&mut self) -> Option<&mut dyn IncrementalInstance> {
        self.incremental.is_some().then_some(self as &mut dyn IncrementalInstance)
    }
}

/// Why an instance without the interface cannot do what it is asked for.
fn not_incremental() -> Trap {
    Trap::Code("the component does not export incremental".to_owned())
}

#[async_trait]
impl IncrementalInstance for WasmInstance {
    async fn mark(&mut self) -> Result<u64, Trap> {
        let time = self.begin(Budget::Restore)?;
        let part = self.incremental.as_ref().ok_or_else(not_incremental)?;
        let done = part.midflight_module_incremental().call_mark(&mut self.store).await;
        self.end(time, done)
    }

    async fn changes_since(&mut self, mark: u64) -> Result<Option<StateSnapshot>, Trap> {
        let time = self.begin(Budget::Restore)?;
        let part = self.incremental.as_ref().ok_or_else(not_incremental)?;
        let done = part.midflight_module_incremental().call_changes_since(&mut self.store, mark).await;
        let changes = self.end(time, done)?;
        Ok(changes.map(|types::Snapshot { schema, bytes }| StateSnapshot { schema, bytes }))
    }

    async fn apply(&mut self, changes: &StateSnapshot) -> CallResult<u32> {
        let changes = types::Snapshot { schema: changes.schema, bytes: changes.bytes.clone() };
        let time = self.begin(Budget::Restore)?;
        let part = self.incremental.as_ref().ok_or_else(not_incremental)?;
        let done = part.midflight_module_incremental().call_apply(&mut self.store, &changes).await;
        Ok(self.end(time, done)?.map_err(Into::into))
    }
}
