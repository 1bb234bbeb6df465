//! What a caller sees when something went wrong: RFC 9457 problem documents with a stable code each.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use midflight_core::{JsonPointer, Problems};
use midflight_wire::problem::{ProblemBody, ProblemItem};

use crate::audit::{ErrorCode, FoundCaller};
use crate::code::Code;
use crate::conflict::EditConflict;
use crate::principal::Principal;
use crate::wire::problem_items;

/// What every error answer is sent as (RFC 9457).
pub(crate) const PROBLEM_TYPE: &str = "application/problem+json";

/// An error on its way to the caller.
#[derive(Debug)]
pub struct ApiError {
    code: &'static str,
    body: Box<ProblemBody>,
    conflict: Option<EditConflict>,
    /// Who is refused, where what they sent is not accepted as theirs.
    refused: Option<Principal>,
}

impl ApiError {
    /// An error with this code and what is wrong this time.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        let body = ProblemBody {
            kind: format!("/docs/errors/{}", code.as_str()),
            title: code.title().into(),
            status: code.status().as_u16(),
            code: code.as_str().into(),
            detail: detail.into(),
            errors: Vec::new(),
            diff: None,
            reload_id: None,
            first_revision: None,
            retry_after_seconds: None,
            request_id: None,
        };
        Self { code: code.as_str(), body: Box::new(body), conflict: None, refused: None }
    }

    /// The same error, of an edit that may be accepted when it is made again.
    #[must_use]
    pub fn because_of(mut self, conflict: EditConflict) -> Self {
        self.conflict = Some(conflict);
        self
    }

    /// The same error, of a request by who is known and refused all the same, as for a token that has expired. The audit
    /// has their name.
    pub(crate) fn refusing(mut self, principal: Principal) -> Self {
        self.refused = Some(principal);
        self
    }

    /// Whether the edit that was refused may be accepted when it is made again on the newest state, and why.
    #[must_use]
    pub fn conflict(&self) -> Option<EditConflict> {
        self.conflict
    }

    /// A defect: the log has the details, the caller only learns where to look for them.
    pub fn internal(what: &dyn std::fmt::Display) -> Self {
        let id = crate::request_id::current();
        tracing::error!(request_id = %id, error = %what, "request failed: internal error");
        let mut error = Self::new(Code::INTERNAL, "find the request_id in the server's log, and report it");
        error.body.request_id = Some(id);
        error
    }

    /// The same error with another code, and what is wrong this time.
    #[must_use]
    pub fn with_code(mut self, code: Code, detail: String) -> Self {
        let Self { code, body, .. } = Self::new(code, detail);
        let ProblemBody { kind, title, status, code: word, detail, .. } = *body;
        *self.body = ProblemBody {
            kind,
            title,
            status,
            code: word,
            detail,
            errors: std::mem::take(&mut self.body.errors),
            diff: self.body.diff.take(),
            ..*self.body
        };
        Self { code, ..self }
    }

    /// The same error about one place of the body.
    #[must_use]
    pub fn at(mut self, path: &JsonPointer, message: impl Into<String>) -> Self {
        let item =
            ProblemItem { path: path.as_str().to_owned(), message: message.into(), ..ProblemItem::default() };
        self.body.errors.push(item);
        self
    }

    /// The same error with all of these problems.
    #[must_use]
    pub fn with(mut self, problems: &Problems) -> Self {
        self.body.errors.extend(problem_items(problems));
        self
    }

    /// Further members of the body.
    pub fn body_mut(&mut self) -> &mut ProblemBody {
        &mut self.body
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The members of the body.
    pub fn body(&self) -> &ProblemBody {
        &self.body
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.body.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, axum::Json(&*self.body)).into_response();
        response.extensions_mut().insert(ErrorCode(self.code));
        if let Some(principal) = self.refused {
            response.extensions_mut().insert(FoundCaller(principal));
        }
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_TYPE));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"midflight\""));
        }
        let again = self.body.retry_after_seconds;
        let again = again.or_else(|| (status == StatusCode::SERVICE_UNAVAILABLE).then_some(1));
        if let Some(seconds) = again {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
