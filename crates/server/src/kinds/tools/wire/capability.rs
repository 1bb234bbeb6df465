//! Capabilities, and the tools that have one.

use midflight_wire::log::QuarantinedRevisions;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::tool::ToolAnswer;

/// A capability, and who has it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct CapabilityItem {
    /// The capability.
    pub(in super::super) capability_name: String,
    /// How many tools have it.
    pub(in super::super) tool_count: usize,
    /// Their names, ascending, at most 1,000.
    pub(in super::super) tools: Vec<String>,
}

/// A tool, with what it states of one capability.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct CapabilityTool {
    #[serde(flatten)]
    pub(in super::super) tool: ToolAnswer,
    /// The capability, as `{capability_name, description, patterns}`. Each pattern has its document's members, its
    /// `pattern_name`, and the `variables` that its formulas need.
    #[schema(value_type = Vec<Object>)]
    pub(in super::super) capabilities: Vec<Value>,
}

/// The tools that have a capability.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct CapabilityTools {
    /// The capability.
    pub(in super::super) capability: String,
    /// Its tools by name, at most 1,000.
    pub(in super::super) tools: Vec<CapabilityTool>,
    /// How many there are.
    pub(in super::super) total: usize,
    /// The revision that they are of.
    pub(in super::super) revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    pub(in super::super) quarantined: QuarantinedRevisions,
}
