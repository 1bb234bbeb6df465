//! What a caller sees when something went wrong: RFC 9457 problem documents with a stable code each.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use midflight_core::{JsonPointer, Problems};
use serde::Serialize;
use utoipa::ToSchema;

use crate::audit::ErrorCode;
use crate::code::Code;
use crate::wire::{DocumentDiffAnswer, ProblemItem, items};

/// What every error answer is sent as (RFC 9457).
pub(crate) const PROBLEM_TYPE: &str = "application/problem+json";

/// The body of every error answer (`application/problem+json`, RFC 9457).
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ProblemBody {
    /// Where the code is explained, relative to this server.
    #[serde(rename = "type")]
    pub kind: String,
    /// What the code means.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// The stable code.
    pub code: &'static str,
    /// What is wrong this time.
    pub detail: String,
    /// Each thing that is wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
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
    /// For `internal`: what to look for in the server's log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// An error on its way to the caller.
#[derive(Debug)]
pub struct ApiError(Box<ProblemBody>);

impl ApiError {
    /// An error with this code and what is wrong this time.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self(Box::new(ProblemBody {
            kind: format!("/docs/errors/{}", code.as_str()),
            title: code.title(),
            status: code.status().as_u16(),
            code: code.as_str(),
            detail: detail.into(),
            errors: Vec::new(),
            diff: None,
            reload_id: None,
            first_revision: None,
            request_id: None,
        }))
    }

    /// A defect: the log has the details, the caller only learns where to look for them.
    pub fn internal(what: &dyn std::fmt::Display) -> Self {
        let id = crate::request_id::current();
        tracing::error!(request_id = %id, error = %what, "request failed: internal error");
        let mut error = Self::new(Code::INTERNAL, "find the request_id in the server's log, and report it");
        error.0.request_id = Some(id);
        error
    }

    /// The same error with another code, and what is wrong this time.
    #[must_use]
    pub fn with_code(mut self, code: Code, detail: String) -> Self {
        let body = Self::new(code, detail).0;
        let ProblemBody { kind, title, status, code, detail, .. } = *body;
        *self.0 = ProblemBody {
            kind,
            title,
            status,
            code,
            detail,
            errors: std::mem::take(&mut self.0.errors),
            diff: self.0.diff.take(),
            ..*self.0
        };
        self
    }

    /// The same error about one place of the body.
    #[must_use]
    pub fn at(mut self, path: &JsonPointer, message: impl Into<String>) -> Self {
        let item =
            ProblemItem { path: path.as_str().to_owned(), message: message.into(), ..ProblemItem::default() };
        self.0.errors.push(item);
        self
    }

    /// The same error with all of these problems.
    #[must_use]
    pub fn with(mut self, problems: &Problems) -> Self {
        self.0.errors.extend(items(problems));
        self
    }

    /// Further members of the body.
    pub fn body_mut(&mut self) -> &mut ProblemBody {
        &mut self.0
    }

    /// The members of the body.
    pub fn body(&self) -> &ProblemBody {
        &self.0
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, axum::Json(&*self.0)).into_response();
        response.extensions_mut().insert(ErrorCode(self.0.code));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_TYPE));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"midflight\""));
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
