//! The body of every error answer (RFC 9457).

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::edits::DocumentDiffAnswer;

/// One thing that is wrong, and where.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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

/// The body of every error answer (`application/problem+json`, RFC 9457).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProblemBody {
    /// Where the code is explained, relative to this server.
    #[serde(rename = "type")]
    pub kind: String,
    /// What the code means.
    pub title: Cow<'static, str>,
    /// The HTTP status.
    pub status: u16,
    /// The stable code.
    pub code: Cow<'static, str>,
    /// What is wrong this time.
    pub detail: String,
    /// Each thing that is wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ProblemItem>,
    /// What the edit would have changed, if it came that far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diff: Option<Vec<DocumentDiffAnswer>>,
    /// The reload that refused it, in `/api/v1/reloads`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reload_id: Option<u64>,
    /// For `compacted`: the first revision that can still be read in full.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_revision: Option<u64>,
    /// For `too_many_requests`: after how many seconds to try again, as in `Retry-After`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<u64>,
    /// For `internal`: what to look for in the server's log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}
