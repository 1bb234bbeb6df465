//! What is wrong, item by item.

use midflight_core::{Problem, Problems};
use serde::Serialize;
use utoipa::ToSchema;

/// One thing that is wrong, and where.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct ProblemItem {
    /// A JSON Pointer into the body, or into the body of `document`.
    pub path: String,
    /// What is wrong and how to fix it.
    pub message: String,
    /// The class of the problem, as `unknown_field`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The document it is in, as `rules/loans/R1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
    /// For an import, the line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// For an import, the column, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u64>,
}

impl From<&Problem> for ProblemItem {
    fn from(problem: &Problem) -> Self {
        Self {
            path: problem.path.as_str().to_owned(),
            message: problem.message.clone(),
            code: Some(problem.code.to_string()),
            document: problem.document.as_ref().map(ToString::to_string),
            ..Self::default()
        }
    }
}

/// The listed problems as they go over the wire.
pub fn items(problems: &Problems) -> Vec<ProblemItem> {
    let listed = problems.iter().map(ProblemItem::from);
    let more = (problems.unlisted() > 0).then(|| {
        let message = format!("and {} more problems that are not listed", problems.unlisted());
        ProblemItem { message, code: Some("unlisted".to_owned()), ..ProblemItem::default() }
    });
    listed.chain(more).collect()
}
