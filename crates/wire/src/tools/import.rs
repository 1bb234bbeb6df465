//! Imports and exports of tools.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::log::QuarantinedRevisions;
use crate::replicas::{Ack, SilentReplica};

/// What to import.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ImportToolsBody {
    /// YAML or JSON: a tool, a list of tools, `{tools: ...}`, an OpenAPI 3.0 or 3.1 document, or several of those
    /// separated by `---`. Capabilities and patterns are by name or in lists.
    pub yaml_content: String,
    /// Replaces tools of the same name; else each of those is an error.
    #[serde(default)]
    pub overwrite: bool,
    /// Validates only, as an import would: nothing is changed.
    #[serde(default)]
    pub validate_only: bool,
}

/// A tool that was not imported.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ImportFailure {
    /// What it calls itself; null when it does not.
    pub tool: Option<String>,
    /// Why, and what to do.
    pub error: String,
    /// `template`, `unknown_shape`, `invalid_tool`, `duplicate_tool`, `too_many`, `unsupported_operation` or `exists`.
    pub reason: String,
    /// Where it was, as a JSON JsonPointer; of several documents, counted from 0, the first segment is the document.
    pub place: String,
    /// The line at which its document begins, from 1; null where that is not known.
    pub line: Option<u64>,
}

/// The result of an import.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ImportedTools {
    /// Whether every tool was imported.
    pub success: bool,
    /// How many tools were imported, or with `validate_only` would be.
    pub imported_count: usize,
    /// How many were not.
    pub failed_count: usize,
    /// Those that were not.
    pub errors: Vec<ImportFailure>,
    /// What of an OpenAPI document is not in its drafts, and findings in the texts of the imported tools; the first
    /// 500.
    pub warnings: Vec<String>,
    /// `failed` when nothing could be imported, else as that of every write: `success`, `unchanged`, `repeated`, and with
    /// `wait=all` `pending` and `partial`.
    pub outcome: Cow<'static, str>,
    /// Whether nothing was changed since it was only validated.
    pub dry_run: bool,
    /// The revision that it became, or that it was compared with when it changed nothing.
    pub revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    pub quarantined: QuarantinedRevisions,
    /// With `wait=all`: the reports of all replicas that are alive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acks: Option<Vec<Ack>>,
    /// With `wait=all`: replicas that reported in the last five minutes, but not in the last seven seconds. They are
    /// not waited for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub silent: Vec<SilentReplica>,
}

/// Tools as YAML.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ExportedTools {
    /// Whether every tool that was named is in it.
    pub success: bool,
    /// How many tools are in it.
    pub tool_count: usize,
    /// A YAML list of tools, which an import reads.
    pub yaml_content: String,
    /// The tools that were named and are not there.
    pub errors: Vec<ImportFailure>,
    /// The revision that they are of.
    pub revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    pub quarantined: QuarantinedRevisions,
}
