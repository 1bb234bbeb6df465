//! Imports and exports of the original's shape.

use midflight_wire::log::QuarantinedRevisions;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What to import.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct ImportToolsBody {
    /// YAML or JSON: a tool, a list of tools, `{tools: ...}`, an OpenAPI 3.0 or 3.1 document, or several of those
    /// separated by `---`. Capabilities and patterns are by name or in lists.
    pub(in super::super) yaml_content: String,
    /// Replaces tools of the same name; else each of those is an error.
    #[serde(default)]
    pub(in super::super) overwrite: bool,
    /// Validates only, as an import would: nothing is changed.
    #[serde(default)]
    pub(in super::super) validate_only: bool,
}

/// A tool that was not imported.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct ImportFailure {
    /// What it calls itself; null when it does not.
    pub(in super::super) tool: Option<String>,
    /// Why, and what to do.
    pub(in super::super) error: String,
    /// `template`, `unknown_shape`, `invalid_tool`, `duplicate_tool`, `too_many`, `unsupported_operation` or `exists`.
    pub(in super::super) reason: String,
    /// Where it was, as a JSON JsonPointer; of several documents, counted from 0, the first segment is the document.
    pub(in super::super) place: String,
    /// The line at which its document begins, from 1; null where that is not known.
    pub(in super::super) line: Option<u64>,
}

/// The result of an import.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct ImportedTools {
    /// Whether every tool was imported.
    pub(in super::super) success: bool,
    /// How many tools were imported, or with `validate_only` would be.
    pub(in super::super) imported_count: usize,
    /// How many were not.
    pub(in super::super) failed_count: usize,
    /// Those that were not.
    pub(in super::super) errors: Vec<ImportFailure>,
    /// What of an OpenAPI document is not in its drafts, and findings in the texts of the imported tools; the first
    /// 500.
    pub(in super::super) warnings: Vec<String>,
    /// `success`, `unchanged`, or `failed` when nothing could be imported.
    pub(in super::super) outcome: &'static str,
    /// Whether nothing was changed since it was only validated.
    pub(in super::super) dry_run: bool,
    /// The revision that it became; the served one when it changed nothing.
    pub(in super::super) revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    pub(in super::super) quarantined: QuarantinedRevisions,
}

/// Tools as YAML.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct ExportedTools {
    /// Whether every tool that was named is in it.
    pub(in super::super) success: bool,
    /// How many tools are in it.
    pub(in super::super) tool_count: usize,
    /// A YAML list of tools, which an import reads.
    pub(in super::super) yaml_content: String,
    /// The tools that were named and are not there.
    pub(in super::super) errors: Vec<ImportFailure>,
    /// The revision that they are of.
    pub(in super::super) revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    pub(in super::super) quarantined: QuarantinedRevisions,
}
