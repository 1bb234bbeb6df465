//! Findings in texts: instructions to a model.

use midflight_tools::Tool;
use midflight_tools::lint::{LintFinding, escape_hidden};
use midflight_wire::tools::LintItem;

/// Something that was found in the texts of a tool.
pub(in super::super) fn lint_item(tool: &Tool, finding: &LintFinding) -> LintItem {
    LintItem {
        tool_name: tool.tool_name().to_owned(),
        rule: finding.rule.into(),
        path: escape_hidden(finding.path.as_str()).into_owned(),
        message: finding.message.clone(),
    }
}

/// A finding as a sentence.
pub(in super::super) fn lint_sentence(item: &LintItem) -> String {
    format!("{} at {}: {}", item.tool_name, item.path, item.message)
}
