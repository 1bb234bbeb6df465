//! The versions of a tool.

use serde::Serialize;
use utoipa::ToSchema;

/// A version of a tool.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct VersionItem {
    /// A number for the tool at this version: always the same, also on other replicas.
    pub(in super::super) id: u64,
    /// What the tool is called at it.
    pub(in super::super) tool_name: String,
    /// The version, as it was written.
    pub(in super::super) version: String,
    /// Its status.
    pub(in super::super) status: String,
    /// Whether it is switched on.
    pub(in super::super) enabled: bool,
    /// When it was created.
    pub(in super::super) created_at: String,
    /// When it was changed last.
    pub(in super::super) updated_at: String,
    /// Whether it is the one that is used.
    pub(in super::super) is_latest: bool,
    /// Who created it.
    pub(in super::super) created_by: String,
    /// Who changed it last.
    pub(in super::super) updated_by: String,
    /// Why, in their words.
    pub(in super::super) reason: String,
    /// The revision that changed it last; a rollback takes it.
    pub(in super::super) revision: u64,
    /// The version of the document at that revision; its `ETag` is this number in quotes.
    pub(in super::super) document_version: u64,
}

/// The versions of a tool since it was last deleted.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct Versions {
    /// The tool.
    pub(in super::super) tool_name: String,
    /// Its versions, the newest first.
    pub(in super::super) versions: Vec<VersionItem>,
    /// How many there are.
    pub(in super::super) total_versions: usize,
    /// Whether the document was changed so often that its oldest versions were not read.
    pub(in super::super) truncated: bool,
}
