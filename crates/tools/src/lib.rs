//! The kind `tools`: a catalogue of tools that agents and services choose from, compiled at load.
//!
//! Three sorts of document, distinguished by name: `{tool}`, `settings/selection` (how candidates are compared) and
//! `corrections/{tool}` (factors for the estimates of a tool). [`Tools`] is the kind that the engine runs;
//! [`ToolsSnapshot::select`] chooses, [`ToolsSnapshot::search`] finds by words. Everything is a pure function.
//!
//! A tool has capabilities, a capability has patterns, and a pattern states what it takes and costs as formulas
//! ([`expression`]), when it may be used (its policy) and what it is given. The identity of a tool is the name of its
//! document; its `tool_name` and its `mcp_name` may change.
//!
//! Beside the kind: [`import`] reads the files of other catalogues and [`export`] writes them, [`diff`] classifies a
//! change for agents, [`lint`] finds what a text hides, [`telemetry`] compares estimates with what was observed.
//!
//! ```
//! use midflight_core::DocumentName;
//! use midflight_engine::{Kind as _, KindChange, Work};
//! use midflight_tools::Tools;
//! use serde_json::json;
//! use std::sync::Arc;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let body = json!({
//!     "description": "Finds lines that match a pattern.",
//!     "platform": "linux",
//!     "capabilities": {"text_search": {"patterns": {
//!         "one_file": {"time_estimate_ms": 40, "cost_estimate": 1, "complexity_score": 0.1},
//!         "whole_tree": {"time_estimate_ms": "200 + 5 * N", "cost_estimate": "ceil(N / 100)",
//!             "policy": {"requires_background_if": "N > 500"}},
//!     }}},
//! });
//! let (name, work) = (DocumentName::new("grep")?, Work::unbounded());
//! let document = Some(Tools.validate(&name, &Arc::new(body), &work)?);
//! let tools = Tools.compile(&Tools.empty(), vec![KindChange { name, document }], &work)?;
//! let answer = Tools.answer(&tools, &json!({"query": "quickly search files", "capabilities": ["text_search"]})).unwrap();
//! assert_eq!(answer["mode"]["name"], "fast");
//! assert_eq!(answer["selected"]["pattern"], "one_file");
//! # Ok(())
//! # }
//! ```

mod compile;
mod corrections;
pub mod diff;
mod digest;
mod document;
pub mod export;
pub mod expression;
mod fields;
pub mod import;
mod input_schema;
mod kind;
pub mod limits;
pub mod lint;
mod mcp_name;
mod read_pattern;
mod read_tool;
mod schema;
mod search;
pub mod selection;
mod settings;
mod snapshot;
mod status;
pub mod telemetry;
#[cfg(test)]
mod testing;
mod tool;

pub use compile::DUPLICATE_TOOL;
pub use corrections::{EstimateCorrection, EstimateCorrections};
pub use digest::catalogue_digest;
pub use document::{CORRECTIONS_FOLDER, SELECTION_SETTINGS, SETTINGS_FOLDER, ToolsDocument};
pub use kind::Tools;
pub use mcp_name::{RESERVED_MCP_NAMES, derive_mcp_name, is_mcp_name};
pub use read_tool::{CATEGORIES, PLATFORMS, suggest_word};
pub use search::SearchHit;
pub use settings::{FEATURES, FeatureVector, PreferenceMode, SelectionSettings};
pub use snapshot::ToolsSnapshot;
pub use status::ToolStatus;
pub use tool::{Capability, Policy, PreferenceMatch, Tool, ToolInput, ToolPattern};
