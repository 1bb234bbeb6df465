//! Modules that are WASM components: the world they implement, the engines that run them, and what is refused.

mod bindings;
mod cache;
mod code;
mod engines;
mod inspect;
mod instance;
mod state;

pub use cache::CacheCounts;
pub(crate) use code::WasmRuntime;
pub use engines::EngineOptions;
