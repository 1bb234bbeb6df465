//! The two engines: one serves with budgets of time, one verifies with budgets of fuel.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

/// The most core modules that a component is made of. 64: a runtime of Python has 38.
pub(super) const CORE_INSTANCES_MAX: u32 = 64;

/// The bounds of the pools in which instances live.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EngineOptions {
    /// The most instances that serve, are about to, or are retained: up to three for each module. Default 3,100. Each
    /// reserves 4 GiB of address space, no memory.
    pub serving_instances_max: u32,
    /// The most instances that are tried at the same time. Default 16.
    pub scratch_instances_max: u32,
    /// The largest memory of any instance, in bytes. Default 1 GiB.
    pub instance_memory_bytes_max: usize,
    /// The largest table of any instance, in elements. Default 20,000.
    pub table_elements_max: usize,
    /// The stack of an instance, in bytes. Default 512 KiB, beside 1 MiB for the host's functions.
    pub stack_bytes_max: usize,
    /// How often a running module lets others run, in milliseconds. Default 2.
    pub yield_ms: u64,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            serving_instances_max: 3_100,
            scratch_instances_max: 16,
            instance_memory_bytes_max: 1 << 30,
            table_elements_max: 20_000,
            stack_bytes_max: 512 << 10,
            yield_ms: 2,
        }
    }
}

/// Both engines, and the thread that ends time slices.
pub(crate) struct Engines {
    pub(crate) serving: Engine,
    pub(crate) scratch: Engine,
    /// How long a slice of time is.
    pub(crate) slice: Duration,
    /// Dropping it ends the thread.
    _ticker: Sender<()>,
}

impl Engines {
    pub(crate) fn new(options: &EngineOptions) -> wasmtime::Result<Self> {
        let serving = Engine::new(config(options, options.serving_instances_max).epoch_interruption(true))?;
        let scratch = Engine::new(config(options, options.scratch_instances_max).consume_fuel(true))?;
        let slice = Duration::from_millis(options.yield_ms.max(1));
        let ticker = ticker(&serving, slice)?;
        Ok(Self { serving, scratch, slice, _ticker: ticker })
    }

    /// How many slices of time a call may use that may run for so long.
    pub(crate) fn slices(&self, time: Duration) -> u64 {
        let slices = time.as_nanos().div_ceil(self.slice.as_nanos());
        u64::try_from(slices).unwrap_or(u64::MAX)
    }
}

fn config(options: &EngineOptions, instances: u32) -> Config {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(instances.saturating_mul(4))
        .total_memories(instances)
        .total_tables(instances.saturating_mul(4))
        .total_stacks(instances)
        .max_core_instances_per_component(CORE_INSTANCES_MAX)
        .max_memories_per_component(1)
        .max_tables_per_component(8)
        .max_memory_size(options.instance_memory_bytes_max)
        .table_elements(options.table_elements_max);
    let mut config = Config::new();
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        .max_wasm_stack(options.stack_bytes_max)
        .async_stack_size(options.stack_bytes_max + (1 << 20))
        .wasm_multi_memory(false)
        .wasm_memory64(false)
        .cranelift_nan_canonicalization(true);
    config
}

/// Starts the thread that moves the engine's epoch on.
fn ticker(engine: &Engine, every: Duration) -> wasmtime::Result<Sender<()>> {
    let (stop, stopped) = channel();
    let engine = engine.weak();
    let tick = move || {
        while stopped.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
            let Some(engine) = engine.upgrade() else { return };
            engine.increment_epoch();
        }
    };
    std::thread::Builder::new().name("module-epochs".to_owned()).spawn(tick)?;
    Ok(stop)
}

/// Engines are shared by all code of a host.
pub(crate) type SharedEngines = Arc<Engines>;

#[cfg(test)]
mod tests {
    use super::*;

    use wasmtime::component::{Component, Linker};
    use wasmtime::{Store, Trap};

    fn component(engine: &Engine, pages: u32) -> wasmtime::Result<Component> {
        let text = format!("(component (core module $m (memory {pages})) (core instance (instantiate $m)))");
        Component::new(engine, wat::parse_str(text).unwrap())
    }

    #[tokio::test]
    async fn a_budget_of_time_is_counted_in_slices() {
        let options = EngineOptions { serving_instances_max: 1, yield_ms: 2, ..EngineOptions::default() };
        let engines = Engines::new(&options).unwrap();
        let slices = [0, 1, 2, 1_000].map(|ms| engines.slices(Duration::from_millis(ms)));
        assert_eq!(slices, [0, 1, 1, 500]);
    }

    /// `Config` does not show its values in this set of features, so the limits are seen by what they refuse.
    #[tokio::test]
    async fn the_engines_have_the_limits_that_were_asked_for() {
        let options = EngineOptions {
            serving_instances_max: 2,
            scratch_instances_max: 1,
            instance_memory_bytes_max: 1 << 20,
            ..EngineOptions::default()
        };
        let engines = Engines::new(&options).unwrap();
        for (engine, instances) in [(&engines.serving, 2), (&engines.scratch, 1)] {
            let refused = component(engine, 17).unwrap_err();
            assert!(format!("{refused:#}").contains("memory"), "{refused:#}");
            let fitting = component(engine, 16).unwrap();
            let mut stores: Vec<_> = (0..=instances).map(|_| Store::new(engine, ())).collect();
            for (i, store) in stores.iter_mut().enumerate() {
                store.set_epoch_deadline(1_000_000);
                drop(store.set_fuel(1_000_000));
                let made = Linker::new(engine).instantiate_async(store, &fitting).await;
                assert_eq!(made.is_ok(), i < instances, "instance {i} of {instances}");
            }
        }
        assert!(Store::new(&engines.serving, ()).set_fuel(1).is_err(), "serving is not metered by fuel");
        assert!(Store::new(&engines.scratch, ()).set_fuel(1).is_ok());
    }

    #[tokio::test]
    async fn a_loop_ends_by_epochs_here_and_by_fuel_there() {
        let engines =
            Engines::new(&EngineOptions { serving_instances_max: 1, ..EngineOptions::default() }).unwrap();
        let text = r#"(component
            (core module $m (func (export "spin") (loop $on (br $on))))
            (core instance $i (instantiate $m))
            (func (export "spin") (canon lift (core func $i "spin"))))"#;
        for (engine, expected) in [(&engines.serving, Trap::Interrupt), (&engines.scratch, Trap::OutOfFuel)] {
            let spin = Component::new(engine, wat::parse_str(text).unwrap()).unwrap();
            let mut store = Store::new(engine, ());
            store.set_epoch_deadline(1);
            drop(store.set_fuel(1_000_000));
            let instance = Linker::new(engine).instantiate_async(&mut store, &spin).await.unwrap();
            let spin = instance.get_typed_func::<(), ()>(&mut store, "spin").unwrap();
            let error = spin.call_async(&mut store, ()).await.unwrap_err();
            assert_eq!(error.downcast_ref::<Trap>(), Some(&expected));
        }
    }
}
