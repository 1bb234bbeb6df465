//! Error codes: what a program that calls this server may rely on.

use axum::http::StatusCode;

/// A code that an answer can carry, with the status and the page that go with it. A kind may have codes of its own.
#[derive(Debug, Clone, Copy)]
pub struct Code {
    word: &'static str,
    status: StatusCode,
    title: &'static str,
    page: &'static str,
}

impl Code {
    /// A code: the stable word, the HTTP status, what it means in a few words, and the page that explains it, in
    /// Markdown.
    #[must_use]
    pub const fn new(
        word: &'static str,
        status: StatusCode,
        title: &'static str,
        page: &'static str,
    ) -> Self {
        Self { word, status, title, page }
    }

    /// The stable word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.word
    }

    /// The HTTP status that goes with it.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        self.status
    }

    /// What it means, in a few words.
    #[must_use]
    pub const fn title(self) -> &'static str {
        self.title
    }

    /// The page that explains it, in Markdown.
    #[must_use]
    pub const fn page(self) -> &'static str {
        self.page
    }
}

/// Declares the codes once: name, word, status, title.
macro_rules! codes {
    ($($(#[$meta:meta])* $name:ident => $word:literal, $status:ident, $title:literal;)+) => {
        impl Code {
            /// Those that every kind has. Each has a page under `docs/errors/`.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            $($(#[$meta])* pub const $name: Self = Self::new(
                $word,
                StatusCode::$status,
                $title,
                include_str!(concat!("../../../docs/errors/", $word, ".md")),
            );)+
        }
    };
}

codes! {
    /// The body is not JSON (or YAML).
    MALFORMED_BODY => "malformed_body", BAD_REQUEST, "Malformed body";
    /// The body is JSON of another shape than the endpoint expects.
    INVALID_BODY => "invalid_body", UNPROCESSABLE_ENTITY, "Invalid body";
    /// A query parameter is invalid.
    INVALID_PARAMETER => "invalid_parameter", BAD_REQUEST, "Invalid query parameter";
    /// A header is invalid.
    INVALID_HEADER => "invalid_header", BAD_REQUEST, "Invalid header";
    /// A name in the path is invalid.
    INVALID_NAME => "invalid_name", BAD_REQUEST, "Invalid name";
    /// The edit has invalid documents.
    INVALID_DOCUMENT => "invalid_document", UNPROCESSABLE_ENTITY, "Invalid document";
    /// The input cannot be executed or classified.
    INVALID_INPUT => "invalid_input", UNPROCESSABLE_ENTITY, "Invalid input";
    /// The token is missing or unknown.
    UNAUTHENTICATED => "unauthenticated", UNAUTHORIZED, "Authentication required";
    /// The role of the token does not include the permission.
    FORBIDDEN => "forbidden", FORBIDDEN, "Permission denied";
    /// The Host header names another host.
    FOREIGN_HOST => "foreign_host", FORBIDDEN, "Host not allowed";
    /// The request comes from a web page of another origin.
    FOREIGN_ORIGIN => "foreign_origin", FORBIDDEN, "Origin not allowed";
    /// The document, revision or resource does not exist.
    NOT_FOUND => "not_found", NOT_FOUND, "Not found";
    /// The API has no such path.
    NO_SUCH_PATH => "no_such_path", NOT_FOUND, "Unknown path";
    /// The path has no such method.
    METHOD_NOT_ALLOWED => "method_not_allowed", METHOD_NOT_ALLOWED, "Method not allowed";
    /// The document belongs to another owner.
    OWNED => "owned", CONFLICT, "Document has another owner";
    /// A token has the name.
    TOKEN_EXISTS => "token_exists", CONFLICT, "Token exists";
    /// The token has expired, and is not made again.
    TOKEN_EXPIRED => "token_expired", CONFLICT, "Token expired";
    /// Without the token no caller could manage tokens.
    LAST_ADMIN_TOKEN => "last_admin_token", CONFLICT, "Last admin token";
    /// There are as many tokens as there may be.
    TOO_MANY_TOKENS => "too_many_tokens", UNPROCESSABLE_ENTITY, "Too many tokens";
    /// Other writers changed the log each time.
    CONTENDED => "contended", CONFLICT, "Too many concurrent changes";
    /// The log is not the one that this replica followed.
    LOG_DIVERGED => "log_diverged", CONFLICT, "Log diverged";
    /// The revision was compacted.
    COMPACTED => "compacted", GONE, "Revision compacted";
    /// The document is not in the state that the request requires.
    PRECONDITION_FAILED => "precondition_failed", PRECONDITION_FAILED, "Precondition failed";
    /// A size limit is exceeded.
    TOO_LARGE => "too_large", PAYLOAD_TOO_LARGE, "Too large";
    /// The body was not received in time.
    TOO_SLOW => "too_slow", REQUEST_TIMEOUT, "Body received too slowly";
    /// The computation exceeded its time limit.
    TOO_EXPENSIVE => "too_expensive", UNPROCESSABLE_ENTITY, "Time limit exceeded";
    /// The media type of the body is not supported.
    UNSUPPORTED_MEDIA_TYPE => "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "Unsupported media type";
    /// Another request was sent with the same key.
    IDEMPOTENCY_KEY_REUSED => "idempotency_key_reused", UNPROCESSABLE_ENTITY, "Idempotency key reused";
    /// A component cannot prepare for the edit.
    REJECTED => "rejected", UNPROCESSABLE_ENTITY, "Rejected by a component";
    /// The edit was live, failed verification, and was rolled back.
    ROLLED_BACK => "rolled_back", UNPROCESSABLE_ENTITY, "Edit rolled back";
    /// The log has the maximum number of documents.
    TOO_MANY_DOCUMENTS => "too_many_documents", UNPROCESSABLE_ENTITY, "Too many documents";
    /// The caller sent more in a second than one may.
    TOO_MANY_REQUESTS => "too_many_requests", TOO_MANY_REQUESTS, "Too many requests";
    /// A queue is full.
    BUSY => "busy", SERVICE_UNAVAILABLE, "Server busy";
    /// The server is stopping.
    STOPPING => "stopping", SERVICE_UNAVAILABLE, "Server stopping";
    /// The store did not report whether it appended the edit.
    OUTCOME_UNKNOWN => "outcome_unknown", SERVICE_UNAVAILABLE, "Outcome unknown";
    /// The store is unavailable.
    STORE_UNAVAILABLE => "store_unavailable", SERVICE_UNAVAILABLE, "Store unavailable";
    /// The store has no space left.
    STORE_FULL => "store_full", INSUFFICIENT_STORAGE, "Store full";
    /// The store is read-only.
    STORE_READ_ONLY => "store_read_only", SERVICE_UNAVAILABLE, "Store read-only";
    /// The store is corrupt.
    STORE_CORRUPT => "store_corrupt", INTERNAL_SERVER_ERROR, "Store corrupt";
    /// The request was not answered in time.
    TIMED_OUT => "timed_out", GATEWAY_TIMEOUT, "Request timed out";
    /// A defect of this server.
    INTERNAL => "internal", INTERNAL_SERVER_ERROR, "Internal error";
}
