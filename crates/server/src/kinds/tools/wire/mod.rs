//! From the types of the tools to those on the wire.

mod body;
mod lint;
mod tool;

pub(super) use body::{ToolBody, ToolUpdate};
pub(super) use lint::{lint_item, lint_sentence};
pub(super) use tool::{stated_version, tool_answer, tool_id, version_text};
