//! The versions of a tool, how they differ, and going back to one.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// A version of a tool.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VersionItem {
    /// A number for the tool at this version: always the same, also on other replicas.
    pub id: u64,
    /// What the tool is called at it.
    pub tool_name: String,
    /// The version, as it was written.
    pub version: String,
    /// Its status.
    pub status: String,
    /// Whether it is switched on.
    pub enabled: bool,
    /// When it was created.
    pub created_at: String,
    /// When it was changed last.
    pub updated_at: String,
    /// Whether it is the one that is used.
    pub is_latest: bool,
    /// Who created it.
    pub created_by: String,
    /// Who changed it last.
    pub updated_by: String,
    /// Why, in their words.
    pub reason: String,
    /// The revision that changed it last; a rollback takes it.
    pub revision: u64,
    /// The version of the document at that revision; its `ETag` is this number in quotes.
    pub document_version: u64,
}

/// The versions of a tool since it was last deleted.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Versions {
    /// The tool.
    pub tool_name: String,
    /// Its versions, the newest first.
    pub versions: Vec<VersionItem>,
    /// How many there are.
    pub total_versions: usize,
    /// Whether the document was changed so often that its oldest versions were not read.
    pub truncated: bool,
}

/// A version that was compared.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ComparedVersion {
    /// The version, as it was written.
    pub version: String,
    /// The revision that made it.
    pub revision: u64,
    /// The version of the document.
    pub document_version: u64,
}

/// One difference.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ToolDifferenceAnswer {
    /// `breaking`: a call or a selection that works may fail. `compatible`: it works on. `wording`: a model reads
    /// another text.
    pub impact: Cow<'static, str>,
    /// Where: a JSON Pointer into what agents see, or else into the document.
    pub path: String,
    /// The difference in a sentence. Characters that are not shown are written out, as `\u{200b}`.
    pub message: String,
}

/// What a change of a tool means for those who use it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ToolDiffAnswer {
    /// The tool.
    pub tool_name: String,
    /// The version before.
    pub from: ComparedVersion,
    /// The version after.
    pub to: ComparedVersion,
    /// The worst of the differences; null when nothing differs for a caller.
    pub impact: Option<Cow<'static, str>>,
    /// How many are breaking.
    pub breaking: usize,
    /// How many are compatible.
    pub compatible: usize,
    /// How many are wording.
    pub wording: usize,
    /// The differences, the worst first.
    pub differences: Vec<ToolDifferenceAnswer>,
}

/// Where to go back to: a version or a revision.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RollbackBody {
    /// The version, as `/api/v1/tools/{name}/versions` lists it; as it was changed last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Instead: the revision at which the tool was as it is to be. A tool that was deleted since is there again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// Why, for those who read the history.
    #[serde(default)]
    pub reason: String,
}
