//! Runs modules: code with state that is replaced while it answers, with no message lost.
//!
//! A module is a WASM component of the world `midflight:module/hosted@1.0.0` (`wit/module.wit`) or a Rust type that the
//! program registers ([`NativeModules`]). One task owns the mailbox and the instance of a module; a [`ModuleHandle`]
//! stays valid across reloads. A reload has eight phases ([`ModulePhase`]): the first builds the candidate beside the
//! old instance, the others run between two messages, and each of them undoes everything when it fails.
//!
//! ```
//! use std::sync::Arc;
//! use midflight_core::DocumentName;
//! use midflight_module_host::{
//!     HostOptions, ModuleFailure, ModuleHost, ModuleInfo, ModuleMessage, NativeModule, NativeModules, StateSnapshot,
//! };
//! use midflight_modules::Manifest;
//! use serde_json::json;
//!
//! /// Counts its messages.
//! struct Counter(u64);
//!
//! impl NativeModule for Counter {
//!     fn describe(&self) -> ModuleInfo {
//!         ModuleInfo { name: "hits".into(), version: "1.0.0".into(), schema: 1, accepts: vec![] }
//!     }
//!     fn init(&mut self, _: &str) -> Result<(), ModuleFailure> {
//!         Ok(())
//!     }
//!     fn handle(&mut self, _: &ModuleMessage) -> Result<Vec<u8>, ModuleFailure> {
//!         self.0 += 1;
//!         Ok(self.0.to_string().into_bytes())
//!     }
//!     fn save(&self) -> StateSnapshot {
//!         StateSnapshot { schema: 1, bytes: self.0.to_be_bytes().to_vec() }
//!     }
//!     fn load(&mut self, state: &StateSnapshot) -> Result<u32, ModuleFailure> {
//!         let bytes = state.bytes.as_slice().try_into();
//!         self.0 = bytes.map(u64::from_be_bytes).map_err(|_| ModuleFailure::new("corrupt", "not eight bytes"))?;
//!         Ok(0)
//!     }
//!     fn check(&self) -> Result<(), ModuleFailure> {
//!         Ok(())
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut options = HostOptions::default();
//! options.natives = NativeModules::default().with("counter", || Counter(0));
//! let host = ModuleHost::new(options)?;
//! let name = DocumentName::new("hits")?;
//! let manifest = |config: u64| {
//!     let body = json!({"native": "counter", "version": "1.0.0", "schema": 1, "config": config});
//!     Manifest::read(&name, &Arc::new(body)).map(Arc::new).unwrap()
//! };
//! host.load(manifest(1)).await?;
//! let hits = host.handle(&name).unwrap();
//! assert_eq!(hits.call("hit", vec![]).await?.result, b"1");
//! let report = host.load(manifest(2)).await?;
//! assert_eq!(report.generation, 2);
//! assert_eq!(hits.call("hit", vec![]).await?.result, b"2");
//! # Ok(())
//! # }
//! ```

mod actor;
mod blobs;
mod code;
mod component;
#[cfg(feature = "encode")]
pub mod encode;
mod entry;
mod error;
mod group;
mod host;
mod imports;
mod inspect;
pub mod journal;
mod mailbox;
mod memory;
mod metrics;
mod native;
mod options;
mod phase;
mod prepare;
mod reload;
mod report;
mod revert;
mod stateless;
mod wasm;

pub use blobs::{BlobSource, MemoryBlobs};
pub use code::{
    CallResult, IncrementalInstance, InstancePurpose, ModuleCode, ModuleFailure, ModuleInfo, ModuleInstance,
    ModuleMessage, SharedCode, StateSnapshot, Trap,
};
pub use component::ModulesComponent;
pub use error::{CallError, HostError, ModuleRefusal, ReloadFailure};
pub use host::ModuleHost;
pub use imports::{ImportContext, ModuleServices, PlainServices};
pub use inspect::ComponentDescription;
pub use mailbox::{ModuleHandle, ModuleReply};
pub use metrics::{MetricsSnapshot, PauseHistogram};
pub use native::{IncrementalState, NativeModule, NativeModules};
pub use options::{HostOptions, PhaseHook, ReloadObserver, ReloadOptions};
pub use phase::ModulePhase;
pub use prepare::{PausedModule, PreparedModule};
pub use report::{
    DryRunReport, LiveModule, ModuleReloadReport, ModuleStatus, ParkedMessage, PhaseDuration, PreCopyReport,
    ReloadOutcome, ReloadRecord,
};
pub use wasm::{CacheCounts, EngineOptions};
