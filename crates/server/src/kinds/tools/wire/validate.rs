//! Whether a tool is valid.

use midflight_wire::problem::ProblemItem;
use serde::Serialize;
use utoipa::ToSchema;

/// Whether a tool is valid, by itself and beside the others.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in super::super) struct ToolValidation {
    /// Whether it is.
    pub(in super::super) valid: bool,
    /// What is wrong, each in a sentence with its place.
    pub(in super::super) errors: Vec<String>,
    /// Findings in its texts, each in a sentence with its place.
    pub(in super::super) warnings: Vec<String>,
    /// What is wrong, each with its place and its class.
    pub(in super::super) problems: Vec<ProblemItem>,
}
