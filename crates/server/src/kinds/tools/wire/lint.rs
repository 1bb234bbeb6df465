//! Findings in texts: instructions to a model.

use midflight_tools::Tool;
use midflight_tools::lint::{LintFinding, escape_hidden};
use midflight_wire::log::QuarantinedRevisions;
use serde::Serialize;
use utoipa::ToSchema;

/// Something in the texts of a tool that a reader should look at.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct LintItem {
    /// The tool.
    pub(in super::super) tool_name: String,
    /// `instruction`, `url`, `blob`, `other_tool` or `vocabulary`.
    pub(in super::super) rule: &'static str,
    /// Where it is in the document of the tool, as a JSON Pointer.
    pub(in super::super) path: String,
    /// What was found, and what to do.
    pub(in super::super) message: String,
}

impl LintItem {
    pub(in super::super) fn new(tool: &Tool, finding: &LintFinding) -> Self {
        Self {
            tool_name: tool.tool_name().to_owned(),
            rule: finding.rule,
            path: escape_hidden(finding.path.as_str()).into_owned(),
            message: finding.message.clone(),
        }
    }

    /// As a sentence.
    pub(in super::super) fn sentence(&self) -> String {
        format!("{} at {}: {}", self.tool_name, self.path, self.message)
    }
}

/// A page of findings in texts, by tool.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct LintList {
    /// What was found in the tools of the page.
    pub(in super::super) items: Vec<LintItem>,
    /// How many tools of the page were looked at.
    pub(in super::super) tools: usize,
    /// What to pass as `cursor` for the next page; null on the last.
    pub(in super::super) next_cursor: Option<String>,
    /// The revision that the tools are of.
    pub(in super::super) revision: u64,
    /// Revisions up to `revision` that are left out on this replica.
    pub(in super::super) quarantined: QuarantinedRevisions,
}

/// Members of the answer to an edit.
#[derive(Debug, Serialize, ToSchema)]
pub(in super::super) struct LintMembers {
    /// For an edit of tools: findings in the texts of the first ten. They were written all the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) warnings: Option<Vec<LintItem>>,
}
