//! What a caller sees when something went wrong: RFC 9457 problem documents with a stable code each.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use midflight_core::{Pointer, Problems};
use serde::Serialize;
use utoipa::ToSchema;

use crate::wire::{DocumentDiffAnswer, ProblemItem, items};

/// Declares the codes once: variant, word, status, title.
macro_rules! codes {
    ($($(#[$meta:meta])* $variant:ident => $word:literal, $status:ident, $title:literal;)+) => {
        /// Every code that an answer of this server can carry. Each has a page under `docs/errors/`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Code { $($(#[$meta])* $variant,)+ }

        impl Code {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The stable word.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// The HTTP status that goes with it.
            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)+ }
            }

            /// What it means, in a few words.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)+ }
            }

            /// The page that explains it, in Markdown.
            #[must_use]
            pub const fn page(self) -> &'static str {
                match self {
                    $(Self::$variant => include_str!(concat!("../../../docs/errors/", $word, ".md")),)+
                }
            }
        }
    };
}

codes! {
    /// The body is not JSON (or YAML).
    MalformedBody => "malformed_body", BAD_REQUEST, "The body cannot be read";
    /// The body is JSON of another shape than the endpoint takes.
    InvalidBody => "invalid_body", UNPROCESSABLE_ENTITY, "The body has the wrong shape";
    /// A query parameter has a value it cannot have.
    InvalidParameter => "invalid_parameter", BAD_REQUEST, "A parameter of the address is wrong";
    /// A header has a value it cannot have.
    InvalidHeader => "invalid_header", BAD_REQUEST, "A header is wrong";
    /// A name in the address is not a name.
    InvalidName => "invalid_name", BAD_REQUEST, "Not a name";
    /// The documents of the edit do not hold.
    InvalidDocument => "invalid_document", UNPROCESSABLE_ENTITY, "The documents do not hold";
    /// The input cannot be executed.
    InvalidInput => "invalid_input", UNPROCESSABLE_ENTITY, "The input cannot be answered";
    /// There is no token, or it is not known.
    Unauthenticated => "unauthenticated", UNAUTHORIZED, "A token is needed";
    /// The token may not do this.
    Forbidden => "forbidden", FORBIDDEN, "The token's role does not allow this";
    /// The request names another host than this server's.
    ForeignHost => "foreign_host", FORBIDDEN, "The Host header names another host";
    /// A web page of another host sent the request.
    ForeignOrigin => "foreign_origin", FORBIDDEN, "The request comes from another origin";
    /// There is no such thing.
    NotFound => "not_found", NOT_FOUND, "There is no such thing";
    /// There is no such path.
    NoSuchPath => "no_such_path", NOT_FOUND, "There is no such path";
    /// The path has other methods.
    MethodNotAllowed => "method_not_allowed", METHOD_NOT_ALLOWED, "The path does not have this method";
    /// The document belongs to somebody else.
    Owned => "owned", CONFLICT, "The document belongs to somebody else";
    /// Another pattern has the same text.
    DuplicatePattern => "duplicate_pattern", CONFLICT, "Another pattern matches it already";
    /// Other writers were faster.
    Contended => "contended", CONFLICT, "Other writers were faster";
    /// The log is not the one that this replica followed.
    LogDiverged => "log_diverged", CONFLICT, "The log is not the one that was followed";
    /// A revision that was compacted away.
    Compacted => "compacted", GONE, "The revision was compacted away";
    /// The document is not what the edit was made on.
    PreconditionFailed => "precondition_failed", PRECONDITION_FAILED, "The document changed meanwhile";
    /// More than a bound allows.
    TooLarge => "too_large", PAYLOAD_TOO_LARGE, "Larger than the bound";
    /// The body came too slowly.
    TooSlow => "too_slow", REQUEST_TIMEOUT, "The body came too slowly";
    /// An answer was not computed within its time limit.
    TooExpensive => "too_expensive", UNPROCESSABLE_ENTITY, "The request needs more time than it may have";
    /// The body is of a type that is not read here.
    UnsupportedMediaType => "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "The body's type is not read here";
    /// A component could not prepare for the edit.
    Rejected => "rejected", UNPROCESSABLE_ENTITY, "A component could not prepare for the edit";
    /// It was live, did not verify, and was taken back.
    RolledBack => "rolled_back", UNPROCESSABLE_ENTITY, "The edit was taken back";
    /// The log holds as many documents as it may.
    TooManyDocuments => "too_many_documents", UNPROCESSABLE_ENTITY, "The log is as full as it may be";
    /// Too much is waiting.
    Busy => "busy", SERVICE_UNAVAILABLE, "Too much is waiting";
    /// The server stops.
    Stopping => "stopping", SERVICE_UNAVAILABLE, "The server is stopping";
    /// The log was asked to take the edit and did not answer.
    OutcomeUnknown => "outcome_unknown", SERVICE_UNAVAILABLE, "It is not known whether the log took it";
    /// The store is out of reach for now.
    StoreUnavailable => "store_unavailable", SERVICE_UNAVAILABLE, "The store does not answer";
    /// The disk is full.
    StoreFull => "store_full", INSUFFICIENT_STORAGE, "The store has no room left";
    /// The store cannot be written.
    StoreReadOnly => "store_read_only", SERVICE_UNAVAILABLE, "The store is read-only";
    /// The store is not what was put there.
    StoreCorrupt => "store_corrupt", INTERNAL_SERVER_ERROR, "The store is damaged";
    /// A defect of this server.
    Internal => "internal", INTERNAL_SERVER_ERROR, "Something went wrong in the server";
}

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

    /// A defect: the log says what, the caller only learns where to look for it.
    pub(crate) fn internal(what: &dyn std::fmt::Display) -> Self {
        let id = uuid::Uuid::now_v7().to_string();
        tracing::error!(request_id = %id, error = %what, "a request failed by a defect of the server");
        let mut error =
            Self::new(Code::Internal, "look for the request_id in the server's log, and report it");
        error.0.request_id = Some(id);
        error
    }

    /// The same error about one place of the body.
    #[must_use]
    pub(crate) fn at(mut self, path: &Pointer, message: impl Into<String>) -> Self {
        let item =
            ProblemItem { path: path.as_str().to_owned(), message: message.into(), ..ProblemItem::default() };
        self.0.errors.push(item);
        self
    }

    /// The same error with all of these problems.
    #[must_use]
    pub(crate) fn with(mut self, problems: &Problems) -> Self {
        self.0.errors.extend(items(problems));
        self
    }

    /// What more the body says.
    pub(crate) fn body_mut(&mut self) -> &mut ProblemBody {
        &mut self.0
    }

    /// What the body says.
    pub(crate) fn body(&self) -> &ProblemBody {
        &self.0
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, axum::Json(&*self.0)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"midflight\""));
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
