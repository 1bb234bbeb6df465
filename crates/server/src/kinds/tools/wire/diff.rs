//! What a change of a tool means.

use serde::Serialize;
use utoipa::ToSchema;

/// A version that was compared.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct ComparedVersion {
    /// The version, as it was written.
    pub(in super::super) version: String,
    /// The revision that made it.
    pub(in super::super) revision: u64,
    /// The version of the document.
    pub(in super::super) document_version: u64,
}

/// One difference.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct ToolDifferenceAnswer {
    /// `breaking`: a call or a selection that works may fail. `compatible`: it works on. `wording`: a model reads
    /// another text.
    pub(in super::super) impact: &'static str,
    /// Where: a JSON Pointer into what agents see, or else into the document.
    pub(in super::super) path: String,
    /// The difference in a sentence. Characters that are not shown are written out, as `\u{200b}`.
    pub(in super::super) message: String,
}

/// What a change of a tool means for those who use it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct ToolDiffAnswer {
    /// The tool.
    pub(in super::super) tool_name: String,
    /// The version before.
    pub(in super::super) from: ComparedVersion,
    /// The version after.
    pub(in super::super) to: ComparedVersion,
    /// The worst of the differences; null when nothing differs for a caller.
    pub(in super::super) impact: Option<&'static str>,
    /// How many are breaking.
    pub(in super::super) breaking: usize,
    /// How many are compatible.
    pub(in super::super) compatible: usize,
    /// How many are wording.
    pub(in super::super) wording: usize,
    /// The differences, the worst first.
    pub(in super::super) differences: Vec<ToolDifferenceAnswer>,
}
