//! The kind `modules`: manifests of modules, which are code with state that is replaced while it answers.
//!
//! A document is the manifest of one module: which component it runs, what it may use, its limits, how its state is
//! migrated, how a candidate is probed and with which other modules it is replaced. [`Modules`] is the kind that the
//! engine runs. Everything here is a pure function; what runs a manifest is the crate `midflight-module-host`.
//!
//! ```
//! use midflight_core::DocumentName;
//! use midflight_engine::{Kind as _, KindChange, Work};
//! use midflight_modules::Modules;
//! use serde_json::json;
//! use std::sync::Arc;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let body = json!({
//!     "native": "session_counter",
//!     "version": "2.0.0",
//!     "schema": 2,
//!     "migrations": [{"from": 1, "to": 2, "steps": [{"add": "/limit", "default": 10}]}],
//! });
//! let (name, work) = (DocumentName::new("sessions")?, Work::unbounded());
//! let document = Some(Modules.validate(&name, &Arc::new(body), &work)?);
//! let modules = Modules.compile(&Modules.empty(), vec![KindChange { name, document }], &work)?;
//! let input = json!({"module": "sessions", "migrate": {"schema": 1, "state": {"count": 7}}});
//! assert_eq!(Modules.answer(&modules, &input).unwrap(), json!({"schema": 2, "state": {"count": 7, "limit": 10}}));
//! # Ok(())
//! # }
//! ```

mod bounds;
mod capability;
mod groups;
mod kind;
pub mod limits;
mod manifest;
pub mod migration;
mod read;
mod schema;
mod snapshot;

pub use bounds::ModuleLimits;
pub use capability::ModuleCapability;
pub use groups::{GroupCycle, GroupMember, topological_order};
pub use kind::Modules;
pub use manifest::{CodeSource, Downgrade, GroupPlace, Manifest, Probe, ProbeReply};
pub use snapshot::ModulesSnapshot;
