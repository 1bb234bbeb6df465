//! The audit: who did what, from where, and the result.

use serde::{Deserialize, Serialize};

/// One thing that was done or refused.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditItem {
    /// Its number, which only grows; some are missing.
    pub number: u64,
    /// When it was answered.
    pub at: String,
    /// The replica that answered it.
    pub replica: String,
    /// Who asked: the author of what it changed.
    pub actor: String,
    /// The id of the token or the subject; null without one.
    pub principal: Option<String>,
    /// The role of who asked; `signer` for a webhook, `host` for what was done on the host of the server.
    pub role: String,
    /// The method and the route, or what was done without a request.
    pub action: String,
    /// The path.
    pub target: String,
    /// `success`, `refused`, `failed`, or `unknown` when the connection was closed before the answer.
    pub outcome: String,
    /// The HTTP status; 495 for a client certificate that was refused, 0 for what is no request.
    pub status: u16,
    /// The code of the error.
    pub code: Option<String>,
    /// The address at the other end of the connection; that of a proxy behind one.
    pub from: Option<String>,
    /// The id of the request.
    pub request_id: Option<String>,
    /// The revision that it made.
    pub revision: Option<u64>,
    /// How many this entry stands for: refusals, and requests of unknown callers, that differ from this one in their time,
    /// id and path.
    pub count: u64,
}

/// A page of the audit, newest first.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuditList {
    /// The entries.
    pub items: Vec<AuditItem>,
    /// What to pass as `cursor` for the next page; null on the last.
    pub next_cursor: Option<String>,
}
