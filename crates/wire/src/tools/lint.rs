//! Whether a tool is valid, and findings in its texts.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::log::QuarantinedRevisions;
use crate::problem::ProblemItem;

/// A finding in the texts of a tool.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LintItem {
    /// The tool.
    pub tool_name: String,
    /// `instruction`, `url`, `blob`, `other_tool` or `vocabulary`.
    pub rule: Cow<'static, str>,
    /// Where it is in the document of the tool, as a JSON Pointer.
    pub path: String,
    /// What was found, and what to do.
    pub message: String,
}

/// A page of findings in texts, by tool.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LintList {
    /// What was found in the tools of the page.
    pub items: Vec<LintItem>,
    /// How many tools of the page were looked at.
    pub tools: usize,
    /// What to pass as `cursor` for the next page; null on the last.
    pub next_cursor: Option<String>,
    /// The revision that the tools are of.
    pub revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    pub quarantined: QuarantinedRevisions,
}

/// Members of the answer to an edit.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LintMembers {
    /// For an edit of tools: findings in the texts of the first ten. They were written all the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warnings: Option<Vec<LintItem>>,
}

/// Whether a tool is valid, by itself and beside the others.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ToolValidation {
    /// Whether it is.
    pub valid: bool,
    /// What is wrong, each in a sentence with its place.
    pub errors: Vec<String>,
    /// Findings in its texts, each in a sentence with its place.
    pub warnings: Vec<String>,
    /// What is wrong, each with its place and its class.
    pub problems: Vec<ProblemItem>,
}
