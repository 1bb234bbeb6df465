//! A tool, and lists of tools.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::edits::WriteAnswer;
use crate::log::QuarantinedRevisions;
use crate::tools::LintItem;

/// A tool, without its capabilities; those are in its document.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ToolAnswer {
    /// A number for the tool at this version: always the same, also on other replicas. Below 2^48.
    pub id: u64,
    /// What people and services call it; unique.
    pub tool_name: String,
    /// Its version, as it was written.
    pub version: String,
    /// What it does.
    pub description: String,
    /// Where it runs, as `linux`.
    pub platform: Option<String>,
    /// What it is about, as `network`.
    pub category: Option<String>,
    /// `active`, `deprecated`, `disabled`, `testing` or `draft`. Active ones and those in testing are offered to
    /// selections.
    pub status: String,
    /// Whether it is switched on.
    pub enabled: bool,
    /// Defaults of all its patterns.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub defaults: Value,
    /// What it needs: `{name, type, required, version}` each.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<Object>))]
    pub dependencies: Value,
    /// What its author noted.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub metadata: Value,
    /// When it was created; null while the log is unavailable.
    pub created_at: Option<String>,
    /// When it was changed last; null while the log is unavailable.
    pub updated_at: Option<String>,
    /// Who created it, from the log; null while the log is unavailable.
    pub created_by: Option<String>,
    /// Who changed it last, from the log; null while the log is unavailable.
    pub updated_by: Option<String>,
    /// The name of its document, under `/api/v1/documents/tools/`.
    pub document: String,
}

/// What an answer was computed from.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ToolBasis {
    /// The revision that it was computed from.
    pub revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    pub quarantined: QuarantinedRevisions,
}

/// A tool that is served.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[expect(missing_docs, reason = "members of another answer, which describes them")]
pub struct ToolDetail {
    #[serde(flatten)]
    pub tool: ToolAnswer,
    #[serde(flatten)]
    pub basis: ToolBasis,
}

/// A page of tools, by name.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ToolList {
    /// The tools of the page.
    pub tools: Vec<ToolAnswer>,
    /// How many there are on all pages.
    pub total: usize,
    /// The page, from 1.
    pub page: usize,
    /// How many tools a page has.
    pub page_size: usize,
    /// The revision that they are of.
    pub revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    pub quarantined: QuarantinedRevisions,
}

/// The tools of a platform.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PlatformTools {
    /// The platform.
    pub platform: String,
    /// Its tools by name, at most 1,000.
    pub tools: Vec<ToolAnswer>,
    /// How many there are.
    pub total: usize,
    /// The revision that they are of.
    pub revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    pub quarantined: QuarantinedRevisions,
}

/// The tools of a category.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CategoryTools {
    /// The category.
    pub category: String,
    /// Its tools by name, at most 1,000.
    pub tools: Vec<ToolAnswer>,
    /// How many there are.
    pub total: usize,
    /// The revision that they are of.
    pub revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    pub quarantined: QuarantinedRevisions,
}

/// A tool that a search found.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[expect(missing_docs, reason = "members of another answer, which describes them")]
pub struct FoundTool {
    #[serde(flatten)]
    pub tool: ToolAnswer,
    /// How well it fits the query (BM25), comparable within one answer; null for a search in `fields`.
    pub score: Option<f32>,
}

/// What a search found.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FoundTools {
    /// The query.
    pub query: String,
    /// Where was looked.
    pub fields: Vec<String>,
    /// The tools, the best first; for a search in `fields` by name.
    pub results: Vec<FoundTool>,
    /// How many were found, at most 1,000.
    pub total: usize,
    /// The revision that they are of.
    pub revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    pub quarantined: QuarantinedRevisions,
}

/// A tool that was written, and the result of the write.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[expect(missing_docs, reason = "members of another answer, which describes them")]
pub struct WriteToolAnswer {
    #[serde(flatten)]
    pub tool: ToolAnswer,
    #[serde(flatten)]
    pub write: WriteAnswer,
    /// Findings in its texts: instructions to a model, or hidden characters; it was written all the same.
    // A dry run, and a write that changed nothing, have none.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(required = true))]
    pub warnings: Vec<LintItem>,
}

/// A capability, and who has it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CapabilityItem {
    /// The capability.
    pub capability_name: String,
    /// How many tools have it.
    pub tool_count: usize,
    /// Their names, ascending, at most 1,000.
    pub tools: Vec<String>,
}

/// A tool, with what it states of one capability.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[expect(missing_docs, reason = "members of another answer, which describes them")]
pub struct CapabilityTool {
    #[serde(flatten)]
    pub tool: ToolAnswer,
    /// The capability, as `{capability_name, description, patterns}`. Each pattern has its document's members, its
    /// `pattern_name`, and the `variables` that its formulas need.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<Object>))]
    pub capabilities: Vec<Value>,
}

/// The tools that have a capability.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CapabilityTools {
    /// The capability.
    pub capability: String,
    /// Its tools by name, at most 1,000.
    pub tools: Vec<CapabilityTool>,
    /// How many there are.
    pub total: usize,
    /// The revision that they are of.
    pub revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    pub quarantined: QuarantinedRevisions,
}
